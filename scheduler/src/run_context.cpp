#include "run_context.hpp"

#include <weir/scheduler/detail/typed_frame.hpp>
#include <weir/scheduler/this_task.hpp>

#include "core.hpp"

namespace weir {
namespace detail {
namespace {

thread_local run_context* innermost = nullptr;

}  // namespace

run_context::run_context(frame& of, core& in, worker* by, run_context* parent_task, int unrelated_below) noexcept
    : task(&of), pool(&in), on(by), below(innermost), parent(parent_task), depth(unrelated_below) {
  innermost = this;
}

run_context::~run_context() { innermost = below; }

run_context* run_context::current() noexcept { return innermost; }

bool run_context::is_below(const frame& f) const noexcept {
  for (const run_context* c = this; c != nullptr; c = c->below) {
    if (c->task == &f) return true;
  }
  return false;
}

bool is_on_this_stack(const frame& f) noexcept { return innermost != nullptr && innermost->is_below(f); }

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
