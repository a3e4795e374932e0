// The gate's fast path, its end, and its reports; the line is in gate_line.cpp. Read it beside the section "Gate" of
// admission/README.md.
#include <weir/admission/detail/gate.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/admission/detail/asked.hpp>
#include <weir/admission/detail/resumption.hpp>

#include "gate_step.hpp"

namespace weir::detail {
namespace {

using outcome = capacity::outcome;
using hold = capacity::hold;

std::unique_ptr<flight_ring> ring_for(const limits& configured, const clock_source& clock) {
  if (configured.flight_entries == 0) return nullptr;
  return std::make_unique<flight_ring>(flight_start{.limits = configured}, clock, false);
}

std::int64_t counted(std::int64_t configured) noexcept { return configured == unlimited ? 0 : configured; }

std::size_t purses_of(const limits& l, std::size_t givers, credits::rule by) noexcept {
  if (givers != 0 || !l.rate.is_unlimited() || l.flight_entries != 0) return 0;
  return credits::purses_for(counted(l.max_tasks), counted(l.max_weight), by);
}

std::unique_ptr<pressure_watch> watch_for(pressure_handler to) {
  return to ? std::make_unique<pressure_watch>(std::move(to)) : nullptr;
}

refusal_reason reason_of(outcome o) noexcept {
  switch (o) {
    case outcome::tasks_full:
      return refusal_reason::tasks_full;
    case outcome::weight_full:
      return refusal_reason::weight_full;
    case outcome::contended:
      return refusal_reason::contended;
    case outcome::closed:
      return refusal_reason::closed;
    case outcome::taken:
    case outcome::waiters_ahead:
      break;
  }
  return refusal_reason::invalid;
}

}  // namespace

gate::gate(const limits& configured, const clock_source& clock, alarm* for_tokens, std::size_t givers,
           child_stock::rule stocks, credits::rule purses, pressure_handler on_pressure)
    : gate(check(configured), clock, for_tokens, configured.flight_entries == 0 ? givers : 0, stocks, purses,
           std::move(on_pressure), ring_for(configured, clock)) {}

gate::gate(const limits& configured, const clock_source& clock, alarm* for_tokens, std::size_t givers,
           child_stock::rule stocks, credits::rule purses, pressure_handler on_pressure,
           std::unique_ptr<flight_ring> flight)
    : clock_(&clock),
      alarm_(for_tokens),
      flight_(std::move(flight)),
      pressure_(watch_for(std::move(on_pressure))),
      is_observed_(flight_ != nullptr || pressure_ != nullptr),
      breaker_(configured.breaker),
      counts_tasks_(configured.max_tasks != unlimited),
      counts_weight_(configured.max_weight != unlimited),
      counts_waiting_weight_(configured.max_waiting_weight != unlimited),
      stock_rule_(stocks),
      stock_(givers != 0 && counts_tasks_
                 ? std::make_unique<child_stock>(givers, child_stock::block_for(configured.max_tasks, givers, stocks))
                 : nullptr),
      credits_(purses_of(configured, givers, purses), purses.share),
      bucket_(configured.rate, configured.burst, flight_ != nullptr ? flight_->clock() : clock),
      max_tasks_(counted(configured.max_tasks)),
      max_weight_(counted(configured.max_weight)),
      max_waiters_(configured.max_waiters),
      max_waiting_weight_(configured.max_waiting_weight),
      overflow_(configured.overflow),
      priority_ageing_(configured.priority_ageing),
      max_bypass_(configured.max_bypass),
      strict_window_(configured.strict_window),
      allow_slow_waiters_(configured.allow_slow_waiters),
      is_watched_(is_observed_ || breaker_.is_on()),
      most_tasks_(counted(configured.max_tasks)),
      capacity_(counted(configured.max_tasks), counted(configured.max_weight), pressure_ == nullptr ? givers : 0,
                !is_observed_),
      head_lacks_(counts_tasks_    ? refusal_reason::tasks_full
                  : counts_weight_ ? refusal_reason::weight_full
                                   : refusal_reason::rate_limited) {
  if (flight_ != nullptr) note_state(flight_->start());
  const lock_guard held(mutex_);
  move_marks(configured.warn_at);
}

gate::~gate() {
  if (flight_ != nullptr && flight_->is_twin()) return;
  const long long tasks = tasks_in_use();
  const long long weight = weight_in_use();
  const long long line = in_line_.load(memory_order_relaxed);  // relaxed: everybody has left, or it is a bug
  if (tasks == 0 && weight == 0 && line == 0) return;
  std::fprintf(stderr,
               "weir: a limiter is destroyed while %lld tasks and a weight of %lld are held and %lld wait in line; "
               "permits and waits must end before it\n",
               tasks, weight, line);
  std::terminate();
}

// ---- the fast path

// In one piece, since the calls cost as much as what they do; what is rare stays out of it.
[[gnu::flatten]] gate::verdict gate::try_admit(const door_request& asked, time_point now, time_of whose) noexcept {
  if (breaker_.may_be_shut()) [[unlikely]] {
    const duration pause = is_twin() ? duration::zero() : breaker_.pause_at(now);  // its log says who was turned away
    if (pause != duration::zero()) return refuse_in_pause(asked, now, pause);
  }
  if (is_observed_) [[unlikely]]
    return try_admit_observed(asked, now, whose);
  return decide(asked, now, whose);
}

[[gnu::noinline]] gate::verdict gate::try_admit_observed(const door_request& asked, time_point now,
                                                         time_of whose) noexcept {
  const resumption_scope afterwards;
  const verdict v = flight_ != nullptr ? try_admit_recorded(asked, now, whose) : decide(asked, now, whose);
  if (pressure_ != nullptr) note_pressure();
  return v;
}

[[gnu::noinline]] gate::verdict gate::refuse_in_pause(const door_request& asked, time_point now,
                                                      duration pause) noexcept {
  verdict v{.granted = false, .why = refusal_reason::closed, .stamp = now, .retry_after = {}};
  if (capacity_.load().closed) return v;
  v.why = refusal_reason::breaker_open;
  v.retry_after = pause;
  note_turned_away(asked.weight, v.why);
  return v;
}

gate::verdict gate::try_admit_recorded(const door_request& asked, time_point now, time_of whose) noexcept {
  const lock_guard held(mutex_);
  step noted(*this, flight_op::attempt, now, asked);
  if (whose == time_of::caller) noted.by_caller(now);
  return noted.decided(decide(asked, whose == time_of::caller ? now : noted.now(), whose));
}

gate::verdict gate::decide(const door_request& asked, time_point now, time_of whose) noexcept {
  const bool too_heavy = counts_weight_ && asked.weight > max_weight_.load(memory_order_relaxed);
  if (too_heavy || asked.deadline.has_passed(now)) [[unlikely]] {
    const capacity::view seen = capacity_.load();
    verdict refused{.granted = false, .why = refusal_reason::closed, .stamp = now, .retry_after = {}};
    if (seen.closed) return refused;
    refused.why = too_heavy ? refusal_reason::too_heavy : refusal_reason::expired;
    refused.in_use = in_use(refused.why, seen);
    return refused;
  }
  return take(demand_of(asked.weight), capacity::place::newcomer, now, whose);
}

gate::verdict gate::take(demand wanted, capacity::place from, time_point now, time_of whose) noexcept {
  verdict v{.granted = false, .why = refusal_reason::rate_limited, .stamp = now, .retry_after = {}};
  if (bucket_.is_unlimited()) {
    v.granted = take_room(wanted, from, hold::final, v);
  } else {
    v.granted = take_room_and_token(wanted, from, whose, v);
  }
  return v;
}

bool gate::take_room(demand wanted, capacity::place from, hold kind, verdict& v) noexcept {
  if (stock_ != nullptr) return take_room_with_givers(wanted, from, kind, v);
  capacity::view seen{};
  const outcome found = credits_.exist() ? take_room_or_credits(wanted, from, kind, seen)
                                         : capacity_.try_take_of_word(wanted, from, kind, seen);
  if (found == outcome::taken) return true;
  explain_room(found, seen, v);
  return false;
}

void gate::explain_room(capacity::outcome found, const capacity::view& seen, verdict& v) const noexcept {
  if (found == outcome::waiters_ahead) return explain_line(seen, v);
  v.why = reason_of(found);
  v.in_use = in_use(v.why, seen);
}

bool gate::take_room_and_token(demand wanted, capacity::place from, time_of whose, verdict& v) noexcept {
  // By an outside clock, grants at times ahead of it would all come now.
  if (whose == time_of::caller && strict_window_.load(memory_order_relaxed)) v.stamp = std::min(v.stamp, present());
  const bool newcomer = from == capacity::place::newcomer;
  if (!bucket_.has_one(v.stamp)) {
    explain_rate(newcomer, whose, v);
    return false;
  }

  // What the head holds needs no mark: newcomers are sent to the line before they look for room.
  const hold kind = newcomer ? hold::attempt : hold::final;
  if (!take_room(wanted, from, kind, v)) return false;
  if (take_token(v.stamp, whose)) {
    v.took_token = true;
    if (newcomer) capacity_.settle();
    return true;
  }
  if (newcomer) {
    give_back(wanted, kind);  // and a look: it may have kept the head from its place meanwhile
    v.retry_after = rate_wait(v.stamp);
  } else {
    (void)capacity_.give_back(wanted, kind);  // under the lock that hand_on holds
    v.retry_after = bucket_.wait_for(1, v.stamp);
  }
  return false;
}

[[gnu::noinline]] void gate::explain_rate(bool newcomer, time_of whose, verdict& v) noexcept {
  if (newcomer) {
    const capacity::view seen = capacity_.load();
    if (seen.closed || seen.waiters) return explain_line(seen, v);
  }
  v.retry_after = bucket_.wait_for(1, v.stamp);
  // Only a reading of this clock can show that it went back.
  if (whose == time_of::own_clock && bucket_.looks_turned_back(v.stamp) && bucket_.rebase()) {
    v.retry_after = bucket_.wait_for(1, present());
  }
}

// Whoever stands in line is served first, and so it is what the head lacks that keeps a newcomer out.
void gate::explain_line(const capacity::view& seen, verdict& v) const noexcept {
  v.why = seen.closed ? refusal_reason::closed : head_lacks_.load(memory_order_relaxed);
  v.in_use = in_use(v.why, seen);
  v.retry_after = v.why == refusal_reason::rate_limited ? rate_wait(v.stamp) : duration::zero();
}

// How long the rate alone keeps a newcomer out: those in line take a token each, and then it takes its own.
duration gate::rate_wait(time_point now) const noexcept {
  return bucket_.wait_for(in_line_.load(memory_order_relaxed) + 1, now);
}

std::int64_t gate::in_use(refusal_reason limit, const capacity::view& seen) const noexcept {
  // The limit stands beside the word, and may be the one before or after a move of it.
  if (seen.spare) [[unlikely]]
    return in_use(limit, with_credits(seen));
  switch (limit) {
    case refusal_reason::tasks_full:
      return std::clamp<std::int64_t>(max_tasks() - seen.tasks_free, 0, most_tasks_.load(memory_order_relaxed));
    case refusal_reason::weight_full:
    case refusal_reason::too_heavy:
      return std::max<std::int64_t>(max_weight_.load(memory_order_relaxed) - seen.weight_free, 0);
    default:
      return 0;
  }
}

bool gate::take_token(time_point& now, time_of whose) noexcept {
  for (;;) {
    if (bucket_.take(1, now, whose) > 0) return false;
    if (!strict_window_.load(memory_order_relaxed)) return true;
    const time_point after = time_again(now);
    if (after <= add_saturated(now, step::strict_slack)) return true;
    now = after;  // that token is let go: it was for a time too far back
    whose = time_of::own_clock;
  }
}

bool gate::is_worth_waiting(refusal_reason why) noexcept {
  return why == refusal_reason::tasks_full || why == refusal_reason::weight_full ||
         why == refusal_reason::rate_limited || why == refusal_reason::contended;
}

// ---- giving back

void gate::release_watched(std::uint32_t weight) noexcept {
  if (breaker_.is_on()) breaker_.note_in_time();
  release(weight);
}

void gate::release_part(std::uint32_t weight) noexcept {
  if (!counts_weight_) return;
  const demand part{.tasks = 0, .weight = weight};
  if (is_observed_) [[unlikely]]
    return give_back_observed(flight_op::release_part, weight, part);
  give_back_final(part);
}

void gate::release(std::uint32_t weight, std::size_t giver) noexcept {
  if (!capacity_.has_givers()) return release(weight);
  const watchers wanted = capacity_.give_back_as(giver);
  if (wanted.waiters || wanted.closed) [[unlikely]]
    tell(wanted);
}

[[gnu::noinline]] void gate::tell(watchers wanted) noexcept {
  const resumption_scope afterwards;
  if (wanted.waiters) look(bell::new_head_only);
  if (wanted.closed && counts_tasks_ && is_nothing_out()) notify_emptied();
}

// ---- closing

void gate::close() noexcept {
  const resumption_scope afterwards;
  outcomes decided;
  {
    lock_guard held(mutex_);
    const step noted(*this, flight_op::close, time_point{});
    if (stock_ != nullptr && !capacity_.load().closed) stock_->ask();  // for ever
    sweep_credits();
    capacity_.close();
    while (waiter* const w = queue_.head()) refuse(*w, refusal_reason::closed, decided);
    if (is_over_) end_being_over(decided);  // it is at an end, at any rate
    capacity_.set_waiters(false);
    if (stock_ != nullptr) recall_under_lock();
  }
  deliver(decided);
  notify_emptied();
}

void gate::notify_emptied() noexcept {
  emptied_.fetch_add(1, memory_order_release);  // (2)
  futex_wake(&emptied_, wake_all);
}

bool gate::wait_until_empty(time_point until) noexcept {
  for (;;) {
    const std::uint32_t seen = emptied_.load(memory_order_acquire);  // (2)
    if (is_nothing_out() && waiting() == 0) return true;
    if (until <= clock_->now()) return false;
    clock_->wait_until(emptied_, seen, until);
  }
}

// ---- reports

refusal gate::explain(const verdict& v, const door_request& asked) const noexcept {
  refusal why{.reason = v.why, .asked = asked.weight, .in_use = v.in_use, .retry_after = v.retry_after};
  switch (v.why) {
    case refusal_reason::tasks_full:
      why.limit = max_tasks();
      break;
    case refusal_reason::weight_full:
    case refusal_reason::too_heavy:
      why.limit = max_weight_.load(memory_order_relaxed);
      break;
    case refusal_reason::shed:
      why.limit = max_waiters();
      why.in_use = why.limit;
      break;
    case refusal_reason::rate_limited: {
      const bucket_rule rule = bucket_.rule();
      why.limit = rule.burst;
      why.in_use = why.limit;
      why.rate = rule.refill;
      break;
    }
    case refusal_reason::expired:
    case refusal_reason::timed_out:
      why.rate = bucket_.refill();
      break;
    case refusal_reason::breaker_open:
      why.limit = breaker_.configured().consecutive_expired;
      break;
    default:
      break;
  }
  return why;
}

std::int64_t gate::tasks_in_use() const noexcept {
  if (!counts_tasks_) return 0;
  if (credits_.exist()) return in_use(refusal_reason::tasks_full, capacity_.load());
  const std::int64_t most = most_tasks_.load(memory_order_relaxed);
  const std::int64_t out = std::clamp<std::int64_t>(capacity_.tasks_held(max_tasks_), 0, most);
  // Once it is closed nothing stays in a stock; what is on its way through one is then a task that has not ended yet.
  if (stock_ == nullptr || capacity_.load().closed) return out;
  return std::max<std::int64_t>(out - stock_->units(), 0);
}

std::int64_t gate::weight_in_use() const noexcept {
  return counts_weight_ ? in_use(refusal_reason::weight_full, capacity_.load()) : 0;
}

std::int64_t gate::waiting() const noexcept { return waiting_.load(memory_order_acquire); }  // (1)

std::int64_t gate::waiting_weight() const noexcept { return waiting_weight_.load(memory_order_relaxed); }

refusal refuse_weight(gate& at, std::int64_t weight, std::int64_t limit) noexcept {
  at.note_turned_away(weight, weight < 1 ? refusal_reason::invalid : refusal_reason::too_heavy);
  if (weight < 1) return {.reason = refusal_reason::invalid, .asked = weight, .limit = limit};
  return {.reason = refusal_reason::too_heavy, .asked = weight, .limit = limit, .in_use = at.weight_in_use()};
}

}  // namespace weir::detail
