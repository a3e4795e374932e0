// Asking a task to stop: how it learns of it, why, and how it leaves.
#pragma once

#include <cstdint>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weir/queues/sync.hpp>

namespace weir {

namespace detail {
struct run_context;
class stop_callback_node;
}  // namespace detail

/// Why a task was asked to stop.
enum class stop_cause : std::uint8_t {
  none,       ///< It was not.
  requested,  ///< Its job, its group, or that of what it is part of, requested it, or a sibling has failed.
  deadline,   ///< Its deadline, or its parent's, has passed.
  shutdown,   ///< The pool is shutting down and its time is over.
};

[[nodiscard]] std::string_view to_string(stop_cause cause) noexcept;

/// Thrown by a task to say that it leaves because it was asked to; by `get` for a task that was cancelled or expired. A
/// task that throws it ends `expired` if its deadline asked it to stop, else `cancelled`.
class cancelled : public std::exception {
 public:
  explicit cancelled(stop_cause cause = stop_cause::none) noexcept : cause_(cause) {}
  [[nodiscard]] stop_cause cause() const noexcept { return cause_; }
  [[nodiscard]] const char* what() const noexcept override;

 private:
  stop_cause cause_;
};

/// A view of the running task's stop state: one pointer, no allocation. A callable that takes it as its argument is
/// given its own. It must not be used after the callable has returned. A default one is never stopped. Thread-safe.
class stop_token {
 public:
  stop_token() noexcept = default;

  /// Whether this task, its group, what they are part of, or the whole pool was asked to stop. Wait-free: a few loads;
  /// in a group once after each stop in the pool linear in the nesting.
  [[nodiscard]] bool stop_requested() const noexcept { return cause() != stop_cause::none; }
  /// Why: the first cause, and what was told once is told for good. Only where nobody in a group has asked since a stop
  /// from above, its own deadline that has passed meanwhile is told instead.
  [[nodiscard]] stop_cause cause() const noexcept;
  /// Leaves the task by `cancelled` if it was asked to stop.
  void throw_if_stopped() const {
    if (const stop_cause why = cause(); why != stop_cause::none) throw cancelled(why);
  }

 private:
  friend struct detail::run_context;
  friend class detail::stop_callback_node;
  explicit stop_token(detail::run_context* of) noexcept : of_(of) {}

  detail::run_context* of_ = nullptr;
};

namespace detail {

/// The part of a stop callback that has no type. See stop_callback.
class stop_callback_node {
 public:
  stop_callback_node(const stop_callback_node&) = delete;
  stop_callback_node& operator=(const stop_callback_node&) = delete;

 protected:
  explicit stop_callback_node(void (*call)(stop_callback_node&)) noexcept : call_(call) {}
  ~stop_callback_node() = default;

  // Registers with the task of `token`, or calls at once if it was asked to stop already.
  void attach(const stop_token& token);
  // After it has returned the callback does not run, unless this is the callback.
  void detach() noexcept;

 private:
  friend class stop_registry;

  void (*call_)(stop_callback_node&);
  run_context* of_ = nullptr;  // of the task
  run_context* at_ = nullptr;  // where it was registered: that, or a stolen fork of it
                               // null: not registered. The rest is guarded by the pool's stop registry.
  stop_callback_node* next_ = nullptr;
  stop_callback_node* prev_ = nullptr;
  bool linked_ = false;
  bool* destroyed_ = nullptr;  // tells the caller that the callback has destroyed itself
  thread_id runner_{};
  // 0: not called; 1: being called; 2: over. Writer: the caller. Reader: detach on another thread.
  // (1) over: release store by the caller -> acquire load by detach; the callback's effects happen before detach
  // returns.
  atomic<std::uint32_t> phase_{0};
};

}  // namespace detail

/// Calls `F` once when the task of a token is asked to stop: on the thread that asks, or the clock thread, and under no
/// lock; at once in the constructor if that has happened already. Never after the destructor has returned, which waits
/// for a call on another thread. An exception that it throws fails the task, unless that fails by itself; one that it
/// throws in the constructor leaves by it. It must be destroyed before the task's callable returns. Registration takes
/// a short lock of the pool.
///
/// It should be short: while it runs its task does not end; on the clock thread it holds up the pool's deadlines and
/// rate, and in `shutdown` the return of that. It may use the pool; it may not wait for its own task, nor on the clock
/// thread for anything (refused `would_deadlock`).
template <typename F>
class [[nodiscard]] stop_callback : private detail::stop_callback_node {
 public:
  template <typename Fn>
  stop_callback(const stop_token& token, Fn&& on_stop)
      : stop_callback_node([](stop_callback_node& self) { static_cast<stop_callback&>(self).on_stop_(); }),
        on_stop_(std::forward<Fn>(on_stop)) {
    attach(token);
  }
  ~stop_callback() { detach(); }

 private:
  F on_stop_;
};

template <typename Fn>
stop_callback(stop_token, Fn) -> stop_callback<Fn>;

}  // namespace weir
