// Where time comes from. Nothing in the library reads the system's clock but `steady_clock_source` and, beside the
// CPU's counter, `tsc_clock_source`; whatever depends on time takes the time as an argument or a clock_source, so that
// a test, a simulation and a service run the same code.
// Progress: `now` of the steady clock is wait-free; a manual clock takes a short lock; `wait_until` blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include <weir/queues/mutex.hpp>

namespace weir {

/// A moment on a monotone clock. The epoch is the clock's own; on Linux the steady clock counts from boot.
using time_point = std::chrono::steady_clock::time_point;
using duration = std::chrono::nanoseconds;

/// Tells the time and sleeps by it. An implementation lets any thread call anything at any time.
class clock_source {
 public:
  virtual ~clock_source() = default;

  /// The present. Monotone: if one call happens before another, it returns no later time. Where it does not keep to
  /// that, a limiter with a rate admits nothing for at most as long as a burst takes (two bursts, if tokens were ever
  /// owed), and counts anew from there; times that callers have passed it waits for. A limiter with a rate calls this
  /// under its lock: it neither blocks nor calls that limiter.
  [[nodiscard]] virtual time_point now() const noexcept = 0;

  /// Sleeps while `word` holds `expected` and `until` has not come; time_point::max() is never. May return early: the
  /// caller looks again. Blocking. It orders nothing: the caller's own load of `word` does.
  virtual void wait_until(const detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                          time_point until) const noexcept = 0;
};

/// The system's monotonic clock (CLOCK_MONOTONIC). One object for the whole process, never destroyed. Its `now` is
/// wait-free, one reading of the system's clock; neither it nor its `wait_until` allocates.
[[nodiscard]] const clock_source& steady_clock_source() noexcept;

/// A clock that moves only when it is told to: for tests and simulations.
///
/// Any thread may call anything at any time, but the destructor; every call takes a short lock. Setting it back is
/// allowed, and is how a test shows what a broken clock would do. What a thread did before it moved the clock happens
/// before whatever another does that reads the new time.
class manual_clock final : public clock_source {
 public:
  explicit manual_clock(time_point start = time_point{std::chrono::hours(1)}) noexcept;

  /// Moves the clock by `by`, which may be negative, and never past the ends of time; or to `to`. Wakes every thread
  /// whose time has come, and returns after all of them have left `wait_until`, so that a test needs no sleep.
  /// Blocking: it waits for those threads to run.
  void advance(duration by) noexcept;
  void set(time_point to) noexcept;

  [[nodiscard]] time_point now() const noexcept override;
  /// Allocates a place in the list of those who sleep: without memory the program terminates.
  void wait_until(const detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                  time_point until) const noexcept override;

 private:
  struct sleeper {
    const detail::atomic<std::uint32_t>* word;
    time_point until;
  };

  // Wakes those whose time has come; false if there were none.
  bool wake_the_due() noexcept;

  mutable detail::mutex mutex_;
  time_point now_ WEIR_GUARDED_BY(mutex_);
  mutable std::vector<sleeper*> sleepers_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir
