#include "run_context.hpp"

#include <weir/scheduler/detail/fork.hpp>
#include <weir/scheduler/detail/typed_frame.hpp>
#include <weir/scheduler/isolate.hpp>
#include <weir/scheduler/this_task.hpp>

#include "core.hpp"

namespace weir {
namespace detail {
namespace {

thread_local run_context* innermost = nullptr;
thread_local const callback_scope* innermost_callback = nullptr;

void become_innermost(run_context* c) noexcept {
  innermost = c;
  forker* const at = c != nullptr && c->on != nullptr ? &c->on->forks() : nullptr;
  forker::enter(at, c);
  if (at != nullptr) at->raise();  // what was asked to stop meanwhile, or before, is to see it at its first fork
}

}  // namespace

run_context::run_context(frame& of, core& in, worker* by, run_context* parent_task, int unrelated_below) noexcept
    : task(&of),
      pool(&in),
      on(by),
      below(innermost),
      parent(parent_task),
      root(this),
      forked(nullptr),
      depth(unrelated_below) {
  become_innermost(this);
}

run_context::run_context(run_context& forked_in, worker& by, int unrelated_below) noexcept
    : task(forked_in.task),
      pool(forked_in.pool),
      on(&by),
      below(innermost),
      parent(forked_in.parent),
      root(forked_in.root),
      forked(&forked_in),
      depth(unrelated_below),
      is_isolated(forked_in.is_isolated.load(memory_order_relaxed)) {
  become_innermost(this);
}

run_context::~run_context() { become_innermost(below); }

run_context* run_context::current() noexcept { return innermost; }

bool run_context::may_help() const noexcept {
  return depth < pool->options().help_depth && !is_isolated.load(memory_order_relaxed);
}

isolation::isolation() noexcept : in_(innermost) {
  if (in_ != nullptr) was_isolated_ = in_->is_isolated.exchange(true, memory_order_relaxed);
}

isolation::~isolation() {
  if (in_ != nullptr) in_->is_isolated.store(was_isolated_, memory_order_relaxed);
}

callback_scope::callback_scope(const run_context& of) noexcept : of_(&of), below_(innermost_callback) {
  innermost_callback = this;
}

callback_scope::~callback_scope() { innermost_callback = below_; }

held_up held_up::by_this_thread() noexcept {
  held_up all;
  all.top_ = innermost;
  all.callbacks_ = innermost_callback;
  return all;
}

template <typename Predicate>
bool held_up::any(Predicate holds) const noexcept {
  // A stolen fork holds up the stack that joins it, too, from the place where that was forked.
  const auto in_stack = [&](const auto& self, const run_context* c) -> bool {
    for (; c != nullptr; c = c->below) {
      if (holds(*c) || (c->forked != nullptr && self(self, c->forked))) return true;
    }
    return false;
  };
  if (in_stack(in_stack, top_)) return true;
  const callback_scope* s = callbacks_;
  while (s != nullptr && !in_stack(in_stack, s->of_)) s = s->below_;
  return s != nullptr;
}

bool held_up::contains(const frame& f) const noexcept {
  return any([&](const run_context& c) { return c.task == &f; });
}

bool held_up::contains_any_of(const core& pool) const noexcept {
  return any([&](const run_context& c) { return c.pool == &pool; });
}

stop_token token_of(run_context& context) noexcept { return context.token(); }

}  // namespace detail

namespace this_task {

using detail::run_context;

stop_token stop() noexcept {
  run_context* const c = run_context::current();
  return c != nullptr ? c->token() : stop_token();
}

weir::deadline deadline() noexcept {
  const run_context* const c = run_context::current();
  if (c == nullptr) return {};
  const detail::tracked_frame* const t = detail::tracked(*c->task);
  return t != nullptr ? t->deadline : weir::deadline{};
}

task_name name() noexcept {
  const run_context* const c = run_context::current();
  return c != nullptr ? c->task->name : task_name{};
}

trace_id trace() noexcept {
  const run_context* const c = run_context::current();
  if (c == nullptr) return {};
  const detail::tracked_frame* const t = detail::tracked(*c->task);
  return t != nullptr ? t->trace : trace_id{};
}

time_point admitted_at() noexcept {
  const run_context* c = run_context::current();
  if (c == nullptr) return {};
  while (c->parent != nullptr) c = c->parent;
  return c->task->admitted_at;
}

}  // namespace this_task
}  // namespace weir
