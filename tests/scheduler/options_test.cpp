// Bad configuration is refused in the constructor, with the field, the value and the rule.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <weir/weir.hpp>

#include "support/pools.hpp"
#include "support/this_thread.hpp"

namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string mistake_in(const weir::pool_options& options) {
  try {
    const weir::pool pool(options);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "accepted";
}

TEST(PoolOptions, DefaultsAreThoseOfTheDocumentation) {
  const weir::pool_options options;
  EXPECT_FALSE(options.workers.has_value());
  EXPECT_EQ(options.limits.max_tasks, 65'536);
  EXPECT_EQ(options.limits.max_waiters, 1'024);
  EXPECT_EQ(options.limits.max_weight, weir::unlimited);
  EXPECT_TRUE(options.limits.rate.is_unlimited());
  EXPECT_EQ(options.limits.overflow, weir::overflow::reject_new);
  EXPECT_EQ(options.help_depth, 0);
  EXPECT_FALSE(options.search_time) << "it depends on the CPUs";
  EXPECT_EQ(options.time_slice, 500us);
  EXPECT_EQ(options.time_one_in, 64);
  EXPECT_EQ(options.stragglers, weir::stragglers::wait);
  EXPECT_EQ(options.pinning, weir::pinning::none);
}

TEST(PoolOptions, OneWorkerPerUsableCpuByDefault) {
  const weir::pool pool;
  const weir::cpu_count count = pool.metrics().cpus;
  const auto cpus = static_cast<int>(weir::testing::cpus_of_this_thread().size());
  EXPECT_EQ(count.affinity, cpus);
  EXPECT_EQ(pool.workers(), count.usable);
  EXPECT_TRUE(count.quota || pool.workers() == cpus) << to_string(count);
  EXPECT_EQ(count.workers, pool.workers());
}

TEST(PoolOptions, WorkersMustBe1To1024) {
  EXPECT_EQ(mistake_in({.workers = 0}),
            "weir: workers is 0: it must be 1 to 1024; leave it out for one per usable CPU");
  EXPECT_THAT(mistake_in({.workers = -1}), StartsWith("weir: workers is -1: it must be 1 to 1024"));
  EXPECT_THAT(mistake_in({.workers = 1025}), StartsWith("weir: workers is 1025: "));
}

TEST(PoolOptions, TheClockMustBeThere) {
  EXPECT_THAT(mistake_in({.workers = 1, .clock = nullptr}), StartsWith("weir: clock is null"));
}

TEST(PoolOptions, HelpDepthMustBe0To64) {
  EXPECT_EQ(mistake_in({.workers = 1, .help_depth = -1}), "weir: help_depth is -1: it must be 0 to 64");
  EXPECT_EQ(mistake_in({.workers = 1, .help_depth = 65}), "weir: help_depth is 65: it must be 0 to 64");
  EXPECT_EQ(mistake_in({.workers = 1, .help_depth = 64}), "accepted");
}

TEST(PoolOptions, StopGraceMustNotBeNegative) {
  EXPECT_EQ(mistake_in({.workers = 1, .search_time = -1ns}), "weir: search_time is -1 ns: it must be 0 to 1,000,000");
  EXPECT_EQ(mistake_in({.workers = 1, .search_time = 1'000'001ns}),
            "weir: search_time is 1000001 ns: it must be 0 to 1,000,000");
  EXPECT_EQ(mistake_in({.workers = 1, .search_time = 1ms}), "accepted");
  EXPECT_EQ(mistake_in({.workers = 1, .search_time = 0ns}), "accepted");
  EXPECT_EQ(mistake_in({.workers = 1, .stop_grace = -5ns}), "weir: stop_grace is -5 ns: it must not be negative");
}

TEST(PoolOptions, ATimeSliceIsOfATenthOfAMillisecondTo100) {
  EXPECT_EQ(mistake_in({.workers = 1, .time_slice = 99'999ns}),
            "weir: time_slice is 99999 ns: it must be 100,000 to 100,000,000, or 0 for the system's own");
  EXPECT_THAT(mistake_in({.workers = 1, .time_slice = -1ns}), StartsWith("weir: time_slice is -1 ns: "));
  EXPECT_THAT(mistake_in({.workers = 1, .time_slice = 101ms}), StartsWith("weir: time_slice is 101000000 ns: "));
  for (const weir::duration allowed : {0ns, 100'000ns, 100'000'000ns}) {
    EXPECT_EQ(mistake_in({.workers = 1, .time_slice = allowed}), "accepted");
  }
}

TEST(PoolOptions, OfUpToABillionTasksOneIsTimed) {
  EXPECT_EQ(mistake_in({.workers = 1, .time_one_in = -1}), "weir: time_one_in is -1: it must be 0 to 1,000,000,000");
  EXPECT_EQ(mistake_in({.workers = 1, .time_one_in = 1'000'000'001}),
            "weir: time_one_in is 1000000001: it must be 0 to 1,000,000,000");
  for (const std::int64_t allowed : {0, 1, 1'000'000'000}) {
    EXPECT_EQ(mistake_in({.workers = 1, .time_one_in = allowed}), "accepted");
  }
}

TEST(PoolOptions, StragglersMustBeOneOfThree) {
  EXPECT_EQ(mistake_in({.workers = 1, .stragglers = static_cast<weir::stragglers>(9)}),
            "weir: stragglers must be one of wait, abandon, terminate");
}

TEST(PoolOptions, PinningMustBeOneOfTwo) {
  EXPECT_EQ(mistake_in({.workers = 1, .pinning = static_cast<weir::pinning>(9)}),
            "weir: pinning must be one of none, cpus");
}

TEST(PoolOptions, LimitsAreCheckedLikeThoseOfALimiter) {
  EXPECT_EQ(mistake_in({.workers = 1, .limits = {.max_tasks = 0}}),
            "weir: limits.max_tasks is 0: it must be 1 to 16777215, or weir::unlimited");
  EXPECT_THAT(mistake_in({.workers = 1, .limits = {.max_tasks = 16'777'216}}),
              HasSubstr("limits.max_tasks is 16777216"));
  EXPECT_THAT(mistake_in({.workers = 1, .limits = {.max_weight = -3}}), HasSubstr("limits.max_weight is -3"));
  EXPECT_THAT(mistake_in({.workers = 1, .limits = {.max_waiters = -1}}), HasSubstr("limits.max_waiters is -1"));
  EXPECT_THAT(mistake_in({.workers = 1, .limits = {.burst = 5}}), HasSubstr("limits.burst is 5 without a rate"));
  EXPECT_THAT(mistake_in({.workers = 1, .limits = {.rate = weir::per_second(0), .burst = 1}}),
              HasSubstr("limits.rate"));
  EXPECT_THAT(mistake_in({.workers = 1, .limits = {.rate = weir::per_second(5)}}), HasSubstr("limits.burst"));
  EXPECT_THAT(mistake_in({.workers = 1, .limits = {.overflow = static_cast<weir::overflow>(9)}}),
              HasSubstr("limits.overflow is 9"));
}

TEST(PoolOptions, ExtremesThatAreAllowedWork) {
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 1, .max_weight = 1, .max_waiters = 0},
                   .help_depth = 0,
                   .stop_grace = 0ns});
  EXPECT_EQ(*pool.run({}, [] { return 1; }), 1);
  EXPECT_EQ(pool.configured().max_tasks, 1);
}

TEST(Priority, IsOrdered) {
  EXPECT_LT(weir::priority::low, weir::priority::normal);
  EXPECT_LT(weir::priority::normal, weir::priority::high);
}

}  // namespace
