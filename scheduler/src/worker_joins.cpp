// How a worker waits: for a job, and for a group. Read it beside scheduler/README.md, "Join", and scheduler/groups.md.
#include "worker.hpp"

#include <algorithm>
#include <utility>

#include <weir/queues/backoff.hpp>

#include "core.hpp"
#include "group_children.hpp"
#include "patience.hpp"
#include "run_context.hpp"
#include "threads.hpp"

namespace weir::detail {

// Until `what` is over, of which `is_over` says that it is waited for, or there is other work. False: it would never be
// over.
template <typename Look>
bool worker::sleep_until_needed(const awaited& what, Look&& is_over) noexcept {
  const blocked_join asleep(what, deadline{});
  if (asleep.is_circular()) return false;
  stop_searching();  // it may have been woken for its own forks, at which it does not look
  const worker_counters::sleep counted(counters_);
  const woken how =
      core_->idle().sleep(sleeper_, {.job = true}, false, [&] { return is_over() || core_->needs(*this); });
  is_searching_ = true;
  if (how != woken::by_itself) counters_.wakes.add();
  return true;
}

join_end worker::join(tracked_frame& f, deadline until) noexcept {
  forks_.publish_all();  // others may run them while this one waits
  const join_end how = run_or_wait(f, until);
  stop_searching();  // what ended a sleep may have been other work: who looks no further hands it on
  return how;
}

join_end worker::run_or_wait(tracked_frame& f, deadline until) noexcept {
  run_context& here = *run_context::current();
  backoff hidden;
  for (patience more(std::max(*core_->options().search_time, least_patience));;) {
    if (f.state.is_done()) return join_end::done;
    const bool is_queued = f.state.current_phase() == task_state::phase::queued;
    if (!this_stack_has_room()) {
      // Nothing more is run here; what another one runs, or has ended, can be waited for.
      return is_queued ? join_end::would_deadlock : sleep_until_done(f, until);
    }
    if (is_queued && (run_newest_if(f, here.depth) || core_->claim(f, this, here.depth))) continue;
    // No other work before a wait that has an end of its own.
    if (!until.is_never())
      return until.has_passed(core_->clock().now()) ? join_end::too_late : sleep_until_done(f, until);
    if (!here.may_help()) {
      if (run_part_of(awaited(f), here.depth)) {
        if (core_->is_forked()) return join_end::done;
        more.reset();
      } else if (!more.wait()) {
        const worker_counters::sleep counted(counters_);
        if (!core_->sleep_until_changed(f, *this)) return join_end::would_deadlock;
        more.reset();
      }
      continue;
    }
    if (run_next(here.depth + 1)) {
      if (core_->is_forked()) return join_end::done;  // the task forked, and this is the child process
      hidden.reset();
    } else if (is_searching_ && core_->sees_work_for(*this)) {
      hidden.pause();
    } else if (!sleep_until_needed(awaited(f), [&f] { return f.state.watch(task_state::watcher::worker); })) {
      return join_end::would_deadlock;
    }
  }
}

join_end worker::sleep_until_done(tracked_frame& f, deadline until) noexcept {
  const worker_counters::sleep counted(counters_);
  return core_->sleep_until_done(f, until);
}

// Looks at the newest of this deque: `f` is run as an entry, so that its run leaves no husk; husks above what is live
// are dropped. Else nothing has changed.
bool worker::run_newest_if(frame& f, int depth) noexcept {
  while (frame* const newest = own_.pop()) {
    if (newest != &f && newest->state.current_phase() == task_state::phase::queued) {
      if (!own_.push(newest)) core_->injected().push_linked(newest, lane::normal);
      core_->idle().notify();  // whoever looked for work meanwhile did not see it
      return false;
    }
    core_->start(*newest, this, depth);
    if (newest == &f) return true;
  }
  return false;
}

// What others make of `what`: a child that lies at an end of a queue, which need not be that of a worker that runs
// something of it, or the oldest fork. So each thing on a stack is part of what lies below it.
bool worker::run_part_of(const awaited& what, int depth) noexcept {
  const auto has = [&what](const group& g) { return what.has(g); };
  for (const auto& w : core_->workers()) {
    const bool is_own = w.get() == this;
    if (!is_own) counters_.steal_attempts.add();
    if (frame* const f = w->children_.try_take_end_if(has)) {
      if (!is_own) counters_.steals.add();
      if (!is_own) counters_.tasks_stolen.add();
      stop_searching();
      core_->start_child(*f, this, depth);
      return true;
    }
    if (is_own || !w->runs_.has_root(what.root())) continue;
    const run_stack::place part = w->runs_.find(what);
    if (!part) continue;
    if (fork_job* const f = w->fork_thief_.steal_while(part.from, [&] { return w->runs_.find(what) == part; })) {
      run_fork(*f, *w, depth);
      return true;
    }
  }
  return false;
}

bool worker::sees_part_of(const awaited& what) const noexcept {
  const auto has = [&what](const group& g) { return what.has(g); };
  const auto& all = core_->workers();
  return std::any_of(all.begin(), all.end(), [&](const auto& w) {
    if (w->children_.has_end_if(has)) return true;
    // The forks before what they are part of: who tells of them has a fence for them alone.
    if (w.get() == this || !w->has_forks() || !w->runs_.has_root(what.root())) return false;
    const run_stack::place part = w->runs_.find(what);
    return part && w->has_forks(part.from);
  });
}

join_end worker::wait_for(group& g) noexcept {
  forks_.publish_all();  // others may run them while this one waits
  const join_end how = run_children_until_over(g);
  stop_searching();  // what ended a sleep may have been other work: who looks no further hands it on
  return how;
}

join_end worker::run_children_until_over(group& g) noexcept {
  const run_context& here = *run_context::current();
  children_of children(*core_, g, this);
  backoff hidden;
  for (patience more(std::max(*core_->options().search_time, least_patience));;) {
    if (g.state.is_over()) return join_end::done;
    const bool has_room = this_stack_has_room();
    const bool may_run = has_room || core_->may_end_children(g);
    if (!may_run && children.any()) return join_end::would_deadlock;
    if (frame* const f = may_run ? children.take() : nullptr) {
      stop_searching();
      core_->start_child(*f, this, here.depth);
      if (core_->is_forked()) return join_end::done;
      more.reset();
    } else if (has_room && here.may_help()) {
      if (run_next(here.depth + 1)) {
        if (core_->is_forked()) return join_end::done;
        hidden.reset();
      } else if (is_searching_ && core_->sees_work_for(*this)) {
        hidden.pause();
      } else if (!sleep_until_needed(
                     awaited(g), [&g] { return group_state::is_over(g.state.watch(group_state::watcher::worker)); })) {
        return join_end::would_deadlock;
      }
    } else if (has_room && run_part_of(awaited(g), here.depth)) {
      if (core_->is_forked()) return join_end::done;
      more.reset();
    } else if (!more.wait()) {
      const worker_counters::sleep counted(counters_);
      if (!core_->sleep_until_changed(g, has_room ? this : nullptr)) return join_end::would_deadlock;
      more.reset();
    }
  }
}

}  // namespace weir::detail
