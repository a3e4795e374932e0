// What a task costs that does nothing but have ten children, down to single leaves, without a cut-off: skynet
// (github.com/atemerev/skynet). A variant that counts the leaves shows that all of them are run.
#include <array>

#include <weir/queues/sync.hpp>

#include "contenders.hpp"
#include "measure.hpp"

namespace weir::perf {
namespace {

struct uncounted {
  static void leaf() {}
};

struct counted {
  static void leaf() { leaves.fetch_add(1, detail::memory_order_relaxed); }
  // Leaves that were run. Writers: the workers. Reader: the caller, after the joins, which publish.
  static inline detail::atomic<std::int64_t> leaves{0};
};

template <typename With, typename Count>
std::int64_t skynet(std::int64_t first, std::int64_t leaves) {
  if (leaves == 1) {
    Count::leaf();
    return first;
  }
  const std::int64_t part = leaves / 10;
  std::array<std::int64_t, 10> sums;
  [&sums, first, part ]<std::size_t... I>(std::index_sequence<I...>) {
    With::all(
        [&sums, first, part] { sums[I] = skynet<With, Count>(first + static_cast<std::int64_t>(I) * part, part); }...);
  }
  (std::make_index_sequence<10>());
  std::int64_t sum = 0;
  for (const std::int64_t each : sums) sum += each;
  return sum;
}

template <typename With>
void skynet_of(benchmark::State& state) {
  const std::int64_t leaves = sized(1'000'000, 1'000);
  const std::int64_t sum = leaves * (leaves - 1) / 2;
  With contender(state.range(0));

  counted::leaves.store(0, detail::memory_order_relaxed);
  require(contender.run([=] { return skynet<With, counted>(0, leaves); }) == sum, "skynet, counted");
  require(counted::leaves.load(detail::memory_order_relaxed) == leaves, "skynet: leaves that were run");

  for (auto _ : state) {
    require(contender.run([=] { return skynet<With, uncounted>(0, leaves); }) == sum, "skynet");
  }
  count_items(state, "task", (leaves * 10 - 10) / 9);  // all but the root
}
BENCHMARK(skynet_of<alone>)->Name("skynet/serial")->Arg(1)->UseRealTime();
BENCHMARK(skynet_of<by_weir>)->Name("skynet/weir")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK(skynet_of<by_tbb>)->Name("skynet/tbb")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace weir::perf
