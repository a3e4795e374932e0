// The life of a task from the queue to its end: who may run it, who may end it unrun, and in which order an end becomes
// visible.
//
// An end goes: the callable is destroyed, the timer is taken out, the end is counted, the permit is given back, and
// only then does the state say `done` and the waiters are woken.
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <typeinfo>
#include <utility>

#include <weir/queues/sync.hpp>

#include "core.hpp"
#include "door_wait.hpp"
#include "group_chain.hpp"
#include "settling.hpp"
#include "task_run.hpp"

namespace weir::detail {
namespace {

// The refusal as `get` throws it, or what is thrown where there is no memory for its text.
std::exception_ptr to_exception(const refusal& why) noexcept {
  try {
    return std::make_exception_ptr(refused(why));
  } catch (...) {
    return std::current_exception();
  }
}

std::string description(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    int status = 0;
    char* const readable = abi::__cxa_demangle(typeid(e).name(), nullptr, nullptr, &status);
    std::string text = readable != nullptr ? readable : typeid(e).name();
    std::free(readable);
    return text + ": " + e.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

void print_failure(const task_failure& failed) {
  std::fprintf(stderr,
               "weir: a posted task%s%s failed (submitted at %s:%u): %s; set pool_options::on_failure to handle this\n",
               failed.name.empty() ? "" : " ", failed.name.c_str(), failed.where.file_name(), failed.where.line(),
               description(failed.error).c_str());
}

bool was_last_owner(tracked_frame& f) noexcept { return f.owners.fetch_sub(1, memory_order_acq_rel) == 1; }  // (1)

void free_tracked(tracked_frame& f) noexcept {
  core* const pool = f.pool;
  delete f.wait;
  f.ops->free(f);
  pool->drop_user();
}

}  // namespace

void drop_owner(frame& f) noexcept {
  tracked_frame* const t = tracked(f);
  if (t == nullptr) {
    f.ops->free(f);
  } else if (was_last_owner(*t)) {
    const settling here;  // the result of a job that was let go may be anything, and ends here
    free_tracked(*t);
  }
}

void release_job(tracked_frame& f) noexcept {
  if (was_last_owner(f)) free_tracked(f);
}

void attach(core& pool, tracked_frame& f) noexcept {
  f.pool = &pool;
  pool.add_user();
}

void core::drop_unrun(frame& f) noexcept {
  const settling here;
  f.ops->drop(f);
}

// Nothing starts after its deadline or after the shutdown's, even if nobody has come to stop it yet.
stop_cause core::reason_not_to_start(const frame& f) const noexcept {
  if (const stop_cause why = cause_of_pool(); why != stop_cause::none) return why;
  const tracked_frame* const t = tracked(f);
  return t != nullptr && is_late(*t) ? stop_cause::deadline : stop_cause::none;
}

stop_cause core::reason_not_to_start(group& of) noexcept {
  if (const stop_cause why = cause_of(of); why != stop_cause::none) return why;
  return of.values != nullptr && is_late(*of.values) ? stop_cause::deadline : stop_cause::none;
}

bool core::is_late(const tracked_frame& f) const noexcept {
  return !f.deadline.is_never() && f.deadline.has_passed(clock().now());
}

// To who joins, or to the handler.
void core::tell_of_failure(frame& f, std::exception_ptr error) noexcept {
  if (f.ops->keep_error == nullptr) return report_failure(f, std::move(error));
  const settling here;  // a result may be there already, and ends here
  f.ops->keep_error(f, std::move(error));
}

// A task that saw its deadline and returned has not ended in time, either.
void core::tell_breaker(const frame& f, task_outcome how) noexcept {
  if (f.state.cause() == stop_cause::deadline) {
    door_.breaker().note_expired(clock().now());
  } else if (how == task_outcome::completed || how == task_outcome::failed) {
    door_.breaker().note_in_time();
  }
}

inline void core::finish(frame& f, task_outcome how) noexcept {
  tracked_frame* const t = tracked(f);
  if (t != nullptr && !t->deadline.is_never()) timers_.cancel(*t);
  const bool is_root = f.weight != 0;
  if (is_root && how != task_outcome::refused) {
    worker* const by = own_worker();
    count_end(how, by);
    if (door_.breaker().is_on()) [[unlikely]]
      tell_breaker(f, how);
    give_permit_back(f, by);
  }
  if (t == nullptr) return;
  const atomic<std::uint32_t>* const word = &f.state.word();
  const task_state::watchers waked = f.state.finish(how);
  if (waked.threads) futex_wake(word, wake_all);
  if (waked.workers) idle_.wake_for_jobs();
}

void core::execute(frame& f, worker* by, int depth) noexcept {
  run_end end = run_shown(f, by, depth);
  if (!end.left && end.error == nullptr) [[likely]]
    return finish(f, task_outcome::completed);
  // The pool's stop reaches a task without a word in its state; who left because of it is to know.
  if (end.left && is_stopping()) (void)f.state.request_stop(stop_cause::shutdown);
  if (end.error == nullptr) return finish(f, unrun_outcome(f.state.cause()));
  tell_of_failure(f, std::move(end.error));
  finish(f, task_outcome::failed);
}

void core::start(frame& f, worker* by, int depth) noexcept {
  if (is_child(f)) return start_child(f, by, depth);
  const stop_cause why = reason_not_to_start(f);
  if (why != stop_cause::none && f.state.request_stop(why) == task_state::stopped::taken) {
    end_unrun(f);
  } else if (f.state.try_start()) {
    execute(f, by, depth);
  } else {
    husks_.fetch_sub(1, memory_order_relaxed);
  }
  drop_owner(f);
}

bool core::claim(tracked_frame& f, worker* by, int depth) noexcept {
  if (f.state.current_phase() != task_state::phase::queued) return false;
  if (const stop_cause why = reason_not_to_start(f); why != stop_cause::none) {
    request_stop(f, why);
    return true;
  }
  if (!f.state.try_start()) return false;
  count_husk();
  execute(f, by, depth);
  return true;
}

void core::end_unrun(frame& f) noexcept {
  drop_unrun(f);
  finish(f, unrun_outcome(f.state.cause()));
}

void core::count_end(task_outcome how, worker* by) noexcept {
  const auto index = static_cast<std::size_t>(how);
  if (by != nullptr) {
    by->counters().ends[index].add();
  } else {
    ended_outside_[index].fetch_add(1, memory_order_relaxed);
  }
}

void core::give_permit_back(frame& f, const worker* by) noexcept {
  const std::uint32_t weight = std::exchange(f.weight, 0u);
  if (by == nullptr) {
    door_.release(weight);
  } else {
    door_.release(weight, static_cast<std::size_t>(by->index()));
  }
}

void core::report_failure(const frame& f, std::exception_ptr error) noexcept {
  const tracked_frame* const t = tracked(f);
  const task_failure failed{
      .error = std::move(error), .name = f.name, .trace = t != nullptr ? t->trace : trace_id{}, .where = f.where};
  const settling here;
  try {
    if (options_.on_failure) {
      options_.on_failure(failed);
    } else {
      print_failure(failed);
    }
  } catch (...) {
    std::fputs("weir: pool_options::on_failure threw; what it threw is dropped\n", stderr);
  }
}

void core::report_refusal(const frame& f, const refusal& why) noexcept {
  if (!options_.on_refused) return;
  const tracked_frame* const t = tracked(f);
  const settling here;
  try {
    options_.on_refused({.why = why, .name = f.name, .trace = t != nullptr ? t->trace : trace_id{}, .where = f.where});
  } catch (...) {
    std::fputs("weir: pool_options::on_refused threw; what it threw is dropped\n", stderr);
  }
}

// ---- stopping

void core::request_stop(tracked_frame& f, stop_cause cause) noexcept {
  if (is_stopping()) cause = stop_cause::shutdown;  // the first cause wins, and that one is not in the words
  switch (f.state.request_stop(cause)) {
    case task_state::stopped::taken:
      count_husk();
      end_unrun(f);
      break;
    case task_state::stopped::at_door:
      // Not there: it has not joined yet, and launch_waiting will look; or a grant is under way, and will see the stop.
      (void)door_.withdraw(*f.wait,
                           cause == stop_cause::deadline ? refusal_reason::expired : refusal_reason::cancelled);
      break;
    case task_state::stopped::running_with_callbacks:
      tell_of_a_stop();
      stops_.deliver(f.state);
      if (f.state.has_groups()) end_queued_below(f.state, cause);
      break;
    case task_state::stopped::running:
      tell_of_a_stop();
      if (f.state.has_groups()) end_queued_below(f.state, cause);
      break;
    case task_state::stopped::was_stopped_or_over:
      // Who stopped it may not have told what is below it yet.
      if (f.state.current_phase() == task_state::phase::running) tell_of_a_stop();
      break;
  }
}

// Its forks and its children may be on any worker.
void core::tell_of_a_stop() noexcept {
  stops_made_.raise();
  for (const auto& w : workers_) w->forks().stops().raise();
}

void core::count_husk() noexcept {
  if (husks_.fetch_add(1, memory_order_relaxed) < door_.most_tasks()) return;
  frame* dropped = nullptr;
  {
    const lock_guard held(sweep_);
    if (husks_.load(memory_order_relaxed) <= door_.most_tasks()) return;  // another one has swept meanwhile
    dropped = sweep();
  }
  idle_.notify();
  // Outside the lock: the end of a frame is the end of a result, which may be anything.
  while (dropped != nullptr) drop_owner(*std::exchange(dropped, dropped->next_queued));
}

// Takes the husks out of the injector, and out of the deques if that has not halved their number: a sweep visits all
// that is queued, and so pays for itself by the cancels until the next one.
frame* core::sweep() noexcept {
  frame* dropped = nullptr;
  const auto take_if_husk = [&](frame& f) noexcept {
    if (f.state.current_phase() == task_state::phase::queued) return false;
    f.next_queued = std::exchange(dropped, &f);
    husks_.fetch_sub(1, memory_order_relaxed);
    return true;
  };
  (void)injected_.remove_if(take_if_husk);
  if (husks_.load(memory_order_relaxed) <= door_.most_tasks() / 2) return dropped;
  for (const auto& w : workers_) {
    injected_.announce();  // what is stolen is never out of sight
    for (frame* f = nullptr; (f = w->steal().item) != nullptr;) {
      if (!take_if_husk(*f)) injected_.push_linked(f, lane::normal);
    }
    injected_.retract();
  }
  return dropped;
}

// ---- at the door

void core::tell_admitted(frame& f, time_point stamp) noexcept {
  if (tracked_frame* const t = tracked(f)) t->admitted_at = stamp;
  if (f.ops->on_admit == nullptr) return;
  const settling here;
  f.ops->on_admit(f, stamp);
}

void core::granted(frame& f, priority p, time_point stamp) noexcept {
  admitted_later_.fetch_add(1, memory_order_relaxed);
  tell_admitted(f, stamp);
  // Counted as pending before it can be taken out of turn: the workers then stay until its entry has come and gone.
  injected_.announce();
  if (f.state.grant() == task_state::granted::must_end) {
    injected_.retract();
    end_unrun(f);
    drop_owner(f);
  } else {
    injected_.push_announced(&f, static_cast<lane>(p));
    idle_.notify();
  }
}

void core::refused_at_door(frame& f, const refusal& why) noexcept {
  drop_unrun(f);
  (void)count_refusal(why);
  if (f.ops->keep_error != nullptr) {
    tell_of_failure(f, to_exception(why));
  } else {
    report_refusal(f, why);
  }
  finish(f, task_outcome::refused);
  drop_owner(f);
}

void core::failed_to_enter(frame& f, std::exception_ptr error) noexcept {
  // Its passage has given the permit back. It counts as a task that was admitted and failed, though a place at the door
  // was all it had.
  if (f.state.current_phase() == task_state::phase::waiting) admitted_later_.fetch_add(1, memory_order_relaxed);
  count_end(task_outcome::failed, own_worker());
  f.weight = 0;
  tell_of_failure(f, std::move(error));
  finish(f, task_outcome::failed);
  drop_owner(f);
}

}  // namespace weir::detail
