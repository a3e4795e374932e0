// Frames with their callable: how one is built, run and destroyed, for each type of callable.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/stop_token.hpp>

namespace weir::detail {

/// The token of the task that runs in `context`.
[[nodiscard]] stop_token token_of(run_context& context) noexcept;

template <typename F>
inline constexpr bool takes_token = std::is_invocable_v<F&, stop_token>;
template <typename F>
inline constexpr bool takes_std_token = !takes_token<F> && std::is_invocable_v<F&, std::stop_token>;

/// Calls `f` with the stop token that it asks for. The shared state of a std::stop_token is made only here, for who
/// asks.
template <typename F>
decltype(auto) call_with_token(F& f, run_context& context) {
  if constexpr (takes_token<F>) {
    return std::invoke(f, token_of(context));
  } else if constexpr (takes_std_token<F>) {
    std::stop_source source;
    const stop_callback forward(token_of(context), [&source] { source.request_stop(); });
    return std::invoke(f, source.get_token());
  } else {
    static_assert(
        std::is_invocable_v<F&>,
        "weir: the callable must be callable without arguments, with a weir::stop_token or with a std::stop_token");
    return std::invoke(f);
  }
}

template <typename F>
using result_of = decltype(call_with_token(std::declval<F&>(), std::declval<run_context&>()));

template <typename F>
concept observes_admission = requires(F& f, time_point stamp) {
  { f.on_admit(stamp) }
  noexcept;
};

/// Storage for a callable that is destroyed before its frame is.
template <typename F>
union callable_slot {
  callable_slot() noexcept {}
  ~callable_slot() {}
  F value;
};

/// What a job keeps for `get`: what the callable returned, or an error, which take each other's place.
template <typename T>
class kept_result {
 public:
  kept_result() noexcept {}
  kept_result(const kept_result&) = delete;
  kept_result& operator=(const kept_result&) = delete;
  ~kept_result() { forget(); }

  void set(T&& value) {
    ::new (static_cast<void*>(&value_)) T(std::move(value));
    holds_ = content::value;
  }
  void fail(std::exception_ptr why) noexcept {
    forget();
    ::new (static_cast<void*>(&error_)) std::exception_ptr(std::move(why));
    holds_ = content::error;
  }
  [[nodiscard]] T take() { return std::move(value_); }
  [[noreturn]] void rethrow() const { std::rethrow_exception(error_); }
  void forget() noexcept {
    const content held = std::exchange(holds_, content::nothing);
    if (held == content::value) std::destroy_at(&value_);
    if (held == content::error) std::destroy_at(&error_);
  }

 private:
  enum class content : std::uint8_t { nothing, value, error };

  union {
    T value_;
    std::exception_ptr error_;
  };
  content holds_ = content::nothing;
};

template <>
class kept_result<void> {
 public:
  void fail(std::exception_ptr why) noexcept { error_ = std::move(why); }
  void take() noexcept {}
  [[noreturn]] void rethrow() const { std::rethrow_exception(error_); }
  void forget() noexcept { error_ = nullptr; }

 private:
  std::exception_ptr error_;
};

/// The part of a job's frame that depends on the type of its result only: what a job<T> knows of it. What is kept only
/// the job may forget once the task is done, and does before it lets go: what a task made does not outlive its job.
template <typename T>
struct result_frame : tracked_frame {
  using tracked_frame::tracked_frame;
  kept_result<T> kept;
};

/// The bodies of frame_ops for a frame type that has a member `callable`.
template <typename Frame, typename F>
struct frame_bodies {
  static F& callable_in(frame& f) noexcept { return static_cast<Frame&>(f).callable.value; }

  static void drop(frame& f) noexcept { std::destroy_at(&callable_in(f)); }
  static void on_admit(frame& f, time_point stamp) noexcept {
    if constexpr (observes_admission<F>) callable_in(f).on_admit(stamp);
  }
  static void free(frame& f) noexcept { delete static_cast<Frame*>(&f); }

  static run_end run(frame& f, run_context& context) noexcept {
    run_end end;
    try {
      static_cast<Frame&>(f).call(context);
    } catch (const cancelled&) {
      end.left = true;
    } catch (...) {
      end.error = std::current_exception();
    }
    return end;
  }

  static constexpr auto admission_hook = observes_admission<F> ? &on_admit : nullptr;
};

/// A posted task: `Base` is frame, or tracked_frame if it has a deadline or a trace, or is timed.
template <typename Base, typename F>
struct posted_frame final : Base {
  using bodies = frame_bodies<posted_frame, F>;

  posted_frame(task_state::beginning first, std::uint32_t held, task_name called,
               const std::source_location& from) noexcept
      : Base(table, first, held, called, from) {}

  void call(run_context& context) { (void)call_with_token(callable.value, context); }

  static constexpr frame_ops table{
      &bodies::run, &bodies::drop, bodies::admission_hook,
      nullptr,      &bodies::free, std::is_same_v<Base, tracked_frame> ? frame_kind::tracked : frame_kind::posted};
  callable_slot<F> callable;
};

/// A child of a group. What its callable returns is dropped.
template <typename F>
struct child_frame final : frame {
  using bodies = frame_bodies<child_frame, F>;

  child_frame(struct group& of, const std::source_location& from) noexcept : frame(table, of, from) {}

  void call(run_context& context) { (void)call_with_token(callable.value, context); }

  static constexpr frame_ops table{&bodies::run, &bodies::drop, nullptr, nullptr, &bodies::free, frame_kind::child};
  callable_slot<F> callable;
};

/// The task of a job<T>.
template <typename T, typename F>
struct job_frame final : result_frame<T> {
  using bodies = frame_bodies<job_frame, F>;

  job_frame(task_state::beginning first, std::uint32_t held, task_name called,
            const std::source_location& from) noexcept
      : result_frame<T>(table, first, held, called, from) {}

  void call(run_context& context) {
    if constexpr (std::is_void_v<T>) {
      (void)call_with_token(callable.value, context);
    } else {
      this->kept.set(call_with_token(callable.value, context));
    }
  }
  static void keep_error(frame& f, std::exception_ptr error) noexcept {
    static_cast<job_frame&>(f).kept.fail(std::move(error));
  }

  static constexpr frame_ops table{&bodies::run, &bodies::drop, bodies::admission_hook,
                                   &keep_error,  &bodies::free, frame_kind::tracked};
  callable_slot<F> callable;
};

}  // namespace weir::detail
