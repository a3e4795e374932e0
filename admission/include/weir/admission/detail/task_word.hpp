// The decision word of a door that counts tasks and no weights, and beside it what its givers have given back.
//
// Who admits writes the word; a giver (a worker, which ends most of what is admitted) writes only its own count of
// returns. So the line of the word does not travel to a worker and back for each task. A grant compares what was taken
// with a sum of the returns, which is kept until it is used up: the idea is that of the cached index of a bounded ring
// (MCRingBuffer, Lee, Bu and Chandranmenon 2009). admission/README.md, section "Returns", has the proofs.
// Progress: try_take is lock-free; all else is wait-free where the machine has a locked addition.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <weir/admission/detail/capacity_word.hpp>
#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

class task_word {
 public:
  using outcome = capacity_word::outcome;
  using place = capacity_word::place;
  using hold = capacity_word::hold;
  using view = capacity_word::view;

  /// @param most    tasks at once, at least 1.
  /// @param givers  how many counts of returns there are.
  task_word(std::int64_t most, std::size_t givers)
      : room_until_(none_taken + static_cast<std::uint64_t>(most)),
        room_at_first_(none_taken + static_cast<std::uint64_t>(most)),
        returns_(givers) {}
  task_word(const task_word&) = delete;
  task_word& operator=(const task_word&) = delete;

  /// Takes one task if there is room; as capacity_word::try_take. `seen` is exact where there is no room; with another
  /// outcome its `tasks_free` is as of the last sum.
  [[nodiscard]] outcome try_take(place from, hold kind, view& seen) noexcept {
    std::uint64_t now = word_.load(memory_order_acquire);          // (1)
    std::uint64_t until = room_until_.load(memory_order_acquire);  // (2)
    for (;;) {
      seen = unpack(now, until);
      const outcome o = capacity_word::decide(seen, one_task, from, kind);
      if (o == outcome::taken) {
        const std::uint64_t next = now + 1 + (kind == hold::attempt ? one_attempt : 0);
        if (word_.compare_exchange_weak(now, next, memory_order_acq_rel, memory_order_acquire)) return o;  // (1)
        continue;
      }
      if (!is_for_want_of_room(o, seen)) return o;
      const std::uint64_t sum = sum_up(until);  // after the word was read, so that a refusal was true when it was
      if (taken(now) >= sum) {
        seen = unpack(now, sum);
        return o;
      }
      until = sum;
    }
  }

  /// Takes one task for a newcomer that will not give it back as an attempt, if the word and the last sum show room.
  /// False says nothing: ask try_take.
  [[nodiscard]] bool try_take_at_once() noexcept {
    std::uint64_t now = word_.load(memory_order_relaxed);                // publishes nothing: the exchange below does
    const std::uint64_t until = room_until_.load(memory_order_acquire);  // (2)
    while ((now & (waiters_bit | closed_bit)) == 0 && taken(now) < until) {
      if (word_.compare_exchange_weak(now, now + 1, memory_order_acq_rel, memory_order_relaxed)) return true;  // (1)
    }
    return false;
  }

  /// Takes as many tasks as there are, up to `most`; as capacity_word::try_take_block.
  [[nodiscard]] std::uint32_t try_take_block(std::uint32_t most) noexcept {
    std::uint64_t now = word_.load(memory_order_relaxed);          // publishes nothing: the exchange below does
    std::uint64_t until = room_until_.load(memory_order_acquire);  // (2)
    for (;;) {
      if (until < taken(now) + most) until = sum_up(until);
      const view seen = unpack(now, until);
      const auto units = static_cast<std::uint32_t>(std::clamp<std::int64_t>(seen.tasks_free, 0, most));
      if (units == 0 || seen.attempts == capacity_word::most_attempts) return 0;
      const std::uint64_t next = now + units + one_attempt;
      if (word_.compare_exchange_weak(now, next, memory_order_acq_rel, memory_order_relaxed)) return units;  // (1)
    }
  }

  /// An attempt that has taken nothing yet. False with too many attempts.
  [[nodiscard]] bool try_mark() noexcept {
    std::uint64_t now = word_.load(memory_order_relaxed);  // publishes nothing: nor does the exchange
    do {
      if (unpack(now, 0).attempts == capacity_word::most_attempts) return false;
    } while (!word_.compare_exchange_weak(now, now + one_attempt, memory_order_relaxed, memory_order_relaxed));
    return true;
  }

  /// The attempt has its token: the grant stands.
  void settle() noexcept { word_.fetch_sub(one_attempt, memory_order_relaxed); }  // relaxed: what was taken stays taken

  /// Gives back what a grant took, without a giver. Returns who wants to know.
  watchers give_back(demand held, hold kind) noexcept {
    const std::uint64_t given = held.tasks + (kind == hold::attempt ? one_attempt : 0);
    const std::uint64_t after = word_.fetch_sub(given, memory_order_seq_cst) - given;  // (1) (5)
    return {.waiters = (after & waiters_bit) != 0, .closed = (after & closed_bit) != 0};
  }

  /// The same by a giver. Any thread may do it; one each keeps the line where it is.
  watchers give_back_as(std::size_t giver) noexcept {
    returns_[giver].count.fetch_add(1, memory_order_seq_cst);          // (3) (4)
    const std::uint32_t seen = attention_.load(memory_order_seq_cst);  // (4)
    return {.waiters = (seen & somebody_waits) != 0, .closed = (seen & is_closed) != 0};
  }

  /// Under the lock of the queue: says whether somebody waits, to newcomers and to who gives back.
  void set_waiters(bool any) noexcept {
    draw_attention(somebody_waits, any);
    if (any) {
      word_.fetch_or(waiters_bit, memory_order_relaxed);  // relaxed: the queue's lock publishes the queue
    } else {
      word_.fetch_and(~waiters_bit, memory_order_relaxed);
    }
  }

  /// Under the lock of the queue. For good.
  void close() noexcept {
    draw_attention(is_closed, true);
    word_.fetch_or(closed_bit, memory_order_acq_rel);  // (1) (6)
  }

  /// Moves the limit, also below what is held: what it is lowered by is taken, and given back when it is raised. Never
  /// by more than the largest limit in all, and never twice at once.
  void move_limit(std::int64_t change) noexcept {
    word_.fetch_sub(static_cast<std::uint64_t>(change), memory_order_relaxed);  // relaxed: carries no data
  }

  /// Adds up the returns; `load` tells of no less from here on.
  void note_returns() noexcept {
    (void)sum_up(room_until_.load(memory_order_relaxed));
  }  // relaxed: only to spare a store

  /// `tasks_free` as of the last sum, and never below 0.
  [[nodiscard]] view load() const noexcept {
    const std::uint64_t now = word_.load(memory_order_relaxed);       // relaxed: a report
    view seen = unpack(now, room_until_.load(memory_order_relaxed));  // relaxed: a number beside it
    seen.tasks_free = std::max<std::int64_t>(seen.tasks_free, 0);
    return seen;
  }

  /// What is free; below 0 after the limit was set below what is held. The returns are read first, so that it is never
  /// too much; what is taken while they are read may make it too little. Exact when nothing is taken any more.
  [[nodiscard]] std::int64_t tasks_free() const noexcept {
    const std::uint64_t sum = room_at_first_ + sum_of_returns();
    return static_cast<std::int64_t>(sum - taken(word_.load(memory_order_seq_cst)));  // (5) (6)
  }

 private:
  friend struct gate_steps;

  static constexpr demand one_task{.tasks = 1, .weight = 0};
  static constexpr int attempts_shift = 57;
  static constexpr std::uint64_t taken_mask = (std::uint64_t{1} << attempts_shift) - 1;
  static constexpr std::uint64_t one_attempt = std::uint64_t{1} << attempts_shift;
  static constexpr std::uint64_t waiters_bit = std::uint64_t{1} << 62;
  static constexpr std::uint64_t closed_bit = std::uint64_t{1} << 63;
  // Where `taken` begins, so that a limit can be raised as far as limits go before anything was taken.
  static constexpr std::uint64_t none_taken = std::uint64_t{1} << 24;
  static constexpr std::uint32_t somebody_waits = 1;
  static constexpr std::uint32_t is_closed = 2;

  static constexpr std::uint64_t taken(std::uint64_t word) noexcept { return word & taken_mask; }

  // Below 0 where another thread's older sum is less than what has been taken since, or the limit was lowered: then no
  // room is known of.
  static constexpr view unpack(std::uint64_t word, std::uint64_t until) noexcept {
    return {.tasks_free = static_cast<std::int64_t>(until - taken(word)),
            .weight_free = 0,
            .attempts = static_cast<std::uint32_t>((word & ~(waiters_bit | closed_bit)) >> attempts_shift),
            .spare = false,
            .waiters = (word & waiters_bit) != 0,
            .closed = (word & closed_bit) != 0};
  }

  static constexpr bool is_for_want_of_room(outcome o, const view& seen) noexcept {
    return seen.tasks_free <= 0 && (o == outcome::tasks_full || o == outcome::contended);
  }

  [[nodiscard]] std::uint64_t sum_of_returns() const noexcept {
    std::uint64_t sum = 0;
    for (const returns& r : returns_) sum += r.count.load(memory_order_seq_cst);  // (3) (4) (5)
    return sum;
  }

  // How many may be taken in all, now; kept if it is more than `known`, so that a refusal writes nothing. Slow threads
  // may store an older sum over a newer one: that is a bound as well, and who finds it used up sums up again.
  [[nodiscard]] std::uint64_t sum_up(std::uint64_t known) noexcept {
    const std::uint64_t sum = room_at_first_ + sum_of_returns();
    if (sum > known) room_until_.store(sum, memory_order_release);  // (2)
    return sum;
  }

  void draw_attention(std::uint32_t to, bool any) noexcept {
    const std::uint32_t before = attention_.load(memory_order_relaxed);        // relaxed: written under the lock only
    attention_.store(any ? before | to : before & ~to, memory_order_seq_cst);  // (4)
  }

  // What was taken, less what was given back here and what the limit was raised by (57 bits: 4 years of a billion a
  // second), attempts in flight (5), waiters, closed. Writers: takers, who gives back without a giver, the queue and
  // who moves the limit under its lock. Readers: the same.
  // (1) room: release by who gives back here, or takes -> acquire by who takes. Every write is a read-modify-write, so
  //     that all earlier ones reach a taker: what was done before a return, and the returns that an earlier grant used.
  // (6) the last limits: release by who closes -> acquire load by who asks what is held at a closed gate.
  alignas(cache_line) atomic<std::uint64_t> word_{none_taken};
  // Less than this may have been taken: the first limit and all returns, as somebody has summed them up. Never above
  // the truth, since returns only grow. Writers, readers: takers.
  // (2) sum: release store by who summed up -> acquire load by who takes; hands on what (3) has brought.
  atomic<std::uint64_t> room_until_;

  alignas(cache_line) const std::uint64_t room_at_first_;
  // How many each giver has given back; only grows. Writer: the giver. Readers: who finds no room otherwise.
  // (3) return: release addition by the giver -> acquire load by who sums up; what the holder did comes before what is
  //     granted for it.
  struct alignas(cache_line) returns {
    atomic<std::uint64_t> count{0};
  };
  std::vector<returns> returns_;
  // Whether who gives back is to go on to the queue: somebody waits, or the door is closed. Read by every giver and
  // seldom written, under the lock of the queue.
  // (4) attention: sequentially consistent. The giver adds its return and then looks here; the other one writes here
  //     and then looks at the returns: one of them sees the other.
  // (5) the last one: sequentially consistent. Who gives back, here or as a giver, and then asks what is held: of two
  //     that do, one sees both.
  atomic<std::uint32_t> attention_{0};
};

}  // namespace weir::detail
