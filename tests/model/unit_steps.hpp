// The steps of the gate's units for children put together with one of them left out or out of place: mistakes that a
// model must notice.
#pragma once

#include <cstddef>
#include <cstdint>

#include <weir/admission/detail/gate.hpp>

namespace weir::detail {

struct unit_steps {
  using outcome = capacity::outcome;
  using hold = capacity::hold;
  using place = capacity::place;

  [[nodiscard]] static bool is_asked(const gate& g) { return g.stock_->looks_asked(); }

  // ---- try_add_child where the stock is empty

  /// The block is in hand, and no mark says so.
  static bool refill_without_a_mark(gate& g, std::size_t giver) {
    if (g.stock_->take(giver)) return true;
    if (g.stock_->looks_asked()) return g.try_add_child();
    g.stock_->note_use();
    std::uint32_t units = 0;
    while (units < g.stock_->block() && g.try_add_child()) ++units;
    if (units > 1 && g.stock_->add(giver, units - 1)) g.give_back(tasks(g.stock_->take_all(giver)), hold::final);
    return units != 0;
  }

  /// The mark is gone before the stock has the units.
  static bool refill_that_settles_first(gate& g, std::size_t giver) {
    if (g.stock_->take(giver)) return true;
    if (g.stock_->looks_asked()) return g.try_add_child();
    g.stock_->note_use();
    const std::uint32_t units = g.capacity_.try_take_block(g.stock_->block());
    if (units == 0) return g.try_add_child();
    g.capacity_.settle();
    if (g.stock_->add(giver, units - 1)) g.give_back(tasks(g.stock_->take_all(giver)), hold::final);
    return true;
  }

  /// Who asks meanwhile finds nothing, and the rest stays in the stock.
  static bool refill_without_a_look(gate& g, std::size_t giver) {
    if (g.stock_->take(giver)) return true;
    if (g.stock_->looks_asked()) return g.try_add_child();
    g.stock_->note_use();
    const std::uint32_t units = g.capacity_.try_take_block(g.stock_->block());
    if (units == 0) return g.try_add_child();
    (void)g.stock_->add(giver, units - 1);
    g.capacity_.settle();
    return true;
  }

  // ---- end_child

  static void put_without_a_look(gate& g, std::size_t giver) { (void)g.stock_->add(giver, 1); }

  static void put_after_the_look(gate& g, std::size_t giver) {
    if (g.stock_->asked_.load(memory_order_seq_cst) != 0) return g.release(0, giver);
    g.stock_->stocks_[giver].spare.fetch_add(1, memory_order_seq_cst);
  }

  /// Idle units go through its hands, and no mark says so.
  static void put_that_takes_all(gate& g, std::size_t giver) {
    if (!g.stock_->add(giver, 1)) return;
    g.give_back(tasks(g.stock_->take_all(giver)), hold::final);
  }

  // ---- a newcomer that found no task

  static outcome recall_without_a_mark(gate& g, demand wanted, capacity::view& seen) {
    g.stock_->ask();
    g.give_back(tasks(g.stock_->recall()), hold::final);
    const outcome found = g.capacity_.try_take(wanted, place::newcomer, hold::final, seen);
    g.stock_->ask_no_more();
    return found;
  }

  static outcome recall_before_asking(gate& g, demand wanted, capacity::view& seen) {
    const bool is_marked = g.recall();
    g.stock_->ask();
    const outcome found =
        is_marked ? g.capacity_.try_take(wanted, place::newcomer, hold::final, seen) : outcome::contended;
    g.stock_->ask_no_more();
    return found;
  }

  static outcome ask_until_the_recall(gate& g, demand wanted, capacity::view& seen) {
    g.stock_->ask();
    const bool is_marked = g.recall();
    g.stock_->ask_no_more();
    return is_marked ? g.capacity_.try_take(wanted, place::newcomer, hold::final, seen) : outcome::contended;
  }

  /// try_admit for one task, as far as it is about tasks, with one of the above.
  template <typename Recall>
  static outcome admit(gate& g, Recall&& recall) {
    const demand wanted = g.demand_of(1);
    capacity::view seen{};
    const outcome found = g.capacity_.try_take(wanted, place::newcomer, hold::final, seen);
    return found == outcome::tasks_full && g.may_have_spare() ? recall(g, wanted, seen) : found;
  }

  // ---- the line, and the end

  /// join as the head: what comes into a stock between the recall and the ask stays there.
  static void join_with_an_early_recall(gate& g, waiter& w) {
    gate::outcomes decided;
    {
      const lock_guard held(g.mutex_);
      enqueue(g, w);
      g.recall_under_lock();
      g.stock_->ask();
      g.head_asks_ = true;
      g.hand_on({}, gate::bell::new_head_only, decided);
    }
    g.deliver(decided);
  }

  /// join as the head: what it recalled is in the word, and nobody looks.
  static void join_without_a_second_take(gate& g, waiter& w) {
    gate::outcomes decided;
    {
      const lock_guard held(g.mutex_);
      enqueue(g, w);
      capacity::view seen{};
      const demand wanted = g.demand_of(1);
      if (g.capacity_.try_take(wanted, place::head, hold::final, seen) != outcome::taken) {
        g.head_lacks_.store(refusal_reason::tasks_full, memory_order_relaxed);
        (void)g.recall_for_head();
      } else {
        g.unlink(w);
        decided.granted.push_back(w);
        g.capacity_.set_waiters(false);
      }
    }
    g.deliver(decided);
  }

  static void close_without_a_recall(gate& g) {
    {
      const lock_guard held(g.mutex_);
      g.stock_->ask();
      g.capacity_.close();
    }
    g.notify_emptied();
  }

  static void close_without_asking(gate& g) {
    {
      const lock_guard held(g.mutex_);
      g.capacity_.close();
      g.recall_under_lock();
    }
    g.notify_emptied();
  }

  /// Unlike tasks_in_use, all that is missing in the word.
  static std::int64_t out_of_the_word(const gate& g) { return g.capacity_.tasks_held(g.max_tasks_); }

 private:
  static constexpr demand tasks(std::uint32_t n) { return {.tasks = n, .weight = 0}; }

  static void enqueue(gate& g, waiter& w) WEIR_REQUIRES(g.mutex_) {
    w.waiting_ = true;
    g.queue_.push_back(w);
    g.capacity_.set_waiters(true);
  }
};

}  // namespace weir::detail
