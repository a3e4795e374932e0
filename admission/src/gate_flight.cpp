// The gate with a flight recorder: its steps that are lock-free without one, and what is noted of all. Read it beside
// admission/flight.md.
#include <algorithm>
#include <limits>

#include <weir/admission/detail/resumption.hpp>

#include "gate_step.hpp"

namespace weir::detail {
namespace {

std::int64_t nanoseconds_of(time_point at) noexcept { return at.time_since_epoch().count(); }

std::uint32_t number_of(std::uint64_t ticket) noexcept { return static_cast<std::uint32_t>(ticket); }

}  // namespace

// ---- an operation

void gate::step::begin(flight_op what) noexcept {
  flight_ring& ring = *of_->flight_;
  now_ = ring.read();
  ticket_ = ring.next_ticket();
  of_->note_state(ring.add(what));
}

void gate::step::end() noexcept {
  flight_ring& ring = *of_->flight_;
  const std::int64_t passed = of_->bucket_.passed_.load(memory_order_relaxed);  // written under the lock
  if (passed != ring.caller_time()) {
    ring.note_caller_time(passed);
    ring.add(flight_op::caller_time).time = passed;
  }
  flight_entry& last = *ring.find(ring.next_ticket() - 1);
  of_->note_state(last);
  last.binding = of_->binding();  // before the look it may be what another head lacked, long ago
}

flight_entry& gate::step::entry() noexcept {
  flight_ring& ring = *of_->flight_;
  flight_entry* const e = ring.find(ticket_);
  return e != nullptr ? *e : ring.spare();
}

void gate::step::note(const door_request& asked) noexcept {
  flight_entry& e = entry();
  e.weight = asked.weight;
  e.time = nanoseconds_of(asked.patience.at());
  e.deadline = nanoseconds_of(asked.deadline.at());
  e.flags = static_cast<std::uint8_t>(e.flags | std::min(asked.priority, flight_entry::priority_bits) |
                                      (asked.may_wait ? flight_entry::waits : 0));
}

void gate::step::note(const verdict& v) noexcept {
  flight_entry& e = entry();
  e.verdict = v.granted ? flight_verdict::yes : verdict_of(v.why);
  e.retry_after = v.granted ? 0 : v.retry_after.count();
}

void gate::step::note(waiter& w, place where) noexcept {
  w.number_ = number_of(ticket_);
  entry().request = w.number_;
  if (where == place::reserved) entry().verdict = flight_verdict::yes;
}

void gate::step::note(const limits& next) noexcept {
  limits counted = next;
  counted.flight_entries = of_->entries_of_flight();
  if (of_->counts_tasks_) counted.max_tasks = of_->max_tasks();  // `unlimited`, too, is a number here
  of_->flight_->add_change(counted);
  const lock_guard held(of_->bucket_.mutex_);
  if (of_->bucket_.changed_at_ != time_point::min()) entry().time = nanoseconds_of(of_->bucket_.changed_at_);
}

void gate::step::by_caller(time_point now) noexcept {
  entry().time = nanoseconds_of(now);
  entry().flags |= flight_entry::by_caller;
}

// ---- what is noted in it

void gate::note_state(flight_entry& in) const noexcept {
  const capacity::view seen = capacity_.load();
  in.tasks_free = static_cast<std::int32_t>(seen.tasks_free);
  in.weight_free = static_cast<std::int32_t>(seen.weight_free);
  in.places = static_cast<std::uint32_t>(waiting_.load(memory_order_relaxed));  // relaxed: written under the lock
  in.arrival = bucket_.arrival_.load(memory_order_relaxed);                     // relaxed: the same
  in.flags =
      static_cast<std::uint8_t>((in.flags & ~(flight_entry::line | flight_entry::closed)) |
                                (seen.waiters ? flight_entry::line : 0) | (seen.closed ? flight_entry::closed : 0));
}

void gate::note_granted(const waiter& w) noexcept {
  flight_entry& e = flight_->add(flight_op::granted);
  e.time = nanoseconds_of(w.stamp_);
  e.weight = w.request_.weight;
  e.request = w.number_;
  note_state(e);
}

void gate::note_refused(const waiter& w) noexcept {
  flight_entry& e = flight_->add(flight_op::refused);
  e.weight = w.request_.weight;
  e.request = w.number_;
  e.verdict = verdict_of(w.why_);
  note_state(e);
}

time_point gate::present() const noexcept { return flight_ != nullptr ? flight_->now() : clock_->now(); }

time_point gate::time_again(time_point before) noexcept {
  if (flight_ == nullptr) return clock_->now();
  if (!flight_->read_again(add_saturated(before, step::strict_slack))) return flight_->now();
  note_state(flight_->add(flight_op::reading));
  return flight_->now();
}

// ---- steps that take no lock where nothing is recorded

void gate::give_back_recorded(flight_op what, std::uint32_t weight, demand held) noexcept {
  const resumption_scope afterwards;
  outcomes decided;
  bool is_empty = false;
  {
    const lock_guard locked(mutex_);
    step noted(*this, what, {});
    noted.weighs(weight);
    const watchers wanted = capacity_.give_back(held, capacity::hold::final);
    if (wanted.waiters) hand_on(noted.now(), bell::new_head_only, decided);
    is_empty = wanted.closed && counts_tasks_ && is_nothing_out();
  }
  deliver(decided);
  if (is_empty) notify_emptied();
}

void gate::give_token_back_recorded(time_point stamp) noexcept {
  const lock_guard held(mutex_);
  step noted(*this, flight_op::token_back, {});
  noted.goes_by(stamp);
  if (has_rate()) (void)bucket_.refund(1, stamp);
}

void gate::leave_place_recorded(std::uint32_t weight) noexcept {
  bool is_closed = false;
  {
    const lock_guard held(mutex_);
    step noted(*this, flight_op::leave, {});
    noted.weighs(weight);
    add_waiting_weight(-std::int64_t{weight});
    waiting_.fetch_sub(1, memory_order_release);  // (1)
    is_closed = capacity_.load().closed;
  }
  if (is_closed) notify_emptied();
}

bool gate::try_add_child_recorded() noexcept {
  const lock_guard held(mutex_);
  step noted(*this, flight_op::child, {});
  const bool taken = take_child();
  noted.is(taken ? flight_verdict::yes : flight_verdict::tasks_full);
  return taken;
}

void gate::note_turned_away(std::int64_t weight, refusal_reason why) noexcept {
  if (flight_ == nullptr) return;
  const lock_guard held(mutex_);
  step noted(*this, flight_op::turned_away, {});
  noted.weighs(
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(weight, 0, std::numeric_limits<std::uint32_t>::max())));
  noted.is(verdict_of(why));
}

// ---- reports, and a twin

bool gate::is_twin() const noexcept { return flight_ != nullptr && flight_->is_twin(); }

std::int64_t gate::entries_of_flight() const noexcept {
  return flight_ != nullptr ? static_cast<std::int64_t>(flight_->most_entries()) : 0;
}

flight_log gate::flight() const {
  flight_log out;
  if (flight_ == nullptr) {
    out.start.limits = configured();
    return out;
  }
  // Room for all, and for what comes meanwhile, before the lock is taken for long.
  for (std::size_t there = 0;;) {
    out.entries.resize(std::min(flight_->most_entries(), there + there / 8 + 64));
    out.changes.resize(flight_->most_changes());
    const lock_guard held(mutex_);
    there = flight_->entries();
    if (there > out.entries.size()) continue;
    flight_->copy_to(out);
    return out;
  }
}

const flight_entry* gate::flight_entry_of(std::uint64_t ticket) const noexcept {
  return flight_ != nullptr ? flight_->find(ticket) : nullptr;
}

std::uint64_t gate::next_ticket() const noexcept { return flight_ != nullptr ? flight_->next_ticket() : 0; }

gate::gate(as_twin /*tag*/, const flight_start& from, const clock_source& clock)
    : gate(check(from.limits), clock, nullptr, 0, {}, {.purses = 0}, {},
           std::make_unique<flight_ring>(from, clock, true)) {
  const capacity::view now = capacity_.load();
  const flight_entry& state = from.state;
  capacity_.move_limits(counts_tasks_ ? state.tasks_free - now.tasks_free : 0,
                        counts_weight_ ? state.weight_free - now.weight_free : 0);
  if ((state.flags & flight_entry::closed) != 0) capacity_.close();
  const lock_guard held(bucket_.mutex_);
  // The terms stand in the slot that the arrival says.
  if (token_bucket::tag_of(state.arrival) != bucket_.terms_.present()) {
    (void)bucket_.terms_.begin({.pace = bucket_.terms_.pace_of(bucket_.terms_.present()), .refill = from.limits.rate});
  }
  bucket_.arrival_.store(state.arrival, memory_order_relaxed);
  bucket_.passed_.store(from.caller_time, memory_order_relaxed);
  bucket_.changed_at_ = time_point(duration(from.changed_at));
}

}  // namespace weir::detail
