// A manual clock that knows how many threads sleep by it, so that a test can wait until they do.
#pragma once

#include <chrono>
#include <cstdint>

#include <weir/admission/clock.hpp>

#include "support/eventually.hpp"

namespace weir::testing {

class watched_clock final : public clock_source {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    reads_.fetch_add(1, detail::memory_order_relaxed);  // a count alone
    return inner_.now();
  }
  void wait_until(const detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                  time_point until) const noexcept override {
    sleeps_.fetch_add(1, detail::memory_order_relaxed);  // a count alone
    asleep_.fetch_add(1, detail::memory_order_release);  // (1)
    inner_.wait_until(word, expected, until);
    asleep_.fetch_sub(1, detail::memory_order_release);  // (1)
  }

  void advance(duration by) noexcept { inner_.advance(by); }
  void set(time_point to) noexcept { inner_.set(to); }

  /// Waits until exactly `count` threads are asleep, or just about to be: whatever wakes them from now on is not lost
  /// on them.
  void await_sleepers(int count) const {
    eventually("threads asleep at the clock",
               [&] { return asleep_.load(detail::memory_order_acquire) == count; });  // (1)
  }

  [[nodiscard]] std::int64_t reads() const noexcept { return reads_.load(detail::memory_order_relaxed); }
  [[nodiscard]] std::int64_t sleeps() const noexcept { return sleeps_.load(detail::memory_order_relaxed); }

 private:
  manual_clock inner_;
  // Writers: the sleepers. Reader: the test.
  // (1) asleep: release addition by a sleeper -> acquire load by the test: what the thread did before it slept is done.
  mutable detail::atomic<int> asleep_{0};
  mutable detail::atomic<std::int64_t> sleeps_{0};
  mutable detail::atomic<std::int64_t> reads_{0};
};

}  // namespace weir::testing
