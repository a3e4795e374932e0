// The gate's line: who waits, who is granted when, and who is told. Read it beside the section "Gate" of
// admission/README.md; who stands before whom is in gate_order.cpp.
#include <weir/admission/detail/gate.hpp>
#include <weir/admission/detail/resumption.hpp>

#include "gate_step.hpp"

namespace weir::detail {

void gate::look(bell when) noexcept {
  const time_point early = early_now();
  outcomes decided;
  {
    lock_guard held(mutex_);
    const step noted(*this, flight_op::pump, early);
    hand_on(noted.now(), when, decided);
  }
  deliver(decided);
}

// Grants from the head on, as far as there is room and a token, and drops those whose time is over. Called after every
// event that can change the answer: a release, a new head, a new limit, time that has passed.
void gate::hand_on(time_point now, bell when, outcomes& decided) noexcept {
  if (is_over_ && is_still_over(decided)) return;
  lack lacks;
  while (waiter* const head = queue_.head()) {
    lacks = let_in(*head, now, when, decided);
    if (!lacks) continue;
    head_lacks_.store(*lacks, memory_order_relaxed);
    if (lacks == refusal_reason::weight_full && max_bypass_.load(memory_order_relaxed) != 0) {
      lacks = let_past(*head, now, when, decided);
    }
    break;
  }
  // Who lacks room has a release come to it, and would find nothing in a look at the time.
  if (lacks != refusal_reason::rate_limited) announced_ = nullptr;
  if (queue_.empty()) capacity_.set_waiters(false);
  if (head_asks_ && lacks != refusal_reason::tasks_full) {
    head_asks_ = false;
    stock_->ask_no_more();
  }
}

gate::lack gate::let_in(waiter& w, time_point& now, bell when, outcomes& decided) noexcept {
  if (w.request_.deadline.has_passed(now)) {
    refuse(w, refusal_reason::expired, decided);
    return std::nullopt;
  }
  if (w.request_.patience.has_passed(now)) {
    refuse(w, refusal_reason::timed_out, decided);
    return std::nullopt;
  }
  const demand wanted = demand_of(w.request_.weight);
  verdict v = take(wanted, capacity::place::head, now);
  if (!v.granted && v.why == refusal_reason::tasks_full && recall_for_head()) {
    v = take(wanted, capacity::place::head, now);
  }
  if (!v.granted) {
    if (v.why == refusal_reason::rate_limited) announce(w, add_saturated(v.stamp, v.retry_after), when, decided);
    return v.why;
  }
  unlink(w);
  if (w.counted_) {
    add_waiting_weight(-std::int64_t{w.request_.weight});
    waiting_.fetch_sub(1, memory_order_relaxed);  // relaxed: it is held by the word from here on
  }
  w.stamp_ = v.stamp;
  w.took_token_ = v.took_token;
  if (flight_ != nullptr) note_granted(w);
  decided.granted.push_back(w);
  now = v.stamp;  // later, where the window is strict: for the next one the first reading may be too old
  return std::nullopt;
}

void gate::announce(waiter& w, time_point due, bell when, outcomes& decided) noexcept {
  if (when != bell::always && announced_ == &w && due >= announced_at_) return;
  announced_ = &w;
  announced_at_ = due;
  decided.head_word = w.on_head();
  if (decided.head_word == nullptr) decided.ring_at = due;  // a thread comes back by itself
}

void gate::unlink(waiter& w) noexcept {
  queue_.remove(w);
  in_line_.store(queue_.size(), memory_order_relaxed);
  w.waiting_ = false;
  if (announced_ == &w) announced_ = nullptr;
}

void gate::refuse(waiter& w, refusal_reason why, outcomes& decided) noexcept {
  unlink(w);
  w.why_ = why;
  if (flight_ != nullptr) note_refused(w);
  decided.refused.push_back(w);
}

void gate::deliver(const outcomes& decided) noexcept {
  const resumption_scope afterwards;
  // First what others depend on: the calls below run code of the user's.
  if (decided.head_word != nullptr) futex_wake(decided.head_word, wake_all);
  if (decided.fits_again) futex_wake(&within_, wake_all);
  if (alarm_ != nullptr && decided.ring_at != time_point::max()) alarm_->ring_at(decided.ring_at);
  // A waiter may cease to exist in its call, so the next one is read before.
  for (waiter* w = decided.granted.head(); w != nullptr;) {
    waiter* const next = waiter_list::after(w);
    w->on_granted(w->stamp_);
    w = next;
  }
  for (waiter* w = decided.refused.head(); w != nullptr;) {
    waiter* const next = waiter_list::after(w);
    const bool had_a_place = w->counted_;
    const std::uint32_t weight = w->request_.weight;
    verdict v{.granted = false, .why = w->why_, .stamp = {}, .retry_after = {}};
    if (v.why == refusal_reason::too_heavy) v.in_use = weight_in_use();  // since a change, which is over
    if (v.why == refusal_reason::expired && breaker_.is_on()) breaker_.note_expired(clock_->now());
    w->on_refused(explain(v, w->request_));
    if (had_a_place && !is_twin()) leave_place(weight);  // now that what waited is destroyed
    w = next;
  }
  if (pressure_ != nullptr) [[unlikely]]
    note_pressure();
}

void gate::add_waiting_weight(std::int64_t weight) noexcept {
  if (counts_waiting_weight_) waiting_weight_.fetch_add(weight, memory_order_relaxed);
}

// Ends a stay in the line that was counted.
void gate::leave_place(std::uint32_t weight) noexcept {
  if (flight_ != nullptr) return leave_place_recorded(weight);
  add_waiting_weight(-std::int64_t{weight});
  waiting_.fetch_sub(1, memory_order_release);  // (1)
  // An addition of nothing, not a load: either it shows the close, or the close comes after it, and who closed sees the
  // place free.
  if (capacity_.give_back({.tasks = 0, .weight = 0}, capacity::hold::final).closed) notify_emptied();
}

std::optional<refusal> gate::lacks_place(const door_request& asked) const noexcept {
  const std::int64_t places = waiting();
  if (places >= max_waiters()) {
    return refusal{
        .reason = refusal_reason::waiters_full, .asked = asked.weight, .limit = max_waiters(), .in_use = places};
  }
  const std::int64_t weight = waiting_weight();
  const std::int64_t most = max_waiting_weight_.load(memory_order_relaxed);
  if (asked.weight <= most - weight) return std::nullopt;
  return refusal{.reason = refusal_reason::waiters_full,
                 .what = quantity::waiting_weight,
                 .asked = asked.weight,
                 .limit = most,
                 .in_use = weight};
}

refusal gate::full_line(const door_request& asked) const noexcept {
  if (const auto lacks = lacks_place(asked)) return *lacks;
  return {.reason = refusal_reason::waiters_full, .asked = asked.weight, .limit = max_waiters(), .in_use = waiting()};
}

// Whether one that lacks a place is refused, without a look at the lock: there is no policy that makes one.
bool gate::may_turn_away(const door_request& asked) const noexcept {
  const bool has_no_end = asked.deadline.is_never() && asked.patience.is_never();
  return flight_ == nullptr && has_no_end && overflow() == weir::overflow::reject_new;
}

result<gate::slot> gate::reserve(const door_request& asked) {
  // Without the lock, so that those who are refused hold up nobody. The close is looked at after the places: if it is
  // not there then, it was not when these were taken.
  if (may_turn_away(asked)) {
    const std::optional<refusal> full = lacks_place(asked);
    if (full && !capacity_.load().closed) return *full;
  }
  for (;;) {
    const time_point early = early_now();
    verdict refused{.granted = false, .why = refusal_reason::closed, .stamp = early, .retry_after = {}};
    outcomes decided;
    {
      const lock_guard held(mutex_);
      step noted(*this, flight_op::reserve, early, asked);
      const time_point now = noted.now();
      if (capacity_.load().closed) return explain(noted.decided(refused), asked);
      const std::optional<refusal> full = lacks_place(asked);
      if (full) mark_dropped(asked);
      // Those ahead take their tokens first, so that this wait is the exact one as long as none of them leaves.
      if (has_rate()) refused.retry_after = bucket_.wait_for(least_ahead(asked) + 1, now);
      const time_point ready = add_saturated(now, refused.retry_after);
      if (asked.deadline.has_passed(ready) || asked.patience.has_passed(ready)) {
        settle_marked(nullptr);
        refused.why = asked.deadline.has_passed(ready) ? refusal_reason::expired : refusal_reason::timed_out;
        return explain(noted.decided(refused), asked);
      }
      if (!full) {
        add_waiting_weight(asked.weight);
        waiting_.fetch_add(1, memory_order_relaxed);  // relaxed: a place carries no data
        noted.is(flight_verdict::yes);
        return slot::reserved;
      }
      if (overflow() == weir::overflow::caller_runs) {
        noted.is(flight_verdict::caller_runs);
        return slot::caller_runs;
      }
      if (marked_ == 0) {
        noted.is(verdict_of(refusal_reason::waiters_full));
        return *full;
      }
      noted.is(flight_verdict::again);
      settle_marked(&decided);
      hand_on(now, bell::new_head_only, decided);
    }
    deliver(decided);  // the place is free when what had it is destroyed; then another look
    if (is_twin()) return explain(refused, asked);  // which its log tells
  }
}

void gate::cancel_reservation(std::uint32_t weight) noexcept {
  const resumption_scope afterwards;
  leave_place(weight);
  if (pressure_ != nullptr) [[unlikely]]
    note_pressure();
}

void gate::join(waiter& w, place where) noexcept {
  const time_point early = early_now();
  outcomes decided;
  {
    lock_guard held(mutex_);
    step noted(*this, flight_op::join, early, w.request_);
    noted.numbers(w, where);
    w.counted_ = where == place::reserved;
    w.waiting_ = true;
    w.stamp_ = noted.now();
    const bool is_new_line = queue_.empty();
    const bool is_closed = capacity_.load().closed;
    // The limit was lowered since it was asked: as a head it would wait for ever.
    const bool is_too_heavy = counts_weight_ && w.request_.weight > max_weight_.load(memory_order_relaxed);
    if (is_closed || is_too_heavy) {
      queue_.push_back(w);  // it passes nobody
      refuse(w, is_closed ? refusal_reason::closed : refusal_reason::too_heavy, decided);
    } else {
      insert(w);
      if (is_new_line) {
        sweep_credits();
        capacity_.set_waiters(true);  // before the look below: a release that the look does not see, sees this
      }
      const bool may_overtake_others = max_bypass_.load(memory_order_relaxed) != 0;
      if (queue_.head() == &w || may_overtake_others) hand_on(noted.now(), bell::new_head_only, decided);
    }
  }
  deliver(decided);
}

bool gate::withdraw(waiter& w, refusal_reason why) noexcept {
  const time_point early = early_now();
  outcomes decided;
  {
    lock_guard held(mutex_);
    if (!w.waiting_) return false;
    step noted(*this, flight_op::withdraw, early, w.request_);
    noted.of(w, why);
    refuse(w, why, decided);
    hand_on(noted.now(), bell::new_head_only, decided);  // it may have been the head, with lighter ones behind it
  }
  deliver(decided);
  return true;
}

time_point gate::ready_at(const waiter& w) noexcept {
  const time_point now = clock_->now();
  lock_guard held(mutex_);
  if (announced_ != &w) return time_point::max();
  return add_saturated(now, bucket_.wait_for(1, now));
}

}  // namespace weir::detail
