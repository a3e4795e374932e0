// Forks, as far as the callers' code must see them: what one is, and the end of a worker that takes them.
//
// A fork lies on the C stack of the task that made it, which joins it before it leaves that frame; so no memory is
// allocated and nothing counts references. What is not stolen is pushed and popped without an atomic read-modify-write
// while an older fork is there to steal. A lone one is made public at once, and taken back: that costs two, of its
// worker's line (perf/README.md, counts).
// The protocols are in queues/README.md (fork stack) and scheduler/forks.md.
#pragma once

#include <cstdint>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/fork_stack.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/fork_state.hpp>
#include <weir/scheduler/detail/stop_flag.hpp>

namespace weir::detail {

class worker;
struct run_context;

/// The part of a fork that has no type.
struct fork_job {
  bool (*run)(fork_job&) noexcept;  // for a thief: calls the callable and keeps the outcome; true: it has thrown
  run_context* of;                  // of the task that forked it
  fork_state state;
};

/// The end of a worker at which its task forks. Own thread only, but for `stops` and `stack`.
class alignas(cache_line) forker {
 public:
  explicit forker(worker& of) noexcept : worker_(&of) {}
  forker(const forker&) = delete;
  forker& operator=(const forker&) = delete;

  /// That of the worker on which the calling thread runs a task; null elsewhere: there is nobody to steal.
  [[nodiscard]] static forker* current() noexcept;
  /// The task that runs now, and who is current; null: none.
  static void enter(forker* at, run_context* task) noexcept;

  [[nodiscard]] run_context* task() const noexcept { return task_; }

  /// Leaves by weir::cancelled if the task was asked to stop. One relaxed load if nobody was.
  void throw_if_stopped() {
    if (stops_.is_up()) [[unlikely]] {
      look_for_a_stop();
    }
  }

  /// False: no room; the caller runs it in place.
  [[nodiscard]] bool push(fork_job& f) noexcept {
    const pushed how = own_.push(&f);
    if (how == pushed::kept) [[likely]]
      return true;
    if (how == pushed::full) return false;
    tell_of_forks();
    return true;
  }

  /// True: the newest was taken back, and is the caller's to run or to drop. False: it was stolen.
  [[nodiscard]] bool pop() noexcept { return own_.pop(); }

  /// Waits for the newest fork, which was stolen, and runs what was forked for it meanwhile. False: it will never be
  /// done, since this is the child of a fork(2).
  [[nodiscard]] bool join_stolen(fork_job& newest) noexcept;
  [[noreturn]] static void throw_forked();

  /// Lets thieves take all of them, before something that may take long.
  void publish_all() noexcept {
    if (own_.publish_all()) tell_of_forks();
  }

  /// Whether a thief would find nothing here, unless forks that are private yet.
  [[nodiscard]] bool has_nothing_to_steal() const noexcept { return own_.has_nothing_public(); }

  /// How many forks there are: what is pushed later is at this index or above.
  [[nodiscard]] std::uint32_t size() const noexcept { return own_.size(); }
  void forget_newest() noexcept { own_.forget_newest(); }
  /// Before and after each run on the worker's stack: who takes what was forked in one takes nothing of another.
  /// Returns whether forks from before are public.
  bool begin_segment() noexcept { return own_.begin_segment(); }
  /// After a run on the worker's stack that hid what lies below it from those who wait for that: tells them.
  void tell_of_forks_below() noexcept;

  /// The same for who is not on a worker, or must not fork there.
  static void throw_if_stopped_elsewhere();

  /// Whether some task that may run here was asked to stop.
  [[nodiscard]] stop_flag& stops() noexcept { return stops_; }

  [[nodiscard]] fork_stack<fork_job>& stack() noexcept { return stack_; }

 private:
  void look_for_a_stop();
  void tell_of_forks() noexcept;
  void tell_joins(const run_context* task) noexcept;

  fork_stack<fork_job> stack_;
  fork_stack_owner<fork_job> own_{stack_};
  run_context* task_ = nullptr;
  worker* worker_;

  stop_flag stops_;
};

// Constant-initialised, and in the initial block of thread-local storage: reading it calls nothing, in a shared library
// neither.
extern thread_local constinit forker* current_forker __attribute__((tls_model("initial-exec")));

inline forker* forker::current() noexcept { return current_forker; }

inline void forker::enter(forker* at, run_context* task) noexcept {
  current_forker = at;
  if (at != nullptr) at->task_ = task;
}

}  // namespace weir::detail
