#include "worker.hpp"

#include <cstdio>

#include <weir/admission/detail/thread_waiter.hpp>
#include <weir/queues/backoff.hpp>

#include "core.hpp"
#include "run_context.hpp"
#include "threads.hpp"

namespace weir::detail {
namespace {

thread_local worker* this_worker = nullptr;

// A task that a worker runs lets the injector be looked at within so many tasks; a prime, as in Go's scheduler.
constexpr std::uint32_t injector_interval = 61;

std::string thread_name(int index) {
  char text[16];
  std::snprintf(text, sizeof text, "weir-w%02d", index);
  return text;
}

}  // namespace

worker::worker(core& of, int index)
    : core_(&of),
      index_(index),
      own_(deque_),
      thief_(deque_),
      outside_(of.injected()),
      random_(0x9E3779B97F4A7C15u * static_cast<std::uint64_t>(index + 1)) {}

worker* worker::current() noexcept { return this_worker; }

void worker::start() {
  thread_ = start_thread(thread_name(index_), [this] { loop(); });
}

void worker::join_thread() noexcept {
  if (thread_.joinable()) thread_.join();
}

void worker::detach_thread() noexcept {
  if (thread_.joinable()) thread_.detach();
}

void worker::loop() noexcept {
  this_worker = this;
  set_this_thread_may_block(false);
  backoff hidden;  // for work that is counted and cannot be found yet
  for (;;) {
    if (frame* const f = find()) {
      hidden.reset();
      core_->start(*f, this, 0);
      if (core_->is_forked()) return;  // the task forked, and this is the child: the pool is not here
      continue;
    }
    if (core_->sees_work()) {
      hidden.pause();
      continue;
    }
    if (core_->is_exiting()) return;
    const event_count::key key = core_->idle().prepare_wait();
    if (core_->sees_work() || core_->is_exiting()) {  // the re-check: see event_count.hpp
      core_->idle().cancel_wait();
      continue;
    }
    parks_.add();
    core_->idle().wait(key);
  }
}

frame* worker::find() noexcept {
  const std::uint32_t turn = ++tick_ % injector_interval;
  if (turn == 0) {
    polls_.add();
    if (frame* const f = core_->injected().try_pop(outside_)) return f;
  } else if (turn == injector_interval / 2) {
    // A chain of tasks that submit each other must not starve what lies below it in this deque either.
    if (frame* const f = oldest_of_own()) return f;
  }
  if (frame* const f = own_.pop()) return f;
  polls_.add();
  if (frame* const f = core_->injected().try_pop(outside_)) return f;
  return steal_from_others();
}

frame* worker::oldest_of_own() noexcept {
  const steal_result<frame> taken = thief_.steal();
  return taken.item;
}

frame* worker::steal_from_others() noexcept {
  const auto workers = core_->workers();
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  const std::size_t first = random_ % workers.size();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    worker& victim = *workers[(first + i) % workers.size()];
    if (&victim == this) continue;
    const steal_result<frame> taken = victim.steal();
    if (taken.item == nullptr) continue;
    steals_.add();
    return taken.item;
  }
  return nullptr;
}

join_end worker::join(tracked_frame& f, deadline until) noexcept {
  run_context& here = *run_context::current();
  bool was_woken = false;
  // The wake-up that ended a sleep may have been for new work: who looks no further hands it on.
  const auto leave = [&](join_end how) {
    if (was_woken && core_->sees_work()) core_->idle().notify_one();
    return how;
  };
  backoff hidden;
  for (;;) {
    if (f.state.is_done()) return leave(join_end::done);
    if (!this_stack_has_room()) {
      // Nothing more is run here; what another one runs, or has ended, can be waited for.
      const bool is_queued = f.state.current_phase() == task_state::phase::queued;
      return leave(is_queued ? join_end::would_deadlock : core_->sleep_until_done(f, until));
    }
    if (run_newest_if(f, here.depth) || core_->claim(f, this, here.depth)) continue;
    if (!until.is_never() && until.has_passed(core_->clock().now())) return leave(join_end::too_late);
    // No other work before a wait that has an end of its own.
    if (here.depth >= core_->options().help_depth || !until.is_never()) return leave(core_->sleep_until_done(f, until));
    if (frame* const other = find()) {
      core_->start(*other, this, here.depth + 1);
      continue;
    }
    if (core_->sees_work()) {
      hidden.pause();
      continue;
    }
    hidden.reset();
    const blocked_join asleep(f, until);
    if (asleep.is_circular()) return leave(join_end::would_deadlock);
    const event_count::key key = core_->idle().prepare_wait();
    if (f.state.watch(task_state::watcher::worker) || core_->sees_work()) {
      core_->idle().cancel_wait();
      continue;
    }
    parks_.add();
    core_->idle().wait_by(key, [&](const atomic<std::uint32_t>& word, std::uint32_t expected) {
      core_->clock().wait_until(word, expected, until.at());
    });
    was_woken = true;
  }
}

// Looks at the newest of this deque: `f` is run as an entry, so that its run leaves no husk; husks above what is live
// are dropped. Else nothing has changed.
bool worker::run_newest_if(frame& f, int depth) noexcept {
  while (frame* const newest = own_.pop()) {
    if (newest != &f && newest->state.current_phase() == task_state::phase::queued) {
      if (!own_.push(newest)) core_->injected().push_linked(newest, lane::normal);
      core_->idle().notify_one();  // whoever looked for work meanwhile did not see it
      return false;
    }
    core_->start(*newest, this, depth);
    if (newest == &f) return true;
  }
  return false;
}

worker_metrics worker::metrics() const noexcept {
  return {
      .executed = executed_.read(), .steals = steals_.read(), .parks = parks_.read(), .injector_polls = polls_.read()};
}

}  // namespace weir::detail
