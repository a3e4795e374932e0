// Units of max_tasks that givers keep for children: each its own stock, so that a child writes its giver's line only.
//
// A unit comes from the decision word by blocks and goes back there when somebody asks for it. The gate puts these
// steps together with those of the word (gate_children.cpp); admission/README.md, section "Units of children", has the
// proofs. Progress: take is lock-free and fails only to a recall; all else is wait-free where the machine has a locked
// addition, and reads one line a giver where it speaks of all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

class child_stock {
 public:
  /// How many units a giver takes at a time, and how many tasks there must be for each giver before it keeps any: twice
  /// the block and a block on its way, for each of them, leave half of the tasks out of any stock. Models have less.
  struct rule {
    std::uint32_t block = 16;
    std::int64_t tasks_per_giver = 64;
  };

  /// How large blocks are for so many tasks: with few of them a stock would be what is missing elsewhere.
  [[nodiscard]] static std::uint32_t block_for(std::int64_t max_tasks, std::size_t givers, rule by) noexcept {
    return max_tasks / by.tasks_per_giver >= static_cast<std::int64_t>(givers) ? by.block : 0;
  }

  /// @param block  0: no stock is ever filled, and each child takes and gives one at the word.
  child_stock(std::size_t givers, std::uint32_t block) : block_(block), has_kept_units_(block != 0), stocks_(givers) {}
  child_stock(const child_stock&) = delete;
  child_stock& operator=(const child_stock&) = delete;

  /// How many units a refill takes; 0: none is made.
  [[nodiscard]] std::uint32_t block() const noexcept { return block_.load(memory_order_relaxed); }
  /// Whether units were ever kept; for who holds the lock that set_block needs.
  [[nodiscard]] bool has_kept_units() const noexcept { return has_kept_units_; }
  [[nodiscard]] std::size_t givers() const noexcept { return stocks_.size(); }
  /// From here on. One at a time; a refill that is under way may still be of the old size.
  void set_block(std::uint32_t block) noexcept {
    has_kept_units_ = has_kept_units_ || block != 0;
    block_.store(block, memory_order_relaxed);
  }

  // ---- by the giver, for its own stock

  /// Takes one unit; false if there is none.
  [[nodiscard]] bool take(std::size_t giver) noexcept {
    atomic<std::uint32_t>& spare = stocks_[giver].spare;
    std::uint32_t now = spare.load(memory_order_relaxed);  // relaxed: only this thread adds
    while (now != 0) {
      // It acquires nothing: what it takes it has added itself.
      if (spare.compare_exchange_weak(now, now - 1, memory_order_release, memory_order_relaxed)) return true;  // (4)
    }
    return false;
  }

  /// Adds one unit. False if one is to go to the word: there is enough here, or somebody asks.
  [[nodiscard]] bool put(std::size_t giver) noexcept {
    // relaxed: only this thread adds
    if (stocks_[giver].spare.load(memory_order_relaxed) >= 2 * block()) return false;
    note_use();  // it may have been taken at the word
    return !add(giver, 1) || !take(giver);
  }

  /// Adds `units`. True if somebody asks: then they must not stay here.
  [[nodiscard]] bool add(std::size_t giver, std::uint32_t units) noexcept {
    stocks_[giver].spare.fetch_add(units, memory_order_seq_cst);  // (1) (2)
    return asked_.load(memory_order_seq_cst) != 0;                // (2)
  }

  /// Takes all units, right after `add`.
  [[nodiscard]] std::uint32_t take_all(std::size_t giver) noexcept {
    // relaxed: the addition has released all that comes before, and goes on through what changes its value
    return stocks_[giver].spare.exchange(0, memory_order_relaxed);
  }

  /// Whether it makes no sense to fill a stock. Only a hint: `add` tells.
  [[nodiscard]] bool looks_asked() const noexcept { return asked_.load(memory_order_relaxed) != 0; }

  // ---- by who wants what is spare

  /// From here on, what is added is not left in a stock. Before `recall`.
  void ask() noexcept { asked_.fetch_add(1, memory_order_seq_cst); }          // (2)
  void ask_no_more() noexcept { asked_.fetch_sub(1, memory_order_release); }  // (3)

  [[nodiscard]] bool is_empty() const noexcept {
    for (const stock& s : stocks_) {
      if (s.spare.load(memory_order_seq_cst) != 0) return false;  // (1) (2) (4)
    }
    return true;
  }

  /// Takes all units of all stocks.
  [[nodiscard]] std::uint32_t recall() noexcept {
    std::uint32_t units = 0;
    for (stock& s : stocks_) {
      if (s.spare.load(memory_order_seq_cst) == 0) continue;  // (1) (2) (4)
      units += s.spare.exchange(0, memory_order_acq_rel);     // (1)
    }
    return units;
  }

  // ---- by anybody

  /// Before the first block is taken, and before the first unit is put; seen by who has acquired a word that shows the
  /// block, or what was taken after that.
  void note_use() noexcept {
    if (!was_used()) was_used_.store(true, memory_order_relaxed);
  }
  [[nodiscard]] bool was_used() const noexcept { return was_used_.load(memory_order_relaxed); }

  /// In all stocks; exact when nothing moves.
  [[nodiscard]] std::int64_t units() const noexcept {
    std::int64_t sum = 0;
    for (const stock& s : stocks_) sum += s.spare.load(memory_order_relaxed);  // relaxed: a report
    return sum;
  }

 private:
  friend struct unit_steps;

  // Writer: who changes the limits. Readers: givers; relaxed, a number alone.
  atomic<std::uint32_t> block_;
  bool has_kept_units_;

  // The units that a giver has in stock. Added to by the giver alone; taken by it, and by who recalls.
  // (1) put: release by the giver -> acquire by who recalls; what the holder did comes before what is granted for it.
  //     And by who recalls -> acquire by the next one, who must see the mark that the first one made on the word.
  // (4) taken: release by the giver -> acquire by who asks and finds it gone: sees on the word, or among the returns,
  //     what the giver has given back before. Else it could miss several units, one after the other.
  struct alignas(cache_line) stock {
    atomic<std::uint32_t> spare{0};
  };
  std::vector<stock> stocks_;

  // How many want what is spare in the word: newcomers in their second try, the head that lacks a task, who closed.
  // Read with each end of a child, and seldom written. Writers: those. Readers: givers.
  // (2) asked: sequentially consistent. A giver adds to its stock and then looks here; the other one writes here and
  //     then looks at the stock: one of them sees the other.
  // (3) no more: release by who asked -> acquire by a giver, whose later steps on the word come after the other's look.
  alignas(cache_line) atomic<std::uint32_t> asked_{0};
  // Whether a unit was ever spare. Writers: givers, before the first block or unit. Readers: newcomers that find no
  // task. Relaxed: the exchanges on the word publish it, of the block, and of who takes what is then left.
  atomic<bool> was_used_{false};
};

}  // namespace weir::detail
