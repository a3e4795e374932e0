// How many tasks have run, counted by each worker in a line of its own, so that the count costs the tasks nothing.
#pragma once

#include <array>
#include <cstdint>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>

#include "measure.hpp"

namespace weir::perf {

class counts_by_worker {
 public:
  /// By worker `index` alone.
  void add_one(int index) noexcept {
    auto& mine = counts_[static_cast<std::size_t>(index)].value;
    mine.store(mine.load(detail::memory_order_relaxed) + 1, detail::memory_order_release);  // (1); mine to write
  }

  [[nodiscard]] std::int64_t sum() const noexcept {
    std::int64_t all = 0;
    for (const count& each : counts_) all += each.value.load(detail::memory_order_acquire);  // (1)
    return all;
  }

  /// Sleeps until so many have run.
  void await(std::int64_t expected) const {
    perf::await(
        "tasks that never ran", [&] { return sum() >= expected; }, nap);
    require(sum() == expected, "more tasks than were posted");
  }

 private:
  struct alignas(detail::cache_line) count {
    // Tasks that this worker has run. Writer: the worker. Reader: who waits.
    // (1) ran: release store -> acquire load by the waiting thread; publishes what the task did.
    detail::atomic<std::int64_t> value{0};
  };

  std::array<count, 8> counts_{};
};

}  // namespace weir::perf
