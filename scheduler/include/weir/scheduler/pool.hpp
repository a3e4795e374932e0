// The pool: workers and their door.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <iterator>
#include <source_location>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/admission/limiter.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/result.hpp>
#include <weir/scheduler/detail/submission.hpp>
#include <weir/scheduler/detail/typed_frame.hpp>
#include <weir/scheduler/job.hpp>
#include <weir/scheduler/metrics.hpp>
#include <weir/scheduler/options.hpp>
#include <weir/scheduler/parallel_for.hpp>
#include <weir/scheduler/shutdown.hpp>
#include <weir/scheduler/task_name.hpp>
#include <weir/scheduler/this_task.hpp>

namespace weir {

/// Runs tasks on a fixed number of threads, and admits no more than its limits allow.
///
/// A callable takes no argument, a weir::stop_token or a std::stop_token. It is moved or copied into the pool, and
/// destroyed before its permit is given back and its end is seen. If its move or copy throws, the task has failed with
/// that exception. If it has a member `void on_admit(weir::time_point) noexcept`, that is called once, at its
/// admission, with the limiter's time.
///
/// All members may be called by any thread at any time, but not once the destructor has begun; jobs may be used then
/// too. Submissions take memory for the task's frame, mostly from a cache of the thread (std::bad_alloc leaves the
/// callable untouched and gives the permit back); if a deadline or a rate first needs the clock thread, its creation
/// may throw std::system_error, with the same effect. What happened before a submission happens before its task.
///
/// Every submission may be refused `invalid` or `too_heavy` for its weight, `expired` for its deadline, `closed` after
/// `shutdown` has begun, and `forked` in a forked child; for the limits as each verb says below.
class pool {
 public:
  /// Starts the workers. If a thread cannot be started or pinned, or pool_options::on_worker_start throws, those that
  /// were started are ended, and that is thrown. Waits until the workers are pinned and have called on_worker_start, if
  /// they are to; reads a few files of /proc and of control groups.
  /// @throws std::invalid_argument naming the field, the value and the rule; std::system_error; what the hook throws;
  /// std::bad_alloc.
  explicit pool(const pool_options& options = {});
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  /// Closes the door, waits until all that was admitted has ended, and ends the workers, which call
  /// pool_options::on_worker_stop. After an unclean shutdown as pool_options::stragglers says. Where a wait would be
  /// one for itself, std::terminate is called, with a word on the standard error: in a task of the pool; and in code
  /// that a pool calls between tasks, if this one has live tasks.
  ~pool();

  /// Admits now or refuses (`tasks_full`, `weight_full`, `rate_limited`, `contended`); never waits. On refusal `f` has
  /// not been touched. Returns result<job<T>> of what `f` returns. While nobody waits at the door and the task has no
  /// deadline, its one lock is that of the frames' memory, short and once in 32 tasks.
  template <typename F>
  auto try_submit(const submit_options& options, F&& f,
                  const std::source_location& where = std::source_location::current()) {
    return submit_as<std::decay_t<F>>(detail::verb::try_submit, options, deadline{}, std::forward<F>(f), where);
  }

  /// Admits, waiting with the calling thread for as long as it takes, or until the deadline of the options. Refused
  /// `waiters_full` where too many wait, or as pool_options::limits.overflow says; `would_deadlock` on a worker of this
  /// pool, in its tasks, stop callbacks and handlers. On refusal `f` has not been touched. Blocking.
  template <typename F>
  auto submit(const submit_options& options, F&& f,
              const std::source_location& where = std::source_location::current()) {
    return submit_as<std::decay_t<F>>(detail::verb::submit, options, deadline{}, std::forward<F>(f), where);
  }
  /// The same, waiting no longer than `patience`, by the pool's clock: then refused `timed_out`.
  template <typename F>
  auto submit_until(deadline patience, const submit_options& options, F&& f,
                    const std::source_location& where = std::source_location::current()) {
    return submit_as<std::decay_t<F>>(detail::verb::submit, options, patience, std::forward<F>(f), where);
  }

  /// Admits now, or lets `f` wait at the door, in order, as one of max_waiters. Never waits itself, but for
  /// overflow::caller_runs. Refused on return: `f` has not been touched. Refused later: `f` is destroyed, and the job's
  /// `get` throws weir::refused.
  template <typename F>
  auto enqueue(const submit_options& options, F&& f,
               const std::source_location& where = std::source_location::current()) {
    return submit_as<std::decay_t<F>>(detail::verb::enqueue, options, deadline{}, std::forward<F>(f), where);
  }

  /// As enqueue, without a job: the pool owns the task. What it throws goes to pool_options::on_failure, a later
  /// refusal to on_refused. The cheapest way in.
  template <typename F>
  result<void> post(const submit_options& options, F&& f,
                    const std::source_location& where = std::source_location::current());

  /// Posts each callable of `callables`, in order, as `post` does, until one is refused: that one and those behind it
  /// have not been touched. They are copied, or moved if the range yields rvalues, as with std::make_move_iterator;
  /// where that throws, the task has failed, and the next one follows. Tasks go into the queues together, up to 32 at a
  /// time, by one operation and with one look for a worker to wake, so that the range must not wait for one of them. If
  /// it, or an allocation, throws, those before have been posted.
  template <typename Range>
  requires requires(Range& r) {
    std::begin(r);
    std::end(r);
  }
  posted_all post_all(const submit_options& options, Range&& callables,
                      const std::source_location& where = std::source_location::current());

  /// Enters as one root, waits for the end and returns the result; throws what `f` throws. In a task of this pool, or a
  /// stop callback of one, it is a child of that task: run at once on this thread, under the parent's permit, never
  /// refused. Blocking.
  /// @throws what `f` throws; weir::cancelled if it was cancelled or expired; what a submission throws.
  template <typename F>
  auto run(const submit_options& options, F&& f, const std::source_location& where = std::source_location::current())
      -> result<detail::result_of<std::decay_t<F>>>;

  /// Calls `f(i, worker)` once for each i from 0 to below `n`, in one root task as `run` does, maybe at the same time;
  /// `worker` is current_worker() of the call: what is kept for each worker needs no lock. Returns when all have been
  /// called. Refusals, exceptions and blocking as `run` and parallel_for, with a grain of 1.
  /// @throws std::invalid_argument for a negative `n`.
  template <typename F>
  requires std::invocable<F&, std::int64_t, int> result<void> bulk(
      const submit_options& options, std::int64_t n, F&& f,
      const std::source_location& where = std::source_location::current());
  template <typename F>
  requires std::invocable<F&, std::int64_t, int> result<void> bulk(
      std::int64_t n, F&& f, const std::source_location& where = std::source_location::current()) {
    return bulk({}, n, std::forward<F>(f), where);
  }

  /// Runs one task that is queued, if there is one, on the calling thread, and returns whether there was: for a host
  /// that waits for something of its own and would help meanwhile. On a worker, in a task, it is put on top of that,
  /// with what pool_options::help_depth says of such tasks. False, too, in code that the pool calls between tasks, near
  /// the end of the stack, and in a forked child. Any thread; takes as long as the task.
  bool try_run_one() noexcept;

  /// Stops admitting (`closed`), finishes what was admitted, and at `until` asks the rest to stop: what is queued never
  /// starts, what runs sees its stop token. Returns as soon as nothing is live, else stop_grace after `until`, with the
  /// names of what is still running. May be called again, and by several threads; on a worker of this pool it closes
  /// the door and says so instead of waiting for itself. Blocking.
  shutdown_report shutdown(deadline until = {});

  /// What has been counted so far: each number is read on its own, while the others move. Any thread; linear in the
  /// workers; allocates. @throws std::bad_alloc.
  [[nodiscard]] pool_metrics metrics() const;
  /// The number of workers, which never changes. Any thread; wait-free.
  [[nodiscard]] int workers() const noexcept;
  /// The limits as they are in force, all of one moment. Any thread; takes the door's short lock.
  [[nodiscard]] limits configured() const;
  /// The door itself: to change its limits while the pool runs, and to hold room for work that is not the pool's. Its
  /// permits count as live tasks, a shutdown waits for them, and they are gone before the pool; a close of it is the
  /// first step of a shutdown. Any thread; wait-free. Valid as long as the pool.
  [[nodiscard]] limiter& door() noexcept;

 private:
  friend detail::core& detail::core_of(pool& p) noexcept;

  template <typename F, typename Arg>
  result<job<detail::result_of<F>>> submit_as(detail::verb how, const submit_options& options, deadline patience,
                                              Arg&& f, const std::source_location& where);
  template <typename Frame, typename Arg>
  static void build_and_launch(detail::passage&& way, Frame& frame, Arg&& f, detail::launch_batch* batch = nullptr);
  template <typename Passage, typename Frame, typename Arg>
  [[nodiscard]] static bool build(Passage& way, Frame& frame, Arg&& f);
  template <typename F>
  result<void> post_with(detail::launch_batch* batch, const submit_options& options, F&& f,
                         const std::source_location& where, bool is_plain, bool is_timed);
  static void fill(detail::tracked_frame& f, const submit_options& options) noexcept;

  detail::core* core_;
};

// ---- implementation

inline void pool::fill(detail::tracked_frame& f, const submit_options& options) noexcept {
  f.deadline = options.deadline;
  f.trace = detail::trace_of(options);
}

// No smart pointer holds the frame on its way: nothing that throws happens between its allocation and its owner, and
// what is instantiated for each callable is what the callers' compilers wait for.
template <typename Frame, typename Arg>
void pool::build_and_launch(detail::passage&& way, Frame& frame, Arg&& f, detail::launch_batch* batch) {
  if (!build(way, frame, std::forward<Arg>(f))) return;
  if (batch != nullptr) return batch->add(std::move(way).admit(frame));
  std::move(way).launch(frame);
}

// False: its callable could not be moved in, and it has failed.
template <typename Passage, typename Frame, typename Arg>
bool pool::build(Passage& way, Frame& frame, Arg&& f) {
  try {
    ::new (static_cast<void*>(&frame.callable.value)) std::decay_t<Arg>(std::forward<Arg>(f));
    return true;
  } catch (...) {
    std::move(way).fail(frame, std::current_exception());
    return false;
  }
}

template <typename F, typename Arg>
result<job<detail::result_of<F>>> pool::submit_as(detail::verb how, const submit_options& options, deadline patience,
                                                  Arg&& f, const std::source_location& where) {
  using value = detail::result_of<F>;
  static_assert(!std::is_reference_v<value>,
                "weir: a task returns a value; return a pointer or std::ref for a reference");
  result<detail::passage> way = detail::enter(*core_, how, options, detail::stamp::wanted, patience);
  if (!way) return way.error();
  auto& made = *new detail::job_frame<value, F>(way->first_state(), way->weight(), options.name, where);
  fill(made, options);
  detail::attach(*core_, made);
  detail::add_owner(made);
  job<value> handle(made);
  build_and_launch(std::move(*way), made, std::forward<Arg>(f));
  return handle;
}

template <typename F>
result<void> pool::post(const submit_options& options, F&& f, const std::source_location& where) {
  using callable = std::decay_t<F>;
  const bool is_plain = options.deadline.is_never() && !detail::trace_of(options);
  if constexpr (!detail::observes_admission<callable>) {
    if (is_plain) {
      detail::short_passage way(*core_, options);
      if (!way) return post_with(nullptr, options, std::forward<F>(f), where, true, way.is_timed());
      using made_frame = detail::posted_frame<detail::frame, callable>;
      auto& made = *new made_frame(way.first_state(), way.weight(), options.name, where);
      if (build(way, made, std::forward<F>(f))) std::move(way).launch(made);
      return {};
    }
  }
  return post_with(nullptr, options, std::forward<F>(f), where, is_plain, detail::is_to_be_timed(*core_));
}

// With a batch, what is admitted goes there, and what waits at the door does not stay behind it.
template <typename F>
result<void> pool::post_with(detail::launch_batch* batch, const submit_options& options, F&& f,
                             const std::source_location& where, bool is_plain, bool is_timed) {
  using callable = std::decay_t<F>;
  const auto stamp =
      is_plain && !detail::observes_admission<callable> ? detail::stamp::for_limits_only : detail::stamp::wanted;
  result<detail::passage> way = detail::enter_timed(*core_, detail::verb::enqueue, options, stamp, is_timed, batch);
  if (!way) return way.error();
  if (batch != nullptr && !way->leads_to_queues()) {
    batch->flush();
    batch = nullptr;
  }
  if (is_plain && !way->is_timed()) {
    using small = detail::posted_frame<detail::frame, callable>;
    build_and_launch(std::move(*way), *new small(way->first_state(), way->weight(), options.name, where),
                     std::forward<F>(f), batch);
  } else {
    using large = detail::posted_frame<detail::tracked_frame, callable>;
    auto& made = *new large(way->first_state(), way->weight(), options.name, where);
    fill(made, options);
    detail::attach(*core_, made);
    build_and_launch(std::move(*way), made, std::forward<F>(f), batch);
  }
  return {};
}

template <typename Range>
requires requires(Range& r) {
  std::begin(r);
  std::end(r);
}
posted_all pool::post_all(const submit_options& options, Range&& callables, const std::source_location& where) {
  detail::launch_batch batch(*core_, options.priority);
  const bool is_plain = options.deadline.is_never() && !detail::trace_of(options);
  posted_all so_far;
  for (auto&& f : callables) {
    const result<void> one =
        post_with(&batch, options, std::forward<decltype(f)>(f), where, is_plain, detail::is_to_be_timed(*core_));
    if (!one) {
      so_far.why = one.error();
      break;
    }
    ++so_far.posted;
  }
  return so_far;
}

template <typename F>
auto pool::run(const submit_options& options, F&& f, const std::source_location& where)
    -> result<detail::result_of<std::decay_t<F>>> {
  using callable = std::decay_t<F>;
  using value = detail::result_of<callable>;
  if (detail::is_inside(*core_)) {
    auto& made = *new detail::job_frame<value, callable>(detail::task_state::phase::queued, 0u, options.name, where);
    detail::unowned_frame holder(made);
    fill(made, options);
    detail::adopt(*core_, made);
    try {
      ::new (static_cast<void*>(&made.callable.value)) callable(std::forward<F>(f));
    } catch (...) {
      detail::undo_adoption(*core_, made);
      throw;
    }
    holder.release();
    detail::attach(*core_, made);
    detail::add_owner(made);
    job<value> child(made);
    detail::run_inline(*core_, made);
    if constexpr (std::is_void_v<value>) {
      child.get();
      return {};
    } else {
      return child.get();
    }
  }
  auto entered = submit(options, std::forward<F>(f), where);
  if (!entered) return entered.error();
  if constexpr (std::is_void_v<value>) {
    entered->get();
    return {};
  } else {
    return entered->get();
  }
}

template <typename F>
requires std::invocable<F&, std::int64_t, int> result<void> pool::bulk(const submit_options& options, std::int64_t n,
                                                                       F&& f, const std::source_location& where) {
  if (n < 0) throw std::invalid_argument("weir: bulk of " + std::to_string(n) + " calls: it must be 0 or more");
  return run(
      options,
      [n, &f] {
        auto block = [&f](std::int64_t first, std::uint64_t count) {
          const int worker = current_worker();
          for (std::uint64_t i = 0; i < count; ++i) std::invoke(f, detail::advanced(first, i), worker);
        };
        if (n != 0) detail::split_range(std::int64_t{0}, static_cast<std::uint64_t>(n), 1, block);
      },
      where);
}

}  // namespace weir
