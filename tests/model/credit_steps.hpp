// The steps of the gate's credits put together with one of them left out or out of place: mistakes that a model must
// notice.
#pragma once

#include <cstdint>

#include <weir/admission/detail/gate.hpp>

namespace weir::detail {

struct credit_steps {
  using outcome = capacity::outcome;

  /// try_admit, but what is not in the word is taken for held.
  static outcome refuse_by_the_word(gate& g, std::uint32_t weight) {
    const demand wanted = g.demand_of(weight);
    if (g.credits_.take(wanted)) return outcome::taken;
    capacity::view seen{};
    const outcome found = g.capacity_.try_take_of_word(wanted, capacity::place::newcomer, capacity::hold::final, seen);
    if (found == outcome::taken) g.top_up_if_useful(g.capacity_.load());
    return found;
  }

  /// try_admit, but who finds the word without room, and without credits by a bit that was read before, is refused.
  static outcome refuse_by_an_old_bit(gate& g, std::uint32_t weight) {
    if (!g.capacity_.load().spare) return refuse_by_the_word(g, weight);
    return admit(g, weight);
  }

  static outcome admit(gate& g, std::uint32_t weight) {
    const gate::verdict v = g.try_admit({.weight = weight}, {});
    if (v.granted) return outcome::taken;
    if (v.why == refusal_reason::closed) return outcome::closed;
    return g.capacity_.load().waiters ? outcome::waiters_ahead : outcome::weight_full;
  }

  /// top_up, but without the lock: what is on its way is seen by nobody.
  static void top_up_without_the_lock(gate& g) {
    if (g.capacity_.load().spare) g.credits_.fill(g.capacity_.take_spare(g.credits_.lacking()));
  }

  /// join, but the bit is there before the credits are not.
  static void join_with_a_late_sweep(gate& g, waiter& w) {
    gate::outcomes decided;
    {
      const lock_guard held(g.mutex_);
      enqueue(g, w);
      g.capacity_.set_waiters(true);
      g.sweep_credits();
      g.hand_on({}, gate::bell::new_head_only, decided);
    }
    g.deliver(decided);
  }

  /// join, but what credits hold is left to them.
  static void join_without_a_sweep(gate& g, waiter& w) {
    gate::outcomes decided;
    {
      const lock_guard held(g.mutex_);
      enqueue(g, w);
      g.capacity_.set_waiters(true);
      g.hand_on({}, gate::bell::new_head_only, decided);
    }
    g.deliver(decided);
  }

  /// close, but the door is seen to be closed before the purses are.
  static void close_with_a_late_sweep(gate& g) {
    const lock_guard held(g.mutex_);
    g.capacity_.close();
    g.sweep_credits();
  }

  /// sweep, but the purses stay open.
  static void sweep_without_closing(gate& g) {
    const lock_guard held(g.mutex_);
    std::uint64_t sum = 0;
    for (credits::purse& p : g.credits_.all()) {
      const std::uint64_t there = p.word.load(memory_order_relaxed);
      if ((there & credits::closed_bit) == 0) sum += p.word.exchange(0, memory_order_acq_rel);
    }
    if (!g.credits_open_) return;
    g.credits_open_ = false;
    g.capacity_.take_back_spare(credits::demand_in(sum));
  }

  /// What is in the purses, and in the word; at rest.
  static std::int64_t in_purses(const gate& g) { return g.credits_.spare().weight; }

 private:
  static void enqueue(gate& g, waiter& w) WEIR_REQUIRES(g.mutex_) {
    w.waiting_ = true;
    g.queue_.push_back(w);
  }
};

}  // namespace weir::detail
