#include "blocked_joins.hpp"

namespace weir::detail {

blocked_join::blocked_join(blocked_joins& all, const frame& awaited, const run_context* top, deadline until) noexcept
    : all_(&all), awaited_(&awaited), top_(top), is_entered_(top != nullptr && until.is_never()) {
  if (!is_entered_) return;
  const lock_guard held(all_->mutex_);
  is_circular_ = closes_a_circle();
  is_entered_ = !is_circular_;  // so that those who are entered never make a circle
  if (!is_entered_) return;
  next_ = all_->first_;
  if (next_ != nullptr) next_->prev_ = this;
  all_->first_ = this;
}

blocked_join::~blocked_join() {
  if (!is_entered_) return;
  const lock_guard held(all_->mutex_);
  (prev_ != nullptr ? prev_->next_ : all_->first_) = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
}

// Each task stands on one stack, and each stack sleeps in one join: the way from sleeper to sleeper has no branches,
// and ends, since the sleepers make no circle, with a task on this stack or with one that nobody asleep holds up.
bool blocked_join::closes_a_circle() const noexcept {
  const frame* awaited = awaited_;
  for (;;) {
    if (top_->is_below(*awaited)) return true;
    const blocked_join* holder = all_->first_;
    while (holder != nullptr && !holder->top_->is_below(*awaited)) holder = holder->next_;
    if (holder == nullptr) return false;
    awaited = holder->awaited_;
  }
}

}  // namespace weir::detail
