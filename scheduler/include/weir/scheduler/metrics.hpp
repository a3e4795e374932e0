// What a pool has done, in numbers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <weir/admission/refusal.hpp>
#include <weir/scheduler/cpu_count.hpp>

namespace weir {

/// Of one worker, since the pool was made.
struct worker_metrics {
  std::uint64_t executed = 0;        ///< Tasks that it ran.
  std::uint64_t steals = 0;          ///< Tasks that it took from another worker's deque, one at a time.
  std::uint64_t forks_stolen = 0;    ///< Forks of another worker's task that it ran.
  std::uint64_t parks = 0;           ///< Times that it went to sleep for want of work.
  std::uint64_t injector_polls = 0;  ///< Looks at the injector.
};

/// Of a pool. Each number is counted before what it counts becomes visible, and read on its own: the sums below are
///   exact when nothing moves, and off by what is in flight otherwise. submitted = admitted + all refused + waiting
///   admitted  = completed + failed + cancelled + expired + live
struct pool_metrics {
  std::uint64_t submitted = 0;                                ///< Roots that were handed over, by any verb.
  std::uint64_t admitted = 0;                                 ///< Of these, those that passed the door.
  std::array<std::uint64_t, refusal_reason_count> refused{};  ///< By reason, on return or later at the door.
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;

  std::int64_t live = 0;           ///< Admitted and not ended: queued or running.
  std::int64_t weight_in_use = 0;  ///< 0 where weights are unlimited: they are not counted then.
  std::int64_t waiting = 0;        ///< At the door.
  std::int64_t queued = 0;         ///< In the injector, husks included; not in the workers' deques.

  int asleep = 0;  ///< Workers that sleep, for want of work or in a join.

  std::vector<worker_metrics> workers;
  cpu_count cpus;  ///< Why there are so many workers; does not change.

  [[nodiscard]] std::uint64_t refused_for(refusal_reason why) const noexcept {
    return refused[static_cast<std::size_t>(why)];
  }
  [[nodiscard]] std::uint64_t refused_in_all() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : refused) sum += n;
    return sum;
  }
};

}  // namespace weir
