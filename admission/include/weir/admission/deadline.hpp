// One absolute time that covers waiting at the door, queueing and running.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <type_traits>

#include <weir/admission/clock.hpp>

namespace weir {

/// The moment after which a result is worth nothing; `deadline{}` is never. A value, 8 bytes.
class deadline {
 public:
  constexpr deadline() noexcept = default;
  constexpr explicit deadline(time_point at) noexcept : at_(at) {}

  [[nodiscard]] constexpr time_point at() const noexcept { return at_; }
  [[nodiscard]] constexpr bool is_never() const noexcept { return at_ == time_point::max(); }
  [[nodiscard]] constexpr bool has_passed(time_point now) const noexcept { return at_ <= now && !is_never(); }

  friend constexpr auto operator<=>(const deadline&, const deadline&) noexcept = default;

 private:
  time_point at_ = time_point::max();
};

/// The stricter of two: what a child inherits.
[[nodiscard]] constexpr deadline earlier(deadline a, deadline b) noexcept { return std::min(a, b); }

namespace detail {

// `from` plus `by`, never past the end of time: a wait of hours::max() is a wait for ever, not one that overflows and
// is over.
constexpr time_point add_saturated(time_point from, duration by) noexcept {
  if (by.count() > 0 && from > time_point::max() - by) return time_point::max();
  if (by.count() < 0 && from < time_point::min() - by) return time_point::min();
  return from + by;
}

template <typename Rep, typename Period>
constexpr duration to_duration_saturated(std::chrono::duration<Rep, Period> length) {
  using wide = std::chrono::duration<long double, std::nano>;
  if constexpr (std::is_floating_point_v<Rep>) {
    if (std::isnan(length.count())) throw std::invalid_argument("weir: a duration is NaN; pass a number");
  }
  const wide nanoseconds = length;
  if (nanoseconds >= wide(duration::max())) return duration::max();
  if (nanoseconds <= wide(duration::min())) return duration::min();
  return std::chrono::duration_cast<duration>(length);
}

}  // namespace detail

/// The deadline `length` from now, by `clock`. Saturates: a length too long to represent is never; one that is zero or
/// negative has passed already.
/// @throws std::invalid_argument if `length` is NaN.
template <typename Rep, typename Period>
[[nodiscard]] deadline within(std::chrono::duration<Rep, Period> length,
                              const clock_source& clock = steady_clock_source()) {
  return deadline(detail::add_saturated(clock.now(), detail::to_duration_saturated(length)));
}

}  // namespace weir
