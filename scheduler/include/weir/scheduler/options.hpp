// What a pool and a submission can be told: plain structs with designated initialisers.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <source_location>

#include <weir/admission/acquire_options.hpp>
#include <weir/admission/deadline.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/pressure.hpp>
#include <weir/admission/refusal.hpp>
#include <weir/scheduler/task_name.hpp>

namespace weir {

/// Joins what a program logs about one request. Handed on to what a task submits. All zero: none.
struct trace_id {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  [[nodiscard]] constexpr explicit operator bool() const noexcept { return (high | low) != 0; }
  friend constexpr bool operator==(const trace_id&, const trace_id&) noexcept = default;
};

/// Options of one submission.
struct submit_options {
  std::int64_t weight = 1;    ///< 1 to max_weight, or to 2,147,483,647; held until the task has ended.
  weir::deadline deadline{};  ///< Covers waiting, queueing and running.
  task_name name{};
  /// Order of entry: at the door, see limits::priority_ageing, and into the pool, where the lowest is looked at within
  /// 61 x 8 tasks. It does not order stealing.
  weir::priority priority = priority::normal;
  trace_id trace{};  ///< By default that of the submitting task, if there is one.
};

/// How far pool::post_all came: it ends at the first callable that is refused.
struct posted_all {
  std::size_t posted = 0;        ///< So many, from the first on.
  std::optional<refusal> why{};  ///< Why the next one was not; none: all were posted.

  [[nodiscard]] explicit operator bool() const noexcept { return !why; }
};

/// What the pool's handler learns of a posted task that threw.
struct task_failure {
  std::exception_ptr error;
  task_name name;
  trace_id trace;
  std::source_location where;  ///< The place of submission.
};

/// What the pool's handler learns of a posted callable that was refused while it waited at the door.
struct late_refusal {
  refusal why;
  task_name name;
  trace_id trace;
  std::source_location where;
};

/// What the destructor of a pool does with tasks that did not end at an unclean shutdown.
enum class stragglers : std::uint8_t {
  wait,       ///< Waits until they end, however long that takes.
  abandon,    ///< Leaves their threads and the pool's memory behind.
  terminate,  ///< Says on the standard error what is still running, and calls std::terminate.
};

/// Where workers run. A thread that a task starts, and a pool that it makes, inherit the CPUs of its worker.
enum class pinning : std::uint8_t {
  none,  ///< Wherever the system puts them, on the CPUs that the thread might use which made the pool.
  cpus,  ///< Worker i only on the i-th of these CPUs; with more workers than CPUs from the first again.
};

/// Options of a pool; checked in its constructor, in every build.
struct pool_options {
  /// Threads that run tasks, 1 to 1024: exactly so many. By default as many as the calling thread may use CPUs, or
  /// fewer where a quota of this process's control groups (cgroup v1 or v2), rounded up, allows less. What decided it
  /// is in pool_metrics::cpus.
  std::optional<std::int64_t> workers{};
  weir::pinning pinning = weir::pinning::none;
  /// The door. `max_tasks = unlimited` is the most that is counted, 16,777,215.
  weir::limits limits{};
  /// Tells the time of rates and deadlines. It must outlive the pool, and the waits for its jobs; with
  /// stragglers::abandon it must live for ever.
  const clock_source* clock = &steady_clock_source();
  /// How many unrelated tasks a worker may stack up above a task that waits for another, 0 to 64. With 0 a waiting
  /// worker runs the task that it waits for, if that is queued, or forks and children of it, and else sleeps. Above 0
  /// it runs others, which keeps it busy, but puts them before the task below: where one of them waits, over others,
  /// for that task, the wait is refused `would_deadlock`.
  int help_depth = 0;
  /// How long a worker that finds nothing goes on looking before it sleeps, 0 to 1 ms: at most half of the workers at a
  /// time, each with its CPU. What comes meanwhile needs no wake-up, which costs the other side some microseconds. By
  /// default 20 us where the pool may use four CPUs or more, else 0. A worker that waits for a job, a group, or a fork
  /// which another one runs looks as long, and for 5 us at least.
  std::optional<duration> search_time{};
  /// How long a worker runs before the system gives its CPU to another thread that waits for it: 100 us to 100 ms, or
  /// 0 to leave that as it is for the thread that makes the pool: mostly the system's own, of some milliseconds. A
  /// thread with short turns is also let in sooner when it is woken. Where it is no Linux from 6.12 on, or not
  /// allowed, or the policy of the thread that makes the pool is not SCHED_OTHER, nothing is changed. A thread or a
  /// process that a task starts inherits it. 0 is needed in a sandbox that ends a process for sched_setattr instead of
  /// refusing it, as systemd's SystemCallFilter=~@resources does by default.
  duration time_slice = std::chrono::microseconds(500);
  /// Of so many roots that a thread submits to this pool one after the other, refused ones included, one is timed, at
  /// a place that varies: pool_metrics::queue_time and run_time count it. 0 to 1,000,000,000. 1: all; 0: none, and
  /// no memory for it, which else is 15 KiB for each worker and once more. A task that is timed costs three readings of
  /// the clock, and a post 64 bytes more. A thread that submits to several pools in turn has one in so many timed on
  /// average.
  std::int64_t time_one_in = 64;
  /// How long `shutdown` waits for tasks that it asked to stop before it names those that did not. Zero or more.
  duration stop_grace = std::chrono::milliseconds(100);
  weir::stragglers stragglers = stragglers::wait;
  /// Called for each posted task that threw, on the thread that ran it, and for each posted callable whose move or copy
  /// threw, on the thread that submitted it: by several threads at once. By default one line on the standard error.
  /// Must not throw: what it throws is dropped. No wait is possible in it.
  std::function<void(const task_failure&)> on_failure{};
  /// Called for each posted callable that was refused while it waited, on the thread that found out: by several threads
  /// at once. By default it is only counted. What it throws is dropped. No wait is possible in it; and if it hands the
  /// same work in again where `overflow` drops waiters, each of these drops the next.
  std::function<void(const late_refusal&)> on_refused{};
  /// Called when the door is nearly full, and when it no longer is: see limits::warn_at and weir::pressure. On the
  /// thread that submits, that ends a task or changes limits: one call at a time. With one, workers and those who
  /// submit write one line of memory at each admission and end, and a post takes the long way past the door. No wait is
  /// possible in it; what it throws is dropped.
  pressure_handler on_pressure{};
  /// Called with its index on each worker's thread before its first task, when it is named and pinned: by several
  /// threads at once. The constructor waits for all these calls. If one throws, the other workers are ended, and the
  /// constructor throws the same. No wait is possible in it, and the pool is not there yet.
  std::function<void(int worker)> on_worker_start{};
  /// Called with its index on each worker's thread after its last task, if its on_worker_start has returned: by several
  /// threads at once. The destructor of the pool waits for all these calls. What it throws is dropped, with a word on
  /// the standard error. No wait is possible in it, and the pool is not to be used. Not called where the workers do
  /// not end with the pool: none is after stragglers::abandon or terminate, nor in a forked child.
  std::function<void(int worker)> on_worker_stop{};
};

/// Returns `given` if every field is possible.
/// @throws std::invalid_argument naming the field, the value and the rule.
const pool_options& check(const pool_options& given);

}  // namespace weir
