// A task that runs: on the stack of the thread that runs it, from the call of its callable to the end of its
// destruction; or a stolen fork of it, on the stack of the thief.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/stop_token.hpp>

namespace weir::detail {

class callback_scope;
class worker;

struct run_context {
  run_context(frame& of, core& in, worker* by, int unrelated_below) noexcept;
  /// That of a fork of the task in `forked_in`, on another worker's stack.
  run_context(run_context& forked_in, worker& by, int unrelated_below) noexcept;
  run_context(const run_context&) = delete;
  run_context& operator=(const run_context&) = delete;
  ~run_context();

  /// The innermost one of the calling thread; null outside of tasks.
  [[nodiscard]] static run_context* current() noexcept;
  /// How many unrelated tasks there are on the calling thread's stack.
  [[nodiscard]] static int depth_here() noexcept {
    const run_context* const here = current();
    return here != nullptr ? here->depth : 0;
  }

  [[nodiscard]] stop_token token() noexcept { return stop_token(root); }

  frame* task;
  core* pool;
  worker* on;           // null on a thread of the user's that runs its own submission (caller_runs)
  run_context* below;   // what this stack ran before, and will go on with
  run_context* root;    // of the same task, on the stack where that began: its callbacks are there
  run_context* forked;  // what this is a stolen fork of, on another stack, and joined there; null: nothing
  const void* stack;    // which one this is on
  int height;           // contexts on that stack, this one included
  int depth;            // unrelated tasks below this one on the stack
  // What this task does not know of, and is not bound by: the callbacks and the code between tasks that its thread was
  // in when it began. A wait in a stop callback runs what it waits for, which would be any worker's else.
  const callback_scope* const callbacks_below;
  const int scopes_without_forks_below;

  /// Whether a join of this one may run an unrelated task on top.
  [[nodiscard]] bool may_help() const noexcept;
  /// The callable is gone, and with it all groups that it made: else says so on stderr and terminates, in every build,
  /// since their children would go on with a task that is over.
  void check_groups() const noexcept;

  // Whether joins run nothing unrelated (isolate). Writer: its thread. Readers: it, and who steals a fork made here.
  // Relaxed: the steal has published it.
  atomic<bool> is_isolated{false};

  // Groups that this task, or a fork of it, has made and that have not ended. Writers: who makes and ends one. Reader:
  // the end of the run. Relaxed: they end before it, or it is an error.
  atomic<std::uint32_t> groups{0};

  // Guarded by the pool's stop registry.
  stop_callback_node* callbacks = nullptr;
  run_context* next = nullptr;
  run_context* prev = nullptr;
  bool is_registered = false;
  bool is_closing = false;  // the end of the run sleeps until nobody calls callbacks
  std::exception_ptr callback_error;

  // Threads that call callbacks of this task. Writers: they, under the registry's lock. Reader: the end of the run,
  // which waits for 0.
  // (1) left: release subtraction by the caller -> acquire load by the end of the run.
  atomic<std::uint32_t> callers{0};
};

/// For a scope, forks of the calling thread are run in place: it is marked, by what a thief's thread would not be.
class no_forking {
 public:
  no_forking() noexcept;
  no_forking(const no_forking&) = delete;
  no_forking& operator=(const no_forking&) = delete;
  ~no_forking();

  /// Whether the calling thread is in such a scope.
  [[nodiscard]] static bool is_here() noexcept;
};

/// For a scope, the calling thread calls a stop callback of the task in `of`, whose end waits for it.
class callback_scope {
 public:
  explicit callback_scope(const run_context& of) noexcept;
  callback_scope(const callback_scope&) = delete;
  callback_scope& operator=(const callback_scope&) = delete;
  ~callback_scope();

  [[nodiscard]] const run_context* of() const noexcept { return of_; }
  [[nodiscard]] const callback_scope* below() const noexcept { return below_; }

 private:
  const run_context* of_;        // stays, and all that is below it: it does not end before its callbacks
  const callback_scope* below_;  // maybe with tasks between the two
  no_forking forks_;
};

/// What a wait is for: the end of a task, or of all children of a group.
class awaited {
 public:
  explicit awaited(const frame& task) noexcept : task_(&task) {}
  explicit awaited(const group& all) noexcept : group_(&all) {}

  /// Whether it cannot end before the task in `c` does.
  [[nodiscard]] bool needs(const run_context& c) const noexcept {
    return c.task == task_ || (group_ != nullptr && is_child(*c.task) && c.task->group == group_);
  }

 private:
  const frame* task_ = nullptr;
  const group* group_ = nullptr;
};

/// What cannot end before the calling thread goes on: the tasks on its stack, those whose stop callbacks it calls, and
/// the tasks below these on their own stacks; of a child also the task that made its group. A view: it stays true while
/// the thread sleeps.
class held_up {
 public:
  [[nodiscard]] static held_up by_this_thread() noexcept;

  /// Nothing of any pool.
  [[nodiscard]] bool is_empty() const noexcept { return top_ == nullptr && callbacks_ == nullptr; }
  [[nodiscard]] bool contains(const awaited& what) const noexcept;
  [[nodiscard]] bool contains_any_of(const core& pool) const noexcept;

 private:
  template <typename Predicate>
  [[nodiscard]] bool any(Predicate holds) const noexcept;

  const run_context* top_;
  const callback_scope* callbacks_;
};

}  // namespace weir::detail
