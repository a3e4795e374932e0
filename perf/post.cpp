// What a task from outside the pool costs, from the first post until the last one has run: by 1, 2 and 4 threads at
// once. With the limits as they are by default, and with all of them on.
#include <memory>
#include <vector>

#include "counts_by_worker.hpp"
#include "doors.hpp"
#include "measure.hpp"

namespace weir::perf {
namespace {

/// Threads that begin at the same time.
class start_line {
 public:
  void wait_for_the_start() {
    ready_.fetch_add(1, detail::memory_order_release);                               // (1)
    while (!started_.load(detail::memory_order_acquire)) std::this_thread::yield();  // (2)
  }
  void start(int threads) {
    await(
        "threads that begin", [&] { return ready_.load(detail::memory_order_acquire) == threads; },  // (1)
        std::this_thread::yield);
    started_.store(true, detail::memory_order_release);  // (2)
  }

 private:
  // How many threads wait for the start. (1) ready: release addition by each -> acquire load by who starts them.
  detail::atomic<int> ready_{0};
  // (2) started: release store by who starts them -> acquire load by each.
  detail::atomic<bool> started_{false};
};

template <typename Door>
void post(benchmark::State& state) {
  const int producers = static_cast<int>(state.range(0));
  const int each = sized(200'000, 2'000) / producers;
  auto counts = std::make_unique<counts_by_worker>();
  std::int64_t posted = 0;
  {
    Door door;
    for (auto _ : state) {
      start_line line;
      std::vector<std::thread> threads;
      for (int i = 0; i < producers; ++i) {
        threads.emplace_back([&line, &door, to = counts.get(), each] {
          line.wait_for_the_start();
          for (int k = 0; k < each; ++k) door.post([to] { to->add_one(Door::worker()); });
        });
      }
      line.start(producers);
      const auto begun = std::chrono::steady_clock::now();
      for (std::thread& thread : threads) thread.join();
      posted += std::int64_t{producers} * each;
      counts->await(posted);
      state.SetIterationTime(seconds_since(begun));
    }
  }
  require(counts->sum() == posted, "a task ran twice");
  count_items(state, "task", std::int64_t{producers} * each);
}
BENCHMARK(post<weir_door>)->Name("post/weir")->Arg(1)->Arg(2)->Arg(4)->UseManualTime();
BENCHMARK(post<untimed_weir_door>)->Name("post/weir_none_timed")->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(post<timed_weir_door>)->Name("post/weir_all_timed")->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(post<limited_weir_door>)->Name("post/weir_all_limits")->Arg(1)->Arg(2)->Arg(4)->UseManualTime();
BENCHMARK(post<recorded_weir_door>)->Name("post/weir_recorded")->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(post<tbb_door>)->Name("post/tbb")->Arg(1)->Arg(2)->Arg(4)->UseManualTime();

void round_trip(benchmark::State& state) {
  pool pool({.workers = door_workers});
  for (auto _ : state) require(*pool.run({}, [] { return 1; }) == 1, "result of a task");
}
BENCHMARK(round_trip)->Name("round_trip/weir")->UseRealTime();

}  // namespace
}  // namespace weir::perf
