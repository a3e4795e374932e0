// The rate at a pool's door under threads and the real clock: every window, of every length, by the stamps that tasks
// are told.
#include <cstdint>
#include <gtest/gtest.h>
#include <iostream>
#include <random>
#include <vector>
#include <weir/weir.hpp>

#include "admission/bucket_oracle.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using namespace std::chrono_literals;

void expect_every_window_to_hold(std::int64_t workers, const weir::rate& rate, std::int64_t burst, int count) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool(
      {.workers = workers,
       .limits = {
           .max_tasks = 6, .rate = rate, .burst = burst, .max_waiters = 8, .overflow = weir::overflow::drop_oldest}});
  std::vector<std::future<std::vector<weir::time_point>>> submitters;
  for (int i = 0; i < 3; ++i) {
    submitters.push_back(weir::testing::in_background([&, seed = random(), count = weir::testing::scaled(count)] {
      std::mt19937_64 own(seed);
      std::vector<weir::time_point> stamps;
      for (int k = 0; k < count; ++k) {
        const auto task = [] { return weir::this_task::admitted_at(); };
        auto job = own() % 3 == 0   ? pool.try_submit({}, task)
                   : own() % 2 == 0 ? pool.enqueue({}, task)
                                    : pool.submit_until(weir::within(std::chrono::microseconds(own() % 500)), {}, task);
        if (!job) continue;
        if (own() % 8 == 0) job->request_stop();
        try {
          stamps.push_back(job->get());
        } catch (const weir::refused&) {
        } catch (const weir::cancelled&) {  // it had its token, and is missing below, which only helps
        }
      }
      return stamps;
    }));
  }
  weir::testing::bucket_oracle oracle(rate, burst);
  for (auto& one : submitters) {
    for (const weir::time_point at : weir::testing::get(one, "a submitter")) oracle.took(1, at);
  }
  weir::testing::expect_conservation(pool);
  std::cout << oracle.total() << " of " << pool.metrics().submitted << " ran\n";
  EXPECT_TRUE(oracle.all_windows_hold());
  EXPECT_GT(oracle.total(), burst) << "nothing came after the burst";
}

TEST(PoolRateStress, NoWindowHasMoreThanItMayAtAHighRate) {
  expect_every_window_to_hold(3, weir::per_second(50'000), 10, 6'000);
}

TEST(PoolRateStress, NoWindowHasMoreThanItMayWithSixtyFourWorkers) {
  expect_every_window_to_hold(64, weir::per_second(50'000), 10, 6'000);
}

TEST(PoolRateStress, NoWindowHasMoreThanItMayAtALowRate) {
  expect_every_window_to_hold(3, weir::per_second(300), 3, 60);
}

}  // namespace
