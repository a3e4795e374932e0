// What a rate and its burst come to, in whole numbers, as a token bucket counts them: intervals in ticks of 1/64 ns,
// rounded up (admission/token_bucket.md).
#pragma once

#include <cstdint>
#include <string>

#include <weir/admission/limits.hpp>

namespace weir::tools {

/// 128 bits: as many intervals as there may be waiters, at the slowest rate, pass 63.
__extension__ using tick_count = __int128;

[[nodiscard]] constexpr tick_count ticks_of(duration time) noexcept { return tick_count{64} * time.count(); }

/// The whole and exact length, in the largest unit up to seconds that it has one of: "500 us", "333.33333334375 ms".
[[nodiscard]] std::string tick_text(tick_count ticks);

/// The same of a length of time.
[[nodiscard]] std::string exact_text(duration time);

/// Whether the one has more events in a time, as they were given, without rounding.
[[nodiscard]] bool is_faster(const weir::rate& one, const weir::rate& other) noexcept;

class rate_terms {
 public:
  /// @param limit  checked, and not unlimited. @param burst  at least 1
  rate_terms(const weir::rate& limit, std::int64_t burst) noexcept;

  [[nodiscard]] tick_count interval() const noexcept { return interval_; }
  /// Whether the interval had to be rounded.
  [[nodiscard]] bool is_rounded() const noexcept { return rounded_; }
  /// From an empty bucket until so many tokens have come.
  [[nodiscard]] tick_count time_of(std::int64_t tokens) const noexcept { return interval_ * tokens; }
  /// Tokens that come within that time, from an empty bucket on.
  [[nodiscard]] std::int64_t tokens_within(duration time) const noexcept;
  /// How many of those in line have their token before a deadline that is so far away: one at the deadline is too late.
  [[nodiscard]] std::int64_t served_before(duration deadline) const noexcept;
  /// The most that can be admitted in any window of that length, both its ends included.
  [[nodiscard]] std::int64_t most_within(duration time) const noexcept;

  /// How much of this rate such arrivals use, in percent rounded down; and how many of them it lets in in the long run.
  [[nodiscard]] std::int64_t percent_used_by(const weir::rate& arrivals) const noexcept;
  [[nodiscard]] std::int64_t percent_let_in_of(const weir::rate& arrivals) const noexcept;

  /// What share of the rate those in line reach, in percent rounded down, if whoever lets them in wakes up so late. A
  /// bucket that is full gains nothing: late by more than its other tokens take to come, it hands out a burst, and the
  /// next token is due an interval later. So it is a burst in an interval and a delay.
  [[nodiscard]] std::int64_t percent_reached(duration late) const noexcept;
  /// The least burst that loses nothing to such a delay.
  [[nodiscard]] std::int64_t burst_for(duration late) const noexcept;

 private:
  tick_count interval_;
  std::int64_t burst_;
  bool rounded_;
};

}  // namespace weir::tools
