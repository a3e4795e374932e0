// What a parallel loop costs: its floor with empty bodies, and its speed-up with long ones; beside a plain loop,
// oneTBB's and OpenMP's.
#include <weir/scheduler/parallel_for.hpp>
#include <weir/scheduler/pool.hpp>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <cstdint>

namespace {

constexpr int workers = 2;

// Arithmetic that nothing can leave out, of about a nanosecond a round.
void work(std::int64_t rounds) {
  std::uint64_t x = 88172645463325252u;
  for (std::int64_t i = 0; i < rounds; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  benchmark::DoNotOptimize(x);
}

// Iterations, and the length of each.
void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"n", "work"})
      ->Args({1'000, 0})
      ->Args({1'000'000, 0})
      ->Args({64, 100'000})
      ->Args({16, 1'000'000})
      ->UseRealTime();
}

void body(std::int64_t i, std::int64_t rounds) {
  benchmark::DoNotOptimize(i);
  if (rounds != 0) work(rounds);
}

void loop_serial(benchmark::State& state) {
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) body(i, state.range(1));
  }
}
BENCHMARK(loop_serial)->Name("loop/serial")->Apply(shapes);

void loop_weir(benchmark::State& state) {
  weir::pool pool({.workers = workers});
  (void)pool.run({}, [&] {
    for (auto _ : state) {
      weir::parallel_for(std::int64_t{0}, state.range(0), [&](std::int64_t i) { body(i, state.range(1)); });
    }
  });
}
BENCHMARK(loop_weir)->Name("loop/weir")->Apply(shapes);

void loop_tbb(benchmark::State& state) {
  const oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, workers);
  oneapi::tbb::task_arena arena(workers);
  arena.execute([&] {
    for (auto _ : state) {
      oneapi::tbb::parallel_for(std::int64_t{0}, state.range(0), [&](std::int64_t i) { body(i, state.range(1)); });
    }
  });
}
BENCHMARK(loop_tbb)->Name("loop/tbb")->Apply(shapes);

#ifdef _OPENMP
void loop_openmp(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  const std::int64_t rounds = state.range(1);
  for (auto _ : state) {
#pragma omp parallel for num_threads(workers)
    for (std::int64_t i = 0; i < n; ++i) body(i, rounds);
  }
}
BENCHMARK(loop_openmp)->Name("loop/openmp")->Apply(shapes);
#endif

}  // namespace
