#include "submitter.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <memory>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "ledger.hpp"

namespace weir::tools {

namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// Requests read ahead of their time, so that reading a file does not make them late.
class read_ahead {
 public:
  explicit read_ahead(request_source& source) : source_(source) {}

  // The next request, or with `index` one after it; nullptr if there are not so many.
  const request* peek(std::size_t index = 0) {
    while (end_ - first_ <= index) {
      if (!read_one()) return nullptr;
    }
    return &ring_[(first_ + index) % ring_.size()];
  }
  void pop() { ++first_; }

  // Reads one more request, unless there is no room or no more.
  bool read_one() {
    if (ended_ || end_ - first_ == ring_.size()) return false;
    if (source_.next(ring_[end_ % ring_.size()])) {
      ++end_;
    } else {
      ended_ = true;
    }
    return !ended_;
  }

 private:
  request_source& source_;
  std::array<request, 1024> ring_;
  std::size_t first_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
};

// Until `due`, or until a signal comes.
void sleep_until(time_point due) {
  const auto since_boot = due.time_since_epoch();  // the steady clock is CLOCK_MONOTONIC
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  timespec at{};
  at.tv_sec = static_cast<time_t>(seconds.count());
  at.tv_nsec = static_cast<long>((since_boot - seconds).count());
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
}

// Waking up takes CPU time that the requests are to have, 13 us or so with what it does to the thread that was running.
// Where four arrivals are due within a millisecond they come in small groups, up to half a millisecond late.
nanoseconds shortest_sleep(time_point now, read_ahead& ahead, const submission_plan& plan) {
  constexpr std::size_t group = 4;
  const request* const later = ahead.peek(group - 1);
  const bool dense =
      later != nullptr && plan.start + at_speed(later->arrival, plan.speed) <= now + std::chrono::milliseconds(1);
  return dense ? std::chrono::microseconds(500) : nanoseconds(0);
}

// Waits for `due`, the time of the next request; false if it was stopped before.
bool wait_until(time_point due, read_ahead& ahead, const submission_plan& plan) {
  constexpr nanoseconds reading_takes = std::chrono::microseconds(50);
  constexpr nanoseconds longest_sleep = std::chrono::milliseconds(100);  // a signal between the question and the sleep
  for (;;) {
    if (plan.stop()) return false;
    const time_point now = steady_clock::now();
    if (now >= due) return true;
    if (due - now > reading_takes && ahead.read_one()) continue;
    sleep_until(now + std::clamp(due - now, shortest_sleep(now, ahead, plan), longest_sleep));
  }
}

}  // namespace

raised_priority::raised_priority() noexcept
    : policy_before_(::sched_getscheduler(0)), nice_before_(::getpriority(PRIO_PROCESS, 0)) {
  ::sched_getparam(0, &param_before_);
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // 1 ns: else a sleep may end 50 us late
  // Reset on fork: threads that the pool starts later, on this thread, are not to inherit it.
  const int own = policy_before_ & ~SCHED_RESET_ON_FORK;
  const bool has_it = own == SCHED_FIFO || own == SCHED_RR;
  sched_param real_time = param_before_;
  if (!has_it) real_time.sched_priority = ::sched_get_priority_min(SCHED_RR);
  if (::sched_setscheduler(0, (has_it ? own : SCHED_RR) | SCHED_RESET_ON_FORK, &real_time) == 0) {
    granted_ = "real time";
    return;
  }
  const sched_param usual{};
  if (::sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &usual) == 0 &&
      ::setpriority(PRIO_PROCESS, 0, -10) == 0) {
    granted_ = "nice -10";
    return;
  }
  granted_ = "no higher priority";
}

raised_priority::~raised_priority() {
  ::prctl(PR_SET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);  // 0: the default again
  // Reset on fork stays: only who has the right to may take it back.
  ::sched_setscheduler(0, policy_before_ | SCHED_RESET_ON_FORK, &param_before_);
  if (granted_ == "nice -10") ::setpriority(PRIO_PROCESS, 0, nice_before_);
}

nanoseconds at_speed(nanoseconds arrival, double speed) noexcept {
  if (speed == 1) return arrival;
  return nanoseconds(std::llround(static_cast<double>(arrival.count()) / speed));
}

submission submit_all(request_source& source, const submission_plan& plan,
                      const std::function<void(const request&, time_point intended)>& hand_over) {
  const auto lag = std::make_unique<time_histogram>();
  const auto ahead = std::make_unique<read_ahead>(source);
  submission done;
  time_point ready = plan.start;  // when the submitter could turn to this arrival
  while (const request* const next = ahead->peek()) {
    const nanoseconds offset = at_speed(next->arrival, plan.speed);
    if (plan.run_for && offset > *plan.run_for) break;
    const time_point due = plan.start + offset;
    if (!wait_until(due, *ahead, plan)) {
      done.stopped = true;
      break;
    }
    const time_point now = steady_clock::now();
    lag->record(now - (plan.hand_over_waits ? std::max(due, ready) : due));
    done.arrivals = now - plan.start;
    hand_over(*next, due);
    ahead->pop();
    if (plan.hand_over_waits) ready = steady_clock::now();
  }
  done.lag = times_of(*lag);
  return done;
}

}  // namespace weir::tools
