// What code that runs in a task can ask about it and its worker, without having been handed anything.
#pragma once

#include <weir/admission/deadline.hpp>
#include <weir/scheduler/options.hpp>
#include <weir/scheduler/stop_token.hpp>
#include <weir/scheduler/task_name.hpp>

namespace weir {

/// The index of the worker whose thread calls, of whatever pool: 0 to pool::workers() - 1, in its tasks, in handlers
/// that it calls and in its start and stop hooks. -1 on every other thread, also while it runs tasks itself
/// (overflow::caller_runs). Wait-free: one look at a thread_local.
[[nodiscard]] int current_worker() noexcept;

}  // namespace weir

namespace weir::this_task {

// All of the innermost task that runs on the calling thread. Wait-free.

/// Its stop token, good until its callable returns. Outside of tasks one that is never stopped.
[[nodiscard]] stop_token stop() noexcept;
/// Its deadline, or the earlier one of a parent. Outside of tasks none.
[[nodiscard]] weir::deadline deadline() noexcept;
/// Its name. Outside of tasks empty.
[[nodiscard]] task_name name() noexcept;
/// Its trace. Outside of tasks none.
[[nodiscard]] trace_id trace() noexcept;
/// The limiter's time of the admission of the root that this task is or belongs to. Outside of tasks, and of a posted
/// task without deadline and trace, which does not keep it, time_point{}: such a callable can be told by its on_admit.
[[nodiscard]] time_point admitted_at() noexcept;

}  // namespace weir::this_task
