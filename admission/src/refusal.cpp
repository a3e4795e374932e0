// The texts of refusals: what was asked, the limit, the state, and what to do.
#include <weir/admission/refusal.hpp>

#include <array>
#include <cstdio>
#include <iterator>

namespace weir {
namespace {

constexpr std::array<std::string_view, refusal_reason_count> names = {
    "tasks_full",     "weight_full",    "waiters_full", "rate_limited", "too_heavy", "expired",
    "predicted_late", "contended",      "timed_out",    "cancelled",    "shed",      "breaker_open",
    "closed",         "would_deadlock", "forked",       "invalid"};

// In the largest unit of which it is at least one, as rounded; below 100 of them with one digit after the point.
std::string text_of(duration wait) {
  struct unit {
    double ns;
    const char* name;
  };
  constexpr std::array<unit, 4> units = {{{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1.0, "ns"}}};
  const auto ns = static_cast<double>(wait.count());
  const auto* u = units.begin();
  while (u != std::prev(units.end()) && ns < 0.9995 * u->ns) ++u;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), ns / u->ns < 99.95 ? "%.1f %s" : "%.0f %s", ns / u->ns, u->name);
  return text.data();
}

std::string_view name_of(quantity what) noexcept {
  switch (what) {
    case quantity::weight:
    case quantity::waiting_weight:
      return "weight ";
    case quantity::tokens:
      return "tokens ";
    case quantity::priority:
      return "priority ";
  }
  return "";
}

std::string number(std::int64_t n) { return std::to_string(n); }

std::string circumstances(const refusal& why) {
  switch (why.reason) {
    case refusal_reason::tasks_full:
      return number(why.in_use) + " of " + number(why.limit) + " tasks are live" +
             (why.in_use < why.limit ? " and others wait ahead" : "") +
             "; try again when one ends, let it wait (acquire, enqueue), or raise max_tasks";
    case refusal_reason::weight_full:
      return "weight " + number(why.asked) +
             (why.asked <= why.limit - why.in_use ? " must wait behind others, " : " does not fit, ") +
             number(why.in_use) + " of " + number(why.limit) +
             " in use; try again when some ends, let it wait (acquire, enqueue), or raise max_weight (the capacity)";
    case refusal_reason::waiters_full:
      if (why.what == quantity::waiting_weight) {
        return "weight " + number(why.asked) + " may not wait beside " + number(why.in_use) + " of " +
               number(why.limit) + " that wait at the door already; try again later, or raise max_waiting_weight";
      }
      return number(why.in_use) + " of " + number(why.limit) +
             " wait at the door already; try again later, or raise max_waiters";
    case refusal_reason::rate_limited:
      return to_string(why.rate) + ", " +
             (why.in_use < why.limit ? number(why.in_use) + " of the burst of " + number(why.limit) + " used"
                                     : "burst " + number(why.limit) + " used up") +
             "; retry in " + text_of(why.retry_after);
    case refusal_reason::too_heavy:
      if (why.what == quantity::tokens) {
        return "tokens " + number(why.asked) + " exceed the burst of " + number(why.limit) +
               "; they can never be there: take fewer at a time or raise the burst";
      }
      return "weight " + number(why.asked) + " exceeds max_weight " + number(why.limit) +
             "; it can never be granted: split the task or raise max_weight (the capacity)";
    case refusal_reason::expired:
      return why.retry_after > duration::zero()
                 ? "its deadline comes before its turn, which the rate of " + to_string(why.rate) + " allows in " +
                       text_of(why.retry_after) + "; give it more time or submit less"
                 : std::string("its deadline has passed; give it more time or submit less");
    case refusal_reason::predicted_late:
      return "its predicted wait is longer than its deadline allows; give it more time or submit less";
    case refusal_reason::contended:
      return "capacity was held by an attempt that may give it back; try again at once";
    case refusal_reason::timed_out:
      return why.retry_after > duration::zero()
                 ? "its turn comes in " + text_of(why.retry_after) +
                       " at the earliest; wait that long or raise the rate"
                 : std::string("not admitted in the time it would wait; wait longer or raise the limit");
    case refusal_reason::cancelled:
      return "stop was requested before it was admitted; submit it again if it is still wanted";
    case refusal_reason::shed:
      return "dropped for a newcomer while " + number(why.limit) + " may wait; raise max_waiters or submit less";
    case refusal_reason::breaker_open:
      return "the door is shut for a while, since " + number(why.limit) + " expired in a row; retry in " +
             text_of(why.retry_after);
    case refusal_reason::closed:
      return "the door is closed for good and admits nothing more; submit elsewhere";
    case refusal_reason::would_deadlock:
      return "a worker may not block on what its own stack could hold up; use try_acquire, try_submit or enqueue, or "
             "wait outside the pool";
    case refusal_reason::forked:
      return "this process was forked after the pool was made; make a pool of its own";
    case refusal_reason::invalid:
      return std::string(name_of(why.what)) + number(why.asked) + " is out of range; pass " +
             (why.what == quantity::priority ? "0" : "1") + " to " + number(why.limit);
  }
  return "unknown reason";
}

}  // namespace

std::string_view to_string(refusal_reason reason) noexcept {
  const auto index = static_cast<std::size_t>(reason);
  return index < names.size() ? names[index] : std::string_view("unknown");
}

std::string to_string(const refusal& why) { return std::string(to_string(why.reason)) + ": " + circumstances(why); }

}  // namespace weir
