// What a limiter has decided, as its flight recorder kept it: a value, with all that a twin needs to decide it again.
//
// A limiter that is built with `limits::flight_entries` makes each step that asks it or changes it under its lock, and
// writes an entry in the same hold: the order of the entries, their tickets, is the order in which it all happened.
// admission/flight.md has the protocol and what it costs.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include <weir/admission/clock.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/refusal.hpp>

namespace weir {

/// What an entry tells of. The operations, each of which begins where no other is under way; then what comes of them,
/// behind them.
enum class flight_op : std::uint8_t {
  attempt,       ///< Somebody asked. Verdict: yes, or why not.
  turned_away,   ///< Somebody asked for a weight that is never admitted. Verdict: why not.
  reserve,       ///< A place in line was asked for. Verdict: yes, caller_runs, again (one was dropped), or why not.
  leave,         ///< A place was given up, by one that never stood there, or was refused and is destroyed.
  join,          ///< Its owner came into the line. Verdict: yes, or none where it has no place (caller_runs).
  withdraw,      ///< One in line left. Verdict: why.
  release,       ///< An admission was given back.
  release_part,  ///< A part of its weight was.
  token_back,    ///< The token of an admission was not used.
  child,         ///< A child wants a task. Verdict: yes, or tasks_full.
  child_end,     ///< A child ended.
  pump,          ///< The time of the head's token has come.
  set_limits,    ///< The limits were changed, to the next of `flight_log::changes`.
  close,         ///< Nothing is admitted any more.
  granted,       ///< One in line was admitted.
  refused,       ///< One in line was refused. Verdict: why.
  reading,       ///< The clock was read once more: the operation goes by that time from here on.
  caller_time,   ///< Up to `time`, times are ahead of the clock since a caller passed one (token_bucket).
};
inline constexpr std::size_t flight_op_count = 18;

/// A refusal_reason by its number, or one of these.
enum class flight_verdict : std::uint8_t { tasks_full = 0, yes = 64, caller_runs, again, none };

[[nodiscard]] constexpr flight_verdict verdict_of(refusal_reason why) noexcept {
  return static_cast<flight_verdict>(static_cast<std::uint8_t>(why));
}
[[nodiscard]] constexpr bool is_refusal(flight_verdict v) noexcept {
  return static_cast<std::size_t>(v) < refusal_reason_count;
}
[[nodiscard]] constexpr refusal_reason reason_of(flight_verdict v) noexcept {
  return static_cast<refusal_reason>(static_cast<std::uint8_t>(v));
}

/// The name as written above.
[[nodiscard]] std::string_view to_string(flight_op op) noexcept;
[[nodiscard]] std::string_view to_string(flight_verdict v) noexcept;

/// One step. Numbers that do not apply are 0, times that do not apply are `never`. Times are nanoseconds of the
/// limiter's clock. The part below `state` is the limiter after the entry: for the last one of an operation after all
/// of it, before that as far as it had got.
struct flight_entry {
  static constexpr std::int64_t never = time_point::max().time_since_epoch().count();

  /// Bits of `flags`. Of what was asked: the priority (2 bits), whether it would wait, whether it passed its own time.
  static constexpr std::uint8_t priority_bits = 3, waits = 4, by_caller = 8;
  /// And of the state: somebody is in line, or more is held than the limits are; it is closed.
  static constexpr std::uint8_t line = 16, closed = 32;

  std::int64_t at = 0;  ///< the time that the operation goes by
  /// Of an attempt: until when it would wait; `by_caller`, the time that it passed instead. Of a reserve and a join:
  /// until when it waits. Of a grant: the time of the admission. Of token_back: the time of that admission. Of
  /// set_limits: when the rate was changed last, if ever. Of caller_time: see there.
  std::int64_t time = never;
  std::int64_t deadline = never;  ///< of what was asked
  std::int64_t retry_after = 0;   ///< of a refusal, in nanoseconds
  std::uint64_t arrival = 0;      ///< state: the bucket's, as it is kept there
  std::int32_t tasks_free = 0;    ///< state: 0 where they are not counted; negative after a limit was lowered
  std::int32_t weight_free = 0;   ///< state: the same
  std::uint32_t places = 0;       ///< state: in line, taken or promised
  std::uint32_t request = 0;      ///< who is in line: the ticket of its join, modulo 2^32
  std::uint32_t weight = 0;
  flight_op op = flight_op::attempt;
  flight_verdict verdict = flight_verdict::none;
  /// State: what the head of the line lacks, or those who hold more than the limits are; of the last of an operation.
  flight_verdict binding = flight_verdict::none;
  std::uint8_t flags = 0;

  friend bool operator==(const flight_entry&, const flight_entry&) = default;
};
static_assert(sizeof(flight_entry) == 64);

/// Whether an operation begins with it.
[[nodiscard]] constexpr bool begins_operation(flight_op op) noexcept { return op < flight_op::granted; }

/// The limiter before an entry.
struct flight_start {
  std::uint64_t ticket = 0;  ///< of that entry; so many came before it
  weir::limits limits;       ///< in force
  /// The state after the entry before, and the time of that one.
  flight_entry state{};
  /// As of the last caller_time, and of the last change of the rate; the least number before there was one.
  std::int64_t caller_time = std::numeric_limits<std::int64_t>::min();
  std::int64_t changed_at = std::numeric_limits<std::int64_t>::min();

  /// Goes past that entry. @param change  the limits from there on, for set_limits.
  void pass(const flight_entry& entry, const weir::limits* change) noexcept;
  /// Whether it says all: an operation may begin, nobody is in line or was promised a place there, and no more is held
  /// than the limits are.
  [[nodiscard]] bool is_complete(const flight_entry& next) const noexcept {
    return begins_operation(next.op) && (state.flags & flight_entry::line) == 0 && state.places == 0;
  }

  friend bool operator==(const flight_start&, const flight_start&) = default;
};

/// The entries that are kept, oldest first.
struct flight_log {
  flight_start start{};               ///< before the first of them
  std::vector<flight_entry> entries;  ///< the ticket of each is start.ticket and its index
  std::vector<limits> changes;        ///< of each set_limits among them, in order

  /// How many were overwritten.
  [[nodiscard]] std::uint64_t lost() const noexcept { return start.ticket; }

  friend bool operator==(const flight_log&, const flight_log&) = default;
};

}  // namespace weir
