// The limiter and the token bucket under threads and the real clock: every window, of every length, from stamp to
// stamp.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <iostream>
#include <random>
#include <vector>

#include "admission/bucket_oracle.hpp"
#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using detail::memory_order_relaxed;
using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr int rate_takers = 4;

void expect_all_windows_hold(const rate& refill, std::int64_t burst,
                             std::vector<std::future<std::vector<time_point>>>& stamps) {
  testing::bucket_oracle oracle(refill, burst);
  for (auto& of_thread : stamps) {
    for (const time_point at : testing::get(of_thread, "a thread at the limiter")) oracle.took(1, at);
  }
  std::cout << oracle.total() << " admitted\n";
  EXPECT_TRUE(oracle.all_windows_hold());
  EXPECT_GT(oracle.total(), burst) << "nothing came after the burst";
}

// x/time/rate admits up to ten times its bound at such rates under contention.
void run(const rate& refill, std::int64_t burst, bool strict) {
  std::mt19937_64 random(testing::seed());
  constexpr std::int64_t most_tasks = 3;
  limiter door({.max_tasks = most_tasks,
                .max_weight = 10,
                .rate = refill,
                .burst = burst,
                .max_waiters = 2,
                .overflow = overflow::drop_oldest,
                .strict_window = strict});
  detail::atomic<std::int64_t> inside{0};  // by an account of its own; relaxed, a number alone
  const auto end = steady_clock::now() + weir::testing::stress_time();
  std::vector<std::future<std::vector<time_point>>> stamps;
  for (int i = 0; i < rate_takers; ++i) {
    stamps.push_back(testing::in_background([&, seed = random()] {
      std::mt19937_64 own(seed);
      std::vector<time_point> admitted;
      while (steady_clock::now() < end) {
        const auto weight = static_cast<std::int64_t>(1 + own() % 6);
        const result<permit> got =
            own() % 4 != 0 ? door.try_acquire(weight)
                           : door.acquire(weight, within(microseconds(static_cast<std::int64_t>(own() % 500))));
        if (!got) continue;
        EXPECT_LE(inside.fetch_add(1, memory_order_relaxed) + 1, most_tasks);
        admitted.push_back(got->admitted_at());
        inside.fetch_sub(1, memory_order_relaxed);
      }
      return admitted;
    }));
  }
  expect_all_windows_hold(refill, burst, stamps);
  EXPECT_EQ(door.tasks_in_use(), 0);
  EXPECT_EQ(door.weight_in_use(), 0);
  EXPECT_EQ(door.waiting(), 0);
}

TEST(LimiterStress, NoWindowHasMoreThanItMayAtAHighRate) { run(per_second(100'000), 20, false); }

TEST(LimiterStress, NoWindowHasMoreThanItMayAtALowRate) { run(per_second(200), 5, false); }

TEST(LimiterStress, NoWindowHasMoreThanItMayWhenItIsStrict) { run(per_second(20'000), 10, true); }

TEST(TokenBucketStress, NoWindowHasMoreThanItMayHoweverOldTheTimesAre) {
  constexpr std::int64_t burst = 10;
  const rate refill = per_second(10'000);
  std::mt19937_64 random(testing::seed());
  token_bucket bucket(refill, burst);
  const auto end = steady_clock::now() + weir::testing::stress_time();
  std::vector<std::future<std::vector<time_point>>> stamps;
  for (int i = 0; i < rate_takers; ++i) {
    stamps.push_back(testing::in_background([&, seed = random()] {
      std::mt19937_64 own(seed);
      std::vector<time_point> admitted;
      for (auto now = steady_clock::now(); now < end; now = steady_clock::now()) {
        const time_point stale = now - microseconds(static_cast<std::int64_t>(own() % 1'000));
        if (bucket.try_take(1, stale)) admitted.push_back(stale);
      }
      return admitted;
    }));
  }
  expect_all_windows_hold(refill, burst, stamps);
}

}  // namespace
}  // namespace weir
