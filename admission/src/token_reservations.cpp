// Grants at times to come, and what is left of them. Read it beside the section "A reservation" of
// admission/token_bucket.md.
#include <weir/admission/token_reservations.hpp>

#include <algorithm>

#include <weir/admission/deadline.hpp>

#include "bucket_pace.hpp"

namespace weir {

using detail::memory_order_acq_rel;
using detail::memory_order_acquire;

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
    if (pace.interval == 0) return reservation(now, tokens, 0, terms);
    forget_old_holes(now, terms);
    const std::int64_t debt = from.debt_at(now, arrival);
    const duration wait = detail::length_of(debt - (pace.allowance() - cost));
    const time_point ready = detail::add_saturated(now, wait);
    if (reservation* const hole = earliest_hole(tokens); hole != nullptr && hole->ready_at_ < ready) {
      if (hole->ready_at_ - now <= longest_wait) {
        const reservation taken(hole->ready_at_, tokens, tokens == hole->tokens_ ? hole->arrival_ : 0, terms);
        hole->tokens_ -= tokens;
        hole->arrival_ = 0;  // what is left of it is not the end of anything
        return taken;
      }
      return from.not_before(tokens, hole->ready_at_ - now);
    }
    if (wait > longest_wait) return from.not_before(tokens, wait);
    if (wait > duration::zero()) from.raise_passed(ready);  // before the exchange, as a caller's time
    const std::uint64_t next = token_bucket::arrival_at(now, debt + cost, token_bucket::tag_of(arrival));
    if (from.arrival_.compare_exchange_weak(arrival, next, memory_order_acq_rel, memory_order_acquire)) {
      return reservation(ready, tokens, next, terms);
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
  if (last.arrival_ == 0) return false;
  const detail::bucket_pace pace = bucket_->terms_.pace_of(bucket_->terms_.present());
  std::uint64_t expected = last.arrival_;
  const std::uint64_t cost = static_cast<std::uint64_t>(last.tokens_ * pace.interval) << 1;
  return bucket_->arrival_.compare_exchange_strong(expected, last.arrival_ - cost, memory_order_acq_rel,
                                                   memory_order_acquire);
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
