// Lets threads sleep until a condition over any atomics may hold, at no cost for who makes it hold while nobody sleeps.
//
// Source: the event count of D. Vyukov and of folly (EventCount.h), here with the epoch and the count of waiters in two
// words, so that a notifier that finds nobody writes nothing. The protocol is explained in queues/README.md, "Event
// count". Progress: `wait` blocks; the rest is wait-free but for the one system call that wakes somebody.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// The place where threads sleep for one condition, which is whatever its users say.
///
/// The waiter announces itself, looks once more, and only then sleeps; the notifier makes the condition true first:
///
///     // waiter                                         // notifier
///     while (!condition()) {                            make_condition_true();   // an atomic store
///       const auto key = idle.prepare_wait();           idle.notify_one();
///       if (condition()) { idle.cancel_wait(); break; }
///       idle.wait(key);
///     }
///
/// Guarantee: if the notifier makes the condition true by an atomic store (of any order) before `notify_*`, and the
/// waiter looks by an atomic load (of any order) between `prepare_wait` and `wait`, then that look sees the store, or
/// the `wait` returns (for `notify_one`: the `wait` of at least one of those whose look did not see it). What the
/// notifier did before `notify_*` happens before the return of a `wait` that it ended.
///
/// Whoever returns from `wait` looks before it does anything else: it may have been the only one to be woken.
///
/// Thread safety: all members, from all threads. The object outlives every call.
class alignas(cache_line) event_count {
 public:
  /// What `wait` sleeps on: the epoch at the announcement.
  class [[nodiscard]] key {
   public:
    friend bool operator==(key, key) = default;

   private:
    friend event_count;
    explicit constexpr key(std::uint32_t epoch) noexcept : epoch_(epoch) {}
    std::uint32_t epoch_;
  };

  /// The epoch wraps after 2^32 notifications; tests choose where it starts.
  explicit constexpr event_count(std::uint32_t start_epoch = 0) noexcept : epoch_(start_epoch) {}
  event_count(const event_count&) = delete;
  event_count& operator=(const event_count&) = delete;

  /// Announces the caller as a waiter. To be followed by a look at the condition, and then by exactly one of
  /// `cancel_wait` and `wait`. Wait-free.
  key prepare_wait() noexcept;

  /// Withdraws the announcement: the look found something. Wait-free.
  void cancel_wait() noexcept;

  /// Sleeps until a notification after the `prepare_wait` that returned `k`, at most for `timeout` (none if negative),
  /// and withdraws the announcement. Returns at once if there was one already; may return spuriously. Blocking.
  void wait(key k, std::chrono::nanoseconds timeout = std::chrono::nanoseconds(-1)) noexcept;

  /// The same, asleep as `sleep(word, expected)` sleeps: until the word holds something else, or until it likes. For
  /// who has a clock of its own.
  template <typename Sleep>
  void wait_by(key k, Sleep&& sleep) noexcept;

  /// Ends the `wait` of at least one of the threads announced by now, if there are any. Nobody there: one fence and one
  /// load, no write. Otherwise one system call; wait-free but for that.
  void notify_one() noexcept { notify(1); }

  /// Ends the `wait` of all threads announced by now. Cost as `notify_one`.
  void notify_all() noexcept { notify(wake_all); }

  /// Threads between `prepare_wait` and the end of their wait, by now perhaps others. For metrics and tests, not for
  /// deciding whether to notify: `notify_*` looks behind its fence.
  [[nodiscard]] std::uint32_t approx_waiters() const noexcept { return waiters_.load(memory_order_relaxed); }

 private:
  void notify(int count) noexcept;

  // Both words are on one line, the object's own: they are written only when somebody goes to sleep or is woken, by
  // threads that need both. A notifier that finds nobody only reads waiters_, and the line stays shared.

  // How many notifications have met a waiter, modulo 2^32: the word that waiters sleep on.
  // Writers: notifiers that saw a waiter. Readers: waiters, and the kernel in futex_wait.
  // (1) raised: release add by a notifier -> acquire load by a waiter that has slept; publishes what preceded notify.
  // (2) taken: relaxed, before the fence (4). The key cannot be the step of a notifier whose store the look misses:
  //     to read it would put that notifier's fence first, and then the look sees the store. So the step is still to
  //     come when the look misses, and the kernel sees it: the sleep does not begin, or is ended by the wake.
  atomic<std::uint32_t> epoch_;

  // Threads announced and not withdrawn. Writers: waiters. Readers: notifiers.
  // (3) announced: relaxed add -> relaxed load by a notifier; ordered by the fences (4).
  // (4) not an edge but two fences. That of prepare_wait stands between the announcement and the look, that of notify
  //     between the store to the condition and the load of waiters_. One of them is first: either the look sees the
  //     store, or the load sees the announcement. Store-load on both sides: no order on the operations replaces them.
  // (5) withdrawn: release, so that the announcement covers the sleep. Nobody acquires it: a notifier that sees it has
  //     nothing to do, since the waiter looks again. On cancel relaxed: there was no sleep.
  atomic<std::uint32_t> waiters_{0};
};

inline event_count::key event_count::prepare_wait() noexcept {
  waiters_.fetch_add(1, memory_order_relaxed);     // (3)
  const key k(epoch_.load(memory_order_relaxed));  // (2)
  full_fence();                                    // (4), with the fence of notify
  return k;
}

inline void event_count::cancel_wait() noexcept {
  waiters_.fetch_sub(1, memory_order_relaxed);  // (5)
}

inline void event_count::wait(key k, std::chrono::nanoseconds timeout) noexcept {
  wait_by(k, [timeout](const atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    futex_wait(word, expected, timeout);
  });
}

template <typename Sleep>
void event_count::wait_by(key k, Sleep&& sleep) noexcept {
  sleep(std::as_const(epoch_), k.epoch_);
  static_cast<void>(epoch_.load(memory_order_acquire));  // (1)
  waiters_.fetch_sub(1, memory_order_release);           // (5)
}

inline void event_count::notify(int count) noexcept {
  full_fence();                                          // (4), with the fence of prepare_wait
  if (waiters_.load(memory_order_relaxed) == 0) return;  // (3)
  // The step comes before the wake: who is about to sleep finds another epoch, who sleeps is woken, and between the two
  // there is nothing, since the kernel compares and falls asleep in one step.
  epoch_.fetch_add(1, memory_order_release);  // (1)
  futex_wake(&epoch_, count);
}

}  // namespace weir::detail
