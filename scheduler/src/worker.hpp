// A worker: one thread, its deque, its search for work, and the counters that only it writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>

#include <weir/admission/deadline.hpp>
#include <weir/queues/cache_line.hpp>
#include <weir/queues/injector.hpp>
#include <weir/queues/keyed_queue.hpp>
#include <weir/queues/steal_deque.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/fork.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/detail/group.hpp>

#include "blocked_joins.hpp"
#include "idle.hpp"
#include "run_stack.hpp"
#include "worker_counters.hpp"
#include "worker_hooks.hpp"

namespace weir::detail {

class alignas(cache_line) worker {
 public:
  /// @throws std::bad_alloc.
  worker(core& of, int index);
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// The worker of which the calling thread is the thread; null elsewhere.
  [[nodiscard]] static worker* current() noexcept;

  /// @throws std::system_error.
  void start();
  /// Waits for the start hook, and throws what it threw.
  void await_begin() { hooks_.await_begin(); }
  void join_thread() noexcept;
  void detach_thread() noexcept;

  /// Own thread only. Adds a task that others can steal at once; false if there is no memory for it.
  [[nodiscard]] bool push(frame& f) noexcept { return own_.push(&f); }

  /// Own thread only, in a task. Waits for `f` as scheduler/README.md, section "Join", says.
  [[nodiscard]] join_end join(tracked_frame& f, deadline until) noexcept;

  /// Own thread only, in a task. Waits for the children of `g` as scheduler/groups.md says.
  [[nodiscard]] join_end wait_for(group& g) noexcept;

  /// Own thread only. Runs another task, or a stolen fork, on top of the one that runs; false if it finds none.
  [[nodiscard]] bool run_another() noexcept;

  /// Own thread only, in a task. Waits for its newest fork, which was stolen, as scheduler/forks.md says. False: it
  /// will never be done, in the child of a fork(2).
  [[nodiscard]] bool join(fork_job& newest) noexcept;

  /// Own thread only. Takes the oldest fork of `victim` that is public, and runs it on top of what it runs; false if
  /// there is none. `depth` as in core::start.
  [[nodiscard]] bool run_fork_of(worker& victim, int depth) noexcept;

  /// Own thread only. Whether others have made something that `join` or `wait_for` would run of what they wait for:
  /// for who is about to sleep, behind a fence.
  [[nodiscard]] bool sees_part_of(const awaited& what) const noexcept;

  /// Any thread.
  using children_queue = keyed_queue<frame, group, &frame::group, &frame::next_queued>;
  [[nodiscard]] children_queue& children() noexcept { return children_; }
  [[nodiscard]] steal_result<frame> steal() noexcept { return thief_.steal(); }
  [[nodiscard]] bool has_tasks() const noexcept { return !thief_.looks_empty() || !children_.looks_empty(); }
  [[nodiscard]] bool has_forks(std::uint32_t from = 0) const noexcept { return !fork_thief_.looks_empty(from); }
  [[nodiscard]] forker& forks() noexcept { return forks_; }
  [[nodiscard]] run_stack& runs() noexcept { return runs_; }
  [[nodiscard]] worker_counters& counters() noexcept { return counters_; }
  [[nodiscard]] const worker_counters& counters() const noexcept { return counters_; }

  [[nodiscard]] core& pool() const noexcept { return *core_; }
  [[nodiscard]] int index() const noexcept { return index_; }

 private:
  void run() noexcept;
  void loop() noexcept;
  [[nodiscard]] bool run_next(int depth) noexcept;
  [[nodiscard]] frame* find() noexcept;
  [[nodiscard]] frame* take_from_outside(int most) noexcept;
  [[nodiscard]] bool run_stolen(int depth) noexcept;
  [[nodiscard]] bool run_one_of(worker& victim, int depth) noexcept;
  [[nodiscard]] bool run_task_of(worker& victim, int depth) noexcept;
  [[nodiscard]] bool run_child_of(worker& victim, int depth) noexcept;
  [[nodiscard]] bool run_fork_for(const fork_job& mine, const fork_state::view& taken, int depth) noexcept;
  void run_fork(fork_job& f, worker& of, int depth) noexcept;
  [[nodiscard]] bool run_part_of(const awaited& what, int depth) noexcept;
  void sleep_until_done(fork_job& f, bool has_room, bool may_help) noexcept;
  [[nodiscard]] bool may_search() noexcept;
  [[nodiscard]] bool search_on() noexcept;
  void stop_searching() noexcept;
  [[nodiscard]] frame* oldest_of_own() noexcept;
  [[nodiscard]] bool run_newest_if(frame& f, int depth) noexcept;
  [[nodiscard]] join_end run_or_wait(tracked_frame& f, deadline until) noexcept;
  [[nodiscard]] join_end run_children_until_over(group& g) noexcept;
  template <typename Look>
  [[nodiscard]] bool sleep_until_needed(const awaited& what, Look&& is_over) noexcept;
  [[nodiscard]] join_end sleep_until_done(tracked_frame& f, deadline until) noexcept;

  core* core_;
  const int index_;
  steal_deque<frame> deque_;
  steal_deque_owner<frame> own_;
  steal_deque_thief<frame> thief_;
  children_queue children_;
  forker forks_;
  fork_stack_thief<fork_job> fork_thief_;
  run_stack runs_;
  worker_hooks hooks_;
  raw_thread thread_;
  sleeper sleeper_;

  // Own thread only.
  bool is_searching_ = false;     // counted as such by `idle`
  bool owes_a_look_ = false;      // not counted, but chosen: somebody relies on it all the same
  std::uint32_t tick_ = 0;        // tasks looked for
  std::uint32_t since_look_ = 0;  // of these, after the last look at the injector
  int batch_left_ = 0;            // at most so many of the tasks in the deque came from the injector
  injector<frame, &frame::next_queued>::consumer outside_;
  std::size_t last_victim_ = 0;  // of whom it stole last; set before what it stole runs, which may steal, too
  std::uint64_t random_;         // state of xorshift64 (Marsaglia 2003)

  worker_counters counters_;
};

}  // namespace weir::detail
