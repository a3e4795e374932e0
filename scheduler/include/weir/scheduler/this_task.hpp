// What code that runs in a task can ask about it, without having been handed anything.
#pragma once

#include <weir/admission/deadline.hpp>
#include <weir/scheduler/options.hpp>
#include <weir/scheduler/stop_token.hpp>
#include <weir/scheduler/task_name.hpp>

namespace weir::this_task {

/// Of the innermost task that runs on the calling thread. Outside of tasks: a token that is never stopped, no deadline,
/// no name, no trace, time_point{}. Wait-free.
[[nodiscard]] stop_token stop() noexcept;
[[nodiscard]] weir::deadline deadline() noexcept;
[[nodiscard]] task_name name() noexcept;
[[nodiscard]] trace_id trace() noexcept;
/// The limiter's time of the admission of the root that this task is or belongs to.
[[nodiscard]] time_point admitted_at() noexcept;

}  // namespace weir::this_task
