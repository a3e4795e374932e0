// The state word of a fork: whether a thief has it, which one, whether it is done, and whether its owner sleeps.
//
//   (on the owner's stack) --taken--> (a thief runs it) --finish--> done
//
// A fork that is not stolen never touches it. Progress: wait-free where the machine has a locked or.
#pragma once

#include <cstdint>

#include <weir/queues/sync.hpp>

namespace weir::detail {

class fork_state {
 public:
  struct view {
    bool is_done;
    bool has_thrown;      // once done
    bool is_taken;        // the next two are known
    std::uint32_t taker;  // index of the worker
    std::uint32_t from;   // what the taker forks for this fork is at this index of its stack, or above
    friend bool operator==(const view&, const view&) = default;
  };

  /// By the thief, before it runs the fork. Returns whether the owner sleeps.
  [[nodiscard]] bool take(std::uint32_t taker, std::uint32_t from) noexcept {
    const std::uint32_t bits = (taker + 1) << taker_shift | from << from_shift;
    return (word_.fetch_or(bits, memory_order_relaxed) & awaited_bit) != 0;  // (2)
  }

  /// By the thief, with its last touch of the fork. Returns whether the owner sleeps.
  [[nodiscard]] bool finish(bool has_thrown) noexcept {
    const std::uint32_t bits = has_thrown ? done_bit | thrown_bit : done_bit;
    return (word_.fetch_or(bits, memory_order_release) & awaited_bit) != 0;  // (1)
  }

  /// By the owner, before it sleeps. If the fork is done, or is not as it was at the last look, it need not sleep, and
  /// looks again; what comes later is told.
  [[nodiscard]] view await() noexcept {
    return view_of(word_.fetch_or(awaited_bit, memory_order_relaxed));  // (2)
  }

  [[nodiscard]] view look() const noexcept {
    return view_of(word_.load(memory_order_acquire));  // (1)
  }

 private:
  static constexpr view view_of(std::uint32_t seen) noexcept {
    const std::uint32_t taker = seen >> taker_shift & index_mask;
    return {.is_done = (seen & done_bit) != 0,
            .has_thrown = (seen & thrown_bit) != 0,
            .is_taken = taker != 0,
            .taker = taker - 1,
            .from = seen >> from_shift};
  }

  static constexpr std::uint32_t done_bit = 1;
  static constexpr std::uint32_t thrown_bit = 2;
  static constexpr std::uint32_t awaited_bit = 4;
  static constexpr int taker_shift = 3;  // 11 bits: 1 to 1,024
  static constexpr int from_shift = 14;
  static constexpr std::uint32_t index_mask = (1u << (from_shift - taker_shift)) - 1;

  // Writers: the thief (who, done), the owner (awaited); each bit is set once. Readers: both.
  // (1) done: release or by the thief -> acquire load by the owner; publishes what the fork has done.
  // (2) taken, awaited: relaxed, since the bits are all that they say. All are read-modify-writes, so that one of
  //     the thief's and the owner's is first: either the owner finds the word changed, or the thief finds it awaited.
  atomic<std::uint32_t> word_{0};
};

}  // namespace weir::detail
