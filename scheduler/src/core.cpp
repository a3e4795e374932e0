// The way in: what a submission passes before its task is in a queue.
#include "core.hpp"

#include <algorithm>
#include <new>
#include <pthread.h>

#include <weir/admission/detail/asked.hpp>
#include <weir/admission/detail/thread_waiter.hpp>

#include <weir/scheduler/this_task.hpp>

#include "door_wait.hpp"
#include "no_blocking.hpp"
#include "settling.hpp"
#include "threads.hpp"

namespace weir::detail {
namespace {

// Where there are only a few, a searching worker takes its CPU from who would submit.
constexpr int cpus_for_searching = 4;
constexpr duration default_search_time = std::chrono::microseconds(20);

pool_options resolved(const pool_options& given, const topology& found) {
  pool_options in_force = given;
  in_force.workers = found.count.workers;
  if (!in_force.search_time) {
    in_force.search_time = found.count.usable >= cpus_for_searching ? default_search_time : duration::zero();
  }
  if (in_force.limits.max_tasks == unlimited) in_force.limits.max_tasks = largest_max_tasks;
  return in_force;
}

lane lane_of(priority p) noexcept { return static_cast<lane>(p); }

bool counts_forks() {
  static const bool is_counted =
      pthread_atfork(nullptr, nullptr, [] { forks_so_far.fetch_add(1, memory_order_relaxed); }) == 0;
  return is_counted;
}

// Asked when the program begins, as in frame_memory.cpp. Without memory for it there are no pools in this process.
[[maybe_unused]] const bool counts_forks_from_the_start = counts_forks();

}  // namespace

constinit atomic<std::uint32_t> forks_so_far{0};

std::uint32_t fork_generation() {
  if (!counts_forks()) throw std::bad_alloc();
  return forks_so_far.load(memory_order_relaxed);
}

core::core(const pool_options& options)
    : topology_(read_topology(check(options).workers)),
      options_(resolved(options, topology_)),
      fork_generation_(fork_generation()),
      timing_(options_.time_one_in, static_cast<std::size_t>(*options_.workers)),
      timers_(*this, *options_.clock),
      limiter_(options_.limits, *options_.clock, options_.on_pressure, timers_,
               static_cast<std::size_t>(*options_.workers)),
      door_(limiter_.engine()),
      idle_(static_cast<int>(*options_.workers)) {
  const auto count = static_cast<int>(*options_.workers);
  workers_.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) workers_.push_back(std::make_unique<worker>(*this, i));
  try {
    for (const auto& w : workers_) w->start();
    for (const auto& w : workers_) w->await_begin();
  } catch (...) {
    exiting_.store(true, memory_order_release);  // (3)
    idle_.notify();
    for (const auto& w : workers_) w->join_thread();
    throw;
  }
}

bool core::is_inside() const noexcept {
  return own_worker() != nullptr || held_up::by_this_thread().contains_any_of(*this);
}

bool core::may_not_wait() const noexcept { return settling::is_here() || is_inside(); }

refusal core::count_refusal(const refusal& why) noexcept {
  refused_[static_cast<std::size_t>(why.reason)].fetch_add(1, memory_order_relaxed);
  return why;
}

result<passage> core::enter(verb how, const submit_options& options, stamp wanted, deadline patience, bool is_timed,
                            launch_batch* unlaunched) {
  if (is_forked()) return refusal{.reason = refusal_reason::forked};
  const bool has_timer = !options.deadline.is_never();
  if (has_timer || (how != verb::try_submit && door_.has_rate())) timers_.ensure_started();
  if (has_timer) timers_.promise_room();
  // From here on the passage gives back whatever has been promised, also if something below throws.
  passage way(*this, passage::kind::refused, static_cast<std::uint32_t>(options.weight), options.priority, {}, nullptr,
              has_timer, is_timed);
  const auto refuse = [&](const refusal& why) {
    submitted_otherwise_.fetch_add(1, memory_order_relaxed);
    return count_refusal(why);
  };
  if (const auto wrong = check_weight(door_, options.weight)) return refuse(*wrong);
  const door_request asked{.weight = static_cast<std::uint32_t>(options.weight),
                           .priority = static_cast<std::uint8_t>(options.priority),
                           .may_wait = how != verb::try_submit,
                           .deadline = options.deadline,
                           .patience = patience};
  if (const auto wrong = check_priority(options.priority)) return refuse(*wrong);
  const auto admit = [&](passage::kind kind, time_point stamp) {
    way.become(kind, stamp);
    return std::move(way);
  };
  // One that waits is counted when it begins to.
  const auto admit_after = [&](passage::kind kind, auto&& wait) -> result<passage> {
    if (may_not_wait()) return refuse({.reason = refusal_reason::would_deadlock, .asked = options.weight});
    submitted_otherwise_.fetch_add(1, memory_order_relaxed);
    const result<admission> in = wait();
    if (!in) return count_refusal(in.error());
    admitted_later_.fetch_add(1, memory_order_relaxed);
    return admit(kind, in->at);
  };

  if (how == verb::submit) {
    return admit_after(passage::kind::admitted, [&] { return acquire(door_, asked); });
  }

  const bool needs_time = wanted == stamp::wanted || is_timed || has_timer || door_.has_rate();
  gate::verdict v = door_.try_admit(asked, needs_time ? clock().now() : time_point{});
  if (!v.granted && !needs_time && v.why == refusal_reason::rate_limited) {
    v = door_.try_admit(asked, clock().now());  // there is a rate since a moment ago
  }
  if (v.granted) {
    admitted_at_once_.add();
    return admit(passage::kind::admitted, v.stamp);
  }
  if (how == verb::try_submit || !gate::is_worth_waiting(v.why)) return refuse(door_.explain(v, asked));

  const result<gate::slot> place = door_.reserve(asked);
  if (!place) return refuse(place.error());
  if (*place == gate::slot::caller_runs) {
    if (unlaunched != nullptr) unlaunched->flush();  // what has been admitted does not stay behind who waits
    return admit_after(passage::kind::admitted_for_caller,
                       [&] { return wait_in_line(door_, asked, gate::place::uncounted); });
  }
  submitted_otherwise_.fetch_add(1, memory_order_relaxed);
  way.become(passage::kind::must_wait, {});
  way.take_place(new door_wait(*this, asked, options.priority));
  return way;
}

// A task that needs no time, through a door that is open. False says nothing: ask `enter`.
bool core::enter_at_once(const submit_options& options) noexcept {
  const bool is_valid =
      options.weight >= 1 && options.weight <= largest_max_weight && options.priority <= priority::high;
  if (!is_valid || is_forked() || !door_.try_admit_at_once(static_cast<std::uint32_t>(options.weight))) return false;
  admitted_at_once_.add();
  return true;
}

void core::insert(frame& f, priority p) noexcept {
  worker* const w = own_worker();
  if (w != nullptr && p == priority::normal && w->push(f)) {
    w->counters().spawned.add();
    idle_.notify();
  } else {
    injected_.push(&f, lane_of(p));  // raises its count by a read-modify-write
    idle_.notify_after_rmw();
  }
}

void core::insert_all(std::span<frame* const> frames, priority p) noexcept {
  worker* const w = own_worker();
  std::size_t done = 0;
  if (w != nullptr && p == priority::normal) {
    while (done < frames.size() && w->push(*frames[done])) ++done;
    w->counters().spawned.add(done);
    idle_.notify();
  }
  if (done == frames.size()) return;
  injected_.push_all(frames.data() + done, static_cast<int>(frames.size() - done), lane_of(p));
  idle_.notify_after_rmw();
}

void core::admit(frame& f, time_point stamp) noexcept {
  tell_admitted(f, stamp);
  tracked_frame* const t = tracked(f);
  if (t != nullptr && !t->deadline.is_never()) timers_.insert(*t);
}

void core::launch_admitted(frame& f, priority p, time_point stamp) noexcept {
  admit(f, stamp);
  insert(f, p);
}

void core::launch_on_caller(frame& f, time_point stamp) noexcept {
  admit(f, stamp);
  add_user();  // the task's permit keeps the pool alive until it is given back, this thread after that
  {
    const no_blocking here;  // as on a worker: the task holds its permit
    start(f, nullptr, 0);
  }
  drop_user();
}

void core::launch_waiting(frame& f, door_wait& place) noexcept {
  place.hold(f);
  tracked_frame* const t = tracked(f);
  if (t == nullptr) {
    door_.join(place, gate::place::reserved);
    return;
  }
  add_owner(*t);  // it may end at once
  t->wait = &place;
  if (!t->deadline.is_never()) timers_.insert(*t);
  door_.join(place, gate::place::reserved);
  // A deadline that fired before it had joined found nothing to take away from the door.
  if (const stop_cause why = f.state.cause(); why != stop_cause::none) {
    (void)door_.withdraw(place, why == stop_cause::deadline ? refusal_reason::expired : refusal_reason::cancelled);
  }
  drop_owner(f);
}

void core::adopt(tracked_frame& f) {
  const deadline inherited = this_task::deadline();
  f.admitted_at = this_task::admitted_at();
  if (f.deadline < inherited) {
    timers_.ensure_started();
    timers_.promise_room();
  } else {
    f.deadline = inherited;
  }
}

void core::undo_adoption(tracked_frame& f) noexcept {
  if (f.deadline < this_task::deadline()) timers_.return_room();
}

void core::run_adopted(tracked_frame& f) noexcept {
  const stop_token parents = this_task::stop();
  if (f.deadline < this_task::deadline()) timers_.insert(f);
  {
    // What asks the parent to stop asks the child.
    const stop_callback forward(parents, [this, &f, parents] { request_stop(f, parents.cause()); });
    if (const stop_cause why = reason_not_to_start(f); why != stop_cause::none) request_stop(f, why);
    if (f.state.try_start()) {
      execute(f, own_worker(), run_context::depth_here());
    } else {
      husks_.fetch_sub(1, memory_order_relaxed);  // it was stopped before it began, and has no entry in a queue
    }
  }
  drop_owner(f);
}

frame* core::take_any() noexcept {
  injector<frame, &frame::next_queued>::consumer outside(injected_);
  if (frame* const f = injected_.try_pop(outside)) return f;
  for (const auto& w : workers_) {
    if (frame* const f = w->steal().item) return f;
    if (frame* const f = w->children().take_oldest()) return f;
  }
  return nullptr;
}

bool core::try_run_one() noexcept {
  if (is_forked() || settling::is_here() || !this_stack_has_room()) return false;
  if (worker* const w = own_worker()) return w->run_another();
  frame* const f = take_any();
  if (f == nullptr) return false;
  const no_blocking here;  // as on a worker: the task holds its permit
  start(*f, nullptr, 0);
  return true;
}

bool core::sees_tasks() const noexcept {
  return injected_.pending() != 0 ||
         std::any_of(workers_.begin(), workers_.end(), [](const auto& w) { return w->has_tasks(); });
}

bool core::sees_work() const noexcept {
  return sees_tasks() || std::any_of(workers_.begin(), workers_.end(), [](const auto& w) { return w->has_forks(); });
}

bool core::sees_work_for(const worker& w) const noexcept {
  return sees_tasks() || std::any_of(workers_.begin(), workers_.end(),
                                     [&w](const auto& other) { return other.get() != &w && other->has_forks(); });
}

void core::drop_user() noexcept {
  if (users_.fetch_sub(1, memory_order_acq_rel) == 1) delete this;  // (4)
}

// A submission that throws was none: the sums are as if it had not been.
void core::forget(passage::kind how) noexcept {
  if (how == passage::kind::refused) return;
  if (how == passage::kind::must_wait) {
    submitted_otherwise_.fetch_sub(1, memory_order_relaxed);
  } else {
    admitted_at_once_.subtract();
  }
}

}  // namespace weir::detail
