#include "canceller.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace weir::tools {

canceller::canceller() : thread_([this] { run(); }) {}

canceller::~canceller() {
  {
    const detail::lock_guard held(mutex_);
    over_ = true;
  }
  changes_.fetch_add(1, detail::memory_order_relaxed);  // (1)
  detail::futex_wake(&changes_, detail::wake_all);
  thread_.join();
  for (planned& left : heap_) std::move(left.which).detach();
}

void canceller::stop_at(time_point when, job<void> which) {
  bool earliest = false;
  {
    const detail::lock_guard held(mutex_);
    heap_.push_back({when, std::move(which)});
    std::push_heap(heap_.begin(), heap_.end(), later);
    earliest = heap_.front().when == when;
  }
  if (!earliest) return;
  changes_.fetch_add(1, detail::memory_order_relaxed);  // (1)
  detail::futex_wake(&changes_, 1);
}

void canceller::run() {
  for (;;) {
    const std::uint32_t seen = changes_.load(detail::memory_order_relaxed);  // (1)
    std::optional<planned> due;
    std::chrono::nanoseconds sleep{-1};
    {
      const detail::lock_guard held(mutex_);
      if (over_) return;
      const time_point now = std::chrono::steady_clock::now();
      if (!heap_.empty() && heap_.front().when <= now) {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        due.emplace(std::move(heap_.back()));
        heap_.pop_back();
      } else if (!heap_.empty()) {
        sleep = heap_.front().when - now;
      }
    }
    if (!due) {
      detail::futex_wait(changes_, seen, sleep);
      continue;
    }
    due->which.request_stop();  // outside the lock: the task's stop callbacks run here
    std::move(due->which).detach();
  }
}

}  // namespace weir::tools
