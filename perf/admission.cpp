// What the door costs: a permit taken and given back, a token, the whole gate, a refusal, and the time itself; one and
// two threads.
#include <weir/admission/limiter.hpp>
#include <weir/admission/token_bucket.hpp>
#include <weir/admission/tsc_clock.hpp>
#include <weir/admission/weighted_semaphore.hpp>

#include <benchmark/benchmark.h>

#include <semaphore>
#include <string>

#include "measure.hpp"

namespace weir::perf {
namespace {

constexpr std::int64_t plenty = 1'000'000'000;

void semaphore_weir(benchmark::State& state) {
  static weighted_semaphore semaphore(1'000);
  for (auto _ : state) require(semaphore.try_acquire(3).has_value(), "an admission");
}
BENCHMARK(semaphore_weir)->Name("admission/semaphore/weir")->ThreadRange(1, 2)->UseRealTime();

// Unweighted and without an order: the nearest thing in the standard library.
void semaphore_std(benchmark::State& state) {
  static std::counting_semaphore<1'000> semaphore(1'000);
  for (auto _ : state) {
    require(semaphore.try_acquire(), "an admission");
    semaphore.release();
  }
}
BENCHMARK(semaphore_std)->Name("admission/semaphore/std_semaphore")->ThreadRange(1, 2)->UseRealTime();

void rate_weir(benchmark::State& state) {
  static token_bucket bucket(per_second(plenty), plenty);
  for (auto _ : state) require(bucket.try_take().has_value(), "an admission");
}
BENCHMARK(rate_weir)->Name("admission/rate/weir")->ThreadRange(1, 2)->UseRealTime();

void rate_tsc_weir(benchmark::State& state) {
  static token_bucket bucket(per_second(plenty), plenty, tsc_clock_source());
  for (auto _ : state) require(bucket.try_take().has_value(), "an admission");
  state.SetLabel(std::string(tsc_clock_source().why_steady()));
}
BENCHMARK(rate_tsc_weir)->Name("admission/rate_tsc/weir")->ThreadRange(1, 2)->UseRealTime();

void rate_now_weir(benchmark::State& state) {
  static token_bucket bucket(per_second(plenty), plenty);
  const time_point now = steady_clock_source().now();
  for (auto _ : state) require(bucket.try_take(1, now).has_value(), "an admission");
}
BENCHMARK(rate_now_weir)->Name("admission/rate_now/weir")->ThreadRange(1, 2)->UseRealTime()->Iterations(plenty / 500);

void gate_weir(benchmark::State& state) {
  static limiter door({.max_tasks = 1'000, .max_weight = 100'000, .rate = per_second(plenty), .burst = plenty});
  for (auto _ : state) require(door.try_acquire(3).has_value(), "an admission");
}
BENCHMARK(gate_weir)->Name("admission/gate/weir")->ThreadRange(1, 2)->UseRealTime();

// The same with a flight recorder.
void gate_recorded_weir(benchmark::State& state) {
  static limiter door({.max_tasks = 1'000,
                       .max_weight = 100'000,
                       .rate = per_second(plenty),
                       .burst = plenty,
                       .flight_entries = 65'536});
  for (auto _ : state) require(door.try_acquire(3).has_value(), "an admission");
}
BENCHMARK(gate_recorded_weir)->Name("admission/gate_recorded/weir")->ThreadRange(1, 2)->UseRealTime();

void refusal_weir(benchmark::State& state) {
  static limiter door({.max_tasks = 1, .max_weight = 1});
  static const auto held = door.try_acquire(1);
  for (auto _ : state) require(!door.try_acquire(1).has_value(), "a refusal");
}
BENCHMARK(refusal_weir)->Name("admission/refusal/weir")->ThreadRange(1, 2)->UseRealTime();

void read_clock(benchmark::State& state, const clock_source& clock) {
  time_point last{};
  for (auto _ : state) {
    const time_point now = clock.now();
    require(last <= now, "a time that is no earlier");
    last = now;
  }
}

void now_steady(benchmark::State& state) { read_clock(state, steady_clock_source()); }
BENCHMARK(now_steady)->Name("admission/now_steady/weir")->ThreadRange(1, 2)->UseRealTime();

void now_tsc(benchmark::State& state) {
  read_clock(state, tsc_clock_source());
  state.SetLabel(std::string(tsc_clock_source().why_steady()));
}
BENCHMARK(now_tsc)->Name("admission/now_tsc/weir")->ThreadRange(1, 2)->UseRealTime();

}  // namespace
}  // namespace weir::perf
