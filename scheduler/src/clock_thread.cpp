#include "clock_thread.hpp"

#include <algorithm>
#include <array>
#include <new>

#include "core.hpp"
#include "settling.hpp"
#include "threads.hpp"
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
      if (heap_.empty()) break;
      left = take_out(heap_.size() - 1);
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
      until = std::min(ring_, heap_.empty() ? time_point::max() : heap_.front()->deadline.at());
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
  while (!heap_.empty() && out.count < out.due.size() && heap_.front()->deadline.has_passed(now)) {
    out.due[out.count++] = take_out(0);
  }
  out.ring = ring_ <= now;
  if (out.ring) ring_ = time_point::max();
}

void clock_thread::promise_room() {
  const lock_guard held(mutex_);
  if (heap_.capacity() <= heap_.size() + promised_) heap_.reserve(std::max<std::size_t>(64, 2 * heap_.capacity()));
  ++promised_;
}

void clock_thread::return_room() noexcept {
  const lock_guard held(mutex_);
  --promised_;
}

void clock_thread::insert(tracked_frame& f) noexcept {
  add_owner(f);
  bool must_wake = false;
  {
    const lock_guard held(mutex_);
    --promised_;
    heap_.push_back(&f);  // within the capacity that was promised: cannot throw
    f.heap_index = static_cast<std::uint32_t>(heap_.size() - 1);
    sift_up(heap_.size() - 1);
    must_wake = must_wake_for(f.deadline.at());
  }
  if (must_wake) futex_wake(&word_, wake_all);
}

void clock_thread::cancel(tracked_frame& f) noexcept {
  {
    const lock_guard held(mutex_);
    if (f.heap_index == not_in_heap) return;
    (void)take_out(f.heap_index);
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

// ---- the heap

void clock_thread::place(std::size_t index, tracked_frame* f) noexcept {
  heap_[index] = f;
  f->heap_index = static_cast<std::uint32_t>(index);
}

void clock_thread::sift_up(std::size_t index) noexcept {
  tracked_frame* const f = heap_[index];
  while (index > 0) {
    const std::size_t above = (index - 1) / 2;
    if (heap_[above]->deadline <= f->deadline) break;
    place(index, heap_[above]);
    index = above;
  }
  place(index, f);
}

void clock_thread::sift_down(std::size_t index) noexcept {
  tracked_frame* const f = heap_[index];
  for (;;) {
    std::size_t below = 2 * index + 1;
    if (below >= heap_.size()) break;
    if (below + 1 < heap_.size() && heap_[below + 1]->deadline < heap_[below]->deadline) ++below;
    if (f->deadline <= heap_[below]->deadline) break;
    place(index, heap_[below]);
    index = below;
  }
  place(index, f);
}

tracked_frame* clock_thread::take_out(std::size_t index) noexcept {
  tracked_frame* const out = heap_[index];
  tracked_frame* const last = heap_.back();
  heap_.pop_back();
  if (last != out) {
    place(index, last);
    sift_up(index);
    sift_down(last->heap_index);
  }
  out->heap_index = not_in_heap;
  return out;
}

}  // namespace weir::detail
