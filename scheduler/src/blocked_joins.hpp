// Who sleeps in a join, and for which task: so that a wait that can never end is refused, and not slept in.
//
// A thread that waits for a task holds up all that its stack has below it, and those whose stop callbacks it is in.
// Since a worker that waits runs other tasks meanwhile, those waits can close to a circle that none of the tasks has
// made: A stands below B on one stack, B waits for C, and C, on another stack, waits for A. Once such a circle stands
// it stays, so that whoever closes it finds it, if each looks before it sleeps. Blocking: a short lock, taken only by
// who is about to sleep. The look is linear in the sleepers and their stacks.
#pragma once

#include <weir/admission/deadline.hpp>
#include <weir/scheduler/detail/frame.hpp>

#include "held_up.hpp"

namespace weir::detail {

/// How a join ended.
enum class join_end : std::uint8_t { done, too_late, would_deadlock };

/// One of the joins that sleep, in whatever pool, for the length of its sleep. A wait with an end of its own blocks
/// nobody for ever, and neither does one by a thread that holds up no task: they are not entered.
class blocked_join {
 public:
  /// By the calling thread.
  blocked_join(const awaited& what, deadline until) noexcept;
  blocked_join(const blocked_join&) = delete;
  blocked_join& operator=(const blocked_join&) = delete;
  ~blocked_join();

  /// What it waits for is held up, over other sleepers or not, by its own thread. To be asked before the sleep.
  [[nodiscard]] bool is_circular() const noexcept { return is_circular_; }

 private:
  struct registry;
  static registry all;

  const awaited what_;
  const held_up stack_;
  bool is_entered_;
  bool is_circular_ = false;
  blocked_join* next_ = nullptr;  // guarded by the registry's lock
  blocked_join* prev_ = nullptr;
};

}  // namespace weir::detail
