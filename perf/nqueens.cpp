// Forks with a little work each: all ways to place n queens, one fork for each queen that fits in a row, without a
// cut-off.
#include <array>

#include "contenders.hpp"
#include "measure.hpp"

namespace weir::perf {
namespace {

constexpr int largest = 16;
using board = std::array<signed char, largest>;  // the column of the queen in each row

bool fits(const board& queens, int row, int column) {
  for (int above = 0; above < row; ++above) {
    const int across = queens[static_cast<std::size_t>(above)] - column;
    if (across == 0 || across == row - above || across == above - row) return false;
  }
  return true;
}

struct found {
  std::int64_t solutions = 0;
  std::int64_t nodes = 0;  // queens that were placed, on the way to a solution or not
};

template <typename With>
found place_rows(const board& queens, int row, int n);

template <typename With>
found try_columns(const board& queens, int row, int n, const signed char* first, std::ptrdiff_t count) {
  if (count == 1) {
    board next = queens;
    next[static_cast<std::size_t>(row)] = *first;
    found all = place_rows<With>(next, row + 1, n);
    ++all.nodes;
    return all;
  }
  found left, right;
  const std::ptrdiff_t half = count / 2;
  With::all([&, row, n, first, half] { left = try_columns<With>(queens, row, n, first, half); },
            [&, row, n, first, half, count] { right = try_columns<With>(queens, row, n, first + half, count - half); });
  return {left.solutions + right.solutions, left.nodes + right.nodes};
}

template <typename With>
found place_rows(const board& queens, int row, int n) {
  if (row == n) return {1, 0};
  board columns;
  int count = 0;
  for (int column = 0; column < n; ++column) {
    if (fits(queens, row, column)) columns[static_cast<std::size_t>(count++)] = static_cast<signed char>(column);
  }
  return count == 0 ? found{} : try_columns<With>(queens, row, n, columns.data(), count);
}

template <typename With>
void nqueens(benchmark::State& state) {
  const int n = sized(12, 8);
  const found expected = sized(found{14'200, 856'188}, found{92, 2'056});
  With contender(state.range(0));
  for (auto _ : state) {
    const found got = contender.run([n] { return place_rows<With>(board{}, 0, n); });
    require(got.solutions == expected.solutions && got.nodes == expected.nodes, "nqueens");
  }
  count_items(state, "node", expected.nodes);
}
BENCHMARK(nqueens<alone>)->Name("nqueens/serial")->Arg(1)->UseRealTime();
BENCHMARK(nqueens<by_weir>)->Name("nqueens/weir")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK(nqueens<by_tbb>)->Name("nqueens/tbb")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace weir::perf
