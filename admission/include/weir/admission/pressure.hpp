// What a door tells when it is nearly full, and when it no longer is.
#pragma once

#include <cstdint>
#include <functional>

namespace weir {

/// That the pressure at a door has changed: see limits::warn_at. The numbers are of the moment of the call.
struct pressure {
  /// True: tasks, weight or places in line have reached warn_at of their limit. False: all of them are an eighth below
  /// that again.
  bool is_high = false;
  std::int64_t tasks = 0;  ///< Held; what is not counted is 0, of `unlimited`.
  std::int64_t max_tasks = 0;
  std::int64_t weight = 0;
  std::int64_t max_weight = 0;
  std::int64_t waiting = 0;
  std::int64_t max_waiters = 0;
};

/// A number is high from `high` on, until it is `low`, for a limit of at least 1 and a warn_at as weir::check has it:
/// that part of the limit, rounded up; and an eighth less, at least 1.
struct pressure_marks {
  std::int64_t high;
  std::int64_t low;
};
[[nodiscard]] pressure_marks marks_of(std::int64_t limit, double warn_at) noexcept;

/// Called on the thread whose step has changed it, before that call returns: with `true` and `false` by turns, one call
/// at a time. What is over before it could be told is left out, so that the last call tells the last state. It may use
/// the door, also so that this changes again, which is told after it; no wait is possible in it. What it throws is
/// dropped.
using pressure_handler = std::function<void(const pressure&)>;

}  // namespace weir
