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

class worker;

struct run_context {
  run_context(frame& of, core& in, worker* by, run_context* parent_task, int unrelated_below) noexcept;
  /// That of a fork of the task in `forked_in`, on another worker's stack.
  run_context(run_context& forked_in, worker& by, int unrelated_below) noexcept;
  run_context(const run_context&) = delete;
  run_context& operator=(const run_context&) = delete;
  ~run_context();

  /// The innermost one of the calling thread; null outside of tasks.
  [[nodiscard]] static run_context* current() noexcept;

  [[nodiscard]] stop_token token() noexcept { return stop_token(root); }

  frame* task;
  core* pool;
  worker* on;           // null on a thread of the user's that runs its own submission (caller_runs)
  run_context* below;   // what this stack ran before, and will go on with
  run_context* parent;  // the task of which this one is a child; null for a root
  run_context* root;    // of the same task, on the stack where that began: its callbacks are there
  run_context* forked;  // what this is a stolen fork of, on another stack, and joined there; null: nothing
  const void* stack;    // which one this is on
  int height;           // contexts on that stack, this one included
  int depth;            // unrelated tasks below this one on the stack

  /// Whether a join of this one may run an unrelated task on top.
  [[nodiscard]] bool may_help() const noexcept;

  // Whether joins run nothing unrelated (isolate). Writer: its thread. Readers: it, and who steals a fork made here.
  // Relaxed: the steal has published it.
  atomic<bool> is_isolated{false};

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
};

/// For a scope, the calling thread calls a stop callback of the task in `of`, whose end waits for it.
class callback_scope {
 public:
  explicit callback_scope(const run_context& of) noexcept;
  callback_scope(const callback_scope&) = delete;
  callback_scope& operator=(const callback_scope&) = delete;
  ~callback_scope();

 private:
  friend class held_up;
  const run_context* of_;  // stays, and all that is below it: it does not end before its callbacks
  const callback_scope* below_;
  no_forking forks_;
};

/// What cannot end before the calling thread goes on: the tasks on its stack, those whose stop callbacks it calls, and
/// the tasks below these on their own stacks. A view: it stays true while the thread sleeps.
class held_up {
 public:
  [[nodiscard]] static held_up by_this_thread() noexcept;

  /// Nothing of any pool.
  [[nodiscard]] bool is_empty() const noexcept { return top_ == nullptr && callbacks_ == nullptr; }
  [[nodiscard]] bool contains(const frame& f) const noexcept;
  [[nodiscard]] bool contains_any_of(const core& pool) const noexcept;

 private:
  template <typename Predicate>
  [[nodiscard]] bool any(Predicate holds) const noexcept;

  const run_context* top_;
  const callback_scope* callbacks_;
};

}  // namespace weir::detail
