// The time as a function of a counter: two straight pieces, and the rate at which the counter ticks. Arithmetic alone;
// who publishes a line, and who reads it, is counter_clock's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace weir::detail {

/// A reading of the counter, and the time at that moment.
struct counter_pair {
  std::uint64_t count = 0;
  std::int64_t time = 0;  // ns
};

/// Two pieces of equal length, one after the other. Times grow along it or stand, and the end of the first piece is the
/// begin of the second.
struct counter_line {
  /// Ticks of one piece: 0.8 ms of a counter with 2.6 GHz.
  static constexpr std::uint64_t piece = std::uint64_t{1} << 21;

  std::uint64_t begin = 0;   // tick
  std::int64_t start = 0;    // its time, ns
  std::uint64_t slopes = 0;  // of the first piece, and in the lower half of the second: 2^-32 ns a tick

  [[nodiscard]] bool covers(std::uint64_t count) const noexcept { return count - begin < 2 * piece; }
  /// Of a tick that is covered.
  [[nodiscard]] bool is_in_second_piece(std::uint64_t count) const noexcept { return count - begin >= piece; }

  /// The time at a tick that is covered, or at the end.
  [[nodiscard]] std::int64_t at(std::uint64_t count) const noexcept {
    const std::uint64_t in_first = std::min(count - begin, piece);
    const std::uint64_t in_second = count - begin - in_first;
    return start + static_cast<std::int64_t>(in_first * (slopes >> 32) >> 32) +
           static_cast<std::int64_t>(in_second * (slopes & 0xffff'ffff) >> 32);
  }
  [[nodiscard]] std::int64_t at_end() const noexcept { return at(begin + 2 * piece); }

  /// The line whose first piece is the second of this one, to the very nanosecond, and whose second piece ends where
  /// the counter, ticking on from `now` with `slope`, would be. `now` is in the second piece.
  [[nodiscard]] counter_line next(const counter_pair& now, std::uint32_t slope) const noexcept {
    counter_line n{begin + piece, at(begin + piece), slopes << 32};
    n.slopes |= slope_to(expected(n.begin + 2 * piece, now, slope) - at_end(), piece);
    return n;
  }

  /// A line that begins at `now` with `first`, and ends where the counter, ticking on from `now` with `slope`, would
  /// be.
  [[nodiscard]] static counter_line from(const counter_pair& now, std::int64_t first, std::uint32_t slope) noexcept {
    const std::uint64_t even = slope_to(expected(now.count + 2 * piece, now, slope) - first, 2 * piece);
    return {now.count, first, even << 32 | even};
  }

 private:
  static std::int64_t expected(std::uint64_t count, const counter_pair& from, std::uint32_t slope) noexcept {
    return from.time + static_cast<std::int64_t>((count - from.count) * slope >> 32);
  }
  // At most a few milliseconds, so that the shift does not overflow.
  static std::uint64_t slope_to(std::int64_t rise, std::uint64_t ticks) noexcept {
    if (rise <= 0) return 0;
    const std::uint64_t slope = (static_cast<std::uint64_t>(rise) << 32) / ticks;
    return std::min(slope, std::uint64_t{std::numeric_limits<std::uint32_t>::max()});
  }
};

/// How fast the counter ticks, by pairs of some distance. Believed if two measurements, one after the other, agree: a
/// counter that has jumped, or a clock that was set, spoils one at most.
class counter_rate {
 public:
  /// Ticks from one pair to the next: 6.5 ms of a counter with 2.6 GHz.
  static constexpr std::uint64_t shortest_baseline = 8 * counter_line::piece;
  /// Measurements agree that differ by one in so many, at most.
  static constexpr std::uint32_t tolerance = 512;

  /// Takes a new measurement, if `now` is far enough from the last one's end.
  void learn(const counter_pair& now) noexcept {
    const std::uint64_t ticks = now.count - anchor_.count;
    const bool is_forward = static_cast<std::int64_t>(ticks) > 0 && now.time > anchor_.time;
    if (has_anchor_ && is_forward && ticks < shortest_baseline) return;
    const std::uint32_t measured = has_anchor_ && is_forward ? slope(ticks, now.time - anchor_.time) : 0;
    const std::uint32_t apart = measured > slope_ ? measured - slope_ : slope_ - measured;
    is_known_ = measured != 0 && apart <= slope_ / tolerance;
    slope_ = measured;
    anchor_ = now;
    has_anchor_ = true;
  }

  /// Believes nothing that was measured so far.
  void forget() noexcept { *this = {}; }

  [[nodiscard]] bool is_known() const noexcept { return is_known_; }
  /// 2^-32 ns a tick, if it is known.
  [[nodiscard]] std::uint32_t slope() const noexcept { return slope_; }

 private:
  // 0 of a counter below 1 GHz, whose ticks have no such number.
  static std::uint32_t slope(std::uint64_t ticks, std::int64_t length) noexcept {
    if (static_cast<std::uint64_t>(length) >= ticks) return 0;
    __extension__ using wide = unsigned __int128;
    return static_cast<std::uint32_t>((wide{static_cast<std::uint64_t>(length)} << 32) / ticks);
  }

  counter_pair anchor_;      // the end of the last measurement
  std::uint32_t slope_ = 0;  // that one; 0: none
  bool has_anchor_ = false;
  bool is_known_ = false;
};

}  // namespace weir::detail
