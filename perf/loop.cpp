// What a parallel loop costs: its floor with empty bodies, and its speed-up with long ones; beside a plain loop,
// oneTBB's and OpenMP's.
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <vector>

#include "contenders.hpp"
#include "measure.hpp"

namespace weir::perf {
namespace {

constexpr int workers = 2;
constexpr std::int64_t rounds_of_a_microsecond = 610;  // on the machine of README.md

// Arithmetic that nothing can leave out.
void work(std::int64_t microseconds) {
  std::uint64_t x = 88172645463325252u;
  for (std::int64_t i = 0; i < microseconds * rounds_of_a_microsecond; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  benchmark::DoNotOptimize(x);
}

// Iterations, and the length of each in microseconds.
void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"n", "us"})->Args({1'000, 0})->Args({1'000'000, 0})->Args({64, 100})->Args({16, 1'000})->UseRealTime();
}

struct plain_loop {
  template <typename F>
  static void each(std::int64_t n, F f) {
    for (std::int64_t i = 0; i < n; ++i) f(i);
  }
};

struct weir_loop {
  template <typename F>
  static void each(std::int64_t n, F f) {
    parallel_for(std::int64_t{0}, n, f);
  }
};

struct tbb_loop {
  template <typename F>
  static void each(std::int64_t n, F f) {
    oneapi::tbb::parallel_for(std::int64_t{0}, n, f);
  }
};

template <typename With, typename Loop>
void loop(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  const std::int64_t microseconds = state.range(1);
  With contender(workers);
  std::vector<signed char> called(static_cast<std::size_t>(n));
  contender.run([&] {
    Loop::each(n, [&](std::int64_t i) { ++called[static_cast<std::size_t>(i)]; });
    require(std::count(called.begin(), called.end(), 1) == n, "iterations");
    for (auto _ : state) {
      Loop::each(n, [microseconds](std::int64_t i) {
        benchmark::DoNotOptimize(i);
        if (microseconds != 0) work(microseconds);
      });
    }
    return 0;
  });
}
BENCHMARK(loop<alone, plain_loop>)->Name("loop/serial")->Apply(shapes);
BENCHMARK(loop<by_weir, weir_loop>)->Name("loop/weir")->Apply(shapes);
BENCHMARK(loop<by_tbb, tbb_loop>)->Name("loop/tbb")->Apply(shapes);

#ifdef _OPENMP
struct openmp_loop {
  template <typename F>
  static void each(std::int64_t n, F f) {
#pragma omp parallel for num_threads(workers)
    for (std::int64_t i = 0; i < n; ++i) f(i);
  }
};
BENCHMARK(loop<alone, openmp_loop>)->Name("loop/openmp")->Apply(shapes);
#endif

}  // namespace
}  // namespace weir::perf
