// The calls of a door as plain steps, one after the other, for linearizable.hpp: which outcomes each may have had.
//
// A change of limits is three steps, as limiter::set_limits says: "while the call runs, an admission finds each limit
// as it was or as it will be". Where it was lowered below what was held then, newcomers may be refused until its end:
// who gives back before the door shows that somebody must look leaves that to the change.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include <weir/admission/limits.hpp>
#include <weir/admission/refusal.hpp>

#include "admission/bucket_calls.hpp"
#include "support/linearizable.hpp"

namespace weir::testing {

struct door_call {
  enum class step : std::uint8_t {
    attempt,           // of `weight` at `now`
    attempt_or_leave,  // the same by an acquire that does not wait
    give_token_back,   // of an admission at `now`; `later` is what the clock said then
    give_back,         // one task and `weight`
    begin_change,      // to `tasks` and `weight`
    move_limits,
    tell_limit,  // from here on `weight` is what is too heavy
    end_change,
    close,
  };
  step what = step::attempt;
  std::int64_t tasks = 0;
  std::int64_t weight = 0;
  time_point now{};
  time_point later{};
  bool granted = true;
  refusal_reason why{};
  // Other attempts that were in flight at some moment of this one.
  std::int64_t guests = 0;
  std::int64_t guests_weight = 0;

  [[nodiscard]] bool is_attempt() const noexcept { return what == step::attempt || what == step::attempt_or_leave; }
};

inline std::string to_string(const door_call& call) {
  static constexpr const char* names[] = {"attempt",    "attempt_or_leave", "give_token_back",
                                          "give_back",  "begin_change",     "move_limits",
                                          "tell_limit", "end_change",       "close"};
  return names[static_cast<std::size_t>(call.what)] + std::string(" tasks ") + std::to_string(call.tasks) + " weight " +
         std::to_string(call.weight) + " at " + std::to_string(call.now.time_since_epoch().count()) +
         (call.granted ? "" : " refused " + std::string(weir::to_string(call.why)));
}

/// Notes of each attempt the others that overlap it.
inline void count_guests(history<door_call>& of) {
  for (std::size_t t = 0; t < of.size(); ++t) {
    for (recorded<door_call>& call : of[t]) {
      if (!call.what.is_attempt()) continue;
      for (std::size_t other = 0; other < of.size(); ++other) {
        if (other == t) continue;
        for (const recorded<door_call>& guest : of[other]) {
          if (!guest.what.is_attempt() || !call.overlaps(guest)) continue;
          ++call.what.guests;
          call.what.guests_weight += guest.what.weight;
        }
      }
    }
  }
}

class plain_door {
 public:
  /// At `configured`; `full_at` is when it was made.
  plain_door(const limits& configured, time_point full_at)
      : tokens_(plain_bucket::of(configured.rate, configured.burst, full_at)),
        tasks_limit_(configured.max_tasks),
        weight_limit_(configured.max_weight),
        told_weight_(configured.max_weight) {}

  bool apply(const door_call& call) {
    switch (call.what) {
      case door_call::step::attempt:
      case door_call::step::attempt_or_leave:
        return attempt(call);
      case door_call::step::give_token_back:
        tokens_.refund(1, call.now, call.later);
        return true;
      case door_call::step::give_back:
        --tasks_;
        weight_ -= call.weight;
        return true;
      case door_call::step::begin_change:
        return begin_change();
      case door_call::step::move_limits:
        if (closed_) return true;
        tasks_limit_ = call.tasks;
        weight_limit_ = call.weight;
        was_over_ = !fits(0, 0);
        return true;
      case door_call::step::tell_limit:
        if (!closed_) told_weight_ = call.weight;
        return true;
      case door_call::step::end_change:
        is_changing_ = false;
        was_over_ = false;
        return true;
      case door_call::step::close:
        if (is_changing_) return false;  // both take the lock
        closed_ = true;
        return true;
    }
    return false;
  }

  friend auto operator<=>(const plain_door&, const plain_door&) = default;

 private:
  [[nodiscard]] bool fits(std::int64_t tasks, std::int64_t weight) const { return has_task(tasks) && has_room(weight); }
  [[nodiscard]] bool has_task(std::int64_t tasks = 1) const { return tasks_ + tasks <= tasks_limit_; }
  [[nodiscard]] bool has_room(std::int64_t weight) const { return weight_ + weight <= weight_limit_; }

  bool attempt(const door_call& call) {
    if (call.granted) {
      if (closed_ || !fits(1, call.weight)) return false;
      if (tokens_.too_early(1, call.now) != 0) return false;
      tokens_.take(1, call.now);
      ++tasks_;
      weight_ += call.weight;
      return true;
    }
    const bool late = tokens_.too_early(1, call.now) != 0;
    // It may be a guest's room that is missing: only with a rate is there such a thing.
    const bool contended =
        tokens_.interval != 0 && call.guests != 0 && !fits(1 + call.guests, call.weight + call.guests_weight);
    switch (call.why) {
      case refusal_reason::closed:
        return closed_;
      case refusal_reason::too_heavy:
        return call.weight > told_weight_;
      case refusal_reason::tasks_full:
        return !closed_ && (was_over_ || !has_task());
      case refusal_reason::weight_full:
        return !closed_ && (was_over_ || !has_room(call.weight));
      case refusal_reason::rate_limited:
        return !closed_ && late;
      case refusal_reason::contended:
        return call.what == door_call::step::attempt && !closed_ && contended;
      case refusal_reason::timed_out:
        return call.what == door_call::step::attempt_or_leave && !closed_ &&
               (was_over_ || late || contended || !fits(1, call.weight));
      default:
        return false;
    }
  }

  bool begin_change() {
    if (is_changing_) return false;  // they take a lock, too
    is_changing_ = !closed_;
    return true;
  }

  plain_bucket tokens_;
  std::int64_t tasks_limit_;
  std::int64_t weight_limit_;
  std::int64_t told_weight_;
  std::int64_t tasks_ = 0;
  std::int64_t weight_ = 0;
  bool closed_ = false;
  bool is_changing_ = false;
  bool was_over_ = false;  // when the limits were moved; who changes them has not looked since
};

}  // namespace weir::testing
