// The end of a pool, in numbered steps.
//
//   1. close the door: newcomers and all who wait are refused `closed`;
//   2. wait until nothing is live, or the deadline;
//   3. at the deadline: nothing that is queued starts any more; it is taken out and ended; what runs is asked to stop;
//   4. wait until nothing is live, or the grace is over; name what still runs.
// The destructor does 1, waits, and then lets the workers go, who have nothing left but husks to drop.
#include <cstdio>
#include <exception>

#include <weir/queues/backoff.hpp>
#include <weir/queues/sync.hpp>

#include "core.hpp"
#include "settling.hpp"

namespace weir {

std::string to_string(const shutdown_report& report) {
  switch (report.how) {
    case shutdown_report::status::clean:
      return "clean: all that was admitted ended by itself";
    case shutdown_report::status::stopped:
      return "stopped: at the deadline the rest was asked to stop, and ended";
    case shutdown_report::status::would_deadlock:
      return "would_deadlock: called on a worker, in a callback or a handler; the door is closed, wait for the end "
             "elsewhere";
    case shutdown_report::status::forked:
      return "forked: this process was forked after the pool was made; its workers are not here";
    case shutdown_report::status::stragglers:
      break;
  }
  std::string text = "stragglers: " + std::to_string(report.live) + " task(s) did not stop:";
  for (const straggler& s : report.stragglers) {
    if (s.depth != 0) text += ", which runs";
    text += " '" + std::string(s.name.empty() ? "(unnamed)" : s.name.view()) + "' (";
    if (s.depth == 0) text += s.worker < 0 ? "on no worker, " : "worker " + std::to_string(s.worker) + ", ";
    text += std::string("submitted at ") + s.where.file_name() + ":" + std::to_string(s.where.line()) + ")";
  }
  return text;
}

namespace detail {

shutdown_report core::shutdown(deadline until) {
  shutdown_report report;
  if (is_forked()) {
    report.how = shutdown_report::status::forked;
    return report;
  }
  door_.close();
  if (may_not_wait()) {
    report.how = shutdown_report::status::would_deadlock;
    report.live = door_.tasks_in_use();
    return report;
  }
  const bool ended = door_.wait_until_empty(until.at());
  if (ended && !is_stopping()) return report;
  report.how = shutdown_report::status::stopped;
  if (ended) return report;
  stop_everything();
  if (door_.wait_until_empty(add_saturated(clock().now(), options_.stop_grace))) return report;

  report.how = shutdown_report::status::stragglers;
  report.live = door_.tasks_in_use();
  for (const auto& w : workers_) w->runs().list(w->index(), report.stragglers);
  on_callers_.list(report.stragglers);
  return report;
}

void core::stop_everything() noexcept {
  stopping_.store(true, memory_order_release);  // (2)
  tell_of_a_stop();
  full_fence();  // with that of who pushes a child: it sees the stop, or this look its child
  // Workers that are free do the same; this thread does it for those that are busy. Before the callbacks, which may
  // wait for such a task.
  for (backoff hidden; sees_tasks();) {
    if (frame* const f = take_any()) {
      hidden.reset();
      start(*f, nullptr, 0);
    } else {
      hidden.pause();
    }
  }
  stops_.stop_all(stop_cause::shutdown);
}

void core::end(core* c) noexcept {
  if (c->is_forked()) return;  // the workers are not in this process; their memory stays as the fork left it
  if (c->is_inside()) {
    std::fputs("weir: a pool was destroyed by one of its own tasks, which would wait for itself; destroy it outside\n",
               stderr);
    std::terminate();
  }
  c->door_.close();
  if (settling::is_here() && c->door_.tasks_in_use() != 0) {
    std::fputs(
        "weir: a pool with live tasks was destroyed by a callable that never ran, or in a handler, where no wait is "
        "possible; shut it down before\n",
        stderr);
    std::terminate();
  }
  if (c->is_stopping() && c->options_.stragglers != stragglers::wait && c->door_.tasks_in_use() != 0) {
    if (c->options_.stragglers == stragglers::terminate) {
      std::fprintf(stderr, "weir: %s\n", to_string(c->shutdown(deadline(time_point::min()))).c_str());
      std::terminate();
    }
    for (const auto& w : c->workers_) w->detach_thread();  // abandon: the threads, and all that they use, stay
    c->timers_.detach();
    return;
  }
  (void)c->door_.wait_until_empty(time_point::max());
  c->exiting_.store(true, memory_order_release);  // (3)
  c->idle_.notify();
  for (const auto& w : c->workers_) w->join_thread();
  c->timers_.stop();
  c->drop_user();
}

}  // namespace detail
}  // namespace weir
