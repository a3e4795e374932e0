// A latency_histogram that threads write while others read it.
// Progress: wait-free, but for the sum of what several threads write, which is lock-free.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/latency_histogram.hpp>

namespace weir::detail {

/// Written by one thread at a time with `add`, or by any number with `add_shared`, never both; read by anybody.
class latency_counts {
 public:
  void add(duration time) noexcept {
    bucket& at = counts_[latency_histogram::index_of(time)];
    at.store(at.load(memory_order_relaxed) + 1, memory_order_relaxed);                      // (1)
    sum_.store(with(sum_.load(memory_order_relaxed), time).count(), memory_order_relaxed);  // (1)
  }
  void add_shared(duration time) noexcept {
    counts_[latency_histogram::index_of(time)].fetch_add(1, memory_order_relaxed);  // (1)
    std::int64_t before = sum_.load(memory_order_relaxed);                          // (1)
    while (!sum_.compare_exchange_weak(before, with(before, time).count(), memory_order_relaxed,
                                       memory_order_relaxed)) {  // (1)
    }
  }

  /// Adds what has been counted; of what is counted meanwhile, some. Linear in the buckets. @throws std::bad_alloc.
  void add_to(latency_histogram& all) const {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const std::uint64_t count = counts_[i].load(memory_order_relaxed);  // (1)
      if (count == 0) continue;
      all.make_room();
      all.counts_[i] += count;
    }
    all.sum_ = latency_histogram::added(all.sum_, duration(sum_.load(memory_order_relaxed)));  // (1)
  }

 private:
  using bucket = atomic<std::uint64_t>;

  static duration with(std::int64_t sum, duration time) noexcept {
    return latency_histogram::added(duration(sum), std::max(time, duration::zero()));
  }

  // How many times fell into each bucket, and their sum in nanoseconds. Writers: as above. Readers: all.
  // (1) relaxed: numbers alone.
  std::array<bucket, latency_histogram::buckets> counts_{};
  atomic<std::int64_t> sum_{0};
};

}  // namespace weir::detail
