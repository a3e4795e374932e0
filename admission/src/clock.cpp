// The steady clock, and the clock that tests move.
#include <weir/admission/clock.hpp>

#include <algorithm>

#include <weir/admission/deadline.hpp>

#include "futex_sleep.hpp"

namespace weir {
namespace {

class system_steady_clock final : public clock_source {
 public:
  [[nodiscard]] time_point now() const noexcept override { return detail::steady_now(); }

  void wait_until(const detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                  time_point until) const noexcept override {
    detail::sleep_by(*this, word, expected, until);
  }
};

}  // namespace

const clock_source& steady_clock_source() noexcept {
  // Never destroyed: a task that outlives main's statics may still ask for the time.
  alignas(system_steady_clock) static unsigned char storage[sizeof(system_steady_clock)];
  static const clock_source* const instance = new (storage) system_steady_clock;
  return *instance;
}

manual_clock::manual_clock(time_point start) noexcept : now_(start) {}

void manual_clock::advance(duration by) noexcept {
  {
    detail::lock_guard held(mutex_);
    now_ = detail::add_saturated(now_, by);
  }
  while (wake_the_due()) detail::thread_yield();
}

void manual_clock::set(time_point to) noexcept {
  {
    detail::lock_guard held(mutex_);
    now_ = to;
  }
  while (wake_the_due()) detail::thread_yield();
}

time_point manual_clock::now() const noexcept {
  detail::lock_guard held(mutex_);
  return now_;
}

void manual_clock::wait_until(const detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                              time_point until) const noexcept {
  sleeper self{&word, until};
  {
    detail::lock_guard held(mutex_);
    if (until <= now_) return;
    sleepers_.push_back(&self);  // seen by every later advance, which wakes until it is gone: no wake is lost
  }
  detail::futex_wait(word, expected, duration(-1));
  detail::lock_guard held(mutex_);
  sleepers_.erase(std::find(sleepers_.begin(), sleepers_.end(), &self));
}

bool manual_clock::wake_the_due() noexcept {
  detail::lock_guard held(mutex_);
  bool any = false;
  for (const sleeper* s : sleepers_) {
    if (s->until > now_) continue;
    detail::futex_wake(s->word, detail::wake_all);
    any = true;
  }
  return any;
}

}  // namespace weir
