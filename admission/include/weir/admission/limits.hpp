// What a limiter is told to hold: counts, weights and a rate, as plain values that are checked when a limiter is built.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>

#include <weir/admission/clock.hpp>

namespace weir {

/// Written where a limit is not wanted: `.max_weight = weir::unlimited`.
struct unlimited_t {
  // NOLINTNEXTLINE: a number wherever one is asked for is what it is
  constexpr operator std::int64_t() const noexcept { return std::numeric_limits<std::int64_t>::max(); }
};
inline constexpr unlimited_t unlimited{};

/// A number of events in a length of time, kept as the two numbers that were given, so that nothing is rounded: 200 a
/// second, 1 in 3 seconds. Made by per_second, per_minute and per; checked by the limiter that it is given to.
class rate {
 public:
  /// No limit.
  constexpr rate(unlimited_t) noexcept {}  // NOLINT: `.rate = weir::unlimited` is how it is written
  constexpr rate(std::int64_t events, duration period) noexcept : events_(events), period_(period) {}

  [[nodiscard]] constexpr bool is_unlimited() const noexcept {
    return period_ == duration::zero() && events_ == unlimited;
  }
  [[nodiscard]] constexpr std::int64_t events() const noexcept { return events_; }
  [[nodiscard]] constexpr duration period() const noexcept { return period_; }

  friend constexpr bool operator==(const rate&, const rate&) noexcept = default;

 private:
  std::int64_t events_ = unlimited;  // in no time; 0 in no time is a mistake, and refused as one
  duration period_ = duration::zero();
};

[[nodiscard]] constexpr rate per(std::int64_t events, duration period) noexcept { return {events, period}; }
[[nodiscard]] constexpr rate per_second(std::int64_t events) noexcept { return {events, std::chrono::seconds(1)}; }
[[nodiscard]] constexpr rate per_minute(std::int64_t events) noexcept { return {events, std::chrono::minutes(1)}; }
template <std::floating_point Number>
rate per_second(Number) = delete;  // say per(1, 2s) for half an event a second: exact, where 0.1 would not be
template <std::floating_point Number>
rate per_minute(Number) = delete;
template <std::floating_point Number>
rate per(Number, duration) = delete;

/// "2000/s", "1 per 3 s", "unlimited".
[[nodiscard]] std::string to_string(const rate& value);

/// What happens to a newcomer that would wait when `max_waiters` wait already.
enum class overflow : std::uint8_t {
  /// The newcomer is refused `waiters_full`.
  reject_new,
  /// The one that waits longest is refused `shed`; the newcomer takes its place.
  drop_oldest,
  /// The newest of the lowest priority is refused `shed`, if that is below the newcomer's; else the newcomer is
  /// refused.
  drop_lowest,
  /// The submitting thread waits for the permit itself and runs the callable: back pressure. `would_deadlock` on a
  /// worker.
  caller_runs,
};

/// Shuts a door for new work for a while, after so much of what was accepted has expired, with nothing between that
/// ended in time: what it stands before does not keep up, and work that comes now would expire, too. An expiry is a
/// deadline that passes in line or, at the door of a pool, before a task has ended; elsewhere what
/// permit::release_expired tells. What waits stays. After the pause the next expiry shuts it again, unless something
/// ends in time before.
struct breaker_limits {
  std::int64_t consecutive_expired = 0;      ///< 0 to 16,777,215; 0: there is no breaker.
  duration pause = std::chrono::seconds(1);  ///< More than 0, at most a day.

  friend bool operator==(const breaker_limits&, const breaker_limits&) = default;
};

/// Limits of a limiter, and of the door of a pool. Every number is checked at construction; see `check`.
struct limits {
  /// Most permits held at once, in a pool the live tasks. 1 to 16,777,215; `unlimited` is not counted (a pool counts to
  /// 16,777,215).
  std::int64_t max_tasks = 65'536;
  /// Most summed weight held at once. 1 to 2,147,483,647, or `unlimited`: then weights are not counted.
  std::int64_t max_weight = unlimited;
  /// Most admissions in the long run: at most burst + rate * T in every window of length T.
  weir::rate rate = unlimited;
  /// Admissions that may come at once after a quiet time. At least 1 where there is a rate; 0 where there is none.
  std::int64_t burst = 0;
  /// Most callables and threads that wait at the door. 0 to 16,777,215; 0: nobody waits, but threads of caller_runs.
  std::int64_t max_waiters = 1'024;
  /// Most summed weight that waits at the door. 1 to 9,007,199,254,740,992 (2^53), or `unlimited`: not counted. What is
  /// heavier never waits. Else `overflow` says what happens, as for max_waiters; a newcomer may be worth several of
  /// those who wait.
  std::int64_t max_waiting_weight = unlimited;
  weir::overflow overflow = overflow::reject_new;
  /// How often one that waits may be passed, at their arrival, by those of the next higher priority; by those two
  /// levels above it twice as often, all passings counted. 0 to 16,777,215; 0: priorities do not order the line;
  /// `unlimited`: strictly, and a flood of higher ones keeps the others out.
  std::int64_t priority_ageing = 8;
  /// How often one that waits for weight may be overtaken by lighter ones behind it for which there is room. 0 to
  /// 16,777,215; 0: never, and up to its weight less one stays idle; `unlimited`: a stream of light ones keeps it out.
  /// Else each look at the line is linear in those who wait.
  std::int64_t max_bypass = 0;
  /// Looks at the clock again after taking a token, and lets the token go if more than 1 ms has passed since the first
  /// look: the rate then holds by any outside clock with 1 ms of slack. A time that a caller passes ahead of the clock
  /// is taken as the present. Costs one more reading of the clock for each admission, two with a caller's time.
  bool strict_window = false;
  /// Whether a rate is accepted whose waiters cannot keep up with it: those are let in by a timer, which comes up to
  /// `timer_slack` late, and a small burst loses the tokens of that time. Else at least 90 % must be within their
  /// reach; see reachable_rate. Not asked where nobody waits (max_waiters 0).
  bool allow_slow_waiters = false;
  /// Where it is on, the end of each permit and task is told it: a load, and after an expiry a store.
  breaker_limits breaker{};
  /// From what part of max_tasks, max_weight or max_waiters on the limiter says that pressure is high, to the
  /// `on_pressure` that it was built with. More than 0, at most 1.
  double warn_at = 0.8;
  /// How many entries the flight recorder keeps, 64 bytes each; see flight.hpp. 1,024 to 16,777,215, or 0: it is off.
  /// Where it is on, each step at this door takes the short lock. It stays as it was built, whatever else is changed:
  /// 0 then says nothing, and another number is refused.
  std::int64_t flight_entries = 0;

  friend bool operator==(const limits&, const limits&) = default;
};

/// How late a timer comes on a host that has CPUs to spare: Linux lets it be 50 us late by default. On a busy one it
/// may be more.
inline constexpr duration timer_slack = std::chrono::microseconds(50);

/// What those who wait at such a door get in the long run, when their timer is always timer_slack late: a burst for
/// each time that one token and the slack take, or the rate, if that is less. `unlimited` without a rate.
[[nodiscard]] rate reachable_rate(const limits& configured) noexcept;

inline constexpr std::int64_t largest_max_tasks = (std::int64_t{1} << 24) - 1;
inline constexpr std::int64_t least_flight_entries = 1'024;
inline constexpr std::int64_t most_flight_entries = (std::int64_t{1} << 24) - 1;
inline constexpr std::int64_t largest_max_weight = (std::int64_t{1} << 31) - 1;
inline constexpr std::int64_t largest_max_waiting_weight = std::int64_t{1} << 53;

/// Returns `given` if every field is possible.
/// @throws std::invalid_argument naming the field, the value and the rule, e.g.
///   "weir: limits.max_tasks is 0: it must be 1 to 16777215, or weir::unlimited".
/// Rules over several fields: a rate needs a burst, a burst a rate, and waiters must reach 90 % of the rate.
const limits& check(const limits& given);

}  // namespace weir
