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

  constexpr atomic() noexcept : atomic(T()) {}
  constexpr atomic(T value) noexcept : value_(value) {
    if (!std::is_constant_evaluated() && has_views()) model::made(this, bits_of(value));
  }
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;
  constexpr ~atomic() {
    if (!std::is_constant_evaluated() && (model::delaying || model::viewing)) model::forget(this);
  }

  T load(order o, place at = place::current()) const noexcept { return read({action::load, o, this, at}); }
  void store(T value, order o, place at = place::current()) noexcept { write({action::store, o, this, at}, value); }

  T exchange(T value, order o, place at = place::current()) noexcept {
    return update({action::exchange, o, this, at}, [&](T) { return value; });
  }

  bool compare_exchange_strong(T& expected, T desired, order success, order failure,
                               place at = place::current()) noexcept {
    return compare_exchange({action::compare_exchange, success, this, at}, failure, expected, desired, false);
  }
  bool compare_exchange_strong(T& expected, T desired, order o, place at = place::current()) noexcept {
    return compare_exchange({action::compare_exchange, o, this, at}, of_a_load(o), expected, desired, false);
  }
  bool compare_exchange_weak(T& expected, T desired, order success, order failure,
                             place at = place::current()) noexcept {
    return compare_exchange({action::compare_exchange, success, this, at}, failure, expected, desired, true);
  }
  bool compare_exchange_weak(T& expected, T desired, order o, place at = place::current()) noexcept {
    return compare_exchange({action::compare_exchange, o, this, at}, of_a_load(o), expected, desired, true);
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

  /// The value that all see, without a scheduling point: for the kernel in a futex call, and a test in its messages.
  T peek() const noexcept { return value_; }

 private:
  static bool may_wait() noexcept { return is_always_lock_free && model::delaying; }
  static bool has_views() noexcept { return is_always_lock_free && model::viewing; }

  static constexpr order of_a_load(order o) noexcept {
    if (o == memory_order_acq_rel) return memory_order_acquire;
    return o == memory_order_release ? memory_order_relaxed : o;
  }

  T read(const model::operation& next) const noexcept {
    model::point(next);
    if (has_views()) return from_bits(model::load_by_view(next, bits_of(value_)));
    const model::pending_write* const own = may_wait() ? model::before_load(this) : nullptr;
    const T seen = own != nullptr ? from_bits(own->bits) : value_;
    model::note(bits_of(seen), bits_of(seen));
    return seen;
  }

  void write(const model::operation& next, T value) noexcept {
    model::point(next);
    model::note(bits_of(value_), bits_of(value));
    if (has_views()) model::store_by_view(next, bits_of(value_), bits_of(value));
    put(next, value, may_wait(), false);
  }

  template <typename Next>
  T update(const model::operation& next, Next&& value_after) noexcept {
    model::point(next);
    const bool waits = may_wait() && model::before_update(next);
    const T before = value_;
    const T after = value_after(before);
    model::note(bits_of(before), bits_of(after));
    if (has_views()) model::update_by_view(next, bits_of(before), bits_of(after));
    put(next, after, waits, true);
    return before;
  }

  bool compare_exchange(const model::operation& next, order failure, T& expected, T desired, bool weak) noexcept {
    model::point(next);
    if (has_views()) {
      std::uint64_t seen = bits_of(expected);
      if (model::compare_exchange_by_view(next, failure, bits_of(value_), seen, bits_of(desired), weak)) {
        value_ = desired;
        return true;
      }
      expected = from_bits(seen);
      return false;
    }
    const bool waits = may_wait() && model::before_update(next);
    const T before = value_;
    const bool equal = std::memcmp(&before, &expected, sizeof(T)) == 0 && !(weak && model::weak_failure());
    model::note(bits_of(before), bits_of(equal ? desired : before));
    if (equal) {
      put(next, desired, waits, true);
    } else {
      expected = before;
    }
    return equal;
  }

  void put(const model::operation& from, T value, bool waits, bool is_update) noexcept {
    if (waits) {
      model::delay({this, bits_of(value), &atomic::commit, is_update, from});
    } else {
      value_ = value;
    }
  }

  static void commit(void* object, std::uint64_t bits) noexcept {
    static_cast<atomic*>(object)->value_ = from_bits(bits);
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

  static std::uint64_t bits_of(const T& value) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T) < sizeof bits ? sizeof(T) : sizeof bits);
    return bits;
  }
  static T from_bits(std::uint64_t bits) noexcept {
    T value;
    std::memcpy(static_cast<void*>(&value), &bits, sizeof(T) < sizeof bits ? sizeof(T) : sizeof bits);
    return value;
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
  constexpr ~raw_mutex() {
    if (!std::is_constant_evaluated() && model::viewing) model::forget(this);
  }

  void lock(place at = place::current()) {
    model::acquire(held_, {model::action::lock, memory_order_acquire, this, at});
    if (model::viewing) model::lock_by_view(this);
  }
  bool try_lock(place at = place::current()) {
    model::point({model::action::try_lock, memory_order_acquire, this, at});
    model::note(held_, true);
    if (std::exchange(held_, true)) return false;
    if (model::viewing) model::lock_by_view(this);
    return true;
  }
  void unlock(place at = place::current()) noexcept {
    model::point({model::action::unlock, memory_order_release, this, at});
    model::note(held_, false);
    if (model::delaying) model::flush();
    if (model::viewing) model::unlock_by_view(this);
    held_ = false;
  }

 private:
  bool held_ = false;
};

inline void full_fence(std::source_location at = std::source_location::current()) noexcept {
  model::fence({model::action::fence, memory_order_seq_cst, nullptr, at});
}

inline void cpu_pause(std::source_location at = std::source_location::current()) noexcept {
  model::point({model::action::pause, memory_order_relaxed, nullptr, at});
}

inline void thread_yield(std::source_location at = std::source_location::current()) noexcept {
  model::point({model::action::pause, memory_order_relaxed, nullptr, at});
}

using thread_id = std::uint32_t;

inline thread_id this_thread_id() noexcept { return model::this_thread(); }

/// One of the scenario's, if that has room for it (scenario::room_for_a_thread), else one that never runs.
class raw_thread {
 public:
  raw_thread() noexcept = default;
  template <typename Body>
  requires(!std::is_same_v<std::remove_cvref_t<Body>, raw_thread>) explicit raw_thread(Body&& body)
      : number_(model::begin_thread(std::forward<Body>(body))) {}
  raw_thread(raw_thread&& from) noexcept : number_(std::exchange(from.number_, 0)) {}
  raw_thread& operator=(raw_thread&& from) noexcept {
    number_ = std::exchange(from.number_, 0);
    return *this;
  }
  ~raw_thread() = default;

  [[nodiscard]] bool joinable() const noexcept { return number_ != 0; }
  void join(std::source_location at = std::source_location::current()) {
    model::join_thread(std::exchange(number_, 0), at);
  }
  void detach() noexcept { number_ = 0; }

 private:
  std::uint32_t number_ = 0;
};

inline void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected, std::chrono::nanoseconds timeout,
                       std::source_location at = std::source_location::current()) noexcept {
  model::point({model::action::futex_wait, memory_order_seq_cst, &word, at});
  if (model::delaying) {
    model::flush();  // as the kernel does
    static_cast<void>(model::before_load(&word));
  }
  if (model::viewing) model::look_by_view(&word, word.peek());
  model::note(word.peek(), expected);
  if (word.peek() == expected) model::sleep(&word, timeout);
}

inline void futex_wake(const atomic<std::uint32_t>* word, int count,
                       std::source_location at = std::source_location::current()) noexcept {
  model::point({model::action::futex_wake, memory_order_seq_cst, word, at});
  if (model::delaying) model::flush();
  model::wake(word, count);
}

inline constexpr int wake_all = INT_MAX;

inline std::chrono::steady_clock::time_point steady_now(
    std::source_location at = std::source_location::current()) noexcept {
  model::point({model::action::clock, memory_order_relaxed, nullptr, at});
  return model::now();
}

/// The CPU of a thread of a scenario: 0, or what it says.
inline thread_local constinit std::size_t cpu_of_this_thread = 0;
inline std::size_t cpu_hint() noexcept { return cpu_of_this_thread; }

/// Two ticks a nanosecond of the model's clock.
inline std::uint64_t counter_now(std::source_location at = std::source_location::current()) noexcept {
  return 2 * static_cast<std::uint64_t>(steady_now(at).time_since_epoch().count());
}

}  // namespace weir::detail
