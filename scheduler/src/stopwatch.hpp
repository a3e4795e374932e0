// A time that one thread spends in some state, readable by anybody at any time, also while the state lasts.
// Progress: wait-free.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <weir/admission/clock.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// Starts and stops on one thread, in turn. What is read never goes back, as long as the clock does not.
class stopwatch {
 public:
  using instant = std::chrono::steady_clock::time_point;

  void start(instant now) noexcept {
    const std::int64_t so_far = word_.load(memory_order_relaxed) >> 1;
    word_.store((ticks(now) - so_far) << 1 | 1, memory_order_relaxed);  // (1)
  }
  void stop(instant now) noexcept {
    const std::int64_t base = word_.load(memory_order_relaxed) >> 1;
    word_.store((ticks(now) - base) << 1, memory_order_relaxed);  // (1)
  }
  /// The time until `now`, which may be a reading from before the last start.
  [[nodiscard]] duration read(instant now) const noexcept {
    const std::int64_t word = word_.load(memory_order_relaxed);  // (1)
    if ((word & 1) == 0) return duration(word >> 1);
    return duration(std::max<std::int64_t>(ticks(now) - (word >> 1), 0));
  }

 private:
  static std::int64_t ticks(instant t) noexcept { return duration(t.time_since_epoch()).count(); }

  // The lowest bit: it runs. Above it, in nanoseconds: stopped, the time so far; running, the instant at which it would
  // have started for the whole time. In one word, so that no reader sees a stretch twice or not at all.
  // (1) relaxed: a number alone. Writer: the thread. Readers: all.
  atomic<std::int64_t> word_{0};
};

}  // namespace weir::detail
