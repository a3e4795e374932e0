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
/// One thread uses a job at a time, except that `request_stop` and `is_done` may be called by any number of threads
/// while it lives.
template <typename T>
class [[nodiscard]] job {
 public:
  job(job&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  job& operator=(job&& other) noexcept {
    if (this != &other) {
      end();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~job() { end(); }

  /// Waits for the end and hands the result over; the job is empty afterwards. A worker that waits runs the task itself
  /// if it has not started, and other tasks meanwhile; see pool_options::help_depth. What the task did happens before
  /// the return.
  /// @throws what the task threw; weir::cancelled if it was cancelled or expired; weir::refused if it was refused while
  ///   it waited at the door, or, with `would_deadlock`, if the calling worker's own stack holds up what it would wait
  ///   for (the job is kept); std::logic_error if it is empty.
  T get() {
    (void)detail::join(frame(), deadline{});
    const owner finished(*std::exchange(frame_, nullptr));
    switch (finished.of.state.outcome()) {
      case task_outcome::completed:
        break;
      case task_outcome::failed:
      case task_outcome::refused:
        std::rethrow_exception(finished.of.error);
      case task_outcome::cancelled:
      case task_outcome::expired:
        throw cancelled(finished.of.state.cause());
    }
    return finished.of.kept.take();
  }

  /// Waits for the end. Throws as `get` does for a wait that cannot be; never what the task threw.
  void wait() { (void)detail::join(frame(), deadline{}); }
  /// Waits for the end or `until`; true if the task has ended.
  [[nodiscard]] bool wait_until(deadline until) { return detail::join(frame(), until); }

  /// Asks the task to stop, and returns at once. What waits at the door leaves it; what is queued never starts; what
  /// runs sees its stop token. Any thread. Stop callbacks of the task run here.
  void request_stop() noexcept {
    if (frame_ != nullptr) detail::request_stop(*frame_, stop_cause::requested);
  }

  /// Gives the task to the pool: it goes on, its result is dropped, and what it throws is dropped too.
  void detach() && noexcept {
    if (frame_ != nullptr) detail::release_job(*std::exchange(frame_, nullptr));
  }

  [[nodiscard]] bool is_done() const { return frame().state.is_done(); }
  /// How it ended. Only when done.
  [[nodiscard]] task_outcome outcome() const {
    assert(is_done() && "weir: outcome of a job that is not done");
    return frame().state.outcome();
  }
  /// False after a move, `get` or `detach`.
  [[nodiscard]] explicit operator bool() const noexcept { return frame_ != nullptr; }

 private:
  friend class pool;
  using frame_type = detail::result_frame<T>;

  struct owner {
    explicit owner(frame_type& f) noexcept : of(f) {}
    owner(const owner&) = delete;
    owner& operator=(const owner&) = delete;
    ~owner() { detail::drop_owner(of); }
    frame_type& of;
  };

  explicit job(frame_type& of) noexcept : frame_(&of) {}

  [[nodiscard]] frame_type& frame() const {
    if (frame_ == nullptr)
      throw std::logic_error("weir: this job is empty: it was moved from, detached, or its result was taken");
    return *frame_;
  }
  void end() noexcept {
    if (frame_ != nullptr) detail::stop_and_release(*std::exchange(frame_, nullptr));
  }

  frame_type* frame_;
};

}  // namespace weir
