// A task that runs: on the stack of the thread that runs it, from the call of its callable to the end of its
// destruction; or a stolen fork of it, on the stack of the thief.
#pragma once

#include <cstdint>
#include <exception>
#include <utility>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/fork.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/stop_token.hpp>

namespace weir::detail {

class callback_scope;
class worker;

struct run_context;

/// Where a thread is.
struct thread_place {
  run_context* innermost = nullptr;
  const callback_scope* innermost_callback = nullptr;
  int scopes_without_forks = 0;
};
// Of the calling thread. Constant-initialised, and in the initial block of thread-local storage, as the forker.
extern thread_local constinit thread_place this_place __attribute__((tls_model("initial-exec")));

struct run_context {
  /// @param forks  those of the worker that runs it; null on a thread of the user's.
  run_context(frame& of, core& in, worker* by, forker* forks, int unrelated_below) noexcept;
  /// That of a fork of the task in `forked_in`, on another worker's stack.
  run_context(run_context& forked_in, worker& by, forker& forks, int unrelated_below) noexcept;
  run_context(const run_context&) = delete;
  run_context& operator=(const run_context&) = delete;
  ~run_context();

  /// The innermost one of the calling thread; null outside of tasks.
  [[nodiscard]] static run_context* current() noexcept { return this_place.innermost; }
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
  forker* const forker_below;  // where its thread could fork until then

  /// Whether a join of this one may run an unrelated task on top.
  [[nodiscard]] bool may_help() const noexcept;
  /// The callable is gone, and with it all groups that it made: else says so on stderr and terminates, in every build,
  /// since their children would go on with a task that is over.
  void check_groups() const noexcept {
    if (groups.load(memory_order_relaxed) != 0) [[unlikely]]
      complain_of_groups();
  }

  /// From now on `task` runs, and makes its forks there; null: nowhere.
  static void enter_forker(forker* at, run_context* task) noexcept {
    forker::enter(at, task);
    if (at != nullptr) at->stops().raise_own();  // what was asked to stop meanwhile, or before: its first fork looks
  }

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

  // Threads that call callbacks of this task. Writers: they. Reader: the end of the run, which waits for 0.
  // (1) relaxed: all under the registry's lock, which orders them. An atomic, since the end of the run sleeps on it.
  atomic<std::uint32_t> callers{0};

 private:
  // What the two have in common; `forked_in` may be null. The forks are not entered yet.
  run_context(frame* of, core* in, worker* by, run_context* forked_in, int unrelated_below) noexcept;

  void begin(forker* forks) noexcept {
    this_place.innermost = this;
    enter_forker(forks, this);
  }
  [[nodiscard]] static bool is_isolated_in(const run_context* c) noexcept {
    return c != nullptr && c->is_isolated.load(memory_order_relaxed);
  }
  void complain_of_groups() const noexcept;
};

inline run_context::run_context(frame& of, core& in, worker* by, forker* forks, int unrelated_below) noexcept
    : run_context(&of, &in, by, nullptr, unrelated_below) {
  begin(forks);
}

inline run_context::run_context(run_context& forked_in, worker& by, forker& forks, int unrelated_below) noexcept
    : run_context(forked_in.task, forked_in.pool, &by, &forked_in, unrelated_below) {
  begin(&forks);
}

inline run_context::run_context(frame* of, core* in, worker* by, run_context* forked_in, int unrelated_below) noexcept
    : task(of),
      pool(in),
      on(by),
      below(this_place.innermost),
      root(forked_in != nullptr ? forked_in->root : this),
      forked(forked_in),
      stack(&this_place),
      height((below != nullptr ? below->height : 0) + 1),
      depth(unrelated_below),
      callbacks_below(this_place.innermost_callback),
      scopes_without_forks_below(std::exchange(this_place.scopes_without_forks, 0)),
      forker_below(forker::current()),
      is_isolated(is_isolated_in(forked_in) || is_isolated_in(below)) {}

inline run_context::~run_context() {
  this_place.innermost = below;
  this_place.scopes_without_forks = scopes_without_forks_below;
  enter_forker(forker_below, below);
}

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

}  // namespace weir::detail
