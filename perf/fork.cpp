// What a fork costs: the recursion that does nothing else, beside the same one that calls, and oneTBB's.
#include <benchmark/benchmark.h>

#include "contenders.hpp"
#include "measure.hpp"

namespace weir::perf {
namespace {

std::int64_t fibonacci(int n) {
  std::int64_t a = 0, b = 1;
  for (int i = 0; i < n; ++i) b += std::exchange(a, b);
  return a;
}

[[gnu::noinline]] long fib_alone(long n) { return n < 2 ? n : fib_alone(n - 1) + fib_alone(n - 2); }

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

template <typename With, long (*Fib)(long)>
void fork_fib(benchmark::State& state) {
  const int n = sized(30, 15);
  With contender(state.range(0));
  for (auto _ : state) {
    const long got = contender.run([n] { return Fib(n); });
    require(got == fibonacci(n), "fib");
  }
  count_items(state, "fork", fibonacci(n + 1) - 1);  // so many calls have two sides
}
BENCHMARK(fork_fib<alone, fib_alone>)->Name("fork_fib/serial")->Arg(1)->UseRealTime();
BENCHMARK(fork_fib<by_weir, fib_weir>)->Name("fork_fib/weir")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK(fork_fib<by_tbb, fib_tbb>)->Name("fork_fib/tbb")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace weir::perf
