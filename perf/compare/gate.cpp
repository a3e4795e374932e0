// The whole gate: a count, a weight of 3, a rate, a door that may be closed and a deadline; with one reading of the
// clock. And the refusal of one whose tasks are all taken.
#include <weir/admission/deadline.hpp>
#include <weir/admission/limiter.hpp>

#include "question.hpp"
#include "warm_clock.hpp"

namespace weir::perf {
namespace {

bool enter(limiter& door, const clock_source& clock, deadline until) {
  const time_point now = clock.now();
  return !until.has_passed(now) && door.try_acquire(weight, now).has_value();
}

template <int threads>
timed pass(std::int64_t each, const clock_source& clock) {
  limiter door({.max_tasks = 1'000, .max_weight = 100'000, .rate = per_second(plenty), .burst = plenty}, clock);
  const deadline until = within(std::chrono::hours(1), clock);
  return time_steps<threads>(each, [&] { return enter(door, clock, until); });
}

template <int threads>
timed refuse_at_gate(std::int64_t each, const clock_source& clock) {
  limiter door({.max_tasks = 1, .max_weight = 100'000, .rate = per_second(plenty), .burst = plenty}, clock);
  const auto held = door.try_acquire(1);
  require(held.has_value(), "the first admission");
  const deadline until = within(std::chrono::hours(1), clock);
  return time_steps<threads>(each, [&] { return !enter(door, clock, until); });
}

template <int threads>
timed pass_steady(std::int64_t each) {
  return pass<threads>(each, steady_clock_source());
}

template <int threads>
timed pass_tsc(std::int64_t each) {
  return pass<threads>(each, warm_tsc_clock());
}

template <int threads>
timed refuse_gate_steady(std::int64_t each) {
  return refuse_at_gate<threads>(each, steady_clock_source());
}

template <int threads>
timed refuse_gate_tsc(std::int64_t each) {
  return refuse_at_gate<threads>(each, warm_tsc_clock());
}

}  // namespace

void add_gate(rows& to) {
  to.insert(to.end(), {{"gate", "weir", 1, pass_steady<1>},
                       {"gate", "weir,tsc", 1, pass_tsc<1>},
                       {"gate", "weir", 2, pass_steady<2>},
                       {"gate", "weir,tsc", 2, pass_tsc<2>},
                       {"gate_refused", "weir", 1, refuse_gate_steady<1>},
                       {"gate_refused", "weir,tsc", 1, refuse_gate_tsc<1>},
                       {"gate_refused", "weir", 2, refuse_gate_steady<2>},
                       {"gate_refused", "weir,tsc", 2, refuse_gate_tsc<2>}});
}

}  // namespace weir::perf
