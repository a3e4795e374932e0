// How the gate's limits are changed while it is used. Read it beside the section "Limits that change" of
// admission/README.md.
#include <weir/admission/detail/gate.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

#include "gate_step.hpp"

namespace weir::detail {
namespace {

[[noreturn]] void refuse_change(const char* field, std::int64_t to, const char* why) {
  throw std::invalid_argument("weir: limits." + std::string(field) + " cannot become " +
                              (to == unlimited ? std::string("unlimited") : std::to_string(to)) + ": " + why);
}

// What is not counted from the first on is not known.
void check_counts(const limits& next, bool counts_tasks, bool counts_weight, bool counts_waiting_weight) {
  constexpr const char* uncounted = "it was weir::unlimited when this was built, so that what is held is not counted";
  if (!counts_tasks && next.max_tasks != unlimited) refuse_change("max_tasks", next.max_tasks, uncounted);
  if (!counts_waiting_weight && next.max_waiting_weight != unlimited) {
    refuse_change("max_waiting_weight", next.max_waiting_weight,
                  "it was weir::unlimited when this was built, so that what waits was not counted");
  }
  if (!counts_weight && next.max_weight != unlimited) refuse_change("max_weight", next.max_weight, uncounted);
  if (counts_weight && next.max_weight == unlimited) {
    refuse_change("max_weight", next.max_weight, "weights are counted here; it can be up to 2147483647");
  }
}

}  // namespace

void gate::set_limits(const limits& next) {
  (void)check(next);
  check_counts(next, counts_tasks_, counts_weight_, counts_waiting_weight_);
  if (next.flight_entries != 0 && next.flight_entries != entries_of_flight()) {
    refuse_change("flight_entries", next.flight_entries, "it stays as it was when this was built; leave it at 0");
  }
  if (alarm_ != nullptr && !next.rate.is_unlimited()) alarm_->get_ready();
  const time_point early = early_now();
  outcomes decided;
  {
    const lock_guard held(mutex_);
    if (capacity_.load().closed) return;
    step noted(*this, flight_op::set_limits, early);
    // First, since of all that is done here only this could throw. A rate that stays is not touched, so that what was
    // taken can still be given back.
    const bool is_other_rate = bucket_.rule() != bucket_rule{.refill = next.rate, .burst = next.burst};
    if (is_other_rate) bucket_.set_rate(next.rate, next.burst);
    breaker_.set(next.breaker);
    is_watched_.store(is_observed_ || breaker_.is_on(), memory_order_relaxed);
    sweep_credits();
    credits_allowed_ = credits_allowed_ && next.rate.is_unlimited();
    max_waiters_.store(next.max_waiters, memory_order_relaxed);
    max_waiting_weight_.store(next.max_waiting_weight, memory_order_relaxed);
    overflow_.store(next.overflow, memory_order_relaxed);
    priority_ageing_.store(next.priority_ageing, memory_order_relaxed);
    max_bypass_.store(next.max_bypass, memory_order_relaxed);
    strict_window_.store(next.strict_window, memory_order_relaxed);
    allow_slow_waiters_.store(next.allow_slow_waiters, memory_order_relaxed);
    move_limits(next);
    move_marks(next.warn_at);
    noted.changed(next);
    if (counts_weight_) refuse_the_too_heavy(decided);
    hand_on(noted.now(), bell::always, decided);
  }
  deliver(decided);
}

void gate::move_limits(const limits& next) noexcept {
  const std::int64_t tasks_now = max_tasks_.load(memory_order_relaxed);
  const std::int64_t weight_now = max_weight_.load(memory_order_relaxed);
  const std::int64_t tasks = counts_tasks_ ? std::min(next.max_tasks, largest_max_tasks) : tasks_now;
  const std::int64_t weight = counts_weight_ ? next.max_weight : weight_now;
  capacity_.move_limits(tasks - tasks_now, weight - weight_now);
  max_tasks_.store(tasks, memory_order_relaxed);
  max_weight_.store(weight, memory_order_relaxed);
  most_tasks_.store(std::max(tasks, most_tasks_.load(memory_order_relaxed)), memory_order_relaxed);
  if (stock_ != nullptr) stock_->set_block(child_stock::block_for(tasks, stock_->givers(), stock_rule_));
  if (is_over_) return;
  if (const std::optional<refusal_reason> lacks = lacks_to_fit()) {
    head_lacks_.store(*lacks, memory_order_relaxed);  // before newcomers are told it
    begin_being_over();
  }
}

// What is held above its limit, if anything is. With the returns as they are now, which who is refused is told.
std::optional<refusal_reason> gate::lacks_to_fit() noexcept {
  capacity_.note_returns();
  if (counts_tasks_ && capacity_.tasks_held(max_tasks_) > max_tasks()) return refusal_reason::tasks_full;
  if (capacity_.load().weight_free < 0) return refusal_reason::weight_full;
  return std::nullopt;
}

// ---- more held than the limits are: one that stands before the line, and wants nothing but that it fits

// From here on who gives back looks, nobody is let in, and what was spare for children is in the word: with less room
// it must not be there for more of them.
void gate::begin_being_over() noexcept {
  is_over_ = true;
  capacity_.set_waiters(true);
  if (stock_ == nullptr) return;
  stock_->ask();
  while (!capacity_.try_mark()) thread_yield();  // attempts are about to end, without this lock
  (void)capacity_.give_back({.tasks = stock_->recall(), .weight = 0}, capacity::hold::attempt);
}

// The end of it is noticed here, after each release.
bool gate::is_still_over(outcomes& decided) noexcept {
  const std::optional<refusal_reason> lacks = lacks_to_fit();
  if (!lacks) {
    end_being_over(decided);
    return false;
  }
  head_lacks_.store(*lacks, memory_order_relaxed);
  announced_ = nullptr;  // it lacks room now
  return true;
}

void gate::end_being_over(outcomes& decided) noexcept {
  is_over_ = false;
  if (stock_ != nullptr) stock_->ask_no_more();
  within_.fetch_add(1, memory_order_relaxed);  // relaxed: it says "look again", under the lock
  decided.fits_again = true;
  const bool is_closed = capacity_.load().closed;
  while (waiter* const w = until_within_.head()) {
    until_within_.remove(*w);
    w->waiting_ = false;
    w->why_ = refusal_reason::closed;
    (is_closed ? decided.refused : decided.granted).push_back(*w);
  }
}

void gate::join_until_within(waiter& w) noexcept {
  outcomes decided;
  {
    const lock_guard held(mutex_);
    const bool is_closed = capacity_.load().closed;
    w.waiting_ = is_over_;
    w.why_ = refusal_reason::closed;
    (is_over_ ? until_within_ : is_closed ? decided.refused : decided.granted).push_back(w);
  }
  deliver(decided);
}

bool gate::withdraw_until_within(waiter& w, refusal_reason why) noexcept {
  outcomes decided;
  {
    const lock_guard held(mutex_);
    if (!w.waiting_) return false;
    until_within_.remove(w);
    w.waiting_ = false;
    w.why_ = why;
    decided.refused.push_back(w);
  }
  deliver(decided);
  return true;
}

bool gate::wait_until_within(time_point until) noexcept {
  for (;;) {
    const std::uint32_t seen = within_.load(memory_order_relaxed);  // relaxed: as above
    {
      const lock_guard held(mutex_);
      if (!is_over_) return !capacity_.load().closed;
    }
    if (until <= clock_->now()) return false;
    clock_->wait_until(within_, seen, until);
  }
}

// As the head, one of them would wait for ever, and all behind it.
void gate::refuse_the_too_heavy(outcomes& decided) noexcept {
  const std::int64_t limit = max_weight_.load(memory_order_relaxed);
  for (waiter* w = queue_.head(); w != nullptr;) {
    waiter* const next = waiter_list::after(w);
    if (w->request_.weight > limit) refuse(*w, refusal_reason::too_heavy, decided);
    w = next;
  }
}

limits gate::configured() const {
  const lock_guard held(mutex_);
  const bucket_rule rule = bucket_.rule();
  return {.max_tasks = counts_tasks_ ? max_tasks() : std::int64_t{unlimited},
          .max_weight = counts_weight_ ? max_weight() : std::int64_t{unlimited},
          .rate = rule.refill,
          .burst = rule.burst,
          .max_waiters = max_waiters(),
          .max_waiting_weight = max_waiting_weight_.load(memory_order_relaxed),
          .overflow = overflow(),
          .priority_ageing = priority_ageing_.load(memory_order_relaxed),
          .max_bypass = max_bypass_.load(memory_order_relaxed),
          .strict_window = strict_window_.load(memory_order_relaxed),
          .allow_slow_waiters = allow_slow_waiters_.load(memory_order_relaxed),
          .breaker = breaker_.configured(),
          .warn_at = pressure_ != nullptr ? pressure_->warn_at() : limits{}.warn_at,
          .flight_entries = entries_of_flight()};
}

}  // namespace weir::detail
