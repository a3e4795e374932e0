// The housekeeping thread `weir-clock`: lets deadlines fire while every worker is busy, and comes back for tokens at
// the door.
//
// Started with the first need, so that a pool without deadlines and without a rate has none. It sleeps on a futex until
// the next expiry. To insert and to cancel a timer are O(log n).
#pragma once

#include <cstdint>

#include <weir/admission/clock.hpp>
#include <weir/admission/detail/gate.hpp>
#include <weir/queues/mutex.hpp>
#include <weir/queues/timer_heap.hpp>
#include <weir/scheduler/detail/frame.hpp>

namespace weir::detail {

class clock_thread final : public gate::alarm {
 public:
  clock_thread(core& of, const clock_source& clock) noexcept : core_(&of), clock_(&clock) {}
  clock_thread(const clock_thread&) = delete;
  clock_thread& operator=(const clock_thread&) = delete;
  ~clock_thread() { stop(); }

  /// @throws std::system_error if the thread cannot be started.
  void ensure_started();
  /// Ends the thread. Timers that are left are let go. Idempotent.
  void stop() noexcept;
  /// Leaves the thread behind: for abandoned pools.
  void detach() noexcept;

  /// Makes room for one more timer, so that `insert` cannot fail. @throws std::bad_alloc.
  void promise_room();
  void return_room() noexcept;

  /// Uses promised room: `f` is asked to stop when its deadline comes. The timer is an owner of the frame.
  void insert(tracked_frame& f) noexcept;
  /// Takes the timer of `f` out, if it is in. Wait-free but for the lock.
  void cancel(tracked_frame& f) noexcept;

  /// Starts the thread. @throws as ensure_started.
  void get_ready() override { ensure_started(); }
  /// Pumps the door then, or earlier.
  void ring_at(time_point at) noexcept override;

 private:
  void use_all_cpus() noexcept;
  void run() noexcept;
  // Takes out what is due, at most `due.size()`; returns how many. `ring` says whether the door is due.
  struct batch;
  void collect(batch& out, time_point now) noexcept WEIR_REQUIRES(mutex_);
  // True if the thread sleeps past `at`: to be woken once the lock is given back.
  [[nodiscard]] bool must_wake_for(time_point at) noexcept WEIR_REQUIRES(mutex_);

  core* core_;
  const clock_source* clock_;

  mutex mutex_;
  struct by_deadline {
    static bool is_before(const tracked_frame& a, const tracked_frame& b) noexcept { return a.deadline < b.deadline; }
    static std::uint32_t& place(tracked_frame& f) noexcept { return f.heap_index; }
  };
  timer_heap<tracked_frame, by_deadline> timers_ WEIR_GUARDED_BY(mutex_);
  time_point ring_ WEIR_GUARDED_BY(mutex_) = time_point::max();
  time_point sleeps_until_ WEIR_GUARDED_BY(mutex_) = time_point::max();
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  raw_thread thread_ WEIR_GUARDED_BY(mutex_);

  // Set once the thread runs. Writer: ensure_started under the lock. Readers: all, to spare the lock.
  // (1) relaxed: nothing but the thread's existence hangs on it; what it is to see comes to it under the lock.
  atomic<bool> started_{false};
  // Counts what the sleeping thread must look at: an earlier expiry, the end. Writers: under the lock. Reader: the
  // thread, under the lock; and whoever puts it to sleep, who compares with the newest value.
  // (2) relaxed: the lock publishes what there is to see.
  atomic<std::uint32_t> word_{0};
};

}  // namespace weir::detail
