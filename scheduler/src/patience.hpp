// How long a thread that waits goes on looking before it sleeps: pool_options::search_time, counted from its first
// look.
// Progress: a wait is bounded, by the system's time slices where the CPU is offered to others.
#pragma once

#include <chrono>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/options.hpp>

namespace weir::detail {

/// One stretch of looking. Not thread-safe: a local of the loop.
class patience {
 public:
  explicit patience(const pool_options& in_force) noexcept
      : search_time_(in_force.search_time), spins_(*in_force.spin) {}

  /// Waits a moment and returns true, or returns false: the time is over. Reads the clock at every eighth look.
  [[nodiscard]] bool wait() noexcept {
    constexpr int looks_a_reading = 8;
    if (looks_++ % looks_a_reading == 0) {
      if (search_time_ == duration::zero()) return false;
      const auto now = steady_now();
      if (looks_ == 1) began_ = now;
      last_ = now;
      if (now - began_ >= search_time_) return false;
    }
    spins_ ? cpu_pause() : thread_yield();
    return true;
  }

  /// The time from the first reading of the clock to the last one.
  [[nodiscard]] duration spent() const noexcept { return last_ - began_; }

  /// After a success: the time begins again with the next look.
  void reset() noexcept { looks_ = 0; }

 private:
  const duration search_time_;
  const bool spins_;
  int looks_ = 0;
  std::chrono::steady_clock::time_point began_{};
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace weir::detail
