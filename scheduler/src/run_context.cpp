// Where a thread is: between tasks, in one, in a callback; and what this_task tells of it.
#include "run_context.hpp"

#include <cstdio>
#include <exception>

#include <weir/scheduler/detail/fork.hpp>
#include <weir/scheduler/detail/typed_frame.hpp>
#include <weir/scheduler/isolate.hpp>
#include <weir/scheduler/this_task.hpp>

#include "core.hpp"
#include "group_chain.hpp"

namespace weir {
namespace detail {

thread_local constinit thread_place this_place;

namespace {

void choose_forker() noexcept {
  run_context* const c = this_place.innermost;
  const bool forks = c != nullptr && c->on != nullptr && this_place.scopes_without_forks == 0;
  run_context::enter_forker(forks ? &c->on->forks() : nullptr, c);
}

}  // namespace

no_forking::no_forking() noexcept {
  ++this_place.scopes_without_forks;
  choose_forker();
}

no_forking::~no_forking() {
  --this_place.scopes_without_forks;
  choose_forker();
}

bool no_forking::is_here() noexcept { return this_place.scopes_without_forks != 0; }

void forker::throw_if_stopped_elsewhere() {
  if (this_place.innermost != nullptr && this_place.scopes_without_forks == 0)
    this_place.innermost->token().throw_if_stopped();
}

void run_context::complain_of_groups() const noexcept {
  if (pool->is_forked()) return;
  std::fprintf(stderr,
               "weir: a task (%s:%u) has ended before a task group that it made; a group ends before its task does\n",
               task->where.file_name(), task->where.line());
  std::terminate();
}

bool run_context::may_help() const noexcept {
  return depth < pool->options().help_depth && !is_isolated.load(memory_order_relaxed);
}

isolation::isolation() noexcept : in_(this_place.innermost) {
  if (in_ != nullptr) was_isolated_ = in_->is_isolated.exchange(true, memory_order_relaxed);
}

isolation::~isolation() {
  if (in_ != nullptr) in_->is_isolated.store(was_isolated_, memory_order_relaxed);
}

callback_scope::callback_scope(const run_context& of) noexcept : of_(&of), below_(this_place.innermost_callback) {
  this_place.innermost_callback = this;
}

callback_scope::~callback_scope() { this_place.innermost_callback = below_; }

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
  const detail::tracked_frame* const t = detail::values_of(*c->task);
  return t != nullptr ? t->deadline : weir::deadline{};
}

task_name name() noexcept {
  const run_context* const c = run_context::current();
  return c != nullptr ? detail::name_of(*c->task) : task_name{};
}

trace_id trace() noexcept {
  const run_context* const c = run_context::current();
  if (c == nullptr) return {};
  const detail::tracked_frame* const t = detail::values_of(*c->task);
  return t != nullptr ? t->trace : trace_id{};
}

time_point admitted_at() noexcept {
  const run_context* const c = run_context::current();
  if (c == nullptr) return {};
  return detail::admission_in(detail::values_of(*c->task));
}

}  // namespace this_task
}  // namespace weir
