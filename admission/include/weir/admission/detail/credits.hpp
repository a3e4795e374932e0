// Credits: room of a limiter that is out of its decision word and held by nobody, kept where threads take it and put it
// back without writing one line: in purses, one a CPU.
//
// A purse is one word: what is in it, and whether it is closed. To take and to put is one compare-and-swap of the
// purse of this CPU, and finds it closed in the same step, so that once all are closed and swept into the decision
// word, that word alone is the truth. When they are open, and how much is in them, is the gate's business
// (gate_credits.cpp); admission/credits.md has the protocol. Progress: take and put are lock-free; all else is called
// under the gate's lock, and writes each purse once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <weir/admission/detail/capacity_word.hpp>
#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

class credits {
 public:
  /// How many purses there are, a power of 2 (0: one a CPU, 2 to 64), and how much of a limit there must be for each,
  /// or there are none; and what part of a limit all purses together are to hold at most: one in `share`.
  struct rule {
    std::size_t purses = 0;
    std::int64_t limit_per_purse = 128;
    std::int64_t share = 8;
  };

  /// How many purses to make for these limits, of which 0 is not counted: none if there are to be no credits.
  [[nodiscard]] static std::size_t purses_for(std::int64_t tasks_limit, std::int64_t weight_limit, rule by) noexcept;

  /// @param purses  0: there are none, and only `exist` may be called. @throws std::bad_alloc.
  credits(std::size_t purses, std::int64_t share)
      : purses_(purses != 0 ? std::make_unique<purse[]>(purses) : nullptr), last_(purses - 1), share_(share) {}
  credits(const credits&) = delete;
  credits& operator=(const credits&) = delete;

  /// Whether there ever are any.
  [[nodiscard]] bool exist() const noexcept { return purses_ != nullptr; }

  /// Takes `wanted` out of the purse of this CPU; false if it is closed or has not so much.
  [[nodiscard]] bool take(demand wanted) noexcept {
    atomic<std::uint64_t>& own = mine();
    std::uint64_t now = own.load(memory_order_relaxed);  // publishes nothing: the exchange below does
    while ((now & closed_bit) == 0 && weight_in(now) >= wanted.weight && tasks_in(now) >= wanted.tasks) {
      if (own.compare_exchange_weak(now, now - amount(wanted), memory_order_acq_rel, memory_order_relaxed)) {  // (1)
        return true;
      }
    }
    return false;
  }

  /// Whether what was given back is in the purse now; and whether there is so much that some is to go to the word.
  enum class fate : std::uint8_t { closed, kept, kept_too_much };

  /// Puts `held` into the purse of this CPU, if it is open.
  [[nodiscard]] fate put(demand held) noexcept {
    atomic<std::uint64_t>& own = mine();
    std::uint64_t now = own.load(memory_order_relaxed);  // publishes nothing: the exchange below does
    while ((now & closed_bit) == 0) {
      const std::uint64_t next = now + amount(held);
      if (own.compare_exchange_weak(now, next, memory_order_acq_rel, memory_order_relaxed)) {  // (1) (2)
        const demand most = most_kept();
        return weight_in(next) > most.weight || tasks_in(next) > most.tasks ? fate::kept_too_much : fate::kept;
      }
    }
    return fate::closed;
  }

  // ---- under the gate's lock

  /// Opens all purses, for limits of this size; the word has announced them.
  void open(std::int64_t tasks_limit, std::int64_t weight_limit) noexcept {
    const std::int64_t parts = share_ * static_cast<std::int64_t>(last_ + 1);
    const auto part = [parts](std::int64_t limit) {
      return static_cast<std::uint32_t>(std::max<std::int64_t>(limit / parts, 1));
    };
    most_kept_.store(amount({.tasks = part(tasks_limit), .weight = part(weight_limit)}), memory_order_relaxed);
    for (purse& p : all()) p.word.store(0, memory_order_release);  // (2); nobody writes one that is closed
  }

  /// Closes all purses and takes out what is in them, to be given to the word.
  [[nodiscard]] demand sweep() noexcept {
    std::uint64_t sum = 0;
    for (purse& p : all()) sum += p.word.exchange(closed_bit, memory_order_acquire) & ~closed_bit;  // (1) (3)
    return demand_in(sum);
  }

  /// How much the purse of this CPU, which is open, lacks to be half full.
  [[nodiscard]] demand lacking() noexcept {
    const std::uint64_t now = mine().load(memory_order_relaxed);  // relaxed: a number alone
    const demand most = most_kept();
    const auto lacks = [](std::uint32_t wanted, std::uint32_t there) { return wanted > there ? wanted - there : 0; };
    return {.tasks = lacks((most.tasks + 1) / 2, tasks_in(now)),
            .weight = lacks((most.weight + 1) / 2, weight_in(now))};
  }
  void fill(demand some) noexcept { mine().fetch_add(amount(some), memory_order_release); }  // (1)

  /// Takes what the purse of this CPU, which is open, has above half of the most.
  [[nodiscard]] demand take_surplus() noexcept {
    atomic<std::uint64_t>& own = mine();
    const demand most = most_kept();
    std::uint64_t now = own.load(memory_order_relaxed);  // publishes nothing: the exchange below does
    for (;;) {
      const auto above = [](std::uint32_t there, std::uint32_t half) { return there > half ? there - half : 0; };
      const demand some{.tasks = above(tasks_in(now), most.tasks / 2),
                        .weight = above(weight_in(now), most.weight / 2)};
      if (own.compare_exchange_weak(now, now - amount(some), memory_order_acquire, memory_order_relaxed))
        return some;  // (1)
    }
  }

  // ---- by anybody

  /// What is in all purses; exact when nothing moves.
  [[nodiscard]] demand spare() const noexcept {
    std::uint64_t sum = 0;
    for (const purse& p : all()) sum += p.word.load(memory_order_relaxed) & ~closed_bit;  // relaxed: a report
    return demand_in(sum);
  }

 private:
  friend struct credit_steps;

  // Bits, from the lowest: weight (32 bits), tasks (25), closed (the highest). All purses together hold no more than
  // the limits, so that no field carries, nor in a sum.
  static constexpr int tasks_shift = 32;
  static constexpr std::uint64_t closed_bit = std::uint64_t{1} << 63;

  static constexpr std::uint64_t amount(demand d) noexcept {
    return (static_cast<std::uint64_t>(d.tasks) << tasks_shift) + d.weight;
  }
  static constexpr std::uint32_t weight_in(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word); }
  static constexpr std::uint32_t tasks_in(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>((word & ~closed_bit) >> tasks_shift);
  }
  static constexpr demand demand_in(std::uint64_t word) noexcept {
    return {.tasks = tasks_in(word), .weight = weight_in(word)};
  }

  // Writers: threads on its CPU, some others, and who opens, fills or sweeps it under the gate's lock. Readers: those.
  // (1) room: release by who puts -> acquire by who takes, or sweeps, who releases it to the word: what a holder did
  //     comes before what is granted for what it gave back.
  // (2) open: release by who opens -> acquire by who puts, so that whoever hears of that finds them announced.
  // (3) closed: see capacity_word, (4).
  struct alignas(cache_line) purse {
    atomic<std::uint64_t> word{closed_bit};
  };

  [[nodiscard]] atomic<std::uint64_t>& mine() noexcept { return purses_[cpu_hint() & last_].word; }
  [[nodiscard]] std::span<purse> all() const noexcept { return {purses_.get(), last_ + 1}; }
  [[nodiscard]] demand most_kept() const noexcept { return demand_in(most_kept_.load(memory_order_relaxed)); }

  const std::unique_ptr<purse[]> purses_;
  const std::size_t last_;
  const std::int64_t share_;
  // The most that is left in a purse. Writer: who opens. Readers: who puts; relaxed, numbers alone.
  atomic<std::uint64_t> most_kept_{0};
};

}  // namespace weir::detail
