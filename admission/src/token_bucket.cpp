// The arithmetic of the bucket. Ticks are 1/64 ns: fine enough for 100 million tokens a second at an error of 0.16 %,
// and coarse enough that 63 bits hold 2.28 years either side of now.
#include <weir/admission/token_bucket.hpp>

#include <algorithm>
#include <limits>

#include <weir/admission/deadline.hpp>

#include "bucket_pace.hpp"

namespace weir {
namespace {

constexpr std::int64_t ticks_per_ns = 64;

using detail::bucket_pace;
using detail::int128;
using detail::memory_order_acq_rel;
using detail::memory_order_acquire;
using detail::memory_order_relaxed;

// From `begin` to `end`, at most `most`; none if `end` is before.
std::int64_t ticks_between(time_point begin, time_point end, std::int64_t most) noexcept {
  if (end <= begin) return 0;
  const int128 ticks = (int128{end.time_since_epoch().count()} - begin.time_since_epoch().count()) * ticks_per_ns;
  return static_cast<std::int64_t>(std::min(ticks, int128{most}));
}

}  // namespace

token_bucket::token_bucket(weir::rate refill, std::int64_t burst, const clock_source& clock, bucket_start start)
    : clock_(&clock),
      terms_({.pace = detail::checked_pace(refill, burst), .refill = refill}),
      is_unlimited_(refill.is_unlimited()),
      arrival_(arrival_at(clock.now(), start == bucket_start::empty ? terms_.pace_of(0).allowance() : 0, 0)) {}

// ---- taking

result<void> token_bucket::try_take(std::int64_t tokens) noexcept {
  if (tokens < 1) [[unlikely]]
    return never(tokens);
  if (is_unlimited()) return {};
  const time_point now = clock_->now();
  if (take_at_once(tokens, now, detail::time_of::own_clock)) return {};
  return take_or_explain(tokens, now, detail::time_of::own_clock);
}

result<void> token_bucket::try_take(std::int64_t tokens, time_point now) noexcept {
  if (tokens < 1) [[unlikely]]
    return never(tokens);
  if (is_unlimited() || take_at_once(tokens, now, detail::time_of::caller)) return {};
  return take_or_explain(tokens, now, detail::time_of::caller);
}

// In any case, and with an eye to why not: what is needed for that would keep registers from a grant.
[[gnu::noinline]] result<void> token_bucket::take_or_explain(std::int64_t tokens, time_point now,
                                                             detail::time_of whose) noexcept {
  for (sight seen{};;) {
    const std::int64_t early = take(tokens, now, whose, seen);
    if (early == 0) return {};
    if (early == more_than_burst) return never(tokens);
    if (whose == detail::time_of::own_clock && debt_at(now, seen.arrival) > furthest(seen.pace) && rebase()) {
      now = clock_->now();
      continue;
    }
    const weir::rate refill = terms_.refill_of(tag_of(seen.arrival));
    if (!terms_.holds(seen.since, tag_of(seen.arrival))) continue;  // what it was refused by is gone: once more
    const std::int64_t there = std::max<std::int64_t>(tokens * seen.pace.interval - early, 0) / seen.pace.interval;
    return refusal{.reason = refusal_reason::rate_limited,
                   .what = quantity::tokens,
                   .asked = tokens,
                   .limit = seen.pace.burst,
                   .in_use = seen.pace.burst - there,
                   .rate = refill,
                   .retry_after = detail::length_of(early)};
  }
}

// Under the lock: they would be there only after `wait`.
refusal token_bucket::not_before(std::int64_t tokens, duration wait) const noexcept {
  const bucket_rule now = rule();
  return {.reason = refusal_reason::rate_limited,
          .what = quantity::tokens,
          .asked = tokens,
          .limit = now.burst,
          .in_use = now.burst,
          .rate = now.refill,
          .retry_after = wait};
}

result<std::int64_t> token_bucket::charge(std::int64_t tokens) noexcept {
  if (tokens < 1) return never(tokens);
  // Before the exchange, so that who sees the debt knows that there may be one.
  if (!may_owe_.load(memory_order_relaxed)) may_owe_.store(true, memory_order_relaxed);
  for (;;) {
    const sight seen = look();
    if (seen.pace.interval == 0) return tokens;
    const time_point now = clock_->now();
    const std::int64_t debt = debt_at(now, seen.arrival);
    const std::int64_t room = 2 * seen.pace.allowance() - debt;
    const std::int64_t charged = room <= 0 ? 0 : std::min(tokens, room / seen.pace.interval);
    if (charged == 0) return 0;
    std::uint64_t expected = seen.arrival;
    const std::uint64_t next = arrival_at(now, debt + charged * seen.pace.interval, tag_of(seen.arrival));
    if (arrival_.compare_exchange_weak(expected, next, memory_order_acq_rel, memory_order_relaxed) &&
        terms_.holds(seen.since, tag_of(seen.arrival))) {
      return charged;  // (1)
    }
  }
}

// Of a number that is none, or above the burst.
refusal token_bucket::never(std::int64_t tokens) const noexcept {
  for (;;) {
    const sight seen = look();
    const refusal why{.reason = tokens < 1 ? refusal_reason::invalid : refusal_reason::too_heavy,
                      .what = quantity::tokens,
                      .asked = tokens,
                      .limit = seen.pace.interval == 0 ? std::int64_t{unlimited} : seen.pace.burst,
                      .rate = terms_.refill_of(tag_of(seen.arrival))};
    if (terms_.holds(seen.since, tag_of(seen.arrival))) return why;
  }
}

void token_bucket::raise_passed(time_point now) noexcept {
  const std::int64_t raised = detail::add_saturated(now, std::chrono::milliseconds(1)).time_since_epoch().count();
  std::int64_t latest = passed_.load(memory_order_relaxed);
  while (latest < raised && !passed_.compare_exchange_weak(latest, raised, memory_order_relaxed)) {
  }
}

// ---- reports

bucket_rule token_bucket::rule() const noexcept {
  for (;;) {
    const sight seen = look();
    const bucket_rule now{.refill = terms_.refill_of(tag_of(seen.arrival)), .burst = seen.pace.burst};
    if (terms_.holds(seen.since, tag_of(seen.arrival))) return now;
  }
}

duration token_bucket::wait_for(std::int64_t tokens, time_point now) const noexcept {
  const sight seen = look();
  if (seen.pace.interval == 0 || tokens <= 0) return duration::zero();
  const int128 debt = debt_at(now, seen.arrival);
  const int128 over = debt + int128{seen.pace.interval} * tokens - seen.pace.allowance();
  if (over <= 0) return duration::zero();
  const int128 nanoseconds = (over + ticks_per_ns - 1) / ticks_per_ns;
  return nanoseconds > duration::max().count() ? duration::max() : duration(static_cast<std::int64_t>(nanoseconds));
}

std::int64_t token_bucket::approx_available(time_point now) const noexcept {
  const sight seen = look();
  if (seen.pace.interval == 0) return unlimited;
  const std::int64_t debt = debt_at(now, seen.arrival);
  return debt >= seen.pace.allowance() ? 0 : (seen.pace.allowance() - debt) / seen.pace.interval;
}

duration token_bucket::interval() const noexcept { return detail::length_of(look().pace.interval); }

// No grant that an arrival shows has a later time, if this is called after that was loaded: see the edge.
time_point token_bucket::latest() const noexcept {
  const time_point passed{duration(passed_.load(memory_order_relaxed))};
  return std::max({clock_->now(), passed, promised_until_});
}

// How far the arrival may lie ahead of the latest time.
std::int64_t token_bucket::furthest(const bucket_pace& pace) const noexcept {
  return may_owe_.load(memory_order_relaxed) ? 2 * pace.allowance() : pace.allowance();
}

bool token_bucket::looks_turned_back(time_point now) const noexcept {
  const sight seen = look();
  return seen.pace.interval != 0 && debt_at(now, seen.arrival) > furthest(seen.pace);
}

// ---- what moves the arrival back: under the lock, so that it stays in the terms that it was read in

result<void> token_bucket::refund(std::int64_t tokens, time_point taken_at) noexcept {
  const detail::lock_guard held(mutex_);
  const bucket_pace pace = terms_.pace_of(terms_.present());
  if (tokens < 1) return never(tokens);
  if (pace.interval == 0 || taken_at <= changed_at_) return {};
  if (tokens > pace.burst) return never(tokens);
  const std::int64_t cost = tokens * pace.interval;
  for (std::uint64_t arrival = arrival_.load(memory_order_acquire);;) {  // (1)
    const std::int64_t left = cost - ticks_between(taken_at, latest(), cost);
    if (left == 0) return {};
    const std::uint64_t next = arrival - (static_cast<std::uint64_t>(left) << 1);
    ++backs_;
    if (arrival_.compare_exchange_weak(arrival, next, memory_order_acq_rel, memory_order_acquire)) return {};  // (1)
  }
}

bool token_bucket::rebase() noexcept {
  const detail::lock_guard held(mutex_);
  const bucket_pace pace = terms_.pace_of(terms_.present());
  if (pace.interval == 0) return false;
  std::uint64_t arrival = arrival_.load(memory_order_acquire);  // (1)
  const time_point now = latest();
  if (ahead_of(now, arrival) <= furthest(pace)) return false;
  const std::uint64_t next = arrival_at(now, pace.allowance(), tag_of(arrival));
  ++backs_;
  return arrival_.compare_exchange_strong(arrival, next, memory_order_acq_rel, memory_order_relaxed);
}

void token_bucket::set_rate(weir::rate refill, std::int64_t burst, bucket_balance then) {
  const detail::bucket_terms next{.pace = detail::checked_pace(refill, burst), .refill = refill};
  const detail::lock_guard held(mutex_);
  const bucket_pace before = terms_.pace_of(terms_.present());
  const std::uint32_t tag = terms_.begin(next);
  std::uint64_t arrival = arrival_.load(memory_order_acquire);  // (1)
  std::uint64_t changed = 0;
  do {
    changed_at_ = latest();
    const std::int64_t debt = std::clamp<std::int64_t>(ahead_of(changed_at_, arrival), 0, furthest(before));
    changed = arrival_at(changed_at_, detail::converted_debt(debt, before, next.pace, then), tag);
  } while (!arrival_.compare_exchange_weak(arrival, changed, memory_order_acq_rel, memory_order_acquire));  // (1) (2)
  is_unlimited_.store(refill.is_unlimited(), memory_order_relaxed);
}

}  // namespace weir
