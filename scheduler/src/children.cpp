// The life of a group's child: how it comes in, where it is queued, its run and its end. Read it beside
// scheduler/groups.md.
#include <cstddef>
#include <utility>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/group.hpp>

#include "core.hpp"
#include "group_chain.hpp"
#include "settling.hpp"
#include "task_run.hpp"
#include "threads.hpp"

namespace weir::detail {
namespace {

void note_incomplete(group& g, stop_cause why) noexcept {
  stop_cause none = stop_cause::none;
  (void)g.incomplete.compare_exchange_strong(none, why, memory_order_relaxed, memory_order_relaxed);  // (2)
}

// For threads that have no queue of their own: some worker's, which stays for a few children.
std::size_t next_queue(std::size_t workers) noexcept {
  constexpr std::size_t children_in_a_row = 16;
  static thread_local std::size_t turn = 0;
  return turn++ / children_in_a_row % workers;
}

}  // namespace

// ---- the way in

child_passage enter(group& of) {
  core& in = *of.pool;
  worker* const by = in.own_worker();
  if (in.may_spawn(of) && in.count_child(by)) [[likely]] {
    return {of, by, child_passage::kind::queued};
  }
  refusal why;
  const child_passage::kind how = in.enter_where_full(of, by, why);
  if (how == child_passage::kind::none) {
    if (why.reason != refusal_reason::cancelled) throw refused(why);
    note_incomplete(of, in.cause_of(of));
  }
  return {of, by, how};
}

child_passage try_enter(group& of, refusal& why) noexcept {
  core& in = *of.pool;
  worker* const by = in.own_worker();
  if (!in.may_spawn(of)) {
    why = in.reason_not_to_spawn();
  } else if (!in.count_child(by)) {
    why = in.no_task_is_free();
  } else {
    return {of, by, child_passage::kind::queued};
  }
  return {of, by, child_passage::kind::none};
}

refusal core::reason_not_to_spawn() const noexcept {
  return {.reason = is_forked() ? refusal_reason::forked : refusal_reason::cancelled};
}

refusal core::no_task_is_free() const noexcept {
  return {.reason = refusal_reason::tasks_full, .asked = 1, .limit = door_.max_tasks(), .in_use = door_.max_tasks()};
}

// For who has just found no task free, or no leave to spawn. A child runs at once, where it may: or what is queued of
// the group does, and then there may be a task for it.
child_passage::kind core::enter_where_full(group& of, worker* by, refusal& why) noexcept {
  using kind = child_passage::kind;
  do {
    if (!may_spawn(of)) {
      why = reason_not_to_spawn();
      return kind::none;
    }
    const bool can_run_here = !no_forking::is_here() && this_stack_has_room();
    if (can_run_here && of.turns.try_take()) return kind::at_once;
    if (!can_run_here || !run_or_await_one(of)) {
      why = is_forked() ? reason_not_to_spawn() : no_task_is_free();
      return kind::none;
    }
  } while (!count_child(by));
  return kind::queued;
}

// After a push, by who holds the group open: to workers that are idle, to who waits, and to who has asked for a stop,
// which may have looked at the queues before.
inline void core::tell_of_children(group& g) noexcept {
  if (idle_.notify()) tell_joins(g);  // its fence stands before the next look, too
  if (const stop_cause why = cause_of(g); why != stop_cause::none) end_queued_below(g.stop, why);
}

inline void core::push_child(frame& f, worker* by) noexcept {
  group& g = *f.group;
  worker& at = by != nullptr ? *by : *workers_[next_queue(workers_.size())];
  at.children().push(&f);  // from here on it may be over
  tell_of_children(g);
}

// What was between the two queues nobody has found: so this is a spawn of them once more, but for their counts.
void core::move_children(std::span<frame* const> children, worker& to) noexcept {
  group& g = *children.front()->group;
  to.children().push_all(children.data(), static_cast<int>(children.size()));  // from here on they may be over
  tell_of_children(g);
}

inline void core::launch_child(frame& f, worker* by, bool at_once) noexcept {
  group& g = *f.group;
  g.state.begin_one();
  if (by != nullptr) {
    by->counters().children.add();
  } else {
    children_outside_.fetch_add(1, memory_order_relaxed);
  }
  if (at_once) {
    const no_blocking waits;  // as on a worker: there may be a permit below
    start_child(f, by, run_context::depth_here());
  } else if (!g.turns.is_set() || g.turns.take_or_hold_back(f)) {
    push_child(f, by);
  }
}

void child_passage::give_back() noexcept {
  if (how_ == kind::queued) {
    of_->pool->discount_child(of_->pool->own_worker());
  } else {
    of_->pool->pass_turn_on(*of_);
  }
}

void child_passage::bring_in(frame& f) noexcept {
  f.weight = how_ == kind::queued ? 1 : 0;
  of_->pool->launch_child(f, by_, std::exchange(how_, kind::none) == kind::at_once);
}

// ---- the run and the end

// It has no turn any more. The count goes back before the end is visible; that is the last touch of the group.
inline void core::end_child(frame& f, task_outcome how, worker* by) noexcept {
  group& g = *f.group;
  const bool is_counted = f.weight != 0;
  count_end(how, by);
  if (is_counted) discount_child(by);
  if (how != task_outcome::failed) f.ops->free(f);
  const atomic<std::uint32_t>* const word = &g.state.word();
  const group_state::watchers waked = g.state.end_one();
  if (waked.threads) futex_wake(word, wake_all);
  if (waked.workers) idle_.wake_for_jobs();
}

void core::start_child(frame& f, worker* by, int depth) noexcept {
  group& g = *f.group;
  if (const stop_cause why = reason_not_to_start(g); why != stop_cause::none) [[unlikely]] {
    pass_turn_on(g);
    return end_child_unrun(f, why, by);
  }
  run_end end = run_shown(f, by, depth);
  if (is_forked()) return;  // it forked, and this is the child process: what is above it is not here
  task_outcome how = task_outcome::completed;
  if (end.left || end.error != nullptr) [[unlikely]] {
    how = note_how_it_ended(f, std::move(end));
  }
  if (g.turns.is_set()) pass_turn_on(g);
  end_child(f, how, by);
}

// Of a child that has not just returned.
task_outcome core::note_how_it_ended(frame& f, run_end end) noexcept {
  group& g = *f.group;
  if (end.error != nullptr) {
    g.failed.keep(f, std::move(end.error));
    g.has_failed.store(true, memory_order_relaxed);
    if (g.stops_on_error) request_stop(g, stop_cause::requested);
    return task_outcome::failed;
  }
  const stop_cause why = cause_of(f);
  note_incomplete(g, why != stop_cause::none ? why : stop_cause::requested);
  return unrun_outcome(why);
}

void core::end_child_unrun(frame& f, stop_cause why, worker* by) noexcept {
  drop_unrun(f);
  note_incomplete(*f.group, why);
  end_child(f, unrun_outcome(why), by);
}

// By who holds the group open. Who asked for a stop has not seen those that waited for a turn: they end here, one after
// the other, since each in the end of the one before would need a stack as long as their list.
void core::pass_turn_on(group& g) noexcept {
  if (!g.turns.is_set()) return;
  while (frame* const next = g.turns.pass_on()) {
    const stop_cause why = reason_not_to_start(g);
    if (why == stop_cause::none) return push_child(*next, own_worker());
    end_child_unrun(*next, why, own_worker());
  }
  full_fence();  // with that of who waits for a turn, in spawn
  if (g.state.take_inside_watcher()) futex_wake(&g.state.word(), wake_all);
}

}  // namespace weir::detail
