// What a fork costs: the recursion that does nothing else, beside the same one that calls, and oneTBB's.
#include <weir/scheduler/fork_join.hpp>
#include <weir/scheduler/pool.hpp>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_invoke.h>
#include <oneapi/tbb/task_arena.h>

namespace {

constexpr int fib_of = 30;

constexpr std::int64_t forks_of_fib(int n) {
  std::int64_t a = 0, b = 1;  // fib(n + 1) - 1 calls have two sides
  for (int i = 0; i <= n; ++i) {
    const std::int64_t next = a + b;
    a = b;
    b = next;
  }
  return a - 1;
}

[[gnu::noinline]] long fib_serial(long n) { return n < 2 ? n : fib_serial(n - 1) + fib_serial(n - 2); }

long fib_weir(long n) {
  if (n < 2) return n;
  auto [a, b] = weir::fork_join([n] { return fib_weir(n - 1); }, [n] { return fib_weir(n - 2); });
  return a + b;
}

long fib_tbb(long n) {
  if (n < 2) return n;
  long a = 0, b = 0;
  oneapi::tbb::parallel_invoke([&a, n] { a = fib_tbb(n - 1); }, [&b, n] { b = fib_tbb(n - 2); });
  return a + b;
}

void count_forks(benchmark::State& state) {
  state.counters["ns/fork"] = benchmark::Counter(static_cast<double>(state.iterations() * forks_of_fib(fib_of)) * 1e-9,
                                                 benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void fork_serial(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(fib_serial(fib_of));
  count_forks(state);
}
BENCHMARK(fork_serial)->Name("fork_fib/serial")->UseRealTime();

void fork_weir(benchmark::State& state) {
  weir::pool pool({.workers = static_cast<int>(state.range(0))});
  for (auto _ : state) benchmark::DoNotOptimize(*pool.run({}, [] { return fib_weir(fib_of); }));
  count_forks(state);
}
BENCHMARK(fork_weir)->Name("fork_fib/weir")->Arg(1)->Arg(2)->UseRealTime();

void fork_tbb(benchmark::State& state) {
  const auto workers = static_cast<std::size_t>(state.range(0));
  const oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, workers);
  oneapi::tbb::task_arena arena(static_cast<int>(workers));
  for (auto _ : state) benchmark::DoNotOptimize(arena.execute([] { return fib_tbb(fib_of); }));
  count_forks(state);
}
BENCHMARK(fork_tbb)->Name("fork_fib/tbb")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
