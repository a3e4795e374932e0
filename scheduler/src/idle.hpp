// Which workers search for work and which sleep, and who wakes whom.
//
// Source: the searching-worker rule of Go's scheduler (Vyukov 2012) and of tokio's multi_thread/idle.rs: while one
// searches, nobody is woken, since the one who searches will look behind everything that it could miss. The protocol,
// and why it loses nothing, is in scheduler/README.md, "Idle workers".
// Beside them it counts who sleeps in a join on a word of its own, so that others need not look for these words.
// Progress: `notify` with nobody to wake is a fence and a load, wait-free; sleeping and waking take a short lock.
#pragma once

#include <cstdint>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/fork_stack.hpp>
#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/fork.hpp>

namespace weir::detail {

/// What a worker sleeps for.
struct wake_reasons {
  /// Whatever there is to do: it counts as asleep, and searches once it is woken.
  bool work = true;
  /// The end of a job, of which `wake_for_jobs` tells.
  bool job = false;
  /// The end of a fork, of which `wake` tells; meanwhile forks in this stack at `from` or above.
  bool fork = false;
  fork_stack<fork_job>* forks = nullptr;
  std::uint32_t from = 0;
};

/// How a sleep ended.
enum class woken : std::uint8_t {
  by_itself,  // it has not slept at all
  called,     // by its name: for what it waited for
  chosen,     // for work, out of those that might run it
};

/// A worker's place to sleep. It belongs to one thread, and outlives all who may wake it.
class alignas(cache_line) sleeper {
 public:
  sleeper() noexcept = default;
  sleeper(const sleeper&) = delete;
  sleeper& operator=(const sleeper&) = delete;

 private:
  friend class idle;

  [[nodiscard]] bool sees_forks() const noexcept {
    return reasons_.forks != nullptr && !fork_stack_thief<fork_job>(*reasons_.forks).looks_empty(reasons_.from);
  }

  // 1: asleep, or about to be. 0: awake. Writers: the thread itself (1) and who takes it from its list (0), no more
  // than one at a time. Readers: the thread, and the kernel.
  // (1) woken: release store by the waker -> acquire load by the thread; also publishes is_chosen_.
  atomic<std::uint32_t> asleep_{0};
  sleeper* next_ = nullptr;  // guarded by the lock of `idle`, as all below; taken from the list, the waker's alone
  sleeper* prev_ = nullptr;
  bool is_listed_ = false;
  bool is_chosen_ = false;
  wake_reasons reasons_;
};

class idle {
 public:
  /// @param workers  how many there are; at most half of them search, rounded up.
  explicit idle(int workers) noexcept : workers_(static_cast<std::uint32_t>(workers)) {}
  idle(const idle&) = delete;
  idle& operator=(const idle&) = delete;

  /// There is something to do, made visible by an atomic store before: wakes one who sleeps, unless one searches.
  /// Returns whether somebody sleeps in a join by itself.
  bool notify() noexcept {
    full_fence();                                                 // (3), with that of settle and end_search
    const std::uint64_t seen = word_.load(memory_order_relaxed);  // (2)
    if (needs_waking(seen)) wake_one();
    return seen >= one_by_itself;
  }
  /// The same, if what made it visible was a sequentially consistent read-modify-write: no fence is needed besides.
  void notify_after_rmw() noexcept {
    if (needs_waking(word_.load(memory_order_seq_cst))) wake_one();  // (4)
  }
  /// The same for forks: if all others are busy, one wakes that may run nothing else. Returns what `notify` does; but
  /// what that one has said on its own word is seen only behind a fence.
  [[nodiscard]] bool notify_of_forks_after_rmw() noexcept {
    const std::uint64_t seen = word_.load(memory_order_seq_cst);  // (4)
    if (needs_waking_for_forks(seen)) wake_one();
    return seen >= one_by_itself;
  }

  /// Whether somebody sleeps in a join by itself; behind a fence, (3).
  [[nodiscard]] bool any_by_itself() const noexcept { return word_.load(memory_order_relaxed) >= one_by_itself; }

  /// For a thread that is about to sleep in a join on another word than a sleeper's, for the length of that: who has
  /// made something visible that could concern it is told so, or this thread sees that behind a fence of its own.
  class sleep_by_itself {
   public:
    explicit sleep_by_itself(idle& of) noexcept : of_(&of) {
      of.word_.fetch_add(one_by_itself, memory_order_relaxed);  // (2)
    }
    sleep_by_itself(const sleep_by_itself&) = delete;
    sleep_by_itself& operator=(const sleep_by_itself&) = delete;
    ~sleep_by_itself() { of_->word_.fetch_sub(one_by_itself, memory_order_relaxed); }  // (2)

   private:
    idle* of_;
  };

  /// Wakes those that wait for the end of a job.
  void wake_for_jobs() noexcept;
  /// Wakes the one who sleeps there, if it does.
  void wake(sleeper& s) noexcept;

  /// How many sleep, by now perhaps others. For metrics.
  [[nodiscard]] int approx_asleep() const noexcept {
    const std::uint64_t word = word_.load(memory_order_relaxed);
    return static_cast<int>((word / one_joining) % (1U << 16) + (word / one_asleep) % (1U << 16));
  }

  // A worker is busy, or searches, or sleeps. Each transition is the worker's own.

  /// busy -> searching. False: half of the workers search already; the caller goes to sleep, and is woken if it is
  /// needed.
  [[nodiscard]] bool begin_search() noexcept;

  /// searching -> busy. `sees_work` looks at all that there could be to do: if this was the last one that searched and
  /// there is more, one more is woken.
  template <typename Look>
  void end_search(Look&& sees_work) noexcept {
    hand_on_if(word_.fetch_sub(one_searching, memory_order_relaxed) - one_searching, sees_work);  // (2)
  }

  /// By one that was chosen and does not search, when it runs something, or goes: the same. It stands for all that was
  /// there when it was woken, and runs a part of that, or nothing.
  template <typename Look>
  void hand_on(Look&& sees_work) noexcept {
    hand_on_if(word_.load(memory_order_relaxed), sees_work);  // (2)
  }

  /// busy or searching -> asleep -> searching if it sleeps for work, else busy. Woken, or not asleep at all because
  /// `look` found a reason. Who sleeps for work alone looks only where nobody is left to search. Blocking.
  template <typename Look>
  woken sleep(sleeper& me, const wake_reasons& reasons, bool is_searching, Look&& look) noexcept {
    const bool is_searched = announce(me, reasons, is_searching);
    const bool must_look = !is_searched || reasons.job || reasons.fork;
    if (must_look && settle(me, look)) return woken::by_itself;
    wait(me);
    return me.is_chosen_ ? woken::chosen : woken::called;
  }

 private:
  static constexpr std::uint64_t one_searching = 1;
  static constexpr std::uint64_t one_asleep = 1U << 16;
  static constexpr std::uint64_t one_joining = std::uint64_t{1} << 32;
  static constexpr std::uint64_t one_by_itself = std::uint64_t{1} << 48;

  static constexpr std::uint64_t searching_in(std::uint64_t word) noexcept { return word & (one_asleep - 1); }
  static constexpr bool needs_waking(std::uint64_t word) noexcept {
    return searching_in(word) == 0 && (word & (one_joining - 1)) != 0;
  }
  static constexpr bool needs_waking_for_forks(std::uint64_t word) noexcept {
    return searching_in(word) == 0 && (word & (one_by_itself - 1)) != 0;
  }

  template <typename Look>
  void hand_on_if(std::uint64_t seen, Look&& sees_work) noexcept {
    if (!needs_waking_for_forks(seen)) return;
    full_fence();  // (3), with that of notify
    if (sees_work()) wake_one();
  }

  // Returns whether the sleeper has left its list by itself.
  template <typename Look>
  [[nodiscard]] bool settle(sleeper& me, Look&& look) noexcept {
    full_fence();  // (3), with that of notify
    return look() && withdraw(me);
  }

  // Returns whether somebody searches.
  [[nodiscard]] bool announce(sleeper& me, const wake_reasons& reasons, bool is_searching) noexcept;
  [[nodiscard]] bool withdraw(sleeper& me) noexcept;
  static void wait(sleeper& me) noexcept;
  void wake_one() noexcept;
  [[nodiscard]] sleeper* choose() const noexcept WEIR_REQUIRES(mutex_);
  // Out of its list, on behalf of `s`, which sleeps on until `rouse`.
  void take(sleeper& s) noexcept WEIR_REQUIRES(mutex_);
  static void rouse(sleeper& taken) noexcept;

  const std::uint32_t workers_;

  // {by itself:16, joining:16, asleep:16, searching:16}: how many there are of each; joining: asleep, but not for work;
  // by itself: the same, on a word that is not a sleeper's. Writers: workers, and those that wake them; who joins.
  // Readers: all who make work visible.
  // (2) relaxed: what must be seen is ordered by (3). All changes are read-modify-writes, so that the last one who
  //     searches knows it.
  // (3) not an edge but two fences. One stands between the work and a load of the word: in notify, and in forker where
  //     it tells of what can be found again. The other one stands between a change of the word and the look for work:
  //     in settle, in hand_on_if, and in core where it sleeps by itself. One of them is first: either the look sees the
  //     work, or the load sees that nobody searches and one sleeps.
  // (4) as (3): what made the work visible, this load, and the look behind the other one's fence are in one order, the
  //     sequentially consistent one. Were the load before the change of the word, and the look before the work, that
  //     order would be a circle.
  alignas(cache_line) atomic<std::uint64_t> word_{0};

  mutex mutex_;
  sleeper* asleep_ WEIR_GUARDED_BY(mutex_) = nullptr;   // the last one that went to sleep
  sleeper* joining_ WEIR_GUARDED_BY(mutex_) = nullptr;  // the same of those that do not sleep for work
};

}  // namespace weir::detail
