// What a pool has done, in numbers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <weir/admission/clock.hpp>
#include <weir/admission/refusal.hpp>
#include <weir/scheduler/cpu_count.hpp>
#include <weir/scheduler/latency_histogram.hpp>

namespace weir {

/// Of one worker, since the pool was made.
struct worker_metrics {
  std::uint64_t executed = 0;         ///< Tasks that it ran.
  std::uint64_t spawned = 0;          ///< Tasks that it made for itself and others to run: in its own deque.
  std::uint64_t children = 0;         ///< Children that its tasks spawned into groups.
  std::uint64_t forks_published = 0;  ///< Forks of its tasks that others could steal; the rest it kept to itself.
  std::uint64_t steal_attempts = 0;   ///< Looks at another worker, for a task or a fork to take.
  std::uint64_t steals = 0;           ///< Operations by which it took tasks from another worker.
  std::uint64_t tasks_stolen = 0;     ///< Tasks that it took so: of one group's children up to eight at a time.
  std::uint64_t forks_stolen = 0;     ///< Forks of another worker's task that it ran, each by one operation.
  std::uint64_t parks = 0;            ///< Times that it was about to sleep: for want of work, or in a join.
  std::uint64_t wakes = 0;            ///< Of these, those that others ended who had work for it, or the end of a fork.
  std::uint64_t injector_polls = 0;   ///< Looks at the injector; one may bring several tasks.

  // The three are the time since its thread began, of the system's monotonic clock.
  duration busy{};       ///< Neither of those below: it ran tasks, waited in them for others than weir, or looked once;
                         ///< or looked on in a join before it slept.
  duration searching{};  ///< It had found nothing, and went on looking (pool_options::search_time).
  duration parked{};     ///< It slept, for want of work or in a join; up to now if it does so now.
};

/// Of a pool. Each number is counted before what it counts becomes visible, and read on its own: these sums are exact
/// when nothing moves, and off by what is in flight otherwise.
///
///   submitted = admitted + all refused + waiting
///
///   admitted + children = completed + failed + cancelled + expired + live
struct pool_metrics {
  std::uint64_t submitted = 0;                                ///< Roots that were handed over, by any verb.
  std::uint64_t admitted = 0;                                 ///< Of these, those that passed the door.
  std::uint64_t children = 0;                                 ///< Tasks that were spawned into groups.
  std::array<std::uint64_t, refusal_reason_count> refused{};  ///< By reason, on return or later at the door.
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;

  /// Admitted or spawned, and not ended: queued or running, and groups that are roots. Not what a spawn runs at once
  /// since no task is free: that is a part of the task that spawns it.
  std::int64_t live = 0;
  std::int64_t weight_in_use = 0;  ///< 0 where weights are unlimited: they are not counted then.
  std::int64_t waiting = 0;        ///< At the door.
  std::int64_t queued = 0;         ///< In the injector, husks included; not in the workers' queues.

  /// Workers that sleep for want of work, for a fork that another one runs, or in a join with help_depth above 0.
  int asleep = 0;

  // Of the roots that were timed (pool_options::time_one_in), by the pool's clock. What never starts is in neither.
  /// From the admission, by the limiter's stamp, to the start of the callable; counted at the start.
  latency_histogram queue_time;
  /// From there to the end of the callable's destruction, with all that it waited for and all that its thread ran on
  /// top of it meanwhile; whether it returned or threw. Counted before the end of the task can be seen.
  latency_histogram run_time;

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
