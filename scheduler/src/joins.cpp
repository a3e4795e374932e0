// Waiting for the end of a task: who may run it, who sleeps, and what is refused. How a worker waits is in
// worker_joins.cpp. Read it beside the section "Join" of scheduler/README.md.
#include <weir/queues/sync.hpp>

#include "core.hpp"
#include "settling.hpp"
#include "threads.hpp"

namespace weir::detail {

join_end core::sleep_until_done(tracked_frame& f, deadline until) noexcept {
  const blocked_join asleep(awaited(f), until);
  if (asleep.is_circular()) return join_end::would_deadlock;
  for (;;) {
    if (f.state.watch(task_state::watcher::thread)) return join_end::done;
    const std::uint32_t seen = f.state.word().load(memory_order_acquire);
    if (task_state::is_done(seen)) return join_end::done;
    if (!until.is_never() && until.has_passed(clock().now())) return join_end::too_late;
    clock().wait_until(f.state.word(), seen, until.at());
  }
}

bool core::sleep_until_changed(tracked_frame& f, const worker& by) noexcept {
  const blocked_join asleep(awaited(f), deadline{});
  if (asleep.is_circular()) return false;
  const idle::sleep_by_itself counted(idle_);
  const std::uint32_t seen = f.state.watch_inside();
  full_fence();  // with that of who has something to run of it: either it finds the bit, or this look that
  if (!task_state::is_done(seen) && !by.sees_part_of(awaited(f))) {
    clock().wait_until(f.state.word(), seen, deadline{}.at());
  }
  return true;
}

void core::tell_joins(frame& f) noexcept {
  if (is_child(f)) return tell_joins(*f.group);
  if (tracked(f) != nullptr && f.state.take_inside_watcher()) futex_wake(&f.state.word(), wake_all);
}

void core::tell_joins(group& g) noexcept {
  for (group* at = &g;;) {
    if (at->state.take_inside_watcher()) futex_wake(&at->state.word(), wake_all);
    if (at->made_in == nullptr) return;
    frame& maker = *at->made_in->task;
    if (!is_child(maker)) return tell_joins(maker);
    at = maker.group;
  }
}

join_end core::join(tracked_frame& f, deadline until) noexcept {
  if (f.state.is_done()) return join_end::done;
  if (held_up::by_this_thread().contains(awaited(f))) return join_end::would_deadlock;
  worker* const w = own_worker();
  if (w != nullptr && run_context::current() != nullptr) return w->join(f, until);
  if (may_run_what_it_waits_for() && this_stack_has_room()) (void)claim(f, nullptr, 0);
  return sleep_until_done(f, until);
}

bool join(tracked_frame& f, deadline until) {
  if (f.state.is_done()) return true;
  core& pool = *f.pool;
  if (pool.is_forked()) throw refused({.reason = refusal_reason::forked});
  if (settling::is_here()) throw refused({.reason = refusal_reason::would_deadlock});
  // At the door it may wait for a permit that a task on this stack holds.
  const bool at_door = f.state.current_phase() == task_state::phase::waiting;
  const join_end end = at_door && pool.is_inside() ? join_end::would_deadlock : pool.join(f, until);
  if (pool.is_forked()) throw refused({.reason = refusal_reason::forked});  // what it ran meanwhile has forked
  if (end == join_end::would_deadlock) throw refused({.reason = refusal_reason::would_deadlock});
  return end == join_end::done;
}

void request_stop(tracked_frame& f, stop_cause cause) noexcept {
  if (!f.pool->is_forked()) f.pool->request_stop(f, cause);
}

bool stop_and_wait(tracked_frame& f) noexcept {
  if (f.state.is_done()) return true;
  if (f.pool->is_forked()) return false;
  request_stop(f, stop_cause::requested);
  if (settling::is_here()) return false;
  // A task may end its own job, or one that its stack holds up: then there is nothing to wait for but itself.
  return f.pool->join(f, deadline{}) == join_end::done && !f.pool->is_forked();
}

}  // namespace weir::detail
