// Why something was not admitted: a value, with what was asked, the limit, the state, and what to do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include <weir/admission/limits.hpp>

namespace weir {

/// The closed list of reasons. Their names are also the keys of every report.
enum class refusal_reason : std::uint8_t {
  tasks_full,      ///< `max_tasks` are live.
  weight_full,     ///< The weight does not fit beside what is held now.
  waiters_full,    ///< It would wait, and `max_waiters` do already, or as much weight as may wait with it.
  rate_limited,    ///< No token is left; `retry_after` is exact if nobody else takes it.
  too_heavy,       ///< Heavier than the limit: it could never be granted.
  expired,         ///< Its deadline has passed, or comes before its exact rate wait is over.
  predicted_late,  ///< Its predicted wait is longer than its deadline allows. Only where prediction is asked for.
  contended,       ///< It did not fit while another attempt held capacity that it may give back. Try again at once.
  timed_out,       ///< The time it was willing to wait at the door is over.
  cancelled,       ///< Stop was requested before it was admitted.
  shed,            ///< It waited, and was dropped for a newcomer by the overflow policy.
  breaker_open,    ///< The door is shut for a while after too many expiries in a row; `retry_after` is what is left.
  closed,          ///< The limiter was closed, or the pool is shutting down.
  would_deadlock,  ///< A wait that would block a worker of the pool, which its own stack could hold up.
  forked,          ///< The process was forked from the one in which the pool was made; its workers are not here.
  invalid,         ///< A weight of zero or below, or a value outside its range.
};

inline constexpr std::size_t refusal_reason_count = 16;

/// The name as written above.
[[nodiscard]] std::string_view to_string(refusal_reason reason) noexcept;

/// What a refusal counts.
enum class quantity : std::uint8_t { weight, tokens, priority, waiting_weight };

/// A refusal with its circumstances, as they were when it was decided. Numbers that do not apply are 0.
struct refusal {
  refusal_reason reason = refusal_reason::invalid;
  /// What `asked` is a number of; for invalid and too_heavy also `limit`. `waiting_weight`: weight, for waiters_full by
  /// the weight that waits and not by the number.
  quantity what = quantity::weight;
  std::int64_t asked = 0;  ///< What was asked for.
  std::int64_t limit = 0;  ///< The limit that refused it.
  /// How much of that limit was in use, at the instant of the decision. While the limit itself is being changed it may
  /// be off by the change; never below 0.
  std::int64_t in_use = 0;
  weir::rate rate = unlimited;  ///< For rate_limited, expired and timed_out: the rate.
  /// For these three: how long from then until the rate alone would admit it, after those who wait already; zero for
  /// one whose own time was over. For breaker_open: until the pause is over.
  duration retry_after = duration::zero();
};

/// One line: the reason, the numbers, and the remedy.
/// E.g. "rate_limited: 2000/s, burst 100 used up; retry in 4.2 ms".
[[nodiscard]] std::string to_string(const refusal& why);

/// What `get` and `value` throw where a refusal is all there is.
class refused : public std::exception {
 public:
  explicit refused(const refusal& why) : why_(why), text_("weir: refused: " + to_string(why)) {}

  [[nodiscard]] const refusal& why() const noexcept { return why_; }
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  refusal why_;
  std::string text_;
};

}  // namespace weir
