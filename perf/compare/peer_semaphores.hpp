// Semaphores to set beside weir's: one of a mutex and a counter, weighted and fair, as short as that can be; and the
// standard library's, which has neither weights nor an order.
#pragma once

#include <cstdint>
#include <deque>
#include <semaphore>

#include <weir/queues/mutex.hpp>

namespace weir::perf {

/// First in, first out: who gives back hands over to those who wait, in order. Blocking.
class mutex_semaphore {
 public:
  explicit mutex_semaphore(std::int64_t capacity) : free_(capacity) {}

  [[nodiscard]] bool try_acquire(std::int64_t weight) {
    const detail::lock_guard lock(mutex_);
    return take(weight);
  }

  void acquire(std::int64_t weight) {
    waiter me{weight};
    {
      const detail::lock_guard lock(mutex_);
      if (take(weight)) return;
      line_.push_back(&me);
    }
    me.granted.acquire();
  }

  void release(std::int64_t weight) {
    const detail::lock_guard lock(mutex_);
    free_ += weight;
    while (!line_.empty() && line_.front()->weight <= free_) {
      waiter& first = *line_.front();
      line_.pop_front();
      free_ -= first.weight;
      first.granted.release();
    }
  }

 private:
  struct waiter {
    std::int64_t weight;
    std::binary_semaphore granted{0};
  };

  [[nodiscard]] bool take(std::int64_t weight) WEIR_REQUIRES(mutex_) {
    if (!line_.empty() || weight > free_) return false;
    free_ -= weight;
    return true;
  }

  detail::mutex mutex_;
  std::int64_t free_ WEIR_GUARDED_BY(mutex_);
  std::deque<waiter*> line_ WEIR_GUARDED_BY(mutex_);
};

using std_semaphore = std::counting_semaphore<1'000'000>;

/// The standard's may fail for no reason, and g++'s does so where two compete.
inline bool try_acquire_surely(std_semaphore& semaphore) {
  while (!semaphore.try_acquire()) {
  }
  return true;
}

}  // namespace weir::perf
