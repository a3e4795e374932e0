// Stands in for moodycamel's queue where the injector is explored: a queue with the one property of that queue which the
// injector must bear.
//
// A consumer first lays claim to an item and then looks if there is one; one that has come too late takes its claim back
// a moment later. Until then it hides an item that was put in meanwhile, and another consumer finds the queue empty.
#pragma once

#include <cstddef>
#include <deque>

#include <weir/queues/mutex.hpp>

namespace moodycamel {

struct ConsumerToken {
  template <typename Queue>
  explicit ConsumerToken(Queue&) {}
};

template <typename T>
class ConcurrentQueue {
 public:
  bool enqueue(T item) { return enqueue_bulk(&item, 1); }
  bool enqueue_bulk(const T* items, std::size_t count) {
    const weir::detail::lock_guard held(mutex_);
    items_.insert(items_.end(), items, items + count);
    return true;
  }

  bool try_dequeue(T& item) { return try_dequeue_bulk(&item, 1) == 1; }
  bool try_dequeue(ConsumerToken&, T& item) { return try_dequeue(item); }
  std::size_t try_dequeue_bulk(ConsumerToken&, T* items, std::size_t most) { return try_dequeue_bulk(items, most); }
  std::size_t try_dequeue_bulk(T* items, std::size_t most) {
    std::size_t found = 0;
    while (found < most && try_take(items[found])) ++found;
    return found;
  }

 private:
  bool try_take(T& item) {
    bool is_there = false;
    {
      const weir::detail::lock_guard held(mutex_);
      is_there = ++claims_ <= items_.size();
    }
    const weir::detail::lock_guard held(mutex_);
    --claims_;
    if (!is_there) return false;
    item = items_.front();
    items_.pop_front();
    return true;
  }

  weir::detail::mutex mutex_;
  std::deque<T> items_ WEIR_GUARDED_BY(mutex_);
  std::size_t claims_ WEIR_GUARDED_BY(mutex_) = 0;
};

}  // namespace moodycamel
