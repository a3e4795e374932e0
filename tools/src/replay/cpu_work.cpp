#include "cpu_work.hpp"

#include <array>
#include <ctime>
#include <sched.h>
#include <stdexcept>
#include <thread>
#include <vector>

#include <weir/queues/sync.hpp>

namespace weir::tools {

namespace {

constexpr std::size_t rounds = 15;
constexpr std::chrono::milliseconds round_length{6};

std::chrono::nanoseconds thread_cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// Iterations per nanosecond of this thread's CPU time, and of the wall's.
struct spin_rate {
  double by_cpu = 0;
  double by_wall = 0;
};

spin_rate timed_spin(std::uint64_t iterations) {
  const auto start = std::chrono::steady_clock::now();
  const std::chrono::nanoseconds before = thread_cpu_time();
  spin_iterations(iterations, iterations);
  const std::chrono::nanoseconds cpu = thread_cpu_time() - before;
  const std::chrono::nanoseconds wall = std::chrono::steady_clock::now() - start;
  const auto rate = [iterations](std::chrono::nanoseconds took) {
    return took.count() > 0 ? static_cast<double>(iterations) / static_cast<double>(took.count()) : 0;
  };
  return {.by_cpu = rate(cpu), .by_wall = rate(wall)};
}

using measured = std::array<spin_rate, rounds>;

measured measure() {
  const double guess = std::max(timed_spin(200'000).by_cpu, 0.01);
  const auto iterations =
      static_cast<std::uint64_t>(guess * static_cast<double>(std::chrono::nanoseconds(round_length).count()));
  measured all;
  for (spin_rate& rate : all) rate = timed_spin(iterations);
  return all;
}

// Keeps the calling thread on one of the CPUs that it may use, the `index`th, beginning again after the last: two
// threads that are started on one CPU may stay there for longer than the measurement takes.
void stay_on_cpu(unsigned index) {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0 || CPU_COUNT(&usable) == 0) return;
  unsigned left = index % static_cast<unsigned>(CPU_COUNT(&usable));
  std::size_t cpu = 0;
  while (!CPU_ISSET(cpu, &usable) || left-- > 0) ++cpu;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  ::sched_setaffinity(0, sizeof one, &one);
}

double quantile_of(std::vector<double> values, double q) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size()));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

std::uint64_t spin_iterations(std::uint64_t iterations, std::uint64_t start) noexcept {
  std::uint64_t value = start;
  for (std::uint64_t i = 0; i < iterations; ++i) {
    value = value * 0x5851f42d4c957f2d + 1;
    __asm__ __volatile__("" : "+r"(value));  // no shortcut: each step is taken
  }
  return value;
}

cpu_speed calibrate(unsigned threads) {
  std::vector<measured> results(threads);
  // Counts the threads that are ready; they start together, so that each measures beside all others.
  // (1) relaxed: it publishes nothing, it only holds them back.
  detail::atomic<unsigned> ready{0};
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      stay_on_cpu(i);
      ready.fetch_add(1, detail::memory_order_relaxed);                                   // (1)
      while (ready.load(detail::memory_order_relaxed) < threads) detail::thread_yield();  // (1)
      results[i] = measure();
    });
  }
  for (std::thread& thread : running) thread.join();

  std::vector<double> speeds;
  for (const measured& one : results) {
    for (const spin_rate& rate : one) speeds.push_back(rate.by_cpu);
  }
  cpu_speed speed{.iterations_per_ns = quantile_of(speeds, 0.5)};
  if (!(speed.iterations_per_ns > 0)) {
    throw std::runtime_error("the CPU clock of a thread stands still: work cannot be calibrated here");
  }
  for (const measured& one : results) {
    // The upper quartile: other programs only ever slow a round down.
    std::vector<double> by_wall;
    for (const spin_rate& rate : one) by_wall.push_back(rate.by_wall);
    speed.parallel += quantile_of(by_wall, 0.75) / speed.iterations_per_ns;
  }
  return speed;
}

}  // namespace weir::tools
