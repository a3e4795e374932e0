#include "stop_registry.hpp"

#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/fork.hpp>

#include "core.hpp"
#include "group_chain.hpp"

namespace weir {

std::string_view to_string(stop_cause cause) noexcept {
  switch (cause) {
    case stop_cause::none:
      return "none";
    case stop_cause::requested:
      return "requested";
    case stop_cause::deadline:
      return "deadline";
    case stop_cause::shutdown:
      return "shutdown";
  }
  return "unknown";
}

const char* cancelled::what() const noexcept {
  switch (cause_) {
    case stop_cause::none:
      return "weir: cancelled";
    case stop_cause::requested:
      return "weir: cancelled: stop was requested";
    case stop_cause::deadline:
      return "weir: expired: the deadline has passed";
    case stop_cause::shutdown:
      return "weir: cancelled: the pool is shutting down";
  }
  return "weir: cancelled";
}

stop_cause stop_token::cause() const noexcept {
  if (of_ == nullptr) return stop_cause::none;
  const stop_cause why = of_->pool->cause_of(*of_->task);
  // Who asks may not have told this worker's forks yet: what this thread has seen, its next fork sees, too.
  if (why != stop_cause::none && detail::forker::current() != nullptr) detail::forker::current()->stops().raise_own();
  return why;
}

namespace detail {

void stop_callback_node::attach(const stop_token& token) {
  if (token.of_ == nullptr) return;
  of_ = token.of_;
  run_context* const here = run_context::current();
  at_ = here != nullptr && here->root == of_ ? here : of_;
  if (of_->pool->stops().link(*of_, *this)) return;
  of_ = nullptr;
  call_(*this);  // asked to stop already; what it throws leaves by the constructor, into the task
}

void stop_callback_node::detach() noexcept {
  if (of_ != nullptr) of_->pool->stops().unlink(*this);
}

bool stop_registry::link(run_context& context, stop_callback_node& node) noexcept {
  const lock_guard held(mutex_);
  if (!context.is_registered) {
    context.is_registered = true;
    context.prev = nullptr;
    context.next = contexts_;
    if (contexts_ != nullptr) contexts_->prev = &context;
    contexts_ = &context;
  }
  stop_cause seen = context.task->state.announce_callbacks();
  if (seen == stop_cause::none && is_child(*context.task)) {
    (void)any_stop_word(*context.task->group,
                        [&seen](task_state& s) { return (seen = s.announce_more_callbacks()) != stop_cause::none; });
  }
  if (seen != stop_cause::none || context.pool->is_stopping()) return false;
  node.prev_ = nullptr;
  node.next_ = context.callbacks;
  if (node.next_ != nullptr) node.next_->prev_ = &node;
  context.callbacks = &node;
  node.linked_ = true;
  return true;
}

void stop_registry::unlink(stop_callback_node& node) noexcept {
  {
    const lock_guard held(mutex_);
    if (node.linked_) {
      (node.prev_ != nullptr ? node.prev_->next_ : node.of_->callbacks) = node.next_;
      if (node.next_ != nullptr) node.next_->prev_ = node.prev_;
      return;
    }
    if (node.runner_ == this_thread_id()) {
      // The callback destroys itself, or it was called on this thread and is over.
      if (node.destroyed_ != nullptr) *node.destroyed_ = true;
      return;
    }
  }
  for (std::uint32_t phase; (phase = node.phase_.load(memory_order_acquire)) != 2;) {  // (1)
    futex_wait(node.phase_, phase, duration(-1));
  }
}

void stop_registry::deliver(const task_state& word) noexcept {
  call_those(
      [&word](run_context& c) { return any_stop_word(*c.task, [&word](const task_state& s) { return &s == &word; }); });
}

void stop_registry::stop_all(stop_cause cause) noexcept {
  call_those([cause](run_context& c) {
    (void)c.task->state.request_stop(cause);
    return true;
  });
}

template <typename Concerns>
void stop_registry::call_those(Concerns&& concerns) noexcept {
  mutex_.lock();
  run_context* c = contexts_;
  if (c != nullptr) enter(*c);
  while (c != nullptr) {
    if (concerns(*c)) call_all(*c);
    run_context* const next = c->next;
    if (next != nullptr) enter(*next);  // it stays in its place while the lock is free
    leave(*c);
    mutex_.lock();
    c = next;
  }
  mutex_.unlock();
}

void stop_registry::enter(run_context& context) noexcept {
  (void)context.callers.fetch_add(1, memory_order_relaxed);  // (1)
}

void stop_registry::leave(run_context& context) noexcept {
  const atomic<std::uint32_t>* const address = &context.callers;
  const bool is_awaited = context.callers.fetch_sub(1, memory_order_relaxed) == 1 && context.is_closing;  // (1)
  mutex_.unlock();  // from here on the context may be gone
  if (is_awaited) futex_wake(address, wake_all);
}

void stop_registry::call_all(run_context& context) noexcept {
  while (stop_callback_node* const node = context.callbacks) {
    context.callbacks = node->next_;
    if (node->next_ != nullptr) node->next_->prev_ = nullptr;
    node->linked_ = false;
    node->runner_ = this_thread_id();
    node->phase_.store(1, memory_order_relaxed);  // relaxed: under the lock
    std::exception_ptr error;
    mutex_.unlock();
    call_one(*node, error);
    mutex_.lock();
    if (error != nullptr && context.callback_error == nullptr) context.callback_error = std::move(error);
  }
}

void stop_registry::call_one(stop_callback_node& node, std::exception_ptr& error) noexcept {
  const callback_scope here(*node.at_);  // on that stack its destructor waits
  bool destroyed = false;
  node.destroyed_ = &destroyed;  // read on this thread only
  try {
    node.call_(node);
  } catch (...) {
    error = std::current_exception();
  }
  if (destroyed) return;
  node.destroyed_ = nullptr;
  const atomic<std::uint32_t>* const address = &node.phase_;
  node.phase_.store(2, memory_order_release);  // (1); the last touch: whoever waits in unlink may end it now
  futex_wake(address, wake_all);
}

void stop_registry::close(run_context& context) noexcept {
  for (;;) {
    std::uint32_t callers = 0;
    {
      const lock_guard held(mutex_);
      callers = context.callers.load(memory_order_relaxed);  // (1)
      if (callers == 0) {
        // Callbacks of its children are announced in its word, too: it may have none itself.
        if (!context.is_registered) return;
        (context.prev != nullptr ? context.prev->next : contexts_) = context.next;
        if (context.next != nullptr) context.next->prev = context.prev;
        return;
      }
      context.is_closing = true;
    }
    futex_wait(context.callers, callers, duration(-1));
  }
}

}  // namespace detail
}  // namespace weir
