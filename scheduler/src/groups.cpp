// Groups: how one is opened and closed, how a child comes in, and its life. The waits are in group_wait.cpp. Read it
// beside scheduler/groups.md.
#include <weir/scheduler/detail/group.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/task_group.hpp>

#include "core.hpp"
#include "group_chain.hpp"
#include "settling.hpp"
#include "threads.hpp"

namespace weir {

group_error::group_error(std::vector<std::exception_ptr> errors)
    : errors_(std::move(errors)),
      text_("weir: " + std::to_string(errors_.size()) + " tasks of a group failed; the first: ") {
  try {
    std::rethrow_exception(errors_.front());
  } catch (const std::exception& e) {
    text_ += e.what();
  } catch (...) {
    text_ += "something that is no std::exception";
  }
}

namespace detail {
namespace {

std::uint32_t most_running(std::int64_t given) {
  if (given == unlimited) return running_limit::no_limit;
  if (given < 1 || given > largest_max_tasks) {
    throw std::invalid_argument("weir: max_running is " + std::to_string(given) + ": it must be 1 to " +
                                std::to_string(largest_max_tasks) + ", or weir::unlimited");
  }
  return static_cast<std::uint32_t>(given);
}

void note_incomplete(group& g, stop_cause why) noexcept {
  stop_cause none = stop_cause::none;
  (void)g.incomplete.compare_exchange_strong(none, why, memory_order_relaxed, memory_order_relaxed);  // (2)
}

// The innermost task of `pool` on the calling thread's stack.
run_context* innermost_of(const core& pool) noexcept {
  run_context* c = run_context::current();
  while (c != nullptr && c->pool != &pool) c = c->below;
  return c;
}

// For threads that have no queue of their own: some worker's, which stays for a few children.
std::size_t next_queue(std::size_t workers) noexcept {
  constexpr std::size_t children_in_a_row = 16;
  static thread_local std::size_t turn = 0;
  return turn++ / children_in_a_row % workers;
}

}  // namespace

// ---- the group

group::group(core& in, const group_options& options, const std::source_location& from)
    : pool(&in),
      name(options.name),
      where(from),
      stops_on_error(options.on_error == on_error::stop_rest),
      turns(most_running(options.max_running)) {
  if (options.on_error > on_error::keep_going) {
    throw std::invalid_argument("weir: on_error must be one of stop_rest, keep_going");
  }
  in.open(*this, options);
}

void core::open(group& g, const group_options& options) {
  if (is_forked()) throw refused({.reason = refusal_reason::forked});
  run_context* const maker = innermost_of(*this);
  if (no_forking::is_here() || (maker == nullptr && is_inside())) {
    throw refused({.reason = refusal_reason::would_deadlock, .asked = options.weight});
  }
  if (maker == nullptr) return open_root(g, options);
  const tracked_frame* const above = values_of(*maker->task);
  g.values = above;
  const deadline inherited = above != nullptr ? above->deadline : deadline{};
  const bool is_earlier = options.deadline < inherited;
  if (is_earlier || options.trace) {
    auto* const scope = new group_scope(g.name, g.where);
    try {
      if (is_earlier) {
        timers_.ensure_started();
        timers_.promise_room();
      }
    } catch (...) {
      delete scope;
      throw;
    }
    attach(*this, *scope);
    scope->deadline = is_earlier ? options.deadline : inherited;
    scope->trace = options.trace ? options.trace : (above != nullptr ? above->trace : trace_id{});
    scope->admitted_at = admission_in(above);
    g.scope = scope;
    g.values = scope;
    if (is_earlier) timers_.insert(*scope);
  }
  g.made_in = maker->root;
  g.made_in->groups.fetch_add(1, memory_order_relaxed);
  g.made_in->task->state.announce_groups();
}

void core::open_root(group& g, const group_options& options) {
  const submit_options asked{.weight = options.weight,
                             .deadline = options.deadline,
                             .name = options.name,
                             .priority = options.priority,
                             .trace = options.trace};
  result<passage> way = enter(verb::submit, asked, stamp::wanted, {});
  if (!way) throw refused(way.error());
  auto* const scope = new group_scope(g.name, g.where);
  attach(*this, *scope);
  scope->deadline = options.deadline;
  scope->trace = options.trace;
  scope->shown.emplace(on_callers_, *scope);
  g.scope = scope;
  g.values = scope;
  std::move(*way).hold(*scope);
}

group::~group() {
  if (pool->is_forked()) return;
  if (!state.is_over()) {
    request_stop();
    if (settling::is_here() || pool->wait_for(*this) == join_end::would_deadlock) {
      std::fprintf(stderr,
                   "weir: a task group (%s:%u) was destroyed where a wait for its children would never end: in one of "
                   "them, or in code between tasks; wait for it before\n",
                   where.file_name(), where.line());
      std::terminate();
    }
    if (pool->is_forked()) return;  // a child of it forked, and this is the child process
  }
  pool->close(*this);
}

void core::close(group& g) noexcept {
  if (g.made_in != nullptr) g.made_in->groups.fetch_sub(1, memory_order_relaxed);
  group_scope* const scope = g.scope;
  if (scope == nullptr) return;
  if (!scope->deadline.is_never()) timers_.cancel(*scope);
  if (scope->shown) {
    scope->shown.reset();
    const stop_cause why = cause_of(g);
    const task_outcome how = g.has_failed.load(memory_order_relaxed) ? task_outcome::failed
                             : why != stop_cause::none               ? unrun_outcome(why)
                                                                     : task_outcome::completed;
    worker* const by = own_worker();
    count_end(how, by);
    give_permit_back(*scope, by);
  }
  drop_owner(*scope);  // with it the last use of the pool
}

void group::request_stop() noexcept {
  if (!pool->is_forked()) pool->request_stop(*this, stop_cause::requested);
}

bool group::is_stopped() const noexcept { return pool->cause_of(const_cast<group&>(*this)) != stop_cause::none; }

stop_cause core::cause_of(group& g) noexcept {
  const std::uint64_t stops = stops_made_.read();
  if (g.unstopped_at.load(memory_order_relaxed) == stops) return stop_cause::none;  // (3)
  stop_cause found = cause_of_pool();
  const auto is_clear = [stops](const group& at) { return at.unstopped_at.load(memory_order_relaxed) == stops; };
  (void)any_stop_word(
      g, [&found](const task_state& s) { return found != stop_cause::none || (found = s.cause()) != stop_cause::none; },
      is_clear);
  if (found == stop_cause::none) g.unstopped_at.store(stops, memory_order_relaxed);  // (3)
  return found;
}

stop_cause core::cause_of(frame& f) noexcept {
  if (const stop_cause own = f.state.cause(); own != stop_cause::none) return own;
  return is_child(f) ? cause_of(*f.group) : cause_of_pool();
}

void core::request_stop(group& g, stop_cause cause) noexcept {
  if (is_stopping()) cause = stop_cause::shutdown;
  const task_state::stopped before = g.stop.request_stop(cause);
  if (before == task_state::stopped::was_stopped_or_over) return;
  tell_of_a_stop();
  if (before == task_state::stopped::running_with_callbacks) stops_.deliver(g.stop);
  end_queued_below(g.stop, cause);
}

// Who pushes a child looks at the words behind its fence, and this looks at the queues behind its own. What it takes it
// does not start, even if another thread has found the group clear by a count of before: this may be no place to run
// anything.
void core::end_queued_below(const task_state& word, stop_cause cause) noexcept {
  full_fence();
  for (const auto& w : workers_) {
    worker::children_queue::cursor from;
    const auto is_below = [&word](group& g) {
      return any_stop_word(g, [&word](const task_state& s) { return &s == &word; });
    };
    while (frame* const f = w->children().take_if(is_below, from)) {
      group& g = *f->group;
      const stop_cause nearest = cause_of(g);
      pass_turn_on(g);
      end_child_unrun(*f, nearest != stop_cause::none ? nearest : cause, own_worker());
    }
  }
}

// ---- the way in

child_passage::kind enter(group& of) {
  refusal why;
  const child_passage::kind how = of.pool->enter_child(of, true, why);
  if (how == child_passage::kind::none) [[unlikely]] {
    if (why.reason != refusal_reason::cancelled) throw refused(why);
    note_incomplete(of, of.pool->cause_of(of));
  }
  return how;
}

child_passage::kind try_enter(group& of, refusal& why) noexcept { return of.pool->enter_child(of, false, why); }

child_passage::kind core::enter_child(group& of, bool may_run_at_once, refusal& why) noexcept {
  using kind = child_passage::kind;
  const bool is_stopped = cause_of(of) != stop_cause::none;
  if (is_stopped || is_forked()) [[unlikely]] {
    why = {.reason = is_forked() ? refusal_reason::forked : refusal_reason::cancelled};
    return kind::none;
  }
  for (;;) {
    if (count_child(own_worker())) return kind::queued;
    if (!may_run_at_once || no_forking::is_here() || !this_stack_has_room()) break;
    if (of.turns.try_take()) return kind::at_once;
    if (!run_or_await_one(of)) break;
  }
  if (is_forked()) {  // a child that was run here has forked, and this is the child process
    why = {.reason = refusal_reason::forked};
    return kind::none;
  }
  why = {.reason = refusal_reason::tasks_full,
         .asked = 1,
         .limit = options_.limits.max_tasks,
         .in_use = options_.limits.max_tasks};
  return kind::none;
}

bool core::count_child(const worker* by) noexcept {
  return by != nullptr ? door_.try_add_child(static_cast<std::size_t>(by->index())) : door_.try_add_child();
}

void core::discount_child(const worker* by) noexcept {
  by != nullptr ? door_.end_child(static_cast<std::size_t>(by->index())) : door_.end_child();
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
  of_->pool->launch_child(f, std::exchange(how_, kind::none) == kind::at_once);
}

void core::launch_child(frame& f, bool at_once) noexcept {
  group& g = *f.group;
  g.state.begin_one();
  worker* const by = own_worker();
  if (by != nullptr) {
    by->counters().children.add();
  } else {
    children_outside_.fetch_add(1, memory_order_relaxed);
  }
  if (at_once) {
    const no_blocking waits;  // as on a worker: there may be a permit below
    start_child(f, by, run_context::depth_here());
  } else if (g.turns.take_or_hold_back(f)) {
    push_child(f, by);
  }
}

void core::push_child(frame& f, worker* by) noexcept {
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

// After a push, by who holds the group open: to workers that are idle, to who waits, and to who has asked for a stop,
// which may have looked at the queues before.
void core::tell_of_children(group& g) noexcept {
  idle_.notify();  // its fence stands before the next two looks, too
  if (g.state.take_inside_watcher()) futex_wake(&g.state.word(), wake_all);
  if (const stop_cause why = cause_of(g); why != stop_cause::none) end_queued_below(g.stop, why);
}

// ---- the life of a child

void core::start_child(frame& f, worker* by, int depth) noexcept {
  group& g = *f.group;
  stop_cause why = reason_not_to_start(f);
  if (why != stop_cause::none) {
    pass_turn_on(g);
    return end_child_unrun(f, why, by);
  }
  run_end end = run_shown(f, by, depth);
  if (is_forked()) return;  // it forked, and this is the child process: what is above it is not here
  task_outcome how = task_outcome::completed;
  if (end.error != nullptr) {
    g.failed.keep(f, std::move(end.error));
    g.has_failed.store(true, memory_order_relaxed);
    if (g.stops_on_error) request_stop(g, stop_cause::requested);
    how = task_outcome::failed;
  } else if (end.left) {
    why = cause_of(f);
    note_incomplete(g, why != stop_cause::none ? why : stop_cause::requested);
    how = unrun_outcome(why);
  }
  pass_turn_on(g);
  end_child(f, how, by);
}

void core::end_child_unrun(frame& f, stop_cause why, worker* by) noexcept {
  drop_unrun(f);
  note_incomplete(*f.group, why);
  end_child(f, unrun_outcome(why), by);
}

// It has no turn any more. The count goes back before the end is visible; that is the last touch of the group.
void core::end_child(frame& f, task_outcome how, worker* by) noexcept {
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

// By who holds the group open. Who asked for a stop has not seen those that waited for a turn: they end here, one after
// the other, since each in the end of the one before would need a stack as long as their list.
void core::pass_turn_on(group& g) noexcept {
  if (!g.turns.is_set()) return;
  while (frame* const next = g.turns.pass_on()) {
    const stop_cause why = reason_not_to_start(*next);
    if (why == stop_cause::none) return push_child(*next, own_worker());
    end_child_unrun(*next, why, own_worker());
  }
  full_fence();  // with that of who waits for a turn, in spawn
  if (g.state.take_inside_watcher()) futex_wake(&g.state.word(), wake_all);
}

}  // namespace detail
}  // namespace weir
