// Which workers search for work and which sleep, and who wakes whom.
//
// Source: the searching-worker rule of Go's scheduler (Vyukov 2012) and of tokio's multi_thread/idle.rs: while one
// searches, nobody is woken, since the one who searches will look behind everything that it could miss. The protocol,
// and why it loses nothing, is in scheduler/README.md, "Idle workers".
// Progress: `notify` with nobody to wake is a fence and a load, wait-free; sleeping and waking take a short lock.
#pragma once

#include <cstdint>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

class idle;

/// A worker's place to sleep. It belongs to one thread, and outlives all who may wake it.
class alignas(cache_line) sleeper {
 public:
  sleeper() noexcept = default;
  sleeper(const sleeper&) = delete;
  sleeper& operator=(const sleeper&) = delete;

 private:
  friend class idle;

  // 1: asleep, or about to be. 0: awake. Writers: the thread itself (1) and who takes it from the list (0), no
  // more than one at a time. Readers: the thread, and the kernel.
  // (1) woken: release store by the waker -> acquire load by the thread.
  atomic<std::uint32_t> asleep_{0};
  sleeper* next_ = nullptr;  // guarded by the lock of `idle`, as all below; taken from the list, the waker's alone
  sleeper* prev_ = nullptr;
  bool is_listed_ = false;
  bool is_joining_ = false;
};

class idle {
 public:
  /// @param workers  how many there are; at most half of them search.
  explicit idle(int workers) noexcept : workers_(static_cast<std::uint32_t>(workers)) {}
  idle(const idle&) = delete;
  idle& operator=(const idle&) = delete;

  /// There is something to do, made visible by an atomic store before: wakes one who sleeps, unless one searches.
  void notify() noexcept {
    full_fence();                                                    // (3), with that of settle
    if (needs_waking(word_.load(memory_order_relaxed))) wake_one();  // (2)
  }

  /// Wakes those that joins put here: what one of them waits for has ended.
  void wake_joining() noexcept;

  // A worker is busy, or searches, or sleeps. Each transition is the worker's own.

  /// busy -> searching. False: half of the workers search already; the caller goes to sleep, and is woken if it is
  /// needed.
  [[nodiscard]] bool begin_search() noexcept;

  /// searching -> busy. `sees_work` looks at all that there could be to do: if this was the last one that searched and
  /// there is more, one more is woken.
  template <typename Look>
  void end_search(Look&& sees_work) noexcept {
    const std::uint32_t left = word_.fetch_sub(one_searching, memory_order_relaxed) - one_searching;  // (2)
    if (!needs_waking(left)) return;
    full_fence();  // (3), with that of notify
    if (sees_work()) wake_one();
  }

  /// busy or searching -> asleep -> searching: woken, or not asleep at all because `sees_work` found something. That
  /// looks only where nobody is left to search. Blocking.
  template <typename Look>
  void sleep(sleeper& me, bool is_searching, Look&& sees_work) noexcept {
    if (!is_one_searching(announce(me, is_searching, false))) settle(me, sees_work);
    wait(me);
  }

  /// The same for a worker that waits for an end, too, of which `wake_joining` tells. `look` asks for both, and is asked
  /// always.
  template <typename Look>
  void sleep_joining(sleeper& me, bool is_searching, Look&& look) noexcept {
    (void)announce(me, is_searching, true);
    settle(me, look);
    wait(me);
  }

 private:
  static constexpr std::uint32_t one_searching = 1;
  static constexpr std::uint32_t one_asleep = 1U << 16;

  static constexpr std::uint32_t searching_in(std::uint32_t word) noexcept { return word & (one_asleep - 1); }
  static constexpr bool is_one_searching(std::uint32_t word) noexcept { return searching_in(word) != 0; }
  static constexpr bool needs_waking(std::uint32_t word) noexcept {
    return word >= one_asleep && !is_one_searching(word);
  }

  template <typename Look>
  void settle(sleeper& me, Look&& look) noexcept {
    full_fence();  // (3), with that of notify
    if (look()) withdraw(me);
  }

  [[nodiscard]] std::uint32_t announce(sleeper& me, bool is_searching, bool is_joining) noexcept;
  void withdraw(sleeper& me) noexcept;
  static void wait(sleeper& me) noexcept;
  void wake_one() noexcept;
  // asleep -> searching, on behalf of `s`, which sleeps on until `wake`.
  void take(sleeper& s) noexcept WEIR_REQUIRES(mutex_);
  static void wake(sleeper& taken) noexcept;

  const std::uint32_t workers_;

  // {asleep:16, searching:16}: how many there are of each. Writers: workers, and those that wake them. Readers: all who
  // make work visible.
  // (2) relaxed: what must be seen is ordered by (3). All changes are read-modify-writes, so that the last one who
  //     searches knows it.
  // (3) not an edge but two fences: that of notify stands between the work and its load of the word, that of settle and
  //     end_search between the change of the word and the look for work. One of them is first: either the look sees
  //     the work, or the load sees that nobody searches and one sleeps.
  alignas(cache_line) atomic<std::uint32_t> word_{0};

  mutex mutex_;
  sleeper* first_ WEIR_GUARDED_BY(mutex_) = nullptr;  // the last one that went to sleep
};

}  // namespace weir::detail
