// What a child of a group costs that does nothing: many of one group, and a tree of groups with one child each.
#include <oneapi/tbb/task_group.h>

#include <weir/scheduler/task_group.hpp>

#include "contenders.hpp"
#include "measure.hpp"

namespace weir::perf {
namespace {

struct weir_groups {
  using contender = by_weir;
  class group {
   public:
    explicit group(by_weir& on) : group_(on.pool()) {}
    template <typename F>
    void spawn(F&& f) {
      group_.spawn(std::forward<F>(f));
    }
    void wait() { group_.wait(); }

   private:
    weir::task_group group_;
  };
};

struct tbb_groups {
  using contender = by_tbb;
  class group {
   public:
    explicit group(by_tbb&) {}
    template <typename F>
    void spawn(F&& f) {
      group_.run(std::forward<F>(f));
    }
    void wait() { group_.wait(); }

   private:
    oneapi::tbb::task_group group_;
  };
};

template <typename With>
void flat(benchmark::State& state) {
  const std::int64_t children = sized(100'000, 100);
  typename With::contender contender(state.range(0));
  for (auto _ : state) {
    contender.run([&] {
      for (std::int64_t left = children; left > 0; left -= 100) {
        typename With::group group(contender);
        for (int i = 0; i < 100; ++i) group.spawn([] {});
        group.wait();
      }
      return 0;
    });
  }
  count_items(state, "child", children);
}
BENCHMARK(flat<weir_groups>)->Name("group/flat/weir")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK(flat<tbb_groups>)->Name("group/flat/tbb")->Arg(1)->Arg(2)->UseRealTime();

template <typename With>
std::int64_t leaves_of(typename With::contender& contender, int depth) {
  if (depth == 0) return 1;
  std::int64_t left = 0;
  typename With::group group(contender);
  group.spawn([&] { left = leaves_of<With>(contender, depth - 1); });
  const std::int64_t right = leaves_of<With>(contender, depth - 1);
  group.wait();
  return left + right;
}

template <typename With>
void tree(benchmark::State& state) {
  const int depth = sized(16, 4);
  typename With::contender contender(state.range(0));
  for (auto _ : state) {
    const std::int64_t leaves = contender.run([&] { return leaves_of<With>(contender, depth); });
    require(leaves == std::int64_t{1} << depth, "leaves of a tree of groups");
  }
  count_items(state, "child", (std::int64_t{1} << depth) - 1);
}
BENCHMARK(tree<weir_groups>)->Name("group/tree/weir")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK(tree<tbb_groups>)->Name("group/tree/tbb")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace weir::perf
