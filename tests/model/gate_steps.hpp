// The steps of the gate's protocol put together with one of them left out or out of place: mistakes that a model must
// notice.
#pragma once

#include <cstdint>

#include <weir/admission/detail/gate.hpp>

namespace weir::detail {

/// The gate's own steps, put together without one of them.
struct gate_steps {
  /// join, but whoever released before the waiters' bit was set has not seen it, and nobody looks for what they left.
  static void join_without_a_look(gate& g, waiter& w) {
    const lock_guard held(g.mutex_);
    enqueue(g, w);
    g.capacity_.set_waiters(true);
  }

  /// join, but looking before the bit is set: a release between the two is not seen, and does not see.
  static void join_with_an_early_look(gate& g, waiter& w) {
    gate::outcomes decided;
    {
      const lock_guard held(g.mutex_);
      enqueue(g, w);
      g.hand_on({}, gate::bell::new_head_only, decided);
      if (!g.queue_.empty()) g.capacity_.set_waiters(true);
    }
    g.deliver(decided);
  }

  /// withdraw, but those behind are left to the next release (golang/go#37852).
  static void withdraw_without_a_look(gate& g, waiter& w) {
    gate::outcomes decided;
    {
      const lock_guard held(g.mutex_);
      if (!w.waiting_) return;
      g.refuse(w, refusal_reason::cancelled, decided);
      if (g.queue_.empty()) g.capacity_.set_waiters(false);
    }
    g.deliver(decided);
  }

  /// release, but without going on to the queue.
  static void release_without_a_look(gate& g, std::uint32_t weight) {
    (void)g.capacity_.give_back(g.demand_of(weight), capacity::hold::final);
  }

  /// try_admit with a rate, but what an attempt gives back is left to the next release.
  static bool attempt_without_a_look(gate& g, time_point now) {
    if (g.bucket_.wait_for(1, now) > duration::zero()) return false;
    const demand one = g.demand_of(1);
    capacity::view seen{};
    if (g.capacity_.try_take(one, capacity::place::newcomer, capacity::hold::attempt, seen) !=
        capacity::outcome::taken) {
      return false;
    }
    if (g.bucket_.try_take(1, now)) {
      g.capacity_.settle();
      return true;
    }
    (void)g.capacity_.give_back(one, capacity::hold::attempt);
    return false;
  }

  /// try_admit, but like the head: past those who wait.
  static bool barge(gate& g, std::uint32_t weight) {
    return g.take(g.demand_of(weight), capacity::place::head, {}).granted;
  }

  /// cancel_reservation, but who waits for the gate to be empty is not told.
  static void give_a_place_up_silently(gate& g) { g.waiting_.fetch_sub(1, memory_order_release); }

  /// release, but who waits for the gate to be empty is not told.
  static void release_silently(gate& g) {
    (void)g.capacity_.give_back({.tasks = 1, .weight = 0}, capacity::hold::final);
  }

  /// release by a giver, but without going on to the queue.
  static void return_silently(gate& g, std::size_t giver) { (void)g.capacity_.give_back_as(giver); }

  /// release by a giver, but looking whether somebody waits before the return is there: who begins to wait between the
  /// two neither sees it nor is seen.
  static void return_after_the_look(gate& g, std::size_t giver) {
    task_word& word = *g.capacity_.tasks_;
    const std::uint32_t seen = word.attention_.load(memory_order_seq_cst);
    word.returns_[giver].count.fetch_add(1, memory_order_seq_cst);
    g.tell({.waiters = (seen & task_word::somebody_waits) != 0, .closed = (seen & task_word::is_closed) != 0});
  }

  /// try_admit, but the returns are summed up before the word is read: between the two others may come and go.
  static bool admit_by_an_old_sum(gate& g) {
    task_word& word = *g.capacity_.tasks_;
    const std::uint64_t sum = word.sum_up(0);
    if (task_word::taken(word.word_.load(memory_order_acquire)) >= sum) return false;
    return g.try_admit({}, {}).granted;
  }

  /// Read without the lock, which only one fibre at a time can do.
  static bool is_in_line(const waiter& w) { return w.waiting_; }

 private:
  static void enqueue(gate& g, waiter& w) WEIR_REQUIRES(g.mutex_) {
    w.waiting_ = true;
    g.insert(w);
  }
};

}  // namespace weir::detail
