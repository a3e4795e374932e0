// What the benchmarks share: results that are checked, waits that end, sizes, and the names of their numbers.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace weir::perf {

/// Whether all is to be tiny: a look at whether everything works, and no measurement. Set before the first benchmark.
inline bool is_smoke_test = false;

template <typename Size>
[[nodiscard]] Size sized(Size full, Size tiny) noexcept {
  return is_smoke_test ? tiny : full;
}

/// A wrong result is not worth its time: it ends the program.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "weir_perf: wrong: %s\n", what);
  std::_Exit(1);
}

/// Waits for what other threads do, and ends the program where it does not come. `pause` is what it does between two
/// looks.
template <typename Condition, typename Pause>
void await(const char* what, Condition holds, Pause pause) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    require(std::chrono::steady_clock::now() < limit, what);
    pause();
  }
}

inline void nap() { std::this_thread::sleep_for(std::chrono::microseconds(50)); }

/// The time for each of the `items` of one iteration; printed as such, as in fork=4.8ns.
inline void count_items(benchmark::State& state, const char* name, std::int64_t items) {
  state.counters[name] = benchmark::Counter(static_cast<double>(state.iterations() * items),
                                            benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

[[nodiscard]] inline double seconds_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace weir::perf
