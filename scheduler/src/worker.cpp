#include "worker.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <span>
#include <utility>

#include <weir/admission/detail/start_thread.hpp>
#include <weir/admission/detail/thread_waiter.hpp>
#include <weir/queues/backoff.hpp>
#include <weir/scheduler/this_task.hpp>

#include "core.hpp"
#include "patience.hpp"
#include "run_context.hpp"
#include "time_slice.hpp"

namespace weir::detail {
namespace {

thread_local worker* this_worker = nullptr;

// A task that a worker runs lets the injector be looked at within so many tasks; a prime, as in Go's scheduler.
constexpr std::uint32_t injector_interval = 61;
// What one look brings at most from the injector: less than half of the interval, so that a batch is through before the
// deque is looked at from its other end.
constexpr int largest_batch = 24;
constexpr int most_children_stolen = 8;

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
      forks_(*this),
      fork_thief_(forks_.stack()),
      hooks_(of.options(), of.cpus(), index),
      outside_(of.injected()),
      random_(0x9E3779B97F4A7C15u * static_cast<std::uint64_t>(index + 1)) {}

worker* worker::current() noexcept { return this_worker; }

void worker::start() {
  thread_ = start_thread(thread_name(index_), [this] { run(); });
}

void worker::join_thread() noexcept {
  if (thread_.joinable()) thread_.join();
}

void worker::detach_thread() noexcept {
  if (thread_.joinable()) thread_.detach();
}

void worker::run() noexcept {
  this_worker = this;
  counters_.alive.start(steady_now());
  set_this_thread_may_block(false);
  ask_for_time_slice(core_->options().time_slice);
  if (!hooks_.begin() || core_->is_forked()) return;
  loop();
  if (!core_->is_forked()) hooks_.end();
}

void worker::loop() noexcept {
  backoff hidden;  // for work that is counted and cannot be found yet
  for (;;) {
    if (run_next(0)) {
      hidden.reset();
      if (core_->is_forked()) return;  // the task forked, and this is the child: the pool is not here
    } else if (is_searching_ && core_->sees_work()) {
      hidden.pause();
    } else if (core_->is_exiting() && !core_->sees_work()) {
      stop_searching();
      return;
    } else if (!is_searching_ || !search_on()) {
      own_.trim();
      children_.trim();
      const worker_counters::sleep counted(counters_);
      const woken how = core_->idle().sleep(sleeper_, {}, std::exchange(is_searching_, true),
                                            [this] { return core_->needs_workers(); });
      if (how != woken::by_itself) counters_.wakes.add();
    }
  }
}

bool worker::run_next(int depth) noexcept {
  if (frame* const f = find()) {
    stop_searching();
    core_->start(*f, this, depth);
    return true;
  }
  return may_search() && run_stolen(depth);
}

bool worker::run_another() noexcept {
  const run_context* const here = run_context::current();
  const bool found = run_next(here != nullptr ? here->depth + 1 : 0);
  stop_searching();
  return found;
}

bool worker::may_search() noexcept {
  if (!is_searching_) is_searching_ = core_->idle().begin_search();
  return is_searching_;
}

// Goes on looking for a while; true if there is something to do. What comes meanwhile needs no wake-up.
bool worker::search_on() noexcept {
  patience more(*core_->options().search_time);
  bool found = false;
  while (!found && more.wait()) found = core_->needs_workers();
  counters_.searching.add(static_cast<std::uint64_t>(more.spent().count()));
  return found;
}

void worker::stop_searching() noexcept {
  const auto sees_work = [this] { return core_->needs_workers(); };
  if (std::exchange(is_searching_, false)) {
    core_->idle().end_search(sees_work);
  } else if (std::exchange(owes_a_look_, false)) {
    core_->idle().hand_on(sees_work);
  }
}

frame* worker::find() noexcept {
  ++tick_;
  ++since_look_;
  // What is urgent goes before the rest of a batch, but for every second task, so that the batch goes on.
  const bool is_urgent = batch_left_ != 0 && since_look_ > 1 && core_->injected().has_urgent();
  if (since_look_ == injector_interval || is_urgent) {
    if (frame* const f = take_from_outside(1)) return f;
  } else if (since_look_ == injector_interval / 2) {
    // A chain of tasks that submit or spawn each other must not starve what lies below it here either.
    if (frame* const f = oldest_of_own()) return f;
  }
  if (frame* const f = children_.take_newest()) return f;
  if (frame* const f = own_.pop()) {
    if (batch_left_ != 0) --batch_left_;
    return f;
  }
  return take_from_outside(largest_batch);
}

// With more than one at a time, the others go to the deque, the first one on top: there others can have them. Only
// where that is empty, so that they keep their place among tasks that came before.
frame* worker::take_from_outside(int most) noexcept {
  since_look_ = 0;
  counters_.injector_polls.add();
  if (most > 1) {
    batch_left_ = 0;
    const std::int64_t share = core_->injected().pending() / std::ssize(core_->workers());
    most = static_cast<int>(std::clamp<std::int64_t>(share, 1, most));
  }
  std::array<frame*, largest_batch> taken;
  const int count = core_->injected().begin_pop(outside_, taken.data(), most);
  if (count == 0) return nullptr;
  for (int i = count - 1; i > 0; --i) {
    frame* const f = taken[static_cast<std::size_t>(i)];
    if (!push(*f)) core_->injected().push_linked(f, lane::normal);
  }
  batch_left_ += count - 1;
  core_->injected().end_pop(count);
  return taken[0];
}

// Of the deque and of the children in turn.
frame* worker::oldest_of_own() noexcept {
  const bool children_first = tick_ % 2 == 0;
  if (children_first) {
    if (frame* const f = children_.take_oldest()) return f;
  }
  if (frame* const f = thief_.steal().item) return f;
  return children_first ? nullptr : children_.take_oldest();
}

// The last lucky victim first, then all, from a random one on.
bool worker::run_stolen(int depth) noexcept {
  const auto workers = core_->workers();
  if (run_one_of(*workers[last_victim_], depth)) return true;
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  const std::size_t first = random_ % workers.size();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    if (run_one_of(*workers[(first + i) % workers.size()], depth)) return true;
  }
  return false;
}

// A fork of the task that the victim runs, or a task or a child that it has queued: each first at every third look, so
// that none starves the others.
bool worker::run_one_of(worker& victim, int depth) noexcept {
  if (&victim == this) return false;
  counters_.steal_attempts.add();
  switch (tick_ % 3) {
    case 0:
      return run_fork_of(victim, depth) || run_task_of(victim, depth) || run_child_of(victim, depth);
    case 1:
      return run_task_of(victim, depth) || run_child_of(victim, depth) || run_fork_of(victim, depth);
    default:
      return run_child_of(victim, depth) || run_fork_of(victim, depth) || run_task_of(victim, depth);
  }
}

bool worker::run_task_of(worker& victim, int depth) noexcept {
  frame* const f = victim.steal().item;
  if (f == nullptr) return false;
  last_victim_ = static_cast<std::size_t>(victim.index_);
  counters_.steals.add();
  counters_.tasks_stolen.add();
  stop_searching();
  core_->start(*f, this, depth);
  return true;
}

// Several of one group at a time: of small children a look at the victim's line for each would cost more than they do.
bool worker::run_child_of(worker& victim, int depth) noexcept {
  std::array<frame*, most_children_stolen> taken;
  const int n = victim.children_.try_take_oldest(taken.data(), most_children_stolen);
  if (n == 0) return false;
  last_victim_ = static_cast<std::size_t>(victim.index_);
  counters_.steals.add();
  counters_.tasks_stolen.add(static_cast<std::uint64_t>(n));
  stop_searching();
  if (n > 1) core_->move_children(std::span(taken).subspan(1, static_cast<std::size_t>(n - 1)), *this);
  core_->start_child(*taken[0], this, depth);
  return true;
}

}  // namespace weir::detail

int weir::current_worker() noexcept {
  const detail::worker* const w = detail::worker::current();
  return w != nullptr ? w->index() : -1;
}
