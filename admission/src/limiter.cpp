// The public face of the gate: the limiter; and the semaphore, which is a limiter with one limit.
#include <weir/admission/limiter.hpp>

#include <weir/admission/detail/asked.hpp>
#include <weir/admission/detail/thread_waiter.hpp>
#include <weir/admission/weighted_semaphore.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace weir {
namespace {

using detail::door_request;
using detail::gate;
using detail::time_of;

door_request request_for(std::int64_t weight) noexcept { return {.weight = static_cast<std::uint32_t>(weight)}; }

door_request request_for(std::int64_t weight, deadline patience) noexcept {
  return {.weight = static_cast<std::uint32_t>(weight), .may_wait = true, .patience = patience};
}

door_request request_for(const acquire_options& asked) noexcept {
  return {.weight = static_cast<std::uint32_t>(asked.weight),
          .priority = static_cast<std::uint8_t>(asked.priority),
          .may_wait = true,
          .deadline = asked.deadline,
          .patience = asked.until};
}

std::int64_t check_capacity(std::int64_t capacity) {
  if (capacity >= 1 && capacity <= largest_max_weight) return capacity;
  throw std::invalid_argument("weir: the capacity of a weighted_semaphore is " + std::to_string(capacity) +
                              ": it must be 1 to " + std::to_string(largest_max_weight));
}

limits limits_of(std::int64_t capacity, const line_bounds& line) {
  return {.max_tasks = unlimited,
          .max_weight = check_capacity(capacity),
          .max_waiters = line.max_waiters,
          .max_waiting_weight = line.max_waiting_weight};
}

// The refusal of an attempt, written where it is wanted.
struct told_why {
  const gate& at;
  const gate::verdict& v;
  const door_request& asked;
  operator refusal() const noexcept { return at.explain(v, asked); }  // NOLINT: for weir::result
};

}  // namespace

limiter::limiter(const limits& configured, const clock_source& clock, pressure_handler on_pressure)
    : gate_(configured, clock, nullptr, 0, {}, {}, std::move(on_pressure)), timer_(gate_, clock) {
  gate_.set_alarm(timer_);
}

limiter::limiter(const limits& configured, const clock_source& clock, pressure_handler on_pressure,
                 detail::gate::alarm& for_tokens, std::size_t givers)
    : gate_(configured, clock, &for_tokens, givers, {}, {}, std::move(on_pressure)), timer_(gate_, clock) {}

bool limiter::wait_until_within(deadline until) noexcept {
  return gate_.wait_until_within(detail::this_thread_may_block() ? until.at() : time_point::min());
}

result<permit> limiter::try_acquire(std::int64_t weight) noexcept {
  return attempt(weight, gate_.clock().now(), time_of::own_clock);
}

result<permit> limiter::try_acquire(std::int64_t weight, time_point now) noexcept {
  return attempt(weight, now, time_of::caller);
}

result<permit> limiter::attempt(std::int64_t weight, time_point now, time_of whose) noexcept {
  if (const auto wrong = detail::check_weight(gate_, weight)) return *wrong;
  const door_request asked = request_for(weight);
  const gate::verdict v = gate_.try_admit(asked, now, whose);
  if (!v.granted) return told_why{gate_, v, asked};
  return permit(gate_, asked.weight, {v.stamp, v.took_token});
}

result<permit> limiter::acquire(std::int64_t weight, deadline until, const std::stop_token& stop) {
  if (const auto wrong = detail::check_weight(gate_, weight)) return *wrong;
  return wait_for(request_for(weight, until), stop);
}

result<permit> limiter::acquire(const acquire_options& asked) {
  if (const auto wrong = detail::check_weight(gate_, asked.weight)) return *wrong;
  if (const auto wrong = detail::check_priority(asked.priority)) return *wrong;
  return wait_for(request_for(asked), asked.stop);
}

result<permit> limiter::wait_for(const door_request& asked, const std::stop_token& stop) {
  if (!detail::this_thread_may_block()) {
    return refusal{.reason = refusal_reason::would_deadlock, .asked = asked.weight};
  }
  const result<detail::admission> in = detail::acquire(gate_, asked, stop);
  if (!in) return in.error();
  return permit(gate_, asked.weight, *in);
}

weighted_semaphore::weighted_semaphore(std::int64_t capacity, std::int64_t max_waiters, const clock_source& clock)
    : weighted_semaphore(capacity, {.max_waiters = max_waiters}, clock) {}

weighted_semaphore::weighted_semaphore(std::int64_t capacity, const line_bounds& line, const clock_source& clock)
    : limiter_(limits_of(capacity, line), clock), line_(line) {}

void weighted_semaphore::set_capacity(std::int64_t capacity) { limiter_.set_limits(limits_of(capacity, line_)); }

result<permit> weighted_semaphore::try_or_explain(std::int64_t weight) noexcept {
  return limiter_.try_acquire(weight, time_point{});  // no rate and no deadline: the time is not looked at
}

result<permit> weighted_semaphore::acquire(std::int64_t weight, deadline until, const std::stop_token& stop) {
  if (detail::this_thread_may_block() && !stop.stop_requested()) [[likely]] {
    if (permit granted = limiter_.acquire_at_once(weight)) [[likely]]
      return granted;
  }
  return limiter_.acquire(weight, until, stop);
}

}  // namespace weir
