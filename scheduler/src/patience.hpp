// How long a thread that waits goes on looking before it sleeps, counted from its first look. It keeps its CPU: one
// that offers it to others between two looks may have it back only after their time slices.
// Progress: a wait is bounded.
#pragma once

#include <chrono>

#include <weir/admission/clock.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// Who waits for what another worker has taken from it looks at least as long as a wake-up costs: then no more than
/// twice the best is lost (Karlin and others 1994).
inline constexpr duration least_patience = std::chrono::microseconds(5);

/// One stretch of looking. Not thread-safe: a local of the loop.
class patience {
 public:
  explicit patience(duration most) noexcept : most_(most) {}

  /// Waits a moment and returns true, or returns false: the time is over. Reads the clock at every eighth look.
  [[nodiscard]] bool wait() noexcept {
    constexpr int looks_a_reading = 8;
    if (looks_++ % looks_a_reading == 0) {
      if (most_ == duration::zero()) return false;
      const auto now = steady_now();
      if (looks_ == 1) began_ = now;
      last_ = now;
      if (now - began_ >= most_) return false;
    }
    // Some tenths of a microsecond: each look takes the lines that it looks at from those who write them.
    for (int i = 0; i < 16; ++i) cpu_pause();
    return true;
  }

  /// The time from the first reading of the clock to the last one.
  [[nodiscard]] duration spent() const noexcept { return last_ - began_; }

  /// After a success: the time begins again with the next look.
  void reset() noexcept { looks_ = 0; }

 private:
  const duration most_;
  int looks_ = 0;
  std::chrono::steady_clock::time_point began_{};
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace weir::detail
