// A first-in-first-out list of nodes that carry their own link: what must enter the queues and may not fail.
//
// A push allocates nothing and cannot be refused. Under a short lock: it takes what the door hands on and what an
// allocation failed for, which are not the hot path.
#pragma once

#include <weir/queues/mutex.hpp>

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
  }

  /// Takes the oldest, or null if there is none.
  [[nodiscard]] T* try_pop() noexcept {
    const lock_guard held(mutex_);
    T* const node = head_;
    if (node == nullptr) return nullptr;
    head_ = node->*Next;
    if (head_ == nullptr) tail_ = nullptr;
    return node;
  }

 private:
  mutex mutex_;
  T* head_ WEIR_GUARDED_BY(mutex_) = nullptr;
  T* tail_ WEIR_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace weir::detail
