// Structure: a group owns the tasks that it spawned, and joins them all.
#pragma once

#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include <weir/admission/deadline.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/result.hpp>
#include <weir/scheduler/detail/group.hpp>
#include <weir/scheduler/options.hpp>
#include <weir/scheduler/pool.hpp>

namespace weir {

/// What becomes of the others when a child of a group throws.
enum class on_error : std::uint8_t {
  stop_rest,   ///< They are asked to stop, and `wait` throws that error.
  keep_going,  ///< They go on, and `wait` throws a group_error with all of them. Each error is kept until then.
};

/// Options of a group; checked in its constructor, in every build.
struct group_options {
  /// As those of a submission, for the root that a group is outside of tasks. In a task it is part of that, so that
  /// `weight` and `priority` say nothing, and its deadline is the earlier of the two.
  std::int64_t weight = 1;
  weir::deadline deadline{};
  task_name name{};
  weir::priority priority = priority::normal;
  trace_id trace{};
  weir::on_error on_error = on_error::stop_rest;
  /// Children that may be queued or run at the same time, 1 or more; the others wait for their turn.
  std::int64_t max_running = unlimited;
};

/// What `task_group::wait` throws where the group keeps going after errors: all of them, at least one.
class group_error : public std::exception {
 public:
  explicit group_error(std::vector<std::exception_ptr> errors);

  /// In the order in which the children failed.
  [[nodiscard]] const std::vector<std::exception_ptr>& errors() const noexcept { return errors_; }
  /// How many, and the text of the first.
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::vector<std::exception_ptr> errors_;
  std::string text_;
};

/// Spawns tasks and joins them all: none outlives it. Outside of the pool's tasks it enters as one root, and holds its
/// permit until it ends, which must be before the pool's: ~pool waits for it; in a task of the pool it is part of that
/// task, which must not end before it.
///
/// A child is a callable as a pool takes it; what it returns is dropped. It counts in limits::max_tasks, passes no
/// door, and has the group's name, deadline and trace. Whoever asks the group, its task, or a task above that to stop,
/// asks its children: those that are queued end at once without having run, the others see it in their stop_token. Any
/// worker runs children; who waits for the group on a worker runs those that are queued, their forks and their own
/// children, and no other work but what pool_options::help_depth allows.
///
/// A group may be used by any thread at any time, by its children, too; but `wait` by one at a time, and whoever spawns
/// must know that the group is not destroyed before that returns. What happened before a spawn happens before the
/// child; what the children did happens before the return of `wait`.
class task_group {
 public:
  /// Waits at the door as pool::submit does; in a task it waits for nothing. Not in stop callbacks, nor in code that
  /// the pool calls between tasks.
  /// @throws weir::refused as a submission is refused; `would_deadlock` where it may not be made; std::invalid_argument
  /// naming the field, the value and the rule; std::bad_alloc; std::system_error as a submission.
  explicit task_group(pool& in, const group_options& options = {},
                      const std::source_location& where = std::source_location::current())
      : group_(detail::core_of(in), options, where) {}
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  /// Asks the children that have not ended to stop, and waits for them. Errors that no `wait` has thrown are dropped.
  /// Where a wait would be one for itself (see `wait`) and children still run, std::terminate is called, with a word on
  /// the standard error.
  ~task_group() = default;

  /// Adds a child. Where max_tasks are live it runs here and now, as a part of the caller's task, or where that has
  /// none beside the group's: so that as many more children than max_tasks can run as threads outside spawn. So it must
  /// not wait, by other means than weir's, for what the caller does afterwards. If max_running children have their turn
  /// then, those that are queued are run here before it; if all of them run elsewhere, the end of one is waited for.
  /// After a stop nothing is added: the next `wait` throws weir::cancelled. Else it never waits; lock-free but for
  /// short locks: of one worker's queue of children, and once in 32 calls of the frames' memory.
  /// @throws weir::refused `tasks_full` where max_tasks are live, and it cannot run here: near the end of the stack, in
  /// a stop callback or a handler, or in a child of the group when max_running of them run; `forked` in a forked child;
  /// std::bad_alloc; what the callable's move or copy throws. Then nothing has happened.
  template <typename F>
  void spawn(F&& f, const std::source_location& where = std::source_location::current()) {
    if (detail::child_passage way = detail::enter(group_); way) {
      std::move(way).launch(std::forward<F>(f), where);
    }
  }

  /// The same, but refused `tasks_full` where max_tasks are live, `cancelled` after a stop, and `forked`: then `f` has
  /// not been touched. What lies in the stocks of other workers is not looked for, so that it may be refused while a
  /// few more tasks could be live.
  /// @throws std::bad_alloc; what the callable's move or copy throws.
  template <typename F>
  result<void> try_spawn(F&& f, const std::source_location& where = std::source_location::current()) {
    refusal why;
    detail::child_passage way = detail::try_enter(group_, why);
    if (!way) return why;
    std::move(way).launch(std::forward<F>(f), where);
    return {};
  }

  /// Waits until no child is left; in a task of the pool it runs them meanwhile, and what they make. Throws the first
  /// error of a child, or all (on_error); with no error weir::cancelled if a child did not run to its end because it
  /// was asked to stop. What was thrown is forgotten: the group can be used again, and has to be waited for again; but
  /// a stop stays. Blocking.
  /// @throws weir::refused `would_deadlock` in code that the pool calls between tasks, in a child of the group or what
  /// runs on top of one, where the wait would close a circle of waits, and near the end of the stack while children are
  /// queued; `forked` in a forked child; std::logic_error if another thread waits.
  void wait() { group_.wait(); }

  /// Asks all children to stop, and those that are spawned later. Any thread.
  void request_stop() noexcept { group_.request_stop(); }
  /// Whether the group, or what it is part of, was asked to stop. Any thread; wait-free; linear in the nesting.
  [[nodiscard]] bool stop_requested() const noexcept { return group_.is_stopped(); }

 private:
  detail::group group_;
};

}  // namespace weir
