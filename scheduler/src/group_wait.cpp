// Waiting for a group: who may run its children does, and sleeps when there is none that is queued; everybody else
// sleeps. Read it beside scheduler/groups.md.
#include <stdexcept>

#include <weir/scheduler/task_group.hpp>

#include "core.hpp"
#include "group_children.hpp"
#include "settling.hpp"
#include "threads.hpp"

namespace weir::detail {
namespace {

constexpr duration for_ever{-1};

// Whether the calling task is a child of `g`, or part of one. What this does not find, since tasks of another kind lie
// between, is found before a sleep.
bool is_part_of(const group& g) noexcept {
  const run_context* c = run_context::current();
  if (c != nullptr && c->root == g.made_in) return false;  // it has made it
  while (c != nullptr && is_child(*c->task) && c->task->group != &g) c = c->task->group->made_in;
  return c != nullptr && is_child(*c->task);
}

}  // namespace

void group::wait() {
  if (pool->is_forked()) throw refused({.reason = refusal_reason::forked});
  if (!state.is_over() && is_part_of(*this)) throw refused({.reason = refusal_reason::would_deadlock});
  if (is_awaited.exchange(true, memory_order_acq_rel)) {  // (1)
    throw std::logic_error("weir: two threads wait for one task group at the same time: one of them must");
  }
  struct end_of_wait {
    ~end_of_wait() { of.is_awaited.store(false, memory_order_release); }  // (1) also of what it has taken
    group& of;
  } const on_exit{*this};
  const join_end how = settling::is_here() && !state.is_over() ? join_end::would_deadlock : pool->wait_for(*this);
  if (pool->is_forked()) throw refused({.reason = refusal_reason::forked});
  if (how == join_end::would_deadlock) throw refused({.reason = refusal_reason::would_deadlock});

  if (const std::size_t count = failed.count(); count != 0) {
    std::vector<std::exception_ptr> errors;
    errors.reserve(stops_on_error ? 1 : count);  // if it throws, they stay for the next wait
    failed.for_each([&](const std::exception_ptr& e) {
      if (errors.size() < errors.capacity()) errors.push_back(e);
    });
    if (stops_on_error) {
      const std::exception_ptr first = errors.front();
      forget_ends();
      std::rethrow_exception(first);
    }
    group_error all(std::move(errors));
    forget_ends();
    throw all;
  }
  if (const stop_cause why = incomplete.load(memory_order_relaxed); why != stop_cause::none) {
    forget_ends();
    throw cancelled(why);
  }
}

void group::forget_ends() noexcept {
  failed.forget();
  incomplete.store(stop_cause::none, memory_order_relaxed);  // (2)
}

join_end core::wait_for(group& g) noexcept {
  if (g.state.is_over()) return join_end::done;
  worker* const w = own_worker();
  if (w != nullptr && run_context::current() != nullptr) return w->wait_for(g);
  return may_run_what_it_waits_for() ? run_children_until_over(g) : sleep_until_over(g);
}

// A thread outside of all tasks, whom nobody needs: it is told of the end only.
join_end core::sleep_until_over(group& g) noexcept {
  const blocked_join asleep(awaited(g), deadline{});
  if (asleep.is_circular()) return join_end::would_deadlock;
  for (;;) {
    const std::uint32_t seen = g.state.watch(group_state::watcher::outside);
    if (group_state::is_over(seen)) break;
    futex_wait(g.state.word(), seen, for_ever);
  }
  g.state.unwatch();
  return join_end::done;
}

// A thread that runs a task, and is no worker of the pool.
join_end core::run_children_until_over(group& g) noexcept {
  children_of children(*this, g, nullptr);
  const no_blocking waits;
  for (;;) {
    if (g.state.is_over()) return join_end::done;
    if (!this_stack_has_room() && !may_end_children(g)) {
      if (children.any()) return join_end::would_deadlock;
    } else if (frame* const f = children.take()) {
      start_child(*f, nullptr, run_context::depth_here());
      if (is_forked()) return join_end::done;
      continue;
    }
    if (!sleep_until_changed(g, nullptr)) return join_end::would_deadlock;
  }
}

// What was asked to stop ends without running, for which there is room enough anywhere.
bool core::may_end_children(group& g) noexcept { return cause_of(g) != stop_cause::none; }

// For a spawn that finds no task and no turn: what is queued of the group has one. False: that would never be.
bool core::run_or_await_one(group& g) noexcept {
  worker* const by = own_worker();
  const no_blocking waits;  // as on a worker: there may be a permit below
  frame* const f = children_of(*this, g, by).take();
  if (f == nullptr) return sleep_until_changed(g, by, true);
  start_child(*f, by, run_context::depth_here());
  return !is_forked();
}

// Until there is a new child of `g`, or none is left, or something that `by` can run of it, or, for who needs one, a
// turn: who only waits would find a free one at each look, and never sleep. False: that would never be.
bool core::sleep_until_changed(group& g, const worker* by, bool needs_turn) noexcept {
  const blocked_join asleep(awaited(g), deadline{});
  if (asleep.is_circular()) return false;
  const idle::sleep_by_itself counted(idle_);
  const std::uint32_t seen = g.state.watch(group_state::watcher::inside);
  full_fence();  // with that of who pushes a child: either it finds the bit, or this look its child
  const bool is_there = needs_turn ? g.turns.is_free() : group_state::is_over(seen);
  const bool sees_some =
      children_of(*this, g, nullptr).any() || (by != nullptr && !needs_turn && by->sees_part_of(awaited(g)));
  if (!is_there && !sees_some) futex_wait(g.state.word(), seen, for_ever);
  if (g.state.is_over()) g.state.unwatch();
  return true;
}

}  // namespace weir::detail
