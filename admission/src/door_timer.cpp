#include <weir/admission/detail/door_timer.hpp>

namespace weir::detail {

timer_thread& door_timer::started() {
  if (is_started_.load(memory_order_acquire)) return **thread_;  // (1)
  const lock_guard held(starting_);
  if (!thread_) {
    timer_thread::use now = timer_thread::of(*clock_);
    now->promise_room();
    thread_.emplace(std::move(now));
    is_started_.store(true, memory_order_release);  // (1)
  }
  return **thread_;
}

void door_timer::ring_at(time_point at) noexcept {
  if (is_started_.load(memory_order_acquire)) (*thread_)->set(*this, at);  // (1)
}

}  // namespace weir::detail
