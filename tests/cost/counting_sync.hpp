// The seam that counts: every name of queues/sync.hpp once more, over the operations of the machine.
//
// Two are made up, so that each run costs the same: the clock, which moves on by a microsecond with each reading, and
// the futex, which wakes no one who has not been asleep.
#pragma once

#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <source_location>
#include <thread>
#include <type_traits>

#include "counts.hpp"

namespace weir::detail {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

template <typename T>
using uncounted_atomic = std::atomic<T>;

template <typename T>
class atomic {
  using order = std::memory_order;
  using place = std::source_location;
  using difference = std::conditional_t<std::is_pointer_v<T>, std::ptrdiff_t, T>;

 public:
  static constexpr bool is_always_lock_free = uncounted_atomic<T>::is_always_lock_free;

  constexpr atomic() noexcept = default;
  constexpr atomic(T value) noexcept : value_(value) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  T load(order o = memory_order_seq_cst) const noexcept { return value_.load(o); }
  void store(T value, order o = memory_order_seq_cst, place at = place::current()) noexcept {
    if (o == memory_order_seq_cst) cost::note(cost::kind::fence, at);
    value_.store(value, o);
  }
  T exchange(T value, order o = memory_order_seq_cst, place at = place::current()) noexcept {
    cost::note_rmw(at);
    return value_.exchange(value, o);
  }
  bool compare_exchange_strong(T& expected, T desired, order success, order failure,
                               place at = place::current()) noexcept {
    cost::note_rmw(at);
    return value_.compare_exchange_strong(expected, desired, success, failure);
  }
  bool compare_exchange_strong(T& expected, T desired, order o = memory_order_seq_cst,
                               place at = place::current()) noexcept {
    cost::note_rmw(at);
    return value_.compare_exchange_strong(expected, desired, o);
  }
  bool compare_exchange_weak(T& expected, T desired, order success, order failure,
                             place at = place::current()) noexcept {
    cost::note_rmw(at);
    return value_.compare_exchange_weak(expected, desired, success, failure);
  }
  bool compare_exchange_weak(T& expected, T desired, order o = memory_order_seq_cst,
                             place at = place::current()) noexcept {
    cost::note_rmw(at);
    return value_.compare_exchange_weak(expected, desired, o);
  }
  T fetch_add(difference by, order o = memory_order_seq_cst, place at = place::current()) noexcept {
    cost::note_rmw(at);
    return value_.fetch_add(by, o);
  }
  T fetch_sub(difference by, order o = memory_order_seq_cst, place at = place::current()) noexcept {
    cost::note_rmw(at);
    return value_.fetch_sub(by, o);
  }
  T fetch_or(T bits, order o = memory_order_seq_cst, place at = place::current()) noexcept {
    cost::note_rmw(at);
    return value_.fetch_or(bits, o);
  }
  T fetch_and(T bits, order o = memory_order_seq_cst, place at = place::current()) noexcept {
    cost::note_rmw(at);
    return value_.fetch_and(bits, o);
  }
  T fetch_xor(T bits, order o = memory_order_seq_cst, place at = place::current()) noexcept {
    cost::note_rmw(at);
    return value_.fetch_xor(bits, o);
  }

 private:
  uncounted_atomic<T> value_{};
};

// What the kernel gets is the address of the object.
static_assert(sizeof(atomic<std::uint32_t>) == sizeof(std::uint32_t));

class raw_mutex {
  using place = std::source_location;

 public:
  void lock(place at = place::current()) {
    cost::note(cost::kind::lock, at);
    raw_.lock();
  }
  bool try_lock(place at = place::current()) {
    cost::note(cost::kind::lock, at);
    return raw_.try_lock();
  }
  void unlock() noexcept { raw_.unlock(); }

 private:
  std::mutex raw_;
};

inline void full_fence(std::source_location at = std::source_location::current()) noexcept {
  cost::note(cost::kind::fence, at);
#if defined(__x86_64__)
  __asm__ __volatile__("lock; orl $0, -64(%%rsp)" ::: "memory", "cc");
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

/// Not counted, and a yield: what is waited for may need this CPU.
inline void cpu_pause() noexcept { std::this_thread::yield(); }

inline void thread_yield() noexcept { std::this_thread::yield(); }

/// Those that sleep in futex_wait. A list under a lock and not the kernel's futex: there, a thread that is about to
/// enter the kernel may find the word changed and go on, to be woken by the late wake-up from its next sleep. That is a
/// call more, and comes or does not come.
class parking_lot {
  struct sleeper {
    const void* word;
    sleeper* next;
    bool is_woken = false;
  };

 public:
  /// `count` is called before it sleeps, or not: whoever sees what it counts can wake this thread.
  template <typename Count>
  void wait(const atomic<std::uint32_t>& word, std::uint32_t expected, std::chrono::nanoseconds timeout, Count count) {
    std::unique_lock held(mutex_);
    count();
    if (word.load(memory_order_seq_cst) != expected) return;
    sleeper me{&word, first_};
    first_ = &me;
    const auto is_woken = [&] { return me.is_woken; };
    if (timeout.count() < 0) {
      changed_.wait(held, is_woken);
    } else {
      changed_.wait_for(held, timeout, is_woken);
    }
    sleeper** link = &first_;
    while (*link != &me) link = &(*link)->next;
    *link = me.next;
  }

  void wake(const void* word, int count) {
    const std::lock_guard held(mutex_);
    for (sleeper* s = first_; s != nullptr && count > 0; s = s->next) {
      if (s->word != word || s->is_woken) continue;
      s->is_woken = true;
      --count;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  sleeper* first_ = nullptr;
};

inline parking_lot lot;

using raw_thread = std::thread;
using thread_id = std::thread::id;
inline thread_id this_thread_id() noexcept { return std::this_thread::get_id(); }

inline void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected, std::chrono::nanoseconds timeout,
                       std::source_location at = std::source_location::current()) noexcept {
  lot.wait(word, expected, timeout, [&] { cost::note(cost::kind::futex_wait, at); });
}

inline void futex_wake(const atomic<std::uint32_t>* word, int count,
                       std::source_location at = std::source_location::current()) noexcept {
  cost::note(cost::kind::futex_wake, at);
  lot.wake(word, count);
}

inline constexpr int wake_all = INT_MAX;

inline std::chrono::steady_clock::time_point steady_now(
    std::source_location at = std::source_location::current()) noexcept {
  // Writers: who reads the clock. Relaxed: one word, whose changes have one order anyway.
  static constinit uncounted_atomic<std::int64_t> microseconds{3'600'000'000};
  cost::note(cost::kind::clock_read, at);
  return std::chrono::steady_clock::time_point(
      std::chrono::microseconds(microseconds.fetch_add(1, memory_order_relaxed)));
}

inline std::size_t cpu_hint() noexcept { return 0; }

/// Two ticks a nanosecond. A reading counts as one of the clock.
inline std::uint64_t counter_now(std::source_location at = std::source_location::current()) noexcept {
  return 2 * static_cast<std::uint64_t>(steady_now(at).time_since_epoch() / std::chrono::nanoseconds(1));
}

}  // namespace weir::detail
