// The word of a group: how many of its children have not ended, and who wants to know. One 32-bit futex word, so that
// the last end and a waiter that is about to sleep cannot miss each other. The protocol is in scheduler/groups.md.
// Progress: wait-free where the machine has a locked addition, or and and.
#pragma once

#include <cstdint>

#include <weir/queues/sync.hpp>

namespace weir::detail {

class group_state {
 public:
  /// Who sleeps: on this word outside the pool, told of the end; on it inside, told of new children, too, since it may
  /// be the only one that can run them; or, a worker, where it can also be given other work.
  enum class watcher : std::uint32_t { outside = 1u << 25, inside = 1u << 26, worker = 1u << 27 };

  static constexpr std::uint32_t most_unended = (1u << 25) - 1;

  /// By who holds the group open: a child that has not ended, or who promises not to let it end.
  void begin_one() noexcept { (void)word_.fetch_add(1, memory_order_relaxed); }  // relaxed: an end follows by (1)

  /// Who is to be woken.
  struct watchers {
    bool threads;
    bool workers;
  };
  /// The last touch of the group, unless the caller holds it open in another way: who waits may end it now.
  [[nodiscard]] watchers end_one() noexcept {
    const std::uint32_t before = word_.fetch_sub(1, memory_order_acq_rel);  // (1)
    if (unended_in(before) != 1) return {.threads = false, .workers = false};
    return {.threads = (before & (bit(watcher::outside) | bit(watcher::inside))) != 0,
            .workers = (before & bit(watcher::worker)) != 0};
  }

  [[nodiscard]] bool is_over() const noexcept { return is_over(word_.load(memory_order_acquire)); }  // (1)
  [[nodiscard]] static bool is_over(std::uint32_t value) noexcept { return unended_in(value) == 0; }

  /// Says that somebody waits. Returns the word as it is from then on: to sleep on, if it is not over.
  [[nodiscard]] std::uint32_t watch(watcher who) noexcept {
    return word_.fetch_or(bit(who), memory_order_acq_rel) | bit(who);  // (1)
  }
  /// By who has waited until it was over: that nobody waits, if it still is. Else others may sleep by those bits, who
  /// have come with children that were spawned since.
  void unwatch() noexcept {
    std::uint32_t now = word_.load(memory_order_relaxed);
    while (is_over(now) && (now & watchers_mask) != 0) {
      // relaxed: the bits are all that it changes
      if (word_.compare_exchange_weak(now, now & ~watchers_mask, memory_order_relaxed, memory_order_relaxed)) break;
    }
  }

  /// After a child was pushed, and a full fence. True: who sleeps inside is to be woken, and the word has changed, so
  /// that one that is just going to sleep does not, also if another one says that it sleeps meanwhile.
  [[nodiscard]] bool take_inside_watcher() noexcept {
    std::uint32_t now = word_.load(memory_order_relaxed);  // (2)
    while ((now & bit(watcher::inside)) != 0) {
      const std::uint32_t taken = now - bit(watcher::inside) + one_take;
      if (word_.compare_exchange_weak(now, taken, memory_order_relaxed, memory_order_relaxed)) return true;
    }
    return false;
  }

  [[nodiscard]] const atomic<std::uint32_t>& word() const noexcept { return word_; }
  [[nodiscard]] std::uint32_t approx_unended() const noexcept { return unended_in(word_.load(memory_order_relaxed)); }

 private:
  static constexpr std::uint32_t one_take = 1u << 28;
  static constexpr std::uint32_t watchers_mask = one_take - 1 - most_unended;
  static constexpr std::uint32_t bit(watcher who) noexcept { return static_cast<std::uint32_t>(who); }
  static constexpr std::uint32_t unended_in(std::uint32_t word) noexcept { return word & most_unended; }

  // Children that have not ended (25 bits: there are at most 2^24 tasks, and what runs inline), outside, inside,
  // worker, and how often `inside` was taken (4 bits, round and round). Writers: who spawns, who ends a child, who
  // waits. Readers: the same.
  // (1) ended: release subtraction by who ends a child -> acquire by who waits: what the children did happens before
  //     the return of the wait. Every write is a read-modify-write, so that all ends reach who sees the last one; and
  //     of the last end and `watch` one is first: either the end finds the bit, or the waiter finds 0.
  // (2) relaxed: a full fence stands between the push and this load, and another one between `watch` and the waiter's
  //     last look at the queues: one of the two sees the other. Without the count of the takes, who is between that
  //     look and its sleep would not notice that it was told, where another one has said meanwhile that it sleeps. With
  //     it that takes 16 who are told in this moment.
  atomic<std::uint32_t> word_{0};
};

}  // namespace weir::detail
