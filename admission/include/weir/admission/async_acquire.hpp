// Waiting at a limiter without a thread: what `co_await limiter.async_acquire(...)` is, and a callable that waits.
#pragma once

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

#include <weir/admission/detail/async_wait.hpp>

namespace weir {

/// What `limiter::async_acquire` returns, to be awaited once, at once. Its result is `result<permit>`.
class [[nodiscard]] acquire_awaiter final : private detail::async_wait {
 public:
  using async_wait::async_wait;

  [[nodiscard]] bool await_ready() noexcept {
    const auto outcome = door().look(asked());
    if (outcome) settle(*outcome);
    return outcome.has_value();
  }
  /// @throws std::bad_alloc, std::system_error; then the wait has not begun.
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    return begin();
  }
  [[nodiscard]] result<permit> await_resume() noexcept { return finish(); }

 private:
  void resume() noexcept override { waiting_.resume(); }

  std::coroutine_handle<> waiting_;
};

/// What `limiter::async_wait_until_within` returns, to be awaited once, at once. Its result is `result<void>`.
class [[nodiscard]] within_awaiter final : private detail::async_wait {
 public:
  using async_wait::async_wait;

  [[nodiscard]] bool await_ready() noexcept {
    const bool is_within = door().at->wait_until_within(time_point::min());
    if (is_within) settle(detail::admission{});
    return is_within;
  }
  /// @throws std::bad_alloc, std::system_error; then the wait has not begun.
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    door().have_timer();
    return waits();
  }
  [[nodiscard]] result<void> await_resume() noexcept { return finish_without_permit(); }

 private:
  void resume() noexcept override { waiting_.resume(); }
  void stand() noexcept override { door().at->join_until_within(*this); }
  void leave(refusal_reason why) noexcept override { (void)door().at->withdraw_until_within(*this, why); }

  std::coroutine_handle<> waiting_;
};

namespace detail {

/// What limiter::enqueue takes: called once, with the permit or why there is none.
template <typename F>
concept takes_permit = std::invocable < std::remove_reference_t<F>
&, result < permit >> &&std::invocable<std::decay_t<F>&, result<permit>>&& std::constructible_from<std::decay_t<F>, F>;

/// A callable that waits at a door; it ends itself when it has been called.
template <typename F>
class waiting_callable final : public async_wait {
 public:
  template <typename Given>
  waiting_callable(const async_door& where, const acquire_options& asked, Given&& callable)
      : async_wait(where, asked), callable_(std::forward<Given>(callable)) {}

  void resume() noexcept override {
    callable_(finish());
    delete this;
  }

 private:
  F callable_;
};

/// All of limiter::enqueue.
template <typename F>
result<void> enqueue_at(const async_door& door, const acquire_options& asked, F&& f) {
  using waiting = waiting_callable<std::decay_t<F>>;
  if (const auto outcome = door.look(asked)) {
    if (!*outcome) return outcome->error();
    permit now = async_wait::permit_of(door, asked, **outcome);
    if (!resumption_scope::is_here()) {
      const resumption_scope afterwards;
      [&]() noexcept { f(result<permit>(std::move(now))); }();
      return {};
    }
    waiting* later = nullptr;
    try {
      later = new waiting(door, asked, std::forward<F>(f));
    } catch (...) {
      now.release_unused();  // it was not called
      throw;
    }
    later->settle(std::move(now));
    resume_in_turn(*later);
    return {};
  }
  const resumption_scope afterwards;  // so that a chain of calls that wait in vain does not nest, either
  const result<void> place = door.take_place(asked);
  if (!place) return place;
  waiting* one = nullptr;
  try {
    one = new waiting(door, asked, std::forward<F>(f));
  } catch (...) {
    door.leave_place(asked);
    throw;
  }
  if (!one->waits()) resume_in_turn(*one);
  return {};
}

}  // namespace detail
}  // namespace weir
