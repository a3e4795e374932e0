// Who sleeps in a join, and for which task: so that a wait that can never end is refused, and not slept in.
//
// A task that waits for another holds up all that its stack has below it. Since a worker that waits runs other tasks
// meanwhile, those waits can close to a circle that none of the tasks has made: A stands below B on one stack, B waits
// for C, and C, on another stack, waits for A. Once such a circle stands it stays, so that whoever closes it finds it,
// if each looks before it sleeps. Blocking: a short lock, taken only by who is about to sleep. The look is linear in
// the sleepers and their stacks.
#pragma once

#include <weir/admission/deadline.hpp>
#include <weir/queues/mutex.hpp>
#include <weir/scheduler/detail/frame.hpp>

#include "run_context.hpp"

namespace weir::detail {

/// How a join ended.
enum class join_end : std::uint8_t { done, too_late, would_deadlock };

class blocked_join;

/// Those of one pool.
class blocked_joins {
 private:
  friend class blocked_join;

  mutex mutex_;
  blocked_join* first_ WEIR_GUARDED_BY(mutex_) = nullptr;
};

/// One of them, for the length of its sleep. A wait with an end of its own blocks nobody for ever, and neither does one
/// that is made outside of all tasks: they are not entered.
class blocked_join {
 public:
  blocked_join(blocked_joins& all, const frame& awaited, const run_context* top, deadline until) noexcept;
  blocked_join(const blocked_join&) = delete;
  blocked_join& operator=(const blocked_join&) = delete;
  ~blocked_join();

  /// What it waits for stands, over other sleepers or not, on its own stack. To be asked before the sleep.
  [[nodiscard]] bool is_circular() const noexcept { return is_circular_; }

 private:
  [[nodiscard]] bool closes_a_circle() const noexcept WEIR_REQUIRES(all_->mutex_);

  blocked_joins* all_;
  const frame* awaited_;
  const run_context* top_;  // of the stack of its thread, which does not change while it is entered
  bool is_entered_;
  bool is_circular_ = false;
  blocked_join* next_ = nullptr;  // guarded by the lock
  blocked_join* prev_ = nullptr;
};

}  // namespace weir::detail
