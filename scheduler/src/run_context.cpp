#include "run_context.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <utility>

#include <weir/scheduler/detail/fork.hpp>
#include <weir/scheduler/detail/typed_frame.hpp>
#include <weir/scheduler/isolate.hpp>
#include <weir/scheduler/this_task.hpp>

#include "core.hpp"
#include "group_chain.hpp"

namespace weir {
namespace detail {
namespace {

thread_local run_context* innermost = nullptr;
thread_local const callback_scope* innermost_callback = nullptr;
thread_local int scopes_without_forks = 0;

void choose_forker() noexcept {
  run_context* const c = innermost;
  const bool forks = c != nullptr && c->on != nullptr && scopes_without_forks == 0;
  forker* const at = forks ? &c->on->forks() : nullptr;
  forker::enter(at, c);
  if (at != nullptr) at->stops().raise_own();  // what was asked to stop meanwhile, or before: its first fork looks
}

void become_innermost(run_context* c) noexcept {
  innermost = c;
  choose_forker();
}

int height_of(const run_context* c) noexcept { return c != nullptr ? c->height : 0; }

}  // namespace

no_forking::no_forking() noexcept {
  ++scopes_without_forks;
  choose_forker();
}

no_forking::~no_forking() {
  --scopes_without_forks;
  choose_forker();
}

bool no_forking::is_here() noexcept { return scopes_without_forks != 0; }

void forker::throw_if_stopped_elsewhere() {
  if (innermost != nullptr && scopes_without_forks == 0) innermost->token().throw_if_stopped();
}

run_context::run_context(frame& of, core& in, worker* by, int unrelated_below) noexcept
    : task(&of),
      pool(&in),
      on(by),
      below(innermost),
      root(this),
      forked(nullptr),
      stack(&innermost),
      height(height_of(below) + 1),
      depth(unrelated_below),
      callbacks_below(innermost_callback),
      scopes_without_forks_below(std::exchange(scopes_without_forks, 0)),
      is_isolated(below != nullptr && below->is_isolated.load(memory_order_relaxed)) {
  become_innermost(this);
}

run_context::run_context(run_context& forked_in, worker& by, int unrelated_below) noexcept
    : task(forked_in.task),
      pool(forked_in.pool),
      on(&by),
      below(innermost),
      root(forked_in.root),
      forked(&forked_in),
      stack(&innermost),
      height(height_of(below) + 1),
      depth(unrelated_below),
      callbacks_below(innermost_callback),
      scopes_without_forks_below(std::exchange(scopes_without_forks, 0)),
      is_isolated(forked_in.is_isolated.load(memory_order_relaxed)) {
  become_innermost(this);
}

run_context::~run_context() {
  scopes_without_forks = scopes_without_forks_below;
  become_innermost(below);
}

run_context* run_context::current() noexcept { return innermost; }

void run_context::check_groups() const noexcept {
  if (groups.load(memory_order_relaxed) == 0 || pool->is_forked()) return;
  std::fprintf(stderr,
               "weir: a task (%s:%u) has ended before a task group that it made; a group ends before its task does\n",
               task->where.file_name(), task->where.line());
  std::terminate();
}

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

namespace {

// Goes over all that some contexts hold up, each once: what is below on their own stacks, and the tasks whose stop
// callbacks lie between; since a stolen fork holds up the stack that joins it, what is there from the place on where it
// was forked; and since a child holds up the task that made its group, what is there from that task on. A stack is a
// chain: what was seen of it is what lies at some height or below.
template <typename Predicate>
class held_up_search {
 public:
  explicit held_up_search(Predicate holds) noexcept : holds_(holds) {}

  [[nodiscard]] bool finds(const run_context* c) noexcept {
    if (c == nullptr) return false;
    const int seen_already = mark(c->stack, c->height);
    for (; c != nullptr && c->height > seen_already; c = c->below) {
      if (holds_(*c) || finds(c->forked) || (is_child(*c->task) && finds(c->task->group->made_in))) return true;
      if (finds_from(c->callbacks_below, c->below != nullptr ? c->below->callbacks_below : nullptr)) return true;
    }
    return false;
  }
  /// The tasks whose callbacks these are, down to but without `last`.
  [[nodiscard]] bool finds_from(const callback_scope* s, const callback_scope* last) noexcept {
    while (s != last && !finds(s->of())) s = s->below();
    return s != last;
  }

 private:
  struct mark_of {
    const void* stack;
    int height;
  };

  // Returns how high the stack was marked before. What does not fit is not marked: it may be gone over again.
  int mark(const void* stack, int height) noexcept {
    const auto last = marks_.begin() + count_;
    const auto it = std::find_if(marks_.begin(), last, [stack](const mark_of& m) { return m.stack == stack; });
    if (it != last) return std::exchange(it->height, std::max(it->height, height));
    if (it != marks_.end()) {
      *it = {stack, height};
      ++count_;
    }
    return 0;
  }

  Predicate holds_;
  std::array<mark_of, 128> marks_;
  int count_ = 0;
};

}  // namespace

template <typename Predicate>
bool held_up::any(Predicate holds) const noexcept {
  held_up_search search(holds);
  return search.finds(top_) || search.finds_from(callbacks_, top_ != nullptr ? top_->callbacks_below : nullptr);
}

bool held_up::contains(const awaited& what) const noexcept {
  return any([&](const run_context& c) { return what.needs(c); });
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
