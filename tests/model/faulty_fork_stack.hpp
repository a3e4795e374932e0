// The ends of the fork stack with one step left out or misplaced: mistakes that a model must notice.
//
// They are specialisations of the real ends, and so may reach into the stack. What is not done wrongly is done by the
// real ends.
#pragma once

#include <cstdint>

#include <weir/queues/fork_stack.hpp>
#include <weir/queues/sync.hpp>

namespace model {

enum class fork_mistake {
  none,
  push_publishes_first,
  pop_takes_a_public_one_unasked,
  pop_stores_the_split,
  forget_leaves_the_split,
  steal_takes_unasked,
  steal_reads_the_slot_first,
};

template <typename T>
struct faulty_fork {};

}  // namespace model

namespace weir::detail {

template <typename T, std::uint32_t Capacity>
class fork_stack_owner<model::faulty_fork<T>, Capacity> {
  using mistake = model::fork_mistake;
  using stack = fork_stack<T, Capacity>;

 public:
  fork_stack_owner(stack& of, mistake made) noexcept : stack_(&of), real_(of), made_(made) {}

  pushed push(T* item) {
    if (made_ != mistake::push_publishes_first) return real_.push(item);
    const pushed how = real_.push(item + 1);         // what a slot holds before it is written may be anything
    (void)stack_->word_.load(memory_order_relaxed);  // somewhere for others to come in
    stack_->slots_[real_.head_ - 1] = item;
    return how;
  }

  bool pop() {
    switch (made_) {
      case mistake::pop_takes_a_public_one_unasked:
      case mistake::pop_stores_the_split:
        return pop_wrongly();
      default:
        return real_.pop();
    }
  }

  void forget_newest() {
    if (made_ == mistake::forget_leaves_the_split) {
      --real_.head_;
      real_.split_ = real_.head_;
    } else {
      real_.forget_newest();
    }
  }

  std::uint32_t size() const { return real_.size(); }

 private:
  bool pop_wrongly() {
    if (real_.head_ != real_.split_) return real_.pop();
    const std::uint64_t seen = stack_->word_.load(memory_order_relaxed);
    if (made_ == mistake::pop_stores_the_split) {
      if (stack::tail_of(seen) == real_.split_) return false;
      stack_->word_.store(seen - stack::one_public, memory_order_release);
    }
    real_.head_ = --real_.split_;
    return true;
  }

  stack* stack_;
  fork_stack_owner<T, Capacity> real_;
  mistake made_;
};

template <typename T, std::uint32_t Capacity>
class fork_stack_thief<model::faulty_fork<T>, Capacity> {
  using mistake = model::fork_mistake;
  using stack = fork_stack<T, Capacity>;

 public:
  fork_stack_thief(stack& of, mistake made) noexcept : stack_(&of), real_(of), made_(made) {}

  T* steal() {
    switch (made_) {
      case mistake::steal_takes_unasked:
      case mistake::steal_reads_the_slot_first:
        return steal_wrongly();
      default:
        return real_.steal();
    }
  }

 private:
  T* steal_wrongly() {
    std::uint64_t seen = stack_->word_.load(memory_order_acquire);
    while (stack::tail_of(seen) != stack::split_of(seen)) {
      T* const item = stack_->slots_[stack::tail_of(seen)];
      if (made_ == mistake::steal_takes_unasked) {
        stack_->word_.store(seen + stack::one_taken, memory_order_release);
        return item;
      }
      if (stack_->word_.compare_exchange_weak(seen, seen + stack::one_taken, memory_order_acquire,
                                              memory_order_acquire)) {
        return item;
      }
    }
    return nullptr;
  }

  stack* stack_;
  fork_stack_thief<T, Capacity> real_;
  mistake made_;
};

}  // namespace weir::detail
