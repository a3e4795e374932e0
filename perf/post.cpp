// What a task from outside the pool costs, from the first post until the last one has run; beside oneTBB's arena, and
// two workers each.
#include <weir/scheduler/pool.hpp>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <thread>

#include <weir/queues/sync.hpp>

namespace {

constexpr int batch = 50'000;

using counter = weir::detail::atomic<int>;

void wait_for(const counter& done, int expected) {
  while (done.load(weir::detail::memory_order_acquire) != expected) std::this_thread::yield();
}

void post_weir(benchmark::State& state) {
  weir::pool pool({.workers = 2});
  for (auto _ : state) {
    counter done{0};
    for (int i = 0; i < batch; ++i) {
      while (!pool.post({}, [&done] { done.fetch_add(1, weir::detail::memory_order_release); }))
        std::this_thread::yield();
    }
    wait_for(done, batch);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(post_weir)->Name("post_1/weir")->UseRealTime();

void post_tbb(benchmark::State& state) {
  // The arena's slots are all for its own threads, of which there are by default one fewer than CPUs.
  const oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, 3);
  oneapi::tbb::task_arena arena(2, 0);
  for (auto _ : state) {
    counter done{0};
    for (int i = 0; i < batch; ++i) {
      arena.enqueue([&done] { done.fetch_add(1, weir::detail::memory_order_release); });
    }
    wait_for(done, batch);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(post_tbb)->Name("post_1/tbb")->UseRealTime();

void round_trip_weir(benchmark::State& state) {
  weir::pool pool({.workers = 2});
  for (auto _ : state) benchmark::DoNotOptimize(*pool.run({}, [] { return 1; }));
}
BENCHMARK(round_trip_weir)->Name("round_trip/weir")->UseRealTime();

}  // namespace
