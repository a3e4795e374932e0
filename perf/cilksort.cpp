// Forks that move memory: a merge sort that also merges in parallel, as cilksort does; parts of 2,048 and less are
// sorted, or merged, by the standard library.
#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "contenders.hpp"
#include "measure.hpp"

namespace weir::perf {
namespace {

constexpr std::ptrdiff_t small = 2'048;

struct range {
  int* first;
  int* last;
  [[nodiscard]] std::ptrdiff_t size() const { return last - first; }
};

template <typename With>
void merge(range a, range b, int* to) {
  if (a.size() < b.size()) std::swap(a, b);
  if (a.size() + b.size() <= small) {
    std::merge(a.first, a.last, b.first, b.last, to);
    return;
  }
  int* const half_a = a.first + a.size() / 2;
  int* const half_b = std::lower_bound(b.first, b.last, *half_a);
  int* const half_to = to + (half_a - a.first) + (half_b - b.first);
  With::all(
      [=] {
        merge<With>({a.first, half_a}, {b.first, half_b}, to);
      },
      [=] {
        merge<With>({half_a, a.last}, {half_b, b.last}, half_to);
      });
}

// In place; `spare` has room for as many.
template <typename With>
void sort(range all, int* spare) {
  if (all.size() <= small) {
    std::sort(all.first, all.last);
    return;
  }
  const std::ptrdiff_t quarter = all.size() / 4;
  int* const q[] = {all.first, all.first + quarter, all.first + 2 * quarter, all.first + 3 * quarter, all.last};
  With::all(
      [=] {
        sort<With>({q[0], q[1]}, spare);
      },
      [=] {
        sort<With>({q[1], q[2]}, spare + quarter);
      },
      [=] {
        sort<With>({q[2], q[3]}, spare + 2 * quarter);
      },
      [=] {
        sort<With>({q[3], q[4]}, spare + 3 * quarter);
      });
  With::all(
      [=] {
        merge<With>({q[0], q[1]}, {q[1], q[2]}, spare);
      },
      [=] {
        merge<With>({q[2], q[3]}, {q[3], q[4]}, spare + 2 * quarter);
      });
  merge<With>({spare, spare + 2 * quarter}, {spare + 2 * quarter, spare + all.size()}, all.first);
}

template <typename With>
void cilksort(benchmark::State& state) {
  const std::size_t count = sized<std::size_t>(1'000'000, 20'000);
  std::vector<int> sorted(count), shuffled, numbers, spare(count);
  std::iota(sorted.begin(), sorted.end(), 0);
  shuffled = sorted;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(1));
  With contender(state.range(0));
  for (auto _ : state) {
    numbers = shuffled;
    const auto begun = std::chrono::steady_clock::now();
    const std::size_t done = contender.run([&] {
      sort<With>({numbers.data(), numbers.data() + count}, spare.data());
      return count;
    });
    state.SetIterationTime(seconds_since(begun));
    require(done == count && numbers == sorted, "sorted numbers");
  }
  count_items(state, "number", static_cast<std::int64_t>(count));
}
BENCHMARK(cilksort<alone>)->Name("cilksort/serial")->Arg(1)->UseManualTime();
BENCHMARK(cilksort<by_weir>)->Name("cilksort/weir")->Arg(1)->Arg(2)->UseManualTime();
BENCHMARK(cilksort<by_tbb>)->Name("cilksort/tbb")->Arg(1)->Arg(2)->UseManualTime();

}  // namespace
}  // namespace weir::perf
