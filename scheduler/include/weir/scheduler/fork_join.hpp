// Fork and join of plain callables on the stack: no allocation, no future, nothing to keep.
//
// Source: the join of Rayon and of Cilk's descendants: the forked side lies on the caller's stack, the other one is
// called directly, and a fork that nobody stole is called directly, too. Stolen forks are joined by leapfrogging
// (Wagner and Calder, PPoPP 1993).
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <weir/scheduler/detail/fork.hpp>

namespace weir {
namespace detail {

template <typename F>
using value_of = std::conditional_t<std::is_void_v<std::invoke_result_t<F&>>, std::monostate,
                                    std::remove_cv_t<std::invoke_result_t<F&>>>;

// Named, so that a compiler says it before anything else.
template <typename F>
struct check_fork {
  static_assert(!std::is_reference_v<std::invoke_result_t<F&>>,
                "weir: a fork returns a value; return a pointer or std::ref for a reference");
  static_assert(std::is_void_v<std::invoke_result_t<F&>> || std::is_move_constructible_v<std::invoke_result_t<F&>>,
                "weir: what a fork returns must be movable; return a std::unique_ptr to it");
  static constexpr bool is_fine = true;
};

template <typename... Fs>
inline constexpr bool return_nothing = (std::is_void_v<std::invoke_result_t<Fs&>> && ...);

template <typename F>
value_of<F> call(F& f) {
  if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
    std::invoke(f);
    return {};
  } else {
    return std::invoke(f);
  }
}

/// A fork with its callable and the place of its outcome, if a thief runs it.
template <typename G>
struct fork_frame final : fork_job {
  using value = value_of<G>;

  fork_frame(G& forked, run_context* task) noexcept
      : fork_job{.run = &run_for_thief, .of = task, .state = {}}, g(std::addressof(forked)) {}
  fork_frame(const fork_frame&) = delete;
  fork_frame& operator=(const fork_frame&) = delete;
  ~fork_frame() {}

  static bool run_for_thief(fork_job& f) noexcept {
    auto& self = static_cast<fork_frame&>(f);
    try {
      forker::current()->throw_if_stopped();
      ::new (static_cast<void*>(std::addressof(self.result))) value(call(*self.g));
      return false;
    } catch (...) {
      std::construct_at(&self.error, std::current_exception());
      return true;
    }
  }

  // Once it is done.
  [[gnu::noinline]] value take_result() {
    if (state.look().has_thrown) {
      const std::exception_ptr thrown = std::move(error);
      std::destroy_at(&error);
      std::rethrow_exception(thrown);
    }
    struct ending {
      value* of;
      ~ending() { std::destroy_at(of); }
    } const at_the_end{&result};
    return std::move(result);
  }
  void drop_result() noexcept { state.look().has_thrown ? std::destroy_at(&error) : std::destroy_at(&result); }

  G* g;
  union {
    value result;
    std::exception_ptr error;
  };
};

/// Joins a fork, whatever happens.
template <typename G>
class joining {
 public:
  joining(forker& at, fork_frame<G>& right) noexcept : at_(&at), right_(&right) {}
  joining(const joining&) = delete;
  joining& operator=(const joining&) = delete;
  ~joining() {
    if (right_ == nullptr || at_->pop()) return;  // what was not begun is dropped
    if (at_->join_stolen(*right_)) right_->drop_result();
  }

  /// True: it was not stolen, and the caller runs it. False: it is done. @throws weir::refused in a forked child.
  [[nodiscard]] bool pop() {
    fork_frame<G>* const right = std::exchange(right_, nullptr);
    if (at_->pop()) [[likely]]
      return true;
    if (!at_->join_stolen(*right)) forker::throw_forked();
    return false;
  }

 private:
  forker* at_;
  fork_frame<G>* right_;
};

template <typename F, typename G>
std::tuple<value_of<F>, value_of<G>> call_in_order(F& f, G& g) {
  forker::throw_if_stopped_elsewhere();
  return {call(f), call(g)};
}

template <typename F, typename G>
[[gnu::always_inline]] inline std::tuple<value_of<F>, value_of<G>> fork_two(F& f, G& g) {
  forker* const here = forker::current();
  if (here == nullptr) [[unlikely]]
    return call_in_order(f, g);
  here->throw_if_stopped();
  fork_frame<G> right(g, here->task());
  if (!here->push(right)) [[unlikely]]
    return call_in_order(f, g);
  joining<G> join(*here, right);
  value_of<F> left = call(f);
  if (join.pop()) [[likely]]
    return {std::move(left), call(g)};
  return {std::move(left), right.take_result()};
}

/// The callables First to First + Count - 1 of `all`, as a tree of forks of which each has two sides.
template <std::size_t First, std::size_t Count, typename Callables, typename Results>
void fork_several(Callables& all, Results& results) {
  if constexpr (Count == 1) {
    std::get<First>(results).emplace(call(std::get<First>(all)));
  } else {
    auto left = [&] { fork_several<First, Count / 2>(all, results); };
    auto right = [&] { fork_several<First + Count / 2, Count - Count / 2>(all, results); };
    (void)fork_two(left, right);
  }
}

}  // namespace detail

/// Calls all of `fs`, which take nothing, and returns when all have been called: maybe at the same time, on several
/// workers of the pool whose task calls this. What is called is the caller's: it stays where it is, and may refer to
/// the caller's stack; given twice, it may run twice at once. The first is called by the calling thread at once; the
/// last ones are the first to be stolen. Whether anything runs at the same time is not promised: none may wait for
/// another. Outside a worker, in code that a pool calls between tasks and in stop callbacks, and beyond 1,024 forks
/// that are not joined yet, they are called one after the other, as written.
///
/// Returns a std::tuple of what they return, in order, with std::monostate where one returns nothing; void where all
/// do. What they return must be movable, and is no reference.
///
/// @throws what a callable throws; of several, that of the first one in order. Whoever has begun is waited for, also
///   while the stack is unwound; who has not may never begin. weir::cancelled if the task was asked to stop, or its
///   deadline has passed: looked at here before any is called, before a thief begins one, and between the sides where
///   there are more than two. So in a destructor, or elsewhere where nothing may be thrown, catch it. weir::refused
///   `forked` in the child of a fork(2), for a side that a thread of the parent has taken.
///
/// Blocking: it may sleep while another worker runs what was stolen; it runs meanwhile what was forked for that, and
/// nothing else but for pool_options::help_depth. So the stack of a worker holds one path of the program's calls, and a
/// frame of weir's for each steal on it. A fork is the task that made it: `this_task` tells of that, a stop callback is
/// that task's, and it is not counted as a task. Allocates nothing. Constant time where nobody steals, and no atomic
/// read-modify-write while an older fork can be stolen: else making this one public is one, and taking it back another.
/// What happened before the call happens before the callables; what these do happens before its return.
template <typename... Fs>
requires(sizeof...(Fs) >= 2 && (std::is_invocable_v<std::remove_reference_t<Fs>&> && ...)) auto fork_join(Fs&&... fs) {
  static_assert((detail::check_fork<std::remove_reference_t<Fs>>::is_fine && ...));
  constexpr std::size_t count = sizeof...(Fs);
  if constexpr (count == 2) {
    if constexpr (detail::return_nothing<std::remove_reference_t<Fs>...>) {
      (void)detail::fork_two(fs...);
    } else {
      return detail::fork_two(fs...);
    }
  } else {
    std::tuple<std::remove_reference_t<Fs>&...> all(fs...);
    std::tuple<std::optional<detail::value_of<std::remove_reference_t<Fs>>>...> results;
    detail::fork_several<0, count>(all, results);
    if constexpr (!detail::return_nothing<std::remove_reference_t<Fs>...>) {
      return std::apply([](auto&... each) { return std::tuple(std::move(*each)...); }, results);
    }
  }
}

}  // namespace weir
