// The seam under the explorer: every name of queues/sync.hpp once more, each operation a scheduling point.
//
// Differs from the real one on purpose: an order cannot be left out, and the calls carry their place for the trace.
#pragma once

#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>
#include <utility>

#include "seam.hpp"

namespace weir::detail {

using model::memory_order_acq_rel;
using model::memory_order_acquire;
using model::memory_order_relaxed;
using model::memory_order_release;
using model::memory_order_seq_cst;

template <typename T>
class atomic {
  static_assert(std::is_trivially_copyable_v<T>);
  using order = model::memory_order;
  using place = std::source_location;
  using action = model::action;

  static constexpr bool is_integer = std::is_integral_v<T> && !std::is_same_v<T, bool>;
  static constexpr bool is_object_pointer = std::is_pointer_v<T> && !std::is_function_v<std::remove_pointer_t<T>>;

 public:
  using value_type = T;
  using difference_type = std::conditional_t<is_object_pointer, std::ptrdiff_t, T>;
  static constexpr bool is_always_lock_free = sizeof(T) <= sizeof(std::uint64_t);

  constexpr atomic() noexcept : value_() {}
  constexpr atomic(T value) noexcept : value_(value) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  T load(order o, place at = place::current()) const noexcept { return read({action::load, o, this, at}); }
  void store(T value, order o, place at = place::current()) noexcept { write({action::store, o, this, at}, value); }

  T exchange(T value, order o, place at = place::current()) noexcept {
    return update({action::exchange, o, this, at}, [&](T) { return value; });
  }

  bool compare_exchange_strong(T& expected, T desired, order success, order /*failure*/,
                               place at = place::current()) noexcept {
    return compare_exchange({action::compare_exchange, success, this, at}, expected, desired, false);
  }
  bool compare_exchange_strong(T& expected, T desired, order o, place at = place::current()) noexcept {
    return compare_exchange({action::compare_exchange, o, this, at}, expected, desired, false);
  }
  bool compare_exchange_weak(T& expected, T desired, order success, order /*failure*/,
                             place at = place::current()) noexcept {
    return compare_exchange({action::compare_exchange, success, this, at}, expected, desired, true);
  }
  bool compare_exchange_weak(T& expected, T desired, order o, place at = place::current()) noexcept {
    return compare_exchange({action::compare_exchange, o, this, at}, expected, desired, true);
  }

  T fetch_add(difference_type by, order o, place at = place::current()) noexcept
      requires(is_integer || is_object_pointer) {
    return update({action::fetch_add, o, this, at}, [&](T old) { return plus(old, by); });
  }
  T fetch_sub(difference_type by, order o, place at = place::current()) noexcept
      requires(is_integer || is_object_pointer) {
    return update({action::fetch_sub, o, this, at}, [&](T old) { return minus(old, by); });
  }
  T fetch_or(T bits, order o, place at = place::current()) noexcept requires is_integer {
    return update({action::fetch_or, o, this, at}, [&](T old) { return static_cast<T>(old | bits); });
  }
  T fetch_and(T bits, order o, place at = place::current()) noexcept requires is_integer {
    return update({action::fetch_and, o, this, at}, [&](T old) { return static_cast<T>(old & bits); });
  }
  T fetch_xor(T bits, order o, place at = place::current()) noexcept requires is_integer {
    return update({action::fetch_xor, o, this, at}, [&](T old) { return static_cast<T>(old ^ bits); });
  }

  /// The value, without a scheduling point: what the kernel reads in a futex call, and a test in its messages.
  T peek() const noexcept { return value_; }

 private:
  T read(const model::operation& next) const noexcept {
    model::point(next);
    model::note(shown(value_), shown(value_));
    return value_;
  }

  void write(const model::operation& next, T value) noexcept {
    model::point(next);
    model::note(shown(value_), shown(value));
    value_ = value;
  }

  template <typename Next>
  T update(const model::operation& next, Next&& value_after) noexcept {
    model::point(next);
    const T before = value_;
    value_ = value_after(before);
    model::note(shown(before), shown(value_));
    return before;
  }

  bool compare_exchange(const model::operation& next, T& expected, T desired, bool weak) noexcept {
    bool equal = false;
    const T before = update(next, [&](T old) {
      equal = std::memcmp(&old, &expected, sizeof(T)) == 0 && !(weak && model::weak_failure());
      return equal ? desired : old;
    });
    if (!equal) expected = before;
    return equal;
  }

  // Integers wrap, signed ones too.
  static T plus(T value, difference_type by) noexcept {
    if constexpr (is_object_pointer) {
      return value + by;
    } else {
      return static_cast<T>(static_cast<std::uint64_t>(value) + static_cast<std::uint64_t>(by));
    }
  }
  static T minus(T value, difference_type by) noexcept {
    if constexpr (is_object_pointer) {
      return value - by;
    } else {
      return static_cast<T>(static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(by));
    }
  }

  static std::uint64_t shown(const T& value) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T) < sizeof bits ? sizeof(T) : sizeof bits);
    return bits;
  }

  T value_;
};

/// Blocks the fibre, not the thread.
class raw_mutex {
  using place = std::source_location;

 public:
  constexpr raw_mutex() noexcept = default;
  raw_mutex(const raw_mutex&) = delete;
  raw_mutex& operator=(const raw_mutex&) = delete;

  void lock(place at = place::current()) {
    model::acquire(held_, {model::action::lock, memory_order_acquire, this, at});
  }
  bool try_lock(place at = place::current()) {
    model::point({model::action::try_lock, memory_order_acquire, this, at});
    model::note(held_, true);
    return !std::exchange(held_, true);
  }
  void unlock(place at = place::current()) noexcept {
    model::point({model::action::unlock, memory_order_release, this, at});
    model::note(held_, false);
    held_ = false;
  }

 private:
  bool held_ = false;
};

inline void full_fence(std::source_location at = std::source_location::current()) noexcept {
  model::remark({model::action::fence, memory_order_seq_cst, nullptr, at});
}

inline void cpu_pause(std::source_location at = std::source_location::current()) noexcept {
  model::point({model::action::pause, memory_order_relaxed, nullptr, at});
}

inline void thread_yield(std::source_location at = std::source_location::current()) noexcept {
  model::point({model::action::pause, memory_order_relaxed, nullptr, at});
}

inline void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected, std::chrono::nanoseconds timeout,
                       std::source_location at = std::source_location::current()) noexcept {
  model::point({model::action::futex_wait, memory_order_seq_cst, &word, at});
  model::note(word.peek(), expected);
  if (word.peek() == expected) model::sleep(&word, timeout);
}

inline void futex_wake(const atomic<std::uint32_t>* word, int count,
                       std::source_location at = std::source_location::current()) noexcept {
  model::point({model::action::futex_wake, memory_order_seq_cst, word, at});
  model::wake(word, count);
}

inline constexpr int wake_all = INT_MAX;

inline std::chrono::steady_clock::time_point steady_now(
    std::source_location at = std::source_location::current()) noexcept {
  model::point({model::action::clock, memory_order_relaxed, nullptr, at});
  return model::now();
}

}  // namespace weir::detail
