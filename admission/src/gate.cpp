// The gate's fast path, its end, and its reports; the line is in gate_line.cpp. Read it beside the section "Gate" of
// admission/README.md.
#include <weir/admission/detail/gate.hpp>

#include <cassert>
#include <stdexcept>
#include <string>

namespace weir::detail {
namespace {

using outcome = capacity_word::outcome;
using hold = capacity_word::hold;

constexpr duration strict_slack = std::chrono::milliseconds(1);

std::int64_t counted_tasks(std::int64_t configured) noexcept { return configured == unlimited ? 0 : configured; }
std::int64_t counted_weight(std::int64_t configured) noexcept { return configured == unlimited ? 0 : configured; }

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

gate::gate(const limits& configured, const clock_source& clock, alarm* for_tokens)
    : limits_(check(configured)),
      clock_(&clock),
      alarm_(for_tokens),
      bucket_(configured.rate, configured.burst, clock),
      counts_tasks_(configured.max_tasks != unlimited),
      counts_weight_(configured.max_weight != unlimited),
      word_(counted_tasks(configured.max_tasks), counted_weight(configured.max_weight)),
      max_weight_(counted_weight(configured.max_weight)) {}

gate::~gate() {
  assert(tasks_in_use() == 0 && weight_in_use() == 0 && "weir: a limiter ends while permits are held");
  close();
}

demand gate::demand_of(std::uint32_t weight) const noexcept {
  return {.tasks = counts_tasks_ ? 1u : 0u, .weight = counts_weight_ ? weight : 0u};
}

// ---- the fast path

gate::verdict gate::try_admit(const door_request& asked, time_point now) noexcept {
  verdict refused{.granted = false, .why = refusal_reason::closed, .stamp = now, .retry_after = {}};
  if (word_.load().closed) return refused;
  if (counts_weight_ && asked.weight > max_weight_.load(memory_order_relaxed)) {
    refused.why = refusal_reason::too_heavy;
    return refused;
  }
  if (asked.deadline.has_passed(now)) {
    refused.why = refusal_reason::expired;
    return refused;
  }
  return take(demand_of(asked.weight), capacity_word::place::newcomer, now);
}

gate::verdict gate::take(const demand& wanted, capacity_word::place from, time_point now) noexcept {
  verdict v{.granted = false, .why = refusal_reason::rate_limited, .stamp = now, .retry_after = {}};
  const bool limited = !bucket_.is_unlimited();
  if (limited) {
    v.retry_after = bucket_.wait_for(1, now);
    if (v.retry_after > bucket_.interval() && bucket_.rebase()) v.retry_after = bucket_.wait_for(1, clock_->now());
    if (v.retry_after > duration::zero()) return v;
  }
  // What the head holds needs no mark: newcomers are sent to the queue before they look for room.
  const bool marked = limited && from == capacity_word::place::newcomer;
  const hold kind = marked ? hold::attempt : hold::final;
  const outcome capacity = word_.try_take(wanted, from, kind);
  if (capacity == outcome::waiters_ahead) {
    v.why = reason_behind_waiters(wanted, now);
    v.retry_after = v.why == refusal_reason::rate_limited ? bucket_.wait_for(waiting() + 1, now) : duration::zero();
    return v;
  }
  if (capacity != outcome::taken) {
    v.why = reason_of(capacity);
    return v;
  }
  if (limited) {
    if (!take_token(v.stamp)) {
      v.retry_after = bucket_.wait_for(1, v.stamp);
      // The head gives back under the lock that hand_on holds; a newcomer may have kept the head from its place
      // meanwhile.
      if (marked) {
        give_back(wanted, kind);
      } else {
        (void)word_.give_back(wanted, kind);
      }
      return v;
    }
    if (marked) word_.settle();
  }
  v.granted = true;
  return v;
}

bool gate::take_token(time_point& now) noexcept {
  for (;;) {
    if (!bucket_.try_take(1, now)) return false;
    if (!limits_.strict_window) return true;
    const time_point after = clock_->now();
    if (after - now <= strict_slack) return true;
    now = after;  // that token is let go: it was for a time too far back
  }
}

refusal_reason gate::reason_behind_waiters(const demand& wanted, time_point now) const noexcept {
  const capacity_word::view seen = word_.load();
  if (seen.closed) return refusal_reason::closed;
  if (counts_tasks_ && seen.tasks_free < 1) return refusal_reason::tasks_full;
  if (counts_weight_ && seen.weight_free < static_cast<std::int64_t>(wanted.weight)) return refusal_reason::weight_full;
  if (bucket_.wait_for(1, now) > duration::zero()) return refusal_reason::rate_limited;
  if (counts_weight_) return refusal_reason::weight_full;  // room for it, but not for one ahead of it
  return counts_tasks_ ? refusal_reason::tasks_full : refusal_reason::rate_limited;
}

bool gate::is_worth_waiting(refusal_reason why) noexcept {
  return why == refusal_reason::tasks_full || why == refusal_reason::weight_full ||
         why == refusal_reason::rate_limited || why == refusal_reason::contended;
}

// ---- giving back

void gate::release(std::uint32_t weight) noexcept { give_back(demand_of(weight), hold::final); }

void gate::give_back(const demand& held, hold kind) noexcept {
  const capacity_word::view after = word_.give_back(held, kind);
  if (after.waiters) pump();
  if (after.closed && counts_tasks_ && after.tasks_free == limits_.max_tasks) {
    say_emptied();
  }
}

// ---- closing, and changing a limit

void gate::close() noexcept {
  outcomes decided;
  {
    lock_guard held(mutex_);
    (void)word_.close();
    while (waiter* const w = queue_.head()) refuse(*w, refusal_reason::closed, decided);
    word_.set_waiters(false);
  }
  deliver(decided);
  say_emptied();
}

void gate::say_emptied() noexcept {
  emptied_.fetch_add(1, memory_order_release);  // (2)
  futex_wake(&emptied_, wake_all);
}

bool gate::wait_until_empty(time_point until) noexcept {
  for (;;) {
    const std::uint32_t seen = emptied_.load(memory_order_acquire);  // (2)
    if (tasks_in_use() == 0 && waiting() == 0) return true;
    if (until <= clock_->now()) return false;
    clock_->wait_until(emptied_, seen, until);
  }
}

void gate::set_max_weight(std::int64_t limit) {
  if (!counts_weight_ || limit < 1 || limit > largest_max_weight) {
    throw std::invalid_argument("weir: limits.max_weight cannot become " + std::to_string(limit) +
                                ": it can be moved within 1 to " + std::to_string(largest_max_weight) +
                                ", and only where it was not weir::unlimited");
  }
  const time_point now = clock_->now();
  outcomes decided;
  {
    lock_guard held(mutex_);
    (void)word_.move_weight_limit(limit - max_weight_.load(memory_order_relaxed));
    max_weight_.store(limit, memory_order_relaxed);
    for (waiter* w = queue_.head(); w != nullptr;) {
      waiter* const next = waiter_list::after(w);
      if (w->request_.weight > limit) refuse(*w, refusal_reason::too_heavy, decided);
      w = next;
    }
    hand_on(now, bell::new_head_only, decided);
  }
  deliver(decided);
}

// ---- reports

refusal gate::explain(const verdict& v, const door_request& asked) const noexcept {
  refusal why{.reason = v.why, .asked = asked.weight, .rate = limits_.rate, .retry_after = v.retry_after};
  switch (v.why) {
    case refusal_reason::tasks_full:
      why.limit = limits_.max_tasks;
      why.in_use = tasks_in_use();
      break;
    case refusal_reason::weight_full:
    case refusal_reason::too_heavy:
      why.limit = max_weight_.load(memory_order_relaxed);
      why.in_use = weight_in_use();
      break;
    case refusal_reason::waiters_full:
    case refusal_reason::shed:
      why.limit = limits_.max_waiters;
      why.in_use = waiting();
      break;
    case refusal_reason::rate_limited:
      why.limit = limits_.burst;
      why.in_use = limits_.burst;
      break;
    default:
      break;
  }
  return why;
}

std::int64_t gate::tasks_in_use() const noexcept {
  return counts_tasks_ ? limits_.max_tasks - word_.load().tasks_free : 0;
}

std::int64_t gate::weight_in_use() const noexcept {
  return counts_weight_ ? max_weight_.load(memory_order_relaxed) - word_.load().weight_free : 0;
}

std::int64_t gate::max_weight() const noexcept {
  return counts_weight_ ? max_weight_.load(memory_order_relaxed) : largest_max_weight;
}

std::int64_t gate::waiting() const noexcept { return waiting_.load(memory_order_acquire); }  // (1)

}  // namespace weir::detail
