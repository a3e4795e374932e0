// A task that runs: on the stack of the thread that runs it, from the call of its callable to the end of its
// destruction.
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
  run_context(const run_context&) = delete;
  run_context& operator=(const run_context&) = delete;
  ~run_context();

  /// The innermost one of the calling thread; null outside of tasks.
  [[nodiscard]] static run_context* current() noexcept;

  [[nodiscard]] stop_token token() noexcept { return stop_token(this); }

  /// Whether `f` runs here or further down on this stack.
  [[nodiscard]] bool is_below(const frame& f) const noexcept;

  frame* task;
  core* pool;
  worker* on;           // null on a thread of the user's that runs its own submission (caller_runs)
  run_context* below;   // what this stack ran before, and will go on with
  run_context* parent;  // the task of which this one is a child; null for a root
  int depth;            // unrelated tasks below this one on the stack

  // Guarded by the pool's stop registry.
  stop_callback_node* callbacks = nullptr;
  run_context* next = nullptr;
  run_context* prev = nullptr;
  bool is_registered = false;
  std::exception_ptr callback_error;

  // Threads that call callbacks of this task. Writers: they, under the registry's lock. Reader: the end of the run,
  // which waits for 0.
  // (1) left: release subtraction by the caller -> acquire load by the end of the run.
  atomic<std::uint32_t> callers{0};
};

/// Whether `f` runs on the stack of the calling thread.
[[nodiscard]] bool is_on_this_stack(const frame& f) noexcept;

}  // namespace weir::detail
