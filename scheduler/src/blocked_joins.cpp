#include "blocked_joins.hpp"

#include <weir/queues/mutex.hpp>

namespace weir::detail {

struct blocked_join::registry {
  mutex lock;
  blocked_join* first WEIR_GUARDED_BY(lock) = nullptr;

  // Whether what `stack` holds up must end before `what` can.
  [[nodiscard]] bool holds_up(const held_up& stack, const awaited& what) const noexcept WEIR_REQUIRES(lock);
};

constinit blocked_join::registry blocked_join::all;

blocked_join::blocked_join(const awaited& what, deadline until) noexcept
    : what_(what), stack_(held_up::by_this_thread()), is_entered_(!stack_.is_empty() && until.is_never()) {
  if (!is_entered_) return;
  const lock_guard held(all.lock);
  is_circular_ = all.holds_up(stack_, what);
  is_entered_ = !is_circular_;  // so that those who are entered never make a circle
  if (!is_entered_) return;
  next_ = all.first;
  if (next_ != nullptr) next_->prev_ = this;
  all.first = this;
}

blocked_join::~blocked_join() {
  if (!is_entered_) return;
  const lock_guard held(all.lock);
  (prev_ != nullptr ? prev_->next_ : all.first) = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
}

// Depth first over what holds up what it waits for. A task runs on one stack, and threads may be in its stop callbacks,
// so that the way from sleeper to sleeper may branch; it ends, since the sleepers make no circle, with a task that this
// thread holds up or with ones that nobody asleep does.
bool blocked_join::registry::holds_up(const held_up& stack, const awaited& what) const noexcept {
  if (stack.contains(what)) return true;
  for (const blocked_join* other = first; other != nullptr; other = other->next_) {
    if (other->stack_.contains(what) && holds_up(stack, other->what_)) return true;
  }
  return false;
}

}  // namespace weir::detail
