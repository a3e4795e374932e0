// Work that nobody can divide beforehand: the nodes of a random tree are counted, of which each says only when it is
// visited how many children it has. Unbalanced tree search (Olivier et al., LCPC 2006): its tree T1 is geometric, of
// branching factor 4 down to depth 10, seed 19, and has 4,130,071 nodes. A node's random number is the SHA-1 of its
// parent's and its own place.
#include <cmath>

#include "contenders.hpp"
#include "measure.hpp"
#include "sha1.hpp"

namespace weir::perf {
namespace {

constexpr std::uint32_t seed = 19;
constexpr double branching = 4;

struct node {
  sha1_digest random;
  int depth;
};

node root() { return {sha1(std::array<std::uint32_t, 5>{0, 0, 0, 0, seed}), 0}; }

node child(const node& of, int place) {
  const auto& r = of.random;
  return {sha1(std::array<std::uint32_t, 6>{r[0], r[1], r[2], r[3], r[4], static_cast<std::uint32_t>(place)}),
          of.depth + 1};
}

int children(const node& of, int depth) {
  if (of.depth >= depth) return 0;
  const double uniform = static_cast<double>(of.random[4] & 0x7fff'ffffu) / 2'147'483'648.0;
  return static_cast<int>(std::floor(std::log(1 - uniform) / std::log(1 - 1 / (1 + branching))));
}

template <typename With>
std::int64_t count_nodes(const node& from, int depth);

template <typename With>
std::int64_t count_below(const node& parent, int depth, int first, int count) {
  if (count == 1) return count_nodes<With>(child(parent, first), depth);
  std::int64_t left = 0, right = 0;
  const int half = count / 2;
  With::all([&, depth, first, half] { left = count_below<With>(parent, depth, first, half); },
            [&, depth, first, half, count] { right = count_below<With>(parent, depth, first + half, count - half); });
  return left + right;
}

template <typename With>
std::int64_t count_nodes(const node& from, int depth) {
  const int count = children(from, depth);
  return 1 + (count == 0 ? 0 : count_below<With>(from, depth, 0, count));
}

template <typename With>
void uts(benchmark::State& state) {
  const int depth = sized(10, 5);
  const std::int64_t nodes = sized(4'130'071, 3'987);
  With contender(state.range(0));
  for (auto _ : state) {
    const std::int64_t got = contender.run([depth] { return count_nodes<With>(root(), depth); });
    require(got == nodes, "nodes of the tree");
  }
  count_items(state, "node", nodes);
}
BENCHMARK(uts<alone>)->Name("uts/serial")->Arg(1)->UseRealTime();
BENCHMARK(uts<by_weir>)->Name("uts/weir")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK(uts<by_tbb>)->Name("uts/tbb")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace weir::perf
