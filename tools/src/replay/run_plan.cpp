#include "run_plan.hpp"

#include <algorithm>
#include <sys/resource.h>
#include <thread>

#include "interrupt.hpp"

namespace weir::tools {

namespace {

std::chrono::nanoseconds process_cpu_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

}  // namespace

run_clock::run_clock()
    : start_(std::chrono::steady_clock::now() + std::chrono::milliseconds(20)), cpu_before_(process_cpu_time()) {}

void run_clock::stop(outcome& of) const {
  of.wall = std::max(std::chrono::steady_clock::now() - start_, std::chrono::steady_clock::duration::zero());
  of.cpu = process_cpu_time() - cpu_before_;
}

ledger::settings books_for(const run_plan& plan, const run_clock& clock, bool stamps) {
  const std::chrono::nanoseconds played = plan.run_for ? std::min(plan.span, *plan.run_for) : plan.span;
  return {.start = clock.start(),
          .arrivals = played,
          .deadline = plan.deadline,
          .stamps = stamps ? static_cast<std::size_t>(plan.requests) : 0};
}

submission_plan submission_for(const run_plan& plan, const run_clock& clock) {
  return {.start = clock.start(), .speed = plan.speed, .run_for = plan.run_for, .stop = &interrupt_watch::interrupted};
}

entry entry_of(const run_plan& plan, const request& one, time_point intended) noexcept {
  return {.intended = intended, .weight = one.weight, .heavy = one.weight > plan.heavy_above};
}

void wait_for_all(const ledger& books) {
  while (books.open() > 0 && !interrupt_watch::interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

progress_sample sample_of(const run_plan& plan, const run_clock& clock, const ledger& books) {
  progress_sample now;
  now.elapsed = std::max(std::chrono::steady_clock::now() - clock.start(), std::chrono::steady_clock::duration::zero());
  now.arrivals_end = plan.run_for ? std::min(plan.span, *plan.run_for) : plan.span;
  now.submitted = books.submitted();
  now.admitted = books.admitted();
  for (std::size_t i = 0; i < refusal_reason_count; ++i)
    now.refused[i] = books.refusals_on_return(static_cast<refusal_reason>(i));
  now.live_tasks = books.live_tasks();
  now.max_tasks = plan.limits.max_tasks;
  now.queue_p99 = books.queue_p99();
  return now;
}

}  // namespace weir::tools
