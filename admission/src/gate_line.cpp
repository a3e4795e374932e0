// The gate's line: who waits, who is granted when, and who is told. Read it beside the section "Gate" of
// admission/README.md.
#include <weir/admission/detail/gate.hpp>

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
  while (waiter* const w = queue_.head()) {
    if (w->request_.deadline.has_passed(now)) {
      refuse(*w, refusal_reason::expired, decided);
      continue;
    }
    if (w->request_.patience.has_passed(now)) {
      refuse(*w, refusal_reason::timed_out, decided);
      continue;
    }
    const demand wanted = demand_of(w->request_.weight);
    verdict v = take(wanted, capacity::place::head, now);
    if (!v.granted && v.why == refusal_reason::tasks_full && recall_for_head()) {
      v = take(wanted, capacity::place::head, now);
    }
    if (v.granted) {
      unlink(*w);
      if (w->counted_) waiting_.fetch_sub(1, memory_order_relaxed);  // relaxed: it is held by the word from here on
      w->stamp_ = v.stamp;
      w->took_token_ = v.took_token;
      if (flight_ != nullptr) note_granted(*w);
      decided.granted.push_back(*w);
      now = v.stamp;  // later, where the window is strict: for the next one the first reading may be too old
      continue;
    }
    head_lacks_.store(v.why, memory_order_relaxed);
    if (v.why != refusal_reason::rate_limited) {
      announced_ = nullptr;  // it lacks room: a release will come back to it, and a look at the time would find nothing
      break;
    }
    const time_point due = add_saturated(v.stamp, v.retry_after);
    if (when == bell::always || announced_ != w || due < announced_at_) {
      announced_ = w;
      announced_at_ = due;
      decided.ring_at = due;
      decided.head_word = w->on_head();
    }
    break;
  }
  if (queue_.empty()) capacity_.set_waiters(false);
  if (head_asks_ && (queue_.empty() || head_lacks_.load(memory_order_relaxed) != refusal_reason::tasks_full)) {
    head_asks_ = false;
    stock_->ask_no_more();
  }
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
    const verdict v{.granted = false, .why = w->why_, .stamp = {}, .retry_after = {}};
    w->on_refused(explain(v, w->request_));
    if (had_a_place && !is_twin()) leave_place();  // now that what waited is destroyed
    w = next;
  }
}

// Ends a stay in the line that was counted.
void gate::leave_place() noexcept {
  if (flight_ != nullptr) return leave_place_recorded();
  waiting_.fetch_sub(1, memory_order_release);  // (1)
  // An addition of nothing, not a load: either it shows the close, or the close comes after it, and who closed sees the
  // place free.
  if (capacity_.give_back({.tasks = 0, .weight = 0}, capacity::hold::final).closed) notify_emptied();
}

// Of reserve, without the lock, so that those who are refused hold up nobody: there is no place, and no policy that
// makes one. The close is looked at after the places: if it is not there then, it was not when these were taken.
bool gate::turns_away(const door_request& asked, std::int64_t waiting_now) const noexcept {
  if (flight_ != nullptr) return false;
  const bool has_no_end = asked.deadline.is_never() && asked.patience.is_never();
  return has_no_end && overflow() == weir::overflow::reject_new && waiting_now >= max_waiters() &&
         !capacity_.load().closed;
}

result<gate::slot> gate::reserve(const door_request& asked) {
  if (const std::int64_t now_waiting = waiting(); turns_away(asked, now_waiting)) {
    verdict full{.granted = false, .why = refusal_reason::waiters_full, .stamp = {}, .retry_after = {}};
    full.in_use = now_waiting;
    return explain(full, asked);
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
      const std::int64_t places = waiting();
      const bool is_full = places >= max_waiters();
      // Where more wait than may since a change, one that is dropped makes no place.
      waiter* const dropped = is_full && places == max_waiters() ? victim(asked) : nullptr;
      // Those ahead take their tokens first, so that this wait is the exact one as long as none of them leaves.
      const std::int64_t ahead = queue_.size() - (dropped != nullptr ? 1 : 0);
      refused.retry_after = bucket_.wait_for(ahead + 1, now);
      const time_point ready = add_saturated(now, refused.retry_after);
      if (asked.deadline.has_passed(ready) || asked.patience.has_passed(ready)) {
        refused.why = asked.deadline.has_passed(ready) ? refusal_reason::expired : refusal_reason::timed_out;
        return explain(noted.decided(refused), asked);
      }
      if (!is_full) {
        waiting_.fetch_add(1, memory_order_relaxed);  // relaxed: a place carries no data
        noted.is(flight_verdict::yes);
        return slot::reserved;
      }
      if (overflow() == weir::overflow::caller_runs) {
        noted.is(flight_verdict::caller_runs);
        return slot::caller_runs;
      }
      if (dropped == nullptr) {
        refused.why = refusal_reason::waiters_full;
        refused.retry_after = {};
        refused.in_use = places;
        return explain(noted.decided(refused), asked);
      }
      noted.is(flight_verdict::again);
      refuse(*dropped, refusal_reason::shed, decided);
      hand_on(now, bell::new_head_only, decided);
    }
    deliver(decided);  // the place is free when what had it is destroyed; then another look
    if (is_twin()) return explain(refused, asked);  // which its log tells
  }
}

// Of those who have a place.
waiter* gate::victim(const door_request& newcomer) noexcept {
  const weir::overflow policy = overflow();
  if (policy != weir::overflow::drop_oldest && policy != weir::overflow::drop_lowest) return nullptr;
  waiter* lowest = nullptr;
  for (waiter* w = queue_.head(); w != nullptr; w = waiter_list::after(w)) {
    if (!w->counted_) continue;
    if (policy == weir::overflow::drop_oldest) return w;
    if (lowest == nullptr || w->request_.priority <= lowest->request_.priority) lowest = w;
  }
  return lowest != nullptr && lowest->request_.priority < newcomer.priority ? lowest : nullptr;
}

void gate::cancel_reservation() noexcept { leave_place(); }

void gate::join(waiter& w, place where) noexcept {
  const time_point early = early_now();
  outcomes decided;
  {
    lock_guard held(mutex_);
    step noted(*this, flight_op::join, early, w.request_);
    noted.numbers(w, where);
    w.counted_ = where == place::reserved;
    w.waiting_ = true;
    queue_.push_back(w);
    in_line_.store(queue_.size(), memory_order_relaxed);
    if (capacity_.load().closed) {
      refuse(w, refusal_reason::closed, decided);
    } else if (counts_weight_ && w.request_.weight > max_weight_.load(memory_order_relaxed)) {
      refuse(w, refusal_reason::too_heavy,
             decided);  // the limit was lowered since it was asked: as a head it would wait for ever
    } else if (queue_.head() == &w) {
      sweep_credits();
      capacity_.set_waiters(true);  // before the look below: a release that the look does not see, sees this
      hand_on(noted.now(), bell::new_head_only, decided);
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
