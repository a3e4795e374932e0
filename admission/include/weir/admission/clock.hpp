// Where time comes from. Nothing in weir reads the system's clock but `steady_clock_source`; whatever depends on time
// takes the time as an argument or a clock_source, so that a test, a simulation and a service run the same code.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include <weir/queues/mutex.hpp>

namespace weir {

/// A moment on a monotone clock. The epoch is the clock's own; on Linux the steady clock counts from boot.
using time_point = std::chrono::steady_clock::time_point;
using duration = std::chrono::nanoseconds;

/// Tells the time and sleeps by it. Implementations are thread-safe, and `now` never throws.
class clock_source {
 public:
  virtual ~clock_source() = default;

  /// The present. Monotone: if one call happens before another, it returns no later time.
  [[nodiscard]] virtual time_point now() const noexcept = 0;

  /// Sleeps while `word` holds `expected` and `until` has not come; time_point::max() is never. May return early: the
  /// caller looks again. Blocking.
  virtual void wait_until(const detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                          time_point until) const noexcept = 0;
};

/// The system's monotonic clock (CLOCK_MONOTONIC). One object for the whole process, never destroyed.
[[nodiscard]] const clock_source& steady_clock_source() noexcept;

/// A clock that moves only when it is told to: for tests and simulations.
///
/// Thread-safe. `advance` and `set` wake every thread whose time has come, and return after all of them have noticed,
/// so that a test needs no sleep. Setting it back is allowed, and is how a test shows what a broken clock would do.
class manual_clock final : public clock_source {
 public:
  explicit manual_clock(time_point start = time_point{std::chrono::hours(1)}) noexcept;

  void advance(duration by) noexcept;
  void set(time_point to) noexcept;

  [[nodiscard]] time_point now() const noexcept override;
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
