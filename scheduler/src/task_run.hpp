// The run of a task's callable, to the end of its destruction, where reports see it.
#pragma once

#include <cassert>
#include <optional>
#include <utility>

#include "core.hpp"
#include "group_chain.hpp"
#include "run_context.hpp"

namespace weir::detail {

inline run_end core::run_shown(frame& f, worker* by, int depth) noexcept {
  std::optional<tasks_on_callers::entry> on_caller;
  if (by != nullptr) {
    by->counters().executed.add();
    by->running().enter(name_of(f), f.where);
  } else {
    on_caller.emplace(on_callers_, f);
  }
  run_context here(f, *this, by, by != nullptr ? &by->forks() : nullptr, depth);
  if (by != nullptr) by->begin_run(f);
  run_end end = f.state.is_timed() ? timing_.run(f, here) : task_timing::run_untimed(f, here);
  if (f.state.has_callbacks()) {
    stops_.close(here);
    assert(here.callbacks == nullptr && "weir: a stop_callback has outlived its task's callable");
    if (end.error == nullptr) end.error = std::move(here.callback_error);
  }
  here.check_groups();
  if (by != nullptr) {
    by->end_run();
    by->running().leave();
  }
  return end;
}

}  // namespace weir::detail
