// Grants at times to come, and what is left of them. Read it beside the section "A reservation" of
// admission/token_bucket.md.
#include <weir/admission/token_reservations.hpp>

#include <algorithm>
#include <limits>

#include <weir/admission/deadline.hpp>

#include "bucket_pace.hpp"

namespace weir {

using detail::memory_order_acq_rel;
using detail::memory_order_acquire;

namespace {

// With the longest burst well within the bucket's horizon.
constexpr duration furthest_promise = std::chrono::hours(400 * 24);

}  // namespace

result<reservation> token_reservations::reserve(std::int64_t tokens, duration longest_wait) noexcept {
  token_bucket& from = *bucket_;
  longest_wait = std::max(longest_wait, duration::zero());
  const detail::lock_guard held(bucket_->mutex_);
  const std::uint32_t terms = from.terms_.now();
  const detail::bucket_pace pace = from.terms_.pace_of(from.terms_.present());
  if (tokens < 1 || (tokens > pace.burst && pace.interval != 0)) return from.never(tokens);
  const std::int64_t cost = tokens * pace.interval;
  std::uint64_t arrival = from.arrival_.load(memory_order_acquire);
  for (;;) {
    const time_point now = from.clock_->now();
    if (pace.interval == 0) return reservation(now, tokens, 0, 0, terms);
    forget_old_holes(now, terms);
    const std::int64_t debt = from.debt_at(now, arrival);
    const duration wait = debt == std::numeric_limits<std::int64_t>::max()
                              ? duration::max()
                              : detail::length_of(debt - (pace.allowance() - cost));
    const time_point ready = detail::add_saturated(now, wait);
    if (reservation* const hole = earliest_hole(tokens); hole != nullptr && hole->ready_at_ < ready) {
      if (hole->ready_at_ - now <= longest_wait) {
        const std::uint64_t end = tokens == hole->tokens_ ? hole->arrival_ : 0;
        const reservation taken(hole->ready_at_, tokens, end, hole->backs_, terms);
        hole->tokens_ -= tokens;
        hole->arrival_ = 0;  // what is left of it is not the end of anything
        return taken;
      }
      return from.not_before(tokens, hole->ready_at_ - now);
    }
    if (wait > std::min(longest_wait, furthest_promise)) return from.not_before(tokens, wait);
    bucket_->promised_until_ = std::max(bucket_->promised_until_, ready);
    // From the time on that it is ready at, which is rounded up to a nanosecond.
    const std::int64_t ahead = from.debt_at(ready, arrival) + cost;
    const std::uint64_t next = token_bucket::arrival_at(ready, ahead, token_bucket::tag_of(arrival));
    if (from.arrival_.compare_exchange_weak(arrival, next, memory_order_acq_rel, memory_order_acquire)) {
      return reservation(ready, tokens, next, bucket_->backs_, terms);
    }
  }
}

void token_reservations::cancel(const reservation& unused) noexcept {
  token_bucket& of = *bucket_;
  const detail::lock_guard held(bucket_->mutex_);
  const std::uint32_t terms = of.terms_.now();
  if (unused.tokens_ == 0 || unused.terms_ != terms || of.is_unlimited()) return;
  const time_point now = of.clock_->now();
  forget_old_holes(now, terms);
  if (!take_back(unused)) {
    if (unused.ready_at_ >= now) keep(unused);
    return;
  }
  // What was cancelled right before it is the last one now.
  for (bool any = true; any;) {
    any = false;
    for (reservation& hole : holes_) {
      if (hole.tokens_ == 0 || !take_back(hole)) continue;
      hole = reservation();
      any = true;
    }
  }
}

// True if the bucket is as it left it, and is now as if it had not been.
bool token_reservations::take_back(const reservation& last) noexcept {
  // An arrival that was moved back since may be the same by what was granted after that.
  token_bucket& of = *bucket_;
  if (last.arrival_ == 0 || last.backs_ != bucket_->backs_) return false;
  const detail::bucket_pace pace = of.terms_.pace_of(of.terms_.present());
  std::uint64_t expected = last.arrival_;
  const std::uint64_t left = last.arrival_ - (static_cast<std::uint64_t>(last.tokens_ * pace.interval) << 1);
  if (!of.arrival_.compare_exchange_strong(expected, left, memory_order_acq_rel, memory_order_acquire)) return false;
  // The latest that is promised still: what a full bucket would owe less than that for.
  const time_point now = of.clock_->now();
  const std::int64_t beyond = token_bucket::ahead_of(now, left) - pace.allowance();
  bucket_->promised_until_ = beyond > 0 ? detail::add_saturated(now, detail::length_of(beyond)) : time_point::min();
  return true;
}

reservation* token_reservations::earliest_hole(std::int64_t tokens) noexcept {
  reservation* earliest = nullptr;
  for (reservation& hole : holes_) {
    if (hole.tokens_ < tokens) continue;
    if (earliest == nullptr || hole.ready_at_ < earliest->ready_at_) earliest = &hole;
  }
  return earliest;
}

// Those whose time has come are of no use any more: who took them now would stand beside those after them.
void token_reservations::forget_old_holes(time_point now, std::uint32_t terms) noexcept {
  for (reservation& hole : holes_) {
    if (hole.ready_at_ < now || hole.terms_ != terms) hole = reservation();
  }
}

void token_reservations::keep(const reservation& hole) noexcept {
  const auto place = std::find_if(holes_.begin(), holes_.end(), [](const reservation& h) { return h.tokens_ == 0; });
  if (place != holes_.end()) *place = hole;
}

}  // namespace weir
