// The inside of a pool: the door, the queues, the workers, and the life of a task between them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <weir/admission/detail/gate.hpp>
#include <weir/queues/injector.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/detail/group.hpp>
#include <weir/scheduler/detail/submission.hpp>
#include <weir/scheduler/metrics.hpp>
#include <weir/scheduler/options.hpp>
#include <weir/scheduler/shutdown.hpp>

#include "blocked_joins.hpp"
#include "clock_thread.hpp"
#include "idle.hpp"
#include "pool_limiter.hpp"
#include "run_context.hpp"
#include "stop_count.hpp"
#include "stop_registry.hpp"
#include "striped_counter.hpp"
#include "task_timing.hpp"
#include "topology.hpp"
#include "worker.hpp"

namespace weir::detail {

/// The process's count of forks, of which a pool remembers the value at its construction.
/// @throws std::bad_alloc if there is no memory to count them.
[[nodiscard]] std::uint32_t fork_generation();
// Raised in the child of a fork, on its only thread. Relaxed: there is nobody else.
extern constinit atomic<std::uint32_t> forks_so_far;

/// Owned by the pool object and by every tracked frame, since a job may be asked for its end, or to stop, while the
/// pool object is being destroyed on another thread: the last one frees it.
class core {
 public:
  explicit core(const pool_options& options);
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  /// Ends a pool as its destructor promises. The object may be gone after it.
  static void end(core* c) noexcept;

  // ---- submission (core.cpp)

  [[nodiscard]] result<passage> enter(verb how, const submit_options& options, stamp wanted, deadline patience,
                                      bool is_timed = false, launch_batch* unlaunched = nullptr);
  [[nodiscard]] bool enter_at_once(const submit_options& options) noexcept;
  void admit(frame& f, time_point stamp) noexcept;
  void insert_all(std::span<frame* const> frames, priority lane) noexcept;
  void launch_admitted(frame& f, priority lane, time_point stamp) noexcept;
  void launch_on_caller(frame& f, time_point stamp) noexcept;
  void launch_waiting(frame& f, door_wait& place) noexcept;
  void adopt(tracked_frame& f);
  void undo_adoption(tracked_frame& f) noexcept;
  void run_adopted(tracked_frame& f) noexcept;

  // ---- groups (groups.cpp, group_wait.cpp)

  /// Makes `g` a root, or part of the calling task. May throw as a submission may.
  void open(group& g, const group_options& options);
  /// When no child of it is left. The pool may be gone after it.
  void close(group& g) noexcept;
  void request_stop(group& g, stop_cause cause) noexcept;
  /// Why a task, or all of a group, was asked to stop, with what it is part of, or with the pool. One load if nothing
  /// was stopped since somebody asked for that group; else linear in the nesting.
  [[nodiscard]] stop_cause cause_of(frame& f) noexcept;
  [[nodiscard]] stop_cause cause_of(group& g) noexcept {
    const std::uint64_t stops = stops_made_.read();
    return g.unstopped_at.load(memory_order_relaxed) == stops ? stop_cause::none
                                                              : look_for_cause(g, stops);  // (3) of group.hpp
  }
  [[nodiscard]] stop_cause cause_of_pool() const noexcept {
    return is_stopping() ? stop_cause::shutdown : stop_cause::none;
  }
  /// Ends what is queued and was asked to stop by `word`, for `cause` if nothing nearer was stopped before.
  void end_queued_below(const task_state& word, stop_cause cause) noexcept;

  /// Waits until no child of `g` is left. Who is inside the pool runs them meanwhile.
  [[nodiscard]] join_end wait_for(group& g) noexcept;
  [[nodiscard]] bool sleep_until_changed(group& g, const worker* by, bool needs_turn = false) noexcept;
  [[nodiscard]] bool may_end_children(group& g) noexcept;

  // ---- children of groups (children.cpp)

  /// Whether a child may come in: nobody has asked for a stop, and this is no forked child.
  [[nodiscard]] bool may_spawn(group& of) noexcept { return cause_of(of) == stop_cause::none && !is_forked(); }
  [[nodiscard]] refusal reason_not_to_spawn() const noexcept;
  [[nodiscard]] refusal no_task_is_free() const noexcept;
  /// None: for `why`.
  [[nodiscard]] child_passage::kind enter_where_full(group& of, worker* by, refusal& why) noexcept;
  /// Takes one of max_tasks for a child, or gives it back.
  [[nodiscard]] bool count_child(const worker* by) noexcept {
    return by != nullptr ? door_.try_add_child(static_cast<std::size_t>(by->index())) : door_.try_add_child();
  }
  void discount_child(const worker* by) noexcept {
    by != nullptr ? door_.end_child(static_cast<std::size_t>(by->index())) : door_.end_child();
  }
  inline void launch_child(frame& f, worker* by, bool at_once) noexcept;
  /// From another worker's queue to that of `to`, all of one group, which the caller holds open.
  void move_children(std::span<frame* const> children, worker& to) noexcept;
  /// As `start`, for a child of a group.
  void start_child(frame& f, worker* by, int depth) noexcept;
  /// The end of a turn to run in `g`.
  void pass_turn_on(group& g) noexcept;

  // ---- the life of a task (life.cpp)

  /// For who has taken `f` out of a queue: runs it, or ends it unrun, or does nothing for a husk. The owner that was
  /// the queue's entry is given up. `depth`: unrelated tasks on this stack, for pool_options::help_depth.
  void start(frame& f, worker* by, int depth) noexcept;
  /// Runs a queued task out of turn, for the one who joins it; false if it is not queued.
  [[nodiscard]] bool claim(tracked_frame& f, worker* by, int depth) noexcept;
  void request_stop(tracked_frame& f, stop_cause cause) noexcept;
  void granted(frame& f, priority lane, time_point stamp) noexcept;
  void refused_at_door(frame& f, const refusal& why) noexcept;
  void failed_to_enter(frame& f, std::exception_ptr error) noexcept;

  /// Waits until `f` is done, or `until`. A worker runs it, or others, meanwhile.
  [[nodiscard]] join_end join(tracked_frame& f, deadline until) noexcept;
  /// Sleeps until `f` is done, or there is something that `by` can run of it. False: that would never be.
  [[nodiscard]] bool sleep_until_changed(tracked_frame& f, const worker& by) noexcept;
  /// To those who sleep in joins of what `f`, or a child of `g`, is part of: there is something to run of it. By who
  /// has made that visible, stood behind a fence, and keeps it alive.
  static void tell_joins(frame& f) noexcept;
  static void tell_joins(group& g) noexcept;
  /// Sleeps with the thread until `f` is done, or `until`, or not at all if its own stack holds `f` up.
  [[nodiscard]] join_end sleep_until_done(tracked_frame& f, deadline until) noexcept;

  /// Runs one of the tasks that are queued. False: there was none, or this is not the place.
  [[nodiscard]] bool try_run_one() noexcept;

  // ---- shutdown (shutdown.cpp)

  shutdown_report shutdown(deadline until);

  // ---- what the parts see of each other

  [[nodiscard]] task_timing& timing() noexcept { return timing_; }
  [[nodiscard]] gate& door() noexcept { return door_; }
  [[nodiscard]] const gate& door() const noexcept { return door_; }
  [[nodiscard]] limiter& limiter_at_door() noexcept { return limiter_; }
  [[nodiscard]] injector<frame, &frame::next_queued>& injected() noexcept { return injected_; }
  [[nodiscard]] detail::idle& idle() noexcept { return idle_; }
  [[nodiscard]] clock_thread& timers() noexcept { return timers_; }
  [[nodiscard]] stop_registry& stops() noexcept { return stops_; }
  [[nodiscard]] const clock_source& clock() const noexcept { return *options_.clock; }
  [[nodiscard]] const pool_options& options() const noexcept { return options_; }
  [[nodiscard]] const topology& cpus() const noexcept { return topology_; }
  [[nodiscard]] std::span<const std::unique_ptr<worker>> workers() const noexcept { return workers_; }
  /// Whether tasks are queued.
  [[nodiscard]] bool sees_tasks() const noexcept;
  /// Whether tasks are queued, or forks can be stolen.
  [[nodiscard]] bool sees_work() const noexcept;
  /// The same without the forks of `w`: those it cannot steal.
  [[nodiscard]] bool sees_work_for(const worker& w) const noexcept;
  /// Whether there is a reason to wake some worker.
  [[nodiscard]] bool needs_workers() const noexcept { return sees_work() || is_exiting(); }
  /// Whether `w` must not sleep.
  [[nodiscard]] bool needs(const worker& w) const noexcept { return sees_work_for(w) || is_exiting(); }
  [[nodiscard]] bool is_stopping() const noexcept { return stopping_.load(memory_order_acquire); }  // (2)
  [[nodiscard]] bool is_exiting() const noexcept { return exiting_.load(memory_order_acquire); }    // (3)
  [[nodiscard]] bool is_forked() const noexcept {
    return forks_so_far.load(memory_order_relaxed) != fork_generation_;  // relaxed: see there
  }
  [[nodiscard]] pool_metrics metrics() const;
  /// Whether the calling thread runs a task of this pool, or a stop callback of one, or is a worker of it.
  [[nodiscard]] bool is_inside() const noexcept;
  /// Whether a join on the calling thread, which is no worker of this pool, runs what it waits for: in a task, also of
  /// another pool, since all workers here may wait for that.
  [[nodiscard]] bool may_run_what_it_waits_for() const noexcept {
    return is_inside() || run_context::current() != nullptr;
  }
  /// Whether a wait of the calling thread for this pool could be one for itself.
  [[nodiscard]] bool may_not_wait() const noexcept;
  /// The worker of this pool that the calling thread is, if any: the `by` of all above and below.
  [[nodiscard]] worker* own_worker() const noexcept {
    worker* const w = worker::current();
    return w != nullptr && &w->pool() == this ? w : nullptr;
  }

  void add_user() noexcept {
    users_.fetch_add(1, memory_order_relaxed);
  }  // relaxed: who adds one knows that it is alive
  void drop_user() noexcept;

 private:
  // What is inline here is used and defined in one source, or in task_run.hpp.
  friend class passage;
  friend class short_passage;

  ~core() = default;

  void insert(frame& f, priority lane) noexcept;
  void execute(frame& f, worker* by, int depth) noexcept;
  [[nodiscard]] inline run_end run_shown(frame& f, worker* by, int depth) noexcept;
  inline void finish(frame& f, task_outcome how) noexcept;
  [[gnu::cold]] void tell_breaker(const frame& f, task_outcome how) noexcept;
  void tell_of_failure(frame& f, std::exception_ptr error) noexcept;
  [[nodiscard]] stop_cause reason_not_to_start(const frame& f) const noexcept;
  [[nodiscard]] stop_cause reason_not_to_start(group& of) noexcept;
  [[nodiscard]] bool is_late(const tracked_frame& f) const noexcept;
  void forget(passage::kind how) noexcept;
  void open_root(group& g, const group_options& options);
  inline void push_child(frame& f, worker* by) noexcept;
  inline void tell_of_children(group& g) noexcept;
  void end_child_unrun(frame& f, stop_cause why, worker* by) noexcept;
  inline void end_child(frame& f, task_outcome how, worker* by) noexcept;
  [[nodiscard]] join_end sleep_until_over(group& g) noexcept;
  [[nodiscard]] bool run_or_await_one(group& g) noexcept;
  [[nodiscard]] stop_cause look_for_cause(group& g, std::uint64_t stops) noexcept;
  [[nodiscard]] task_outcome note_how_it_ended(frame& f, run_end end) noexcept;
  [[nodiscard]] join_end run_children_until_over(group& g) noexcept;
  void end_unrun(frame& f) noexcept;
  static void drop_unrun(frame& f) noexcept;
  void count_end(task_outcome how, worker* by) noexcept;
  void give_permit_back(frame& f, const worker* by) noexcept;
  void report_failure(const frame& f, std::exception_ptr error) noexcept;
  void report_refusal(const frame& f, const refusal& why) noexcept;
  [[nodiscard]] refusal count_refusal(const refusal& why) noexcept;
  void tell_of_a_stop() noexcept;
  void count_husk() noexcept;
  [[nodiscard]] frame* sweep() noexcept WEIR_REQUIRES(sweep_);
  void tell_admitted(frame& f, time_point stamp) noexcept;
  void stop_everything() noexcept;
  [[nodiscard]] frame* take_any() noexcept;

  const topology topology_;  // looked up before anything else
  const pool_options options_;
  const std::uint32_t fork_generation_;
  task_timing timing_;
  stop_registry stops_;
  stop_count stops_made_;
  clock_thread timers_;
  pool_limiter limiter_;
  gate& door_;  // of it
  injector<frame, &frame::next_queued> injected_;
  detail::idle idle_;
  tasks_on_callers on_callers_;
  std::vector<std::unique_ptr<worker>> workers_;

  // Counted by whoever submits or is refused; relaxed additions, numbers alone. Before the outcome becomes visible.
  striped_counter admitted_at_once_;              // submitted and admitted in one go
  atomic<std::uint64_t> submitted_otherwise_{0};  // refused, or sent to wait
  atomic<std::uint64_t> admitted_later_{0};       // of those that were sent to wait
  std::array<atomic<std::uint64_t>, refusal_reason_count> refused_{};
  atomic<std::uint64_t> children_outside_{0};  // spawned by threads that are no workers
  // Ends of tasks by threads that are no workers; relaxed additions.
  std::array<atomic<std::uint64_t>, 4> ended_outside_{};

  // Entries of the queues whose task was ended or run out of turn. Writers: who took a task out of turn (up), who drops
  // the husk (down, maybe first). Beyond max_tasks whoever adds one sweeps them out. Relaxed: a number alone; the state
  // word decides.
  alignas(cache_line) atomic<std::int64_t> husks_{0};
  mutex sweep_;  // one sweep at a time
  // (2) stopping: release store by the shutdown at its deadline -> acquire load by all; from then on what is queued is
  // not started.
  atomic<bool> stopping_{false};
  // (3) exiting: release store by the destructor, when nothing is live -> acquire load by workers.
  atomic<bool> exiting_{false};
  // The pool object, tracked frames, and threads of the user's that run a task themselves.
  // (4) given up: acq_rel subtraction; the last one sees all that the others did, and frees.
  alignas(cache_line) atomic<std::uint64_t> users_{1};
};

}  // namespace weir::detail
