// Groups: how one is opened, stopped and closed. Its children are in children.cpp, the waits in group_wait.cpp. Read it
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

// Those that are counted, and beside them as many that run at once on some thread's stack.
static_assert(group_state::most_unended >= 2 * largest_max_tasks);

std::uint32_t most_running(std::int64_t given) {
  if (given == unlimited) return running_limit::no_limit;
  if (given < 1 || given > largest_max_tasks) {
    throw std::invalid_argument("weir: max_running is " + std::to_string(given) + ": it must be 1 to " +
                                std::to_string(largest_max_tasks) + ", or weir::unlimited");
  }
  return static_cast<std::uint32_t>(given);
}

// The innermost task of `pool` on the calling thread's stack.
run_context* innermost_of(const core& pool) noexcept {
  run_context* c = run_context::current();
  while (c != nullptr && c->pool != &pool) c = c->below;
  return c;
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
  g.root = root_of(*maker->task);
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
  g.root = scope;
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

// `stops`: read from the count before this. What is found stays in the group's own word, which is the first to be read:
// so whoever was told a cause is told it again, also if a deadline below where it came from passes later. That ends and
// calls nothing: who wrote the cause does.
stop_cause core::look_for_cause(group& g, std::uint64_t stops) noexcept {
  stop_cause found = stop_cause::none;
  const auto is_clear = [stops](const group& at) { return at.unstopped_at.load(memory_order_relaxed) == stops; };
  (void)any_stop_word(
      g, [&found](const task_state& s) { return (found = s.cause()) != stop_cause::none; }, is_clear);
  if (found == stop_cause::none) found = cause_of_pool();
  if (found == stop_cause::none) {
    g.unstopped_at.store(stops, memory_order_relaxed);  // (3)
    return found;
  }
  (void)g.stop.request_stop(found);
  return g.stop.cause();
}

stop_cause core::cause_of(frame& f) noexcept {
  if (const stop_cause own = f.state.cause(); own != stop_cause::none) return own;
  return is_child(f) ? cause_of(*f.group) : cause_of_pool();
}

void core::request_stop(group& g, stop_cause cause) noexcept {
  // The first cause wins, and who asks is told the nearest word's.
  if (const stop_cause above = is_stopping() ? stop_cause::shutdown : cause_of(g); above != stop_cause::none) {
    cause = above;
  }
  const task_state::stopped before = g.stop.request_stop(cause);
  tell_of_a_stop();  // also if it was stopped: who did that may not have come so far
  if (before == task_state::stopped::was_stopped_or_over) return;
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

}  // namespace detail
}  // namespace weir
