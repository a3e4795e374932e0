#include "run_plan.hpp"

#include <algorithm>
#include <sys/resource.h>
#include <thread>

#include "interrupt.hpp"
#include "setting_values.hpp"

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

weir::limits limits_for(const settings& asked, std::uint32_t median_weight) noexcept {
  const std::int64_t usual_weight = 16 * std::int64_t{median_weight} * std::int64_t{asked.workers};
  return {.max_tasks = asked.max_tasks,
          .max_weight = asked.max_weight.value_or(std::clamp<std::int64_t>(usual_weight, 1, largest_max_weight)),
          .rate = asked.rate,
          .burst = asked.burst,
          .max_waiters = asked.max_waiters,
          .max_waiting_weight = asked.max_waiting_weight,
          .overflow = asked.overflow,
          .priority_ageing = asked.priority_ageing,
          .max_bypass = asked.max_bypass,
          .strict_window = asked.strict_window,
          .allow_slow_waiters = may_be_slow(asked),
          .breaker = asked.breaker,
          .warn_at = asked.warn_at.value_or(weir::limits{}.warn_at),
          .flight_entries = asked.flight_entries};
}

std::string door_text(const weir::limits& limits, door_verb door, unsigned workers,
                      const std::optional<std::chrono::nanoseconds>& deadline) {
  const auto limit = [](std::int64_t value, std::int64_t largest) {
    return value <= largest ? count_text(value) : "unlimited";
  };
  std::string text = std::string(to_string(door)) + ", " + count_text(std::int64_t{workers}) +
                     (workers == 1 ? " worker" : " workers") + ", at most " +
                     limit(limits.max_tasks, largest_max_tasks) + " tasks of weight " +
                     limit(limits.max_weight, largest_max_weight) + ", ";
  text += limits.rate.is_unlimited() ? "any rate"
                                     : to_string(limits.rate) + " with bursts of " + count_text(limits.burst) +
                                           (limits.strict_window ? " in a strict window" : "");
  if (door != door_verb::try_submit) text += ", " + count_text(limits.max_waiters) + " waiters";
  return text + (deadline ? ", deadline " + time_text(*deadline) : ", no deadline");
}

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
