// Real work of a known size: a chain of dependent arithmetic that is measured once and then counted in iterations, not
// in clock reads, so that it takes the same CPU time however often its thread is preempted.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace weir::tools {

/// Runs `iterations` steps and returns a number that depends on all of them.
std::uint64_t spin_iterations(std::uint64_t iterations, std::uint64_t start) noexcept;

/// How fast this host spins.
struct cpu_speed {
  double iterations_per_ns = 0;  ///< of one thread, while as many run as the host has CPUs for
  double parallel = 0;           ///< CPU seconds of work done per second by all threads together
};

/// Measures for about 100 ms of CPU time with `threads` threads at once (at least 1): the speed is the median over
/// short measurements by each thread's own CPU clock. Blocking. @throws std::runtime_error if the CPU clock stands
/// still.
[[nodiscard]] cpu_speed calibrate(unsigned threads);

/// Takes `work` of CPU time, asking `stop()` before each 50 us of it. Returns whether it got to the end.
template <typename Stop>
bool do_cpu_work(const cpu_speed& speed, std::chrono::nanoseconds work, Stop&& stop) {
  constexpr double slice_ns = 50'000;
  const auto slice = static_cast<std::uint64_t>(slice_ns * speed.iterations_per_ns) + 1;
  auto left = static_cast<std::uint64_t>(static_cast<double>(work.count()) * speed.iterations_per_ns);
  std::uint64_t value = left;
  while (left > 0) {
    if (stop()) return false;
    const std::uint64_t now = std::min(left, slice);
    value = spin_iterations(now, value);
    left -= now;
  }
  return true;
}

}  // namespace weir::tools
