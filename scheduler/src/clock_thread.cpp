#include "clock_thread.hpp"

#include <algorithm>
#include <array>
#include <new>

#include <weir/admission/detail/start_thread.hpp>

#include "core.hpp"
#include "settling.hpp"
#include "topology.hpp"

namespace weir::detail {

struct clock_thread::batch {
  std::array<tracked_frame*, 64> due;
  std::size_t count = 0;
  bool ring = false;
};

void clock_thread::ensure_started() {
  if (started_.load(memory_order_relaxed)) return;  // (1)
  const lock_guard held(mutex_);
  if (started_.load(memory_order_relaxed) || stopping_) return;
  thread_ = start_thread("weir-clock", [this] {
    use_all_cpus();
    run();
  });
  started_.store(true, memory_order_relaxed);  // (1)
}

// A worker that is pinned may have started this thread, which has inherited its CPU: a deadline would wait for the
// worker's tasks. Where the system refuses, it does.
void clock_thread::use_all_cpus() noexcept {
  if (core_->options().pinning == pinning::none || core_->cpus().cpus.empty()) return;
  try {
    (void)run_this_thread_on(core_->cpus().cpus);
  } catch (const std::bad_alloc&) {
    return;
  }
}

void clock_thread::stop() noexcept {
  raw_thread ended;
  {
    const lock_guard held(mutex_);
    stopping_ = true;
    ended = std::move(thread_);
    (void)word_.fetch_add(1, memory_order_relaxed);  // (2)
  }
  futex_wake(&word_, wake_all);
  if (ended.joinable()) ended.join();
  for (;;) {
    tracked_frame* left = nullptr;
    {
      const lock_guard held(mutex_);
      left = timers_.first();
      if (left == nullptr) break;
      timers_.take_out(*left);
    }
    drop_owner(*left);
  }
}

void clock_thread::detach() noexcept {
  const lock_guard held(mutex_);
  if (thread_.joinable()) thread_.detach();
}

void clock_thread::run() noexcept {
  const settling here;  // a wait on this thread would hold up every deadline
  for (;;) {
    batch now_due;
    std::uint32_t seen = 0;
    time_point until{};
    const time_point now = clock_->now();  // the user's code: not under the lock
    {
      const lock_guard held(mutex_);
      if (stopping_) return;
      seen = word_.load(memory_order_relaxed);  // (2)
      collect(now_due, now);
      until = std::min(ring_, timers_.first() == nullptr ? time_point::max() : timers_.first()->deadline.at());
      sleeps_until_ = until;
    }
    if (now_due.ring) core_->door().pump();  // before the stop callbacks, which may take their time
    for (std::size_t i = 0; i < now_due.count; ++i) {
      core_->request_stop(*now_due.due[i], stop_cause::deadline);
      drop_owner(*now_due.due[i]);
    }
    if (now_due.count == 0 && !now_due.ring) clock_->wait_until(word_, seen, until);
  }
}

void clock_thread::collect(batch& out, time_point now) noexcept {
  for (tracked_frame* f = timers_.first(); f != nullptr && f->deadline.has_passed(now); f = timers_.first()) {
    if (out.count == out.due.size()) break;
    timers_.take_out(*f);
    out.due[out.count++] = f;
  }
  out.ring = ring_ <= now;
  if (out.ring) ring_ = time_point::max();
}

void clock_thread::promise_room() {
  const lock_guard held(mutex_);
  timers_.promise_room();
}

void clock_thread::return_room() noexcept {
  const lock_guard held(mutex_);
  timers_.return_room();
}

void clock_thread::insert(tracked_frame& f) noexcept {
  add_owner(f);
  bool must_wake = false;
  {
    const lock_guard held(mutex_);
    timers_.insert(f);
    must_wake = must_wake_for(f.deadline.at());
  }
  if (must_wake) futex_wake(&word_, wake_all);
}

void clock_thread::cancel(tracked_frame& f) noexcept {
  {
    const lock_guard held(mutex_);
    if (!timers_.contains(f)) return;
    timers_.take_out(f);
  }
  drop_owner(f);
}

void clock_thread::ring_at(time_point at) noexcept {
  bool must_wake = false;
  {
    const lock_guard held(mutex_);
    if (ring_ <= at) return;
    ring_ = at;
    must_wake = must_wake_for(at);
  }
  if (must_wake) futex_wake(&word_, wake_all);
}

bool clock_thread::must_wake_for(time_point at) noexcept {
  if (at >= sleeps_until_) return false;
  sleeps_until_ = at;
  (void)word_.fetch_add(1, memory_order_relaxed);  // (2)
  return true;
}

}  // namespace weir::detail
