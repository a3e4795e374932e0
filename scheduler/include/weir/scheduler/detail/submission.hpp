// What the templates of the pool call: the way of a submission past the door and into the queues, without its types.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <utility>

#include <weir/admission/result.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/options.hpp>

namespace weir {
class pool;
}

namespace weir::detail {

/// What the caller does about a door that is shut.
enum class verb : std::uint8_t {
  try_submit,  // goes away
  submit,      // waits with its thread
  enqueue,     // lets the callable wait
};

/// The right to bring in one frame: a permit, or a promised place at the door. Gives it back if it is not used, so that
/// a frame that cannot be built loses nothing.
class [[nodiscard]] passage {
 public:
  enum class kind : std::uint8_t { refused, admitted, admitted_for_caller, must_wait };

  /// @param has_timer  room for its deadline has been promised by the clock thread.
  /// @param is_timed  its frame is a tracked_frame, and its times are counted.
  passage(core& into, kind how, std::uint32_t weight, priority lane, time_point stamp, door_wait* place, bool has_timer,
          bool is_timed) noexcept
      : core_(&into),
        place_(place),
        stamp_(stamp),
        weight_(weight),
        how_(how),
        lane_(lane),
        has_timer_(has_timer),
        is_timed_(is_timed) {}
  passage(passage&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)),
        place_(std::exchange(other.place_, nullptr)),
        stamp_(other.stamp_),
        weight_(other.weight_),
        how_(other.how_),
        lane_(other.lane_),
        has_timer_(other.has_timer_),
        is_timed_(other.is_timed_) {}
  passage& operator=(passage&&) = delete;
  ~passage() {
    if (core_ != nullptr) leave_unused();
  }

  void become(kind how, time_point stamp) noexcept {
    how_ = how;
    stamp_ = stamp;
  }
  /// The place at the door that it owns from now on.
  void take_place(door_wait* place) noexcept { place_ = place; }

  /// The state in which its frame begins.
  [[nodiscard]] task_state::beginning first_state() const noexcept {
    return {how_ == kind::must_wait ? task_state::phase::waiting : task_state::phase::queued, is_timed_};
  }
  [[nodiscard]] bool is_timed() const noexcept { return is_timed_; }
  [[nodiscard]] std::uint32_t weight() const noexcept { return weight_; }

  /// Brings `f` in: into the queues, to its place at the door, or, for caller_runs, through its whole life on this
  /// thread. The frame belongs to the pool from here on; with a job, one of its owners does.
  void launch(frame& f) && noexcept;

  /// Whether a frame that is launched goes into the queues.
  [[nodiscard]] bool leads_to_queues() const noexcept { return how_ == kind::admitted; }
  /// Instead of `launch`, if it does: the caller brings the frame in, with others (launch_batch).
  [[nodiscard]] frame& admit(frame& f) && noexcept;

  /// Hands the permit, and its time, to `f`, which is no task and goes nowhere: the caller gives it back.
  void hold(tracked_frame& f) && noexcept;

  /// Ends `f`, whose callable could not be moved in: it failed with `error`.
  void fail(frame& f, std::exception_ptr error) && noexcept;

 private:
  void leave_unused() noexcept;
  void give_back() noexcept;

  core* core_;
  door_wait* place_;
  time_point stamp_;
  std::uint32_t weight_;
  kind how_;
  priority lane_;
  bool has_timer_;
  bool is_timed_;
};

/// A passage in its shortest form: of a task that nobody waits for, without a deadline, a trace or a time of admission,
/// through a door that is open and counts no rate. Where it is none, `enter` is to be asked.
class [[nodiscard]] short_passage {
 public:
  short_passage(core& into, const submit_options& options) noexcept;
  short_passage(const short_passage&) = delete;
  short_passage& operator=(const short_passage&) = delete;
  ~short_passage() {
    if (is_open_) [[unlikely]]
      leave_unused();
  }

  [[nodiscard]] explicit operator bool() const noexcept { return is_open_; }
  /// Whether the submission is to be timed: that has been asked, and must not be again.
  [[nodiscard]] bool is_timed() const noexcept { return is_timed_; }
  [[nodiscard]] static constexpr task_state::beginning first_state() noexcept { return task_state::phase::queued; }
  [[nodiscard]] std::uint32_t weight() const noexcept { return weight_; }

  /// Brings `f` into the queues; it belongs to the pool from here on.
  void launch(frame& f) && noexcept;
  /// Ends `f`, whose callable could not be moved in: it failed with `error`.
  void fail(frame& f, std::exception_ptr error) && noexcept;

 private:
  void leave_unused() noexcept;

  core* core_;
  std::uint32_t weight_;
  priority lane_;
  bool is_timed_;
  bool is_open_;
};

/// Who wants to know when a task was admitted: somebody, or only the limits, which then spares a reading of the clock
/// if they do not depend on it.
enum class stamp : std::uint8_t { wanted, for_limits_only };

/// Admitted frames that go into the queues together, 32 at a time, and at its end. Used by one thread.
class launch_batch {
 public:
  launch_batch(core& into, priority lane) noexcept : core_(&into), lane_(lane) {}
  launch_batch(const launch_batch&) = delete;
  launch_batch& operator=(const launch_batch&) = delete;
  ~launch_batch() { flush(); }

  void add(frame& admitted) noexcept {
    frames_[count_++] = &admitted;
    if (count_ == frames_.size()) flush();
  }
  void flush() noexcept;

 private:
  core* core_;
  priority lane_;
  std::size_t count_ = 0;
  std::array<frame*, 32> frames_;
};

/// Passes the door of `into`, as far as `how` waits, or says why not.
/// @param patience  for verb::submit: the end of the wait.
[[nodiscard]] result<passage> enter(core& into, verb how, const submit_options& options, stamp wanted,
                                    deadline patience = {});
/// The same where it has been asked whether the submission is to be timed.
/// @param unlaunched  what the caller has admitted; launched before the caller itself waits.
[[nodiscard]] result<passage> enter_timed(core& into, verb how, const submit_options& options, stamp wanted,
                                          bool is_timed, launch_batch* unlaunched = nullptr);

/// Whether the submission that the calling thread makes is to be timed. To be asked once for each.
[[nodiscard]] bool is_to_be_timed(core& in) noexcept;

/// The inside of a pool.
[[nodiscard]] core& core_of(pool& p) noexcept;

/// The trace that a submission with these options has: its own, or that of the task it is made in.
[[nodiscard]] trace_id trace_of(const submit_options& options) noexcept;

/// Whether the calling thread is a worker of this pool, or runs one of its tasks as a caller. Not in a forked child.
[[nodiscard]] bool is_inside(const core& pool) noexcept;

/// Makes `f` one of the owners of the pool, until it is freed.
void attach(core& pool, tracked_frame& f) noexcept;

/// Makes `f` a child of the task that runs on this thread: under its deadline and its stamp. May throw as a submission
/// may.
void adopt(core& pool, tracked_frame& f);
/// Takes that back: `f` will not be run.
void undo_adoption(core& pool, tracked_frame& f) noexcept;
/// Runs the adopted `f` to its end, here.
void run_inline(core& pool, tracked_frame& f) noexcept;

/// Waits until `f` is done, or `until`; true if it is done. A worker runs it, or others, meanwhile.
/// @throws weir::refused would_deadlock if the caller's own stack holds up what it would wait for; forked in a forked
/// child.
bool join(tracked_frame& f, deadline until = {});

/// Asks the task to stop. What waits at the door or in a queue ends here.
void request_stop(tracked_frame& f, stop_cause cause) noexcept;

/// Requests stop, and waits for the end if it may; true if `f` is done. For destructors.
bool stop_and_wait(tracked_frame& f) noexcept;

/// Lets go of a job's part without waiting: the pool owns it alone.
void release_job(tracked_frame& f) noexcept;

}  // namespace weir::detail
