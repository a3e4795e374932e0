// The thread `weir-door`: ends waits at doors whose time is over, and comes back for their tokens, for those who wait
// without a thread of their own. One for each clock that there is a use for it with, so one for the process, mostly.
//
// It is started by the first of its users and ends with the last. It sleeps on a futex until the next time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <weir/admission/clock.hpp>
#include <weir/queues/mutex.hpp>
#include <weir/queues/timer_heap.hpp>

namespace weir::detail {

/// Something that is to be done at a time.
class timed {
 public:
  timed() noexcept = default;
  timed(const timed&) = delete;
  timed& operator=(const timed&) = delete;

 protected:
  ~timed() = default;

 private:
  friend class timer_thread;
  friend struct async_steps;

  /// On the timer thread, outside its lock, in a resumption_scope that ends after it has returned.
  virtual void on_time() noexcept = 0;

  time_point at_{};                    // guarded by the timer's lock
  std::uint32_t place_ = not_in_heap;  // the same
};

class timer_thread {
 public:
  /// A use of the timer thread of a clock.
  class use {
   public:
    explicit use(timer_thread& of) noexcept : of_(&of) {}
    use(use&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    use& operator=(use&&) = delete;
    /// Ends the thread if it was the last one, and waits for that, unless it is this thread. In a forked child, where
    /// the thread is not and its locks may be held for ever, it leaves all as it is.
    ~use();
    [[nodiscard]] timer_thread& operator*() const noexcept { return *of_; }
    [[nodiscard]] timer_thread* operator->() const noexcept { return of_; }

   private:
    timer_thread* of_;
  };

  /// Starts it, if it is not there. The clock must outlive the use. @throws std::system_error, std::bad_alloc.
  [[nodiscard]] static use of(const clock_source& clock);

  explicit timer_thread(const clock_source& clock) noexcept;
  timer_thread(const timer_thread&) = delete;
  timer_thread& operator=(const timer_thread&) = delete;

  /// Whether this is the process that it was started in.
  [[nodiscard]] bool is_here() const noexcept;

  /// Makes room for one more, so that `set` cannot fail. @throws std::bad_alloc.
  void promise_room();
  void return_room() noexcept;

  /// From `at` on, `one` is done, once; if it is set to an earlier time already, that stays. Uses promised room.
  void set(timed& one, time_point at) noexcept;
  /// Takes it out, if it is in, and returns its room. Afterwards it is not being done, either, unless by this thread.
  /// Blocking: waits for its on_time, which runs none of what that resumes.
  void remove(timed& one) noexcept;

 private:
  friend struct async_steps;

  struct by_time {
    static bool is_before(const timed& a, const timed& b) noexcept { return a.at_ < b.at_; }
    static std::uint32_t& place(timed& one) noexcept { return one.place_; }
  };

  static void leave(timer_thread& left) noexcept;
  void run() noexcept;
  void end_of(timed& done) noexcept WEIR_EXCLUDES(mutex_);

  const clock_source* clock_;
  const int process_;
  std::size_t users_ = 0;  // guarded by the lock of all timer threads

  mutex mutex_;
  timer_heap<timed, by_time> heap_ WEIR_GUARDED_BY(mutex_);
  time_point sleeps_until_ WEIR_GUARDED_BY(mutex_) = time_point::max();
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  const timed* running_ WEIR_GUARDED_BY(mutex_) = nullptr;  // whose on_time has not returned
  bool is_awaited_ WEIR_GUARDED_BY(mutex_) = false;         // by who removes it
  thread_id own_ WEIR_GUARDED_BY(mutex_){};
  raw_thread thread_;  // written before there are users, taken by the last one

  // Counts what the sleeping thread must look at: an earlier time, the end. Writers: under the lock. Reader: the
  // thread, under the lock; and whoever puts it to sleep, who compares with the newest value.
  // (1) relaxed: the lock publishes what there is to see.
  atomic<std::uint32_t> word_{0};
  // Counts the ends of what was awaited. Writer: the thread, under the lock. Readers: those who remove it, who look at
  // running_ under the lock. (2) relaxed: the same.
  atomic<std::uint32_t> ends_{0};
};

}  // namespace weir::detail
