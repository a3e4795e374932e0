// The decision word of a limiter: what is free, who is ahead, whether it is closed, in 64 bits that change together.
//
// It keeps what is *free* instead of what is used. A grant is one compare-and-swap that finds room for both the task
// and its weight; a release and a change of a limit are one addition, whatever the word holds; a limit set below what
// is used makes the free part negative, and nothing is granted until it is positive again. Since count and weight are
// in one word, a grant of both is one step: there is no moment at which one is held and the other is not.
// Progress: lock-free (a failed compare-and-swap means that another one succeeded); give_back and the setters are
// wait-free where the machine has a locked addition.
#pragma once

#include <algorithm>
#include <cstdint>

#include <weir/queues/sync.hpp>

namespace weir::detail {

/// What one admission takes; a limit that is not counted is asked for 0.
struct demand {
  std::uint32_t tasks;
  std::uint32_t weight;
};

/// Who is to hear of a return: those who wait, and who waits for a closed gate to be empty.
struct watchers {
  bool waiters;
  bool closed;
};

class capacity_word {
 public:
  /// The word, taken apart. `tasks_free` and `weight_free` are negative after a limit was set below what is used.
  struct view {
    std::int64_t tasks_free;
    std::int64_t weight_free;
    std::uint32_t attempts;
    bool spare;  // there may be credits: room that is not in the word, and that nobody holds
    bool waiters;
    bool closed;
  };

  enum class outcome : std::uint8_t { taken, tasks_full, weight_full, waiters_ahead, contended, closed };

  /// Who asks: a newcomer respects those who wait; the head of the queue, under the lock of the queue, is the one they
  /// wait behind. A child, of one that was admitted, passes them and a close.
  enum class place : std::uint8_t { newcomer, head, child };

  /// Whether a grant stands, or is an attempt that may still be given back because a token is missing. While an attempt
  /// is in flight, another caller that finds no room is told `contended` instead of a fullness that may never have been
  /// real.
  enum class hold : std::uint8_t { final, attempt };

  capacity_word(std::int64_t tasks_limit, std::int64_t weight_limit) noexcept
      : word_(pack(tasks_limit, weight_limit)) {}
  capacity_word(const capacity_word&) = delete;
  capacity_word& operator=(const capacity_word&) = delete;

  /// Takes `wanted` if there is room for all of it. Linearizable: each outcome but `taken` was true at one instant of
  /// the call, at which the word was `seen`; of a fullness, if nothing is spare. The head is never told `contended`: it
  /// does not try again, it is looked at again, and what is reported of it must stay true until then.
  [[nodiscard, gnu::always_inline]] outcome try_take(demand wanted, place from, hold kind, view& seen) noexcept {
    std::uint64_t now = word_.load(memory_order_acquire);  // (4)
    for (;;) {
      if (const outcome o = decide(unpack(now), wanted, from, kind); o != outcome::taken) {
        seen = unpack(now);
        return o;
      }
      const std::uint64_t next = now - amount(wanted) + (kind == hold::attempt ? one_attempt : 0);
      if (word_.compare_exchange_weak(now, next, memory_order_acq_rel, memory_order_acquire))
        return outcome::taken;  // (1) (2) (4)
    }
  }
  [[nodiscard]] outcome try_take(demand wanted, place from, hold kind) noexcept {
    view seen{};
    return try_take(wanted, from, kind, seen);
  }

  /// Takes as many tasks as there are, up to `most`, as one attempt, and past a close and those who wait. Returns how
  /// many; 0 with too many attempts, too.
  [[nodiscard]] std::uint32_t try_take_block(std::uint32_t most) noexcept {
    std::uint64_t now = word_.load(memory_order_relaxed);  // publishes nothing: the exchange below does
    for (;;) {
      const view seen = unpack(now);
      const auto units = static_cast<std::uint32_t>(std::clamp<std::int64_t>(seen.tasks_free, 0, most));
      if (units == 0 || seen.attempts == most_attempts) return 0;
      const std::uint64_t next = now - amount({.tasks = units, .weight = 0}) + one_attempt;
      if (word_.compare_exchange_weak(now, next, memory_order_acq_rel, memory_order_relaxed)) return units;  // (1) (2)
    }
  }

  /// An attempt that has taken nothing yet. False with too many attempts.
  [[nodiscard]] bool try_mark() noexcept {
    std::uint64_t now = word_.load(memory_order_relaxed);  // publishes nothing: nor does the exchange
    do {
      if (unpack(now).attempts == most_attempts) return false;
    } while (!word_.compare_exchange_weak(now, now + one_attempt, memory_order_relaxed, memory_order_relaxed));
    return true;
  }

  /// The attempt has its token: the grant stands.
  void settle() noexcept { word_.fetch_sub(one_attempt, memory_order_relaxed); }  // relaxed: what was taken stays taken

  /// Gives back what a grant took, and the mark of the attempt if it still was one. Returns the word after the
  /// addition: the caller goes on to the queue if it shows waiters, or that it was closed.
  view give_back(demand held, hold kind) noexcept {
    const std::uint64_t added = amount(held) - (kind == hold::attempt ? one_attempt : 0);
    return unpack(word_.fetch_add(added, memory_order_release) + added);  // (1)
  }

  // ---- credits, under the lock of the queue; see credits.hpp

  /// From here on there may be credits. Before there are.
  void announce_spare() noexcept {
    word_.fetch_or(spare_bit, memory_order_relaxed);
  }  // published by what opens a purse
  /// All of them, and there are no more.
  void take_back_spare(demand all) noexcept {
    word_.fetch_add(amount(all) - spare_bit, memory_order_release);
  }  // (1) (4)
  /// Takes up to `most` of each, and no more than a quarter of what is free.
  [[nodiscard]] demand take_spare(demand most) noexcept {
    std::uint64_t now = word_.load(memory_order_relaxed);  // publishes nothing: the exchange below does
    for (;;) {
      const view seen = unpack(now);
      const auto part = [](std::int64_t free, std::uint32_t wanted) {
        return static_cast<std::uint32_t>(std::clamp<std::int64_t>(free / 4, 0, wanted));
      };
      const demand some{.tasks = part(seen.tasks_free, most.tasks), .weight = part(seen.weight_free, most.weight)};
      if (some.tasks == 0 && some.weight == 0) return some;
      if (word_.compare_exchange_weak(now, now - amount(some), memory_order_acquire, memory_order_relaxed)) {  // (1)
        return some;
      }
    }
  }

  /// Under the lock of the queue: says whether somebody waits. From then on newcomers are sent to the queue.
  void set_waiters(bool any) noexcept {
    if (any) {
      word_.fetch_or(waiters_bit, memory_order_relaxed);  // relaxed: the queue's lock publishes the queue
    } else {
      word_.fetch_and(~waiters_bit, memory_order_relaxed);
    }
  }

  /// For good. Returns true to the one caller that closed it; who gave back before that is seen by it.
  bool close() noexcept { return (word_.fetch_or(closed_bit, memory_order_acq_rel) & closed_bit) == 0; }  // (1) (3)

  /// An addition of nothing: what was written before it is seen by whoever then loads a word of after it; and who calls
  /// this, and then loads, sees what came before each earlier word.
  void meet() noexcept { word_.fetch_add(0, memory_order_release); }  // (5)

  /// Moves both limits in one step, also below what is used; the caller keeps them within their ranges, and never moves
  /// them twice at once.
  view move_limits(std::int64_t tasks, std::int64_t weight) noexcept {
    const std::uint64_t added = (static_cast<std::uint64_t>(tasks) << tasks_shift) + static_cast<std::uint64_t>(weight);
    return unpack(word_.fetch_add(added, memory_order_relaxed) +
                  added);  // relaxed: room that a setter makes carries no data
  }

  [[nodiscard]] view load() const noexcept { return unpack(word_.load(memory_order_acquire)); }  // (1) (2) (3) (5)

  static constexpr std::uint32_t most_attempts = 15;

  /// What a word that shows `seen` answers.
  static constexpr outcome decide(view seen, demand wanted, place from, hold kind) noexcept {
    if (seen.closed && from != place::child) return outcome::closed;
    if (from == place::newcomer && seen.waiters) return outcome::waiters_ahead;
    const bool may_be_given_back = from == place::newcomer && seen.attempts != 0;
    if (seen.tasks_free < static_cast<std::int64_t>(wanted.tasks)) {
      return may_be_given_back ? outcome::contended : outcome::tasks_full;
    }
    if (seen.weight_free < static_cast<std::int64_t>(wanted.weight)) {
      return may_be_given_back ? outcome::contended : outcome::weight_full;
    }
    if (kind == hold::attempt && seen.attempts == most_attempts) return outcome::contended;
    return outcome::taken;
  }

 private:
  // Bits, from the lowest: weight_free + 2^31 (32 bits), tasks_free + 2^24 (25), attempts in flight (4), spare,
  // waiters, closed. Limits are at most 2^31 - 1 and 2^24 - 1, and what is used is at most the largest limit there has
  // been, so that each biased field stays within its bits and an addition to one never carries into the next.
  static constexpr int tasks_shift = 32;
  static constexpr int attempts_shift = 57;
  static constexpr std::int64_t weight_bias = std::int64_t{1} << 31;
  static constexpr std::int64_t tasks_bias = std::int64_t{1} << 24;
  static constexpr std::uint64_t weight_mask = (std::uint64_t{1} << 32) - 1;
  static constexpr std::uint64_t tasks_mask = (std::uint64_t{1} << 25) - 1;
  static constexpr std::uint64_t one_attempt = std::uint64_t{1} << attempts_shift;
  static constexpr std::uint64_t spare_bit = std::uint64_t{1} << 61;
  static constexpr std::uint64_t waiters_bit = std::uint64_t{1} << 62;
  static constexpr std::uint64_t closed_bit = std::uint64_t{1} << 63;

  static constexpr std::uint64_t pack(std::int64_t tasks_free, std::int64_t weight_free) noexcept {
    return (static_cast<std::uint64_t>(tasks_free + tasks_bias) << tasks_shift) |
           static_cast<std::uint64_t>(weight_free + weight_bias);
  }
  static constexpr std::uint64_t amount(demand d) noexcept {
    return (static_cast<std::uint64_t>(d.tasks) << tasks_shift) + d.weight;
  }
  static constexpr view unpack(std::uint64_t word) noexcept {
    return {.tasks_free = static_cast<std::int64_t>((word >> tasks_shift) & tasks_mask) - tasks_bias,
            .weight_free = static_cast<std::int64_t>(word & weight_mask) - weight_bias,
            .attempts = static_cast<std::uint32_t>(word >> attempts_shift) & most_attempts,
            .spare = (word & spare_bit) != 0,
            .waiters = (word & waiters_bit) != 0,
            .closed = (word & closed_bit) != 0};
  }

  // What is free, as above. Writers: every taker, releaser, the queue under its lock, the closer. Readers: the same.
  // (1) free: release addition by who gives back -> acquire exchange by who takes (every write here is a
  //     read-modify-write, so the release sequence reaches the taker): what the last holder did happens before what the
  //     next one does.
  // (2) spare units: release by who takes a block, or the last that is here -> acquire load by a newcomer that found no
  //     room; that there are spare units was noted before.
  // (4) credits: who has put one has acquired a purse that was opened after they were announced; who looks after that
  //     sees it, or a later word. Release by who takes them back -> acquire by who finds no room, or waiters, or the
  //     close, and by all after it: they find each purse closed.
  // (3) the last limits: release by who closes -> acquire load by who asks what is held at a closed gate.
  // (5) pressure: see pressure_watch, (1).
  atomic<std::uint64_t> word_;
};

}  // namespace weir::detail
