// What a task is part of: for a child its group, the task that made that, and so on up to a root. Whoever looks holds a
// child of the lowest group open, which holds all above it.
#pragma once

#include <weir/scheduler/detail/group.hpp>

#include "group_scope.hpp"
#include "run_context.hpp"

namespace weir::detail {

/// Calls `visit` with each word by which the children of `g` can be asked to stop, from the nearest on, until it says
/// true; returns whether it has. Goes no further up than to a group of which `is_end` says true.
template <typename Visit, typename End>
bool any_stop_word(group& g, Visit&& visit, End&& is_end) {
  for (group* at = &g; !is_end(*at);) {
    if (visit(at->stop) || (at->scope != nullptr && visit(at->scope->state))) return true;
    if (at->made_in == nullptr) return false;
    frame& maker = *at->made_in->task;
    if (visit(maker.state)) return true;
    if (!is_child(maker)) return false;
    at = maker.group;
  }
  return false;
}
template <typename Visit>
bool any_stop_word(group& g, Visit&& visit) {
  return any_stop_word(g, std::forward<Visit>(visit), [](const group&) { return false; });
}
/// The same for a task, its own word first.
template <typename Visit>
bool any_stop_word(frame& f, Visit&& visit) {
  return visit(f.state) || (is_child(f) && any_stop_word(*f.group, visit));
}

/// Where the deadline, the trace and the time of admission stand that `f` has; null: it has none of them.
[[nodiscard]] inline const tracked_frame* values_of(const frame& f) noexcept {
  return is_child(f) ? f.group->values : tracked(f);
}

/// The time of admission there. A post that has no deadline and no trace keeps it only if it is timed, and does not
/// tell it then either: the same task would be told it one time in so many.
[[nodiscard]] inline time_point admission_in(const tracked_frame* values) noexcept {
  if (values == nullptr) return {};
  const bool is_kept_for_timing =
      values->state.is_timed() && values->ops->keep_error == nullptr && values->deadline.is_never() && !values->trace;
  return is_kept_for_timing ? time_point{} : values->admitted_at;
}

[[nodiscard]] inline task_name name_of(const frame& f) noexcept { return is_child(f) ? f.group->name : f.name; }

}  // namespace weir::detail
