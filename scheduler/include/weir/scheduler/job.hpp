// A handle on one task: its result, its end, and the right to ask it to stop.
#pragma once

#include <cassert>
#include <stdexcept>
#include <utility>

#include <weir/admission/deadline.hpp>
#include <weir/scheduler/detail/submission.hpp>
#include <weir/scheduler/detail/typed_frame.hpp>

namespace weir {

/// Owns the interest in one task that returns a T. Move-only. Destroying it asks the task to stop and waits for its
/// end; to let it go on alone, say `std::move(job).detach()`.
///
/// Where a wait cannot be, the destructor does not wait: in a circle of joins, near the end of the stack for a task
/// that only this thread could run, in a forked child, and in code that the pool calls between tasks (the destructor of
/// a callable that never ran, a handler, a stop callback of a deadline). What the task refers to must then outlive it
/// by other means.
///
/// One thread uses a job at a time, except that `request_stop` and `is_done` may be called by any number of threads
/// while it lives, also while the pool is being destroyed; a job may outlive its pool.
template <typename T>
class [[nodiscard]] job {
 public:
  job(job&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)), taken_(other.taken_) {}
  job& operator=(job&& other) noexcept {
    if (this != &other) {
      end();
      frame_ = std::exchange(other.frame_, nullptr);
      taken_ = other.taken_;
    }
    return *this;
  }
  ~job() { end(); }

  /// Waits for the end and hands the result over, once. A worker that waits runs the task itself if it has not
  /// started, else the forks and children that it makes; and other tasks only if pool_options::help_depth allows it.
  /// What the task did happens before the return.
  /// Blocking; allocates nothing.
  /// @throws what the task threw; weir::cancelled if it was cancelled or expired; weir::refused if it was refused while
  ///   it waited at the door, with `would_deadlock` if the calling thread holds up what it would wait for (the result
  ///   can still be taken), with `forked` in a forked child; std::logic_error if it was taken, or the job is empty.
  T get() {
    (void)detail::join(frame(), deadline{});
    taken_ = true;
    frame_type& done = *frame_;
    const forgetting on_exit{done};
    switch (done.state.outcome()) {
      case task_outcome::completed:
        break;
      case task_outcome::failed:
      case task_outcome::refused:
        done.kept.rethrow();
      case task_outcome::cancelled:
      case task_outcome::expired:
        throw cancelled(done.state.cause());
    }
    return done.kept.take();
  }

  /// Waits for the end. Blocking. @throws as `get` for a wait that cannot be; never what the task threw.
  void wait() { (void)detail::join(frame(), deadline{}); }
  /// Waits for the end, or until the pool's clock shows `until`; true if the task has ended. Blocking. A worker runs
  /// the task if it has not started, and then may return late. @throws as `wait`.
  [[nodiscard]] bool wait_until(deadline until) { return detail::join(frame(), until); }

  /// Asks the task to stop, and does not wait for its end. What waits at the door leaves it; what is queued never
  /// starts; what runs sees its stop token. Any thread. What must follow at once happens here: stop callbacks of the
  /// task, the end of a callable that will not run, the admission of who waits for its permit, and now and then (once
  /// in so many stops as max_tasks was at most) a sweep over all that is queued.
  void request_stop() noexcept {
    if (frame_ != nullptr) detail::request_stop(*frame_, stop_cause::requested);
  }

  /// Gives the task to the pool: it goes on, its result is dropped, and what it throws is dropped too.
  void detach() && noexcept {
    if (frame_ != nullptr) detail::release_job(*std::exchange(frame_, nullptr));
  }

  /// Whether the task has ended. Any thread. Not of an empty job.
  [[nodiscard]] bool is_done() const noexcept {
    assert(frame_ != nullptr && "weir: is_done of an empty job");
    return frame_->state.is_done();
  }
  /// How it ended. Only when done; also after `get`.
  [[nodiscard]] task_outcome outcome() const noexcept {
    assert(is_done() && "weir: outcome of a job that is not done");
    return frame_->state.outcome();
  }
  /// Whether there is a result to take, now or later: false after a move, `get` or `detach`.
  [[nodiscard]] explicit operator bool() const noexcept { return frame_ != nullptr && !taken_; }

 private:
  friend class pool;
  using frame_type = detail::result_frame<T>;

  // Ends the result with `get`, not with the job.
  struct forgetting {
    frame_type& what;
    ~forgetting() { what.kept.forget(); }
  };

  explicit job(frame_type& of) noexcept : frame_(&of) {}

  [[nodiscard]] frame_type& frame() const {
    if (frame_ == nullptr || taken_)
      throw std::logic_error("weir: this job is empty: it was moved from, detached, or its result was taken");
    return *frame_;
  }
  void end() noexcept {
    if (frame_ == nullptr) return;
    frame_type& ended = *std::exchange(frame_, nullptr);
    if (detail::stop_and_wait(ended)) ended.kept.forget();
    detail::release_job(ended);
  }

  frame_type* frame_;
  bool taken_ = false;  // by get; the frame stays until the job ends, since other threads may be in request_stop
};

}  // namespace weir
