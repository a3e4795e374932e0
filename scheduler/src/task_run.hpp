// The run of a task's callable, to the end of its destruction, where reports, and who waits for it, see it.
#pragma once

#include <cassert>
#include <optional>
#include <utility>

#include "core.hpp"
#include "group_chain.hpp"
#include "run_context.hpp"

namespace weir::detail {

/// For a scope, on the stack of a worker: a run of a task, or of a stolen fork of it.
class shown_on_worker {
 public:
  /// Before its context is there.
  /// @param by     null: nothing.
  /// @param depth  as that of the context.
  shown_on_worker(worker* by, const frame& f, int depth) noexcept
      : by_(by), is_related_(depth <= run_context::depth_here()) {
    if (by_ == nullptr) return;
    by_->forks().begin_segment();
    by_->runs().begin(f, by_->forks().size(), is_related_);
  }
  shown_on_worker(const shown_on_worker&) = delete;
  shown_on_worker& operator=(const shown_on_worker&) = delete;
  ~shown_on_worker() {
    if (by_ == nullptr) return;
    const bool has_forks_below = by_->forks().begin_segment();
    by_->runs().end();
    if (has_forks_below && by_->runs().is_found_again(is_related_)) by_->forks().tell_of_forks_below();
  }

 private:
  worker* const by_;
  const bool is_related_;
};

inline run_end core::run_shown(frame& f, worker* by, int depth) noexcept {
  std::optional<tasks_on_callers::entry> on_caller;
  if (by != nullptr) {
    by->counters().executed.add();
  } else {
    on_caller.emplace(on_callers_, f);
  }
  const shown_on_worker shown(by, f, depth);
  run_context here(f, *this, by, by != nullptr ? &by->forks() : nullptr, depth);
  run_end end = f.state.is_timed() ? timing_.run(f, here) : task_timing::run_untimed(f, here);
  if (f.state.has_callbacks()) {
    stops_.close(here);
    assert(here.callbacks == nullptr && "weir: a stop_callback has outlived its task's callable");
    if (end.error == nullptr) end.error = std::move(here.callback_error);
  }
  here.check_groups();
  return end;
}

}  // namespace weir::detail
