#include <weir/admission/detail/breaker.hpp>

#include <algorithm>

#include <weir/admission/deadline.hpp>

namespace weir::detail {

void breaker::set(const breaker_limits& to) noexcept {
  const lock_guard held(mutex_);
  most_.store(to.consecutive_expired, memory_order_relaxed);
  pause_.store(to.pause.count(), memory_order_relaxed);
  if (to.consecutive_expired != 0) return;
  in_a_row_.store(0, memory_order_relaxed);
  is_shut_.store(false, memory_order_relaxed);
}

breaker_limits breaker::configured() const noexcept {
  const lock_guard held(mutex_);
  return {.consecutive_expired = most_.load(memory_order_relaxed),
          .pause = duration(pause_.load(memory_order_relaxed))};
}

duration breaker::pause_at(time_point now) noexcept {
  const lock_guard held(mutex_);
  if (!is_shut_.load(memory_order_relaxed)) return duration::zero();
  if (now < until_) return until_ - now;
  is_shut_.store(false, memory_order_relaxed);
  return duration::zero();
}

// What expires during a pause was let in before it, and does not make it longer.
void breaker::note_expired(time_point now) noexcept {
  const lock_guard held(mutex_);
  const std::int64_t most = most_.load(memory_order_relaxed);
  if (most == 0 || (is_shut_.load(memory_order_relaxed) && now < until_)) return;
  if (in_a_row_.fetch_add(1, memory_order_relaxed) + 1 < most) return;
  in_a_row_.store(most - 1, memory_order_relaxed);  // the next one shuts again, unless something ends in time before
  until_ = add_saturated(now, duration(pause_.load(memory_order_relaxed)));
  is_shut_.store(true, memory_order_relaxed);
}

}  // namespace weir::detail
