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

double iterations_per_ns(std::uint64_t iterations) {
  const std::chrono::nanoseconds before = thread_cpu_time();
  spin_iterations(iterations, iterations);
  const std::chrono::nanoseconds took = thread_cpu_time() - before;
  return took.count() > 0 ? static_cast<double>(iterations) / static_cast<double>(took.count()) : 0;
}

// What one thread saw: its speed in each round, and how long all rounds took by the wall clock.
struct measured {
  std::array<double, rounds> speed{};
  double done = 0;  // iterations
  std::chrono::nanoseconds wall{};
};

measured measure() {
  const double guess = std::max(iterations_per_ns(200'000), 0.01);
  const auto iterations =
      static_cast<std::uint64_t>(guess * static_cast<double>(std::chrono::nanoseconds(round_length).count()));
  measured all;
  const auto start = std::chrono::steady_clock::now();
  for (double& speed : all.speed) {
    speed = iterations_per_ns(iterations);
    all.done += static_cast<double>(iterations);
  }
  all.wall = std::chrono::steady_clock::now() - start;
  return all;
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
      ready.fetch_add(1, detail::memory_order_relaxed);                                   // (1)
      while (ready.load(detail::memory_order_relaxed) < threads) detail::thread_yield();  // (1)
      results[i] = measure();
    });
  }
  for (std::thread& thread : running) thread.join();

  std::vector<double> speeds;
  for (const measured& one : results) speeds.insert(speeds.end(), one.speed.begin(), one.speed.end());
  const auto middle = speeds.begin() + static_cast<std::ptrdiff_t>(speeds.size() / 2);
  std::nth_element(speeds.begin(), middle, speeds.end());
  if (!(*middle > 0))
    throw std::runtime_error("the CPU clock of a thread stands still: work cannot be calibrated here");
  cpu_speed speed{.iterations_per_ns = *middle};
  for (const measured& one : results) {
    speed.parallel += one.done / *middle / static_cast<double>(std::max<std::int64_t>(one.wall.count(), 1));
  }
  return speed;
}

unsigned usable_cpus() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(std::max(CPU_COUNT(&set), 1));
  return std::max(std::thread::hardware_concurrency(), 1U);
}

}  // namespace weir::tools
