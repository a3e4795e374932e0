// A group of tasks, as far as the templates of task_group must see it.
//
// Its children are frames that name it. Each lies in the queue of some worker's children until it is run or ended; the
// group itself knows only how many have not ended. The protocol is in scheduler/groups.md.
#pragma once

#include <cstdint>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weir/admission/refusal.hpp>
#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/failed_children.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/detail/group_state.hpp>
#include <weir/scheduler/detail/running_limit.hpp>
#include <weir/scheduler/detail/task_state.hpp>
#include <weir/scheduler/detail/typed_frame.hpp>
#include <weir/scheduler/stop_token.hpp>

namespace weir {
struct group_options;
}

namespace weir::detail {

class core;
struct group_scope;
struct run_context;
class worker;

struct group {
  /// Enters `in` as one root, and waits for that with the calling thread; in a task of `in` it is part of that.
  /// @throws as task_group does.
  group(core& in, const group_options& options, const std::source_location& from);
  group(const group&) = delete;
  group& operator=(const group&) = delete;
  /// Asks the children to stop, and waits for them.
  ~group();

  /// Waits until no child is left, and throws what they threw. @throws as task_group::wait does.
  void wait();
  void request_stop() noexcept;
  [[nodiscard]] bool is_stopped() const noexcept;
  /// Forgets what a wait has told: errors, and that a child did not complete.
  void forget_ends() noexcept;

  core* const pool;
  const task_name name;
  const std::source_location where;  // the place of its construction
  const bool stops_on_error;

  // Of whom it is part: the task that made it, at the bottom of which its context is; null for a root. And what it adds
  // to that: a deadline, a trace, and for a root its permit; null if nothing.
  run_context* made_in = nullptr;
  group_scope* scope = nullptr;
  // The root of all that it is part of: a task, or for a group that is a root its scope.
  const frame* root = nullptr;
  // Where the deadline, the trace and the time of admission stand that its children have; null: they have none.
  const tracked_frame* values = nullptr;

  // Written by all who spawn and end children.
  alignas(cache_line) group_state state;
  running_limit turns;
  failed_children failed;
  // The cause by which a child did not complete, the first one that was noted. Writers: who ends such a child. Reader:
  // who waits, when no child is left, and takes it. (2) relaxed: `state` publishes it.
  atomic<stop_cause> incomplete{stop_cause::none};
  // Whether a child has ever failed. Writers: who ends one. Reader: the end of the group. Relaxed, by (2).
  atomic<bool> has_failed{false};
  // Whether somebody waits. Writers: who waits. (1) acq_rel, so that one wait comes after the other.
  atomic<bool> is_awaited{false};

  // Read by all children: whether it was asked to stop, and whether anybody below it has stop callbacks.
  alignas(cache_line) task_state stop{task_state::phase::running};
  // With this many stops in the pool nothing that it is part of was asked to stop. Writers, readers: who asks
  // (groups.md, Stops). (3) relaxed: it is true whoever has found it out.
  atomic<std::uint64_t> unstopped_at{~std::uint64_t{0}};
};

/// What `f` is part of: itself, or for a child the root of its group.
[[nodiscard]] inline const frame* root_of(const frame& f) noexcept { return is_child(f) ? f.group->root : &f; }

/// The right to bring one child in: a task's count at the door, or, where there is none, the caller's own.
class [[nodiscard]] child_passage {
 public:
  enum class kind : std::uint8_t {
    none,
    queued,   // for any worker
    at_once,  // on this thread, as a part of the task that spawns it
  };

  /// @param by  that of the pool's workers which the calling thread is, or null.
  child_passage(struct group& of, worker* by, kind how) noexcept : of_(&of), by_(by), how_(how) {}
  child_passage(const child_passage&) = delete;
  child_passage& operator=(const child_passage&) = delete;
  ~child_passage() {
    if (how_ != kind::none) [[unlikely]]
      give_back();
  }

  [[nodiscard]] explicit operator bool() const noexcept { return how_ != kind::none; }

  /// Brings a child with this callable in: it is the group's from here on, and may be over. What its move or copy
  /// throws leaves, and nothing has happened.
  template <typename F>
  void launch(F&& f, const std::source_location& where) && {
    using made_frame = child_frame<std::decay_t<F>>;
    auto& made = *new made_frame(*of_, where);
    unowned_frame holder(made);
    ::new (static_cast<void*>(&made.callable.value)) std::decay_t<F>(std::forward<F>(f));
    holder.release();
    bring_in(made);
  }

 private:
  void bring_in(frame& f) noexcept;
  void give_back() noexcept;

  struct group* of_;
  worker* by_;
  kind how_;
};

/// For a child that runs at once where no task is free. None: the group was asked to stop, and that is noted.
/// @throws weir::refused `tasks_full`, `forked`.
[[nodiscard]] child_passage enter(group& of);
/// For a child that is refused where no task is free, or the group was asked to stop. None: for `why`.
[[nodiscard]] child_passage try_enter(group& of, refusal& why) noexcept;

}  // namespace weir::detail
