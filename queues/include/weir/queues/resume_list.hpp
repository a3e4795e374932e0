// A first-in-first-out list of nodes that carry their own link: what must enter the queues and may not fail.
//
// A push allocates nothing and cannot be refused. Under a short lock: it takes what the door hands on and what an
// allocation failed for, which are not the hot path. A look at an empty one takes no lock.
#pragma once

#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// A list of T linked through the member `Next`, which the list uses while the node is in it. Owns nothing.
/// Thread-safe.
template <typename T, T* T::*Next>
class resume_list {
 public:
  /// Adds `node` at the end. What happened before the push happens before what follows its pop.
  void push(T* node) noexcept {
    node->*Next = nullptr;
    const lock_guard held(mutex_);
    (tail_ != nullptr ? tail_->*Next : head_) = node;
    tail_ = node;
    is_empty_.store(false, memory_order_relaxed);  // (1)
  }

  /// Takes the oldest, or null if there is none, or none that this thread can know of.
  [[nodiscard]] T* try_pop() noexcept {
    if (is_empty_.load(memory_order_relaxed)) return nullptr;  // (1)
    const lock_guard held(mutex_);
    T* const node = head_;
    if (node == nullptr) return nullptr;
    head_ = node->*Next;
    if (head_ == nullptr) {
      tail_ = nullptr;
      is_empty_.store(true, memory_order_relaxed);  // (1)
    }
    return node;
  }

 private:
  // Whether head_ is null. Writers: under the lock. Readers: all.
  // (1) relaxed: a look, which says no more than the happens-before of the caller; what it leads to is done under the
  //     lock.
  atomic<bool> is_empty_{true};
  mutex mutex_;
  T* head_ WEIR_GUARDED_BY(mutex_) = nullptr;
  T* tail_ WEIR_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace weir::detail
