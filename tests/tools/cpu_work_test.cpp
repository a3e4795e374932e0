#include "replay/cpu_work.hpp"

#include <ctime>
#include <gtest/gtest.h>
#include <weir/scheduler/cpu_count.hpp>

namespace weir::tools {
namespace {

using namespace std::chrono_literals;

std::chrono::nanoseconds cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

TEST(CpuWork, CalibrationIsPositiveForAnyNumberOfThreads) {
  const auto cpus = static_cast<unsigned>(default_cpu_count().affinity);  // a quota may be outrun for a while
  for (const unsigned threads : {1U, cpus, cpus + 3}) {
    const cpu_speed speed = calibrate(threads);
    EXPECT_GT(speed.iterations_per_ns, 0);
    EXPECT_GT(speed.parallel, 0);
    EXPECT_LE(speed.parallel, cpus * 1.5);
  }
}

TEST(CpuWork, IterationsTakeTimeInProportion) {
  // Ratios, and the smallest of several, since other programs share the CPU.
  const auto least = [](std::uint64_t iterations) {
    std::chrono::nanoseconds best = 1h;
    for (int i = 0; i < 9; ++i) {
      const auto before = cpu_time();
      (void)spin_iterations(iterations, 1);
      best = std::min(best, cpu_time() - before);
    }
    return static_cast<double>(best.count());
  };
  EXPECT_NEAR(least(2'000'000) / least(500'000), 4, 1);
}

TEST(CpuWork, StopIsAskedEveryFiftyMicrosecondsOfWork) {
  const cpu_speed speed{.iterations_per_ns = 0.001, .parallel = 1};  // so that a second of it is a million steps
  int asked = 0;
  EXPECT_TRUE(do_cpu_work(speed, 10ms, [&] {
    ++asked;
    return false;
  }));
  EXPECT_NEAR(asked, 10'000 / 50, 6);

  asked = 0;
  EXPECT_FALSE(do_cpu_work(speed, 10ms, [&] { return ++asked == 7; }));
  EXPECT_EQ(asked, 7);
}

TEST(CpuWork, NoWorkAsksNobody) {
  EXPECT_TRUE(do_cpu_work({.iterations_per_ns = 1, .parallel = 1}, 0ns, [] { return true; }));
}

TEST(CpuWork, SpinDependsOnEveryStep) {
  EXPECT_EQ(spin_iterations(0, 5), 5U);
  EXPECT_EQ(spin_iterations(100, 5), spin_iterations(60, spin_iterations(40, 5)));
}

}  // namespace
}  // namespace weir::tools
