// The bound: what is live, its weight, who waits, and how many come in a window of time.
#include <gtest/gtest.h>
#include <memory>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::refusal_reason;
using weir::testing::busy_workers;
using weir::testing::expect_conservation;
using weir::testing::watched_clock;

TEST(PoolLimits, MaxTasksCountsWhatIsQueuedAndWhatRuns) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 5}});
  busy_workers busy(pool);
  std::vector<weir::job<void>> queued;
  for (int i = 0; i < 4; ++i) queued.push_back(std::move(*pool.try_submit({}, [] {})));
  EXPECT_EQ(pool.metrics().live, 5);
  EXPECT_EQ(pool.try_submit({}, [] {}).error().reason, refusal_reason::tasks_full);
  queued.pop_back();
  EXPECT_TRUE(pool.try_submit({}, [] {})) << "what was cancelled has given its permit back";
  busy.release();
  for (auto& job : queued) job.get();
  expect_conservation(pool);
}

TEST(PoolLimits, MaxWeightIsTheSumOfWhatIsLive) {
  weir::pool pool({.workers = 1, .limits = {.max_weight = 100}});
  busy_workers busy(pool, 1, {.weight = 60});
  EXPECT_EQ(pool.metrics().weight_in_use, 60);
  auto one = pool.try_submit({.weight = 39}, [] {});
  EXPECT_EQ(pool.try_submit({.weight = 2}, [] {}).error().reason, refusal_reason::weight_full);
  auto two = pool.try_submit({.weight = 1}, [] {});
  EXPECT_EQ(pool.metrics().weight_in_use, 100);
  busy.release();
  one->get();
  two->get();
  expect_conservation(pool);
}

TEST(PoolLimits, TheHeaviestPossibleWeightWorks) {
  weir::pool pool({.workers = 1, .limits = {.max_weight = weir::largest_max_weight}});
  auto all = pool.try_submit({.weight = weir::largest_max_weight}, [&] { return pool.metrics().weight_in_use; });
  EXPECT_EQ(all->get(), weir::largest_max_weight);
  EXPECT_TRUE(pool.try_submit({.weight = weir::largest_max_weight}, [] {}));
  weir::pool unlimited({.workers = 1});
  EXPECT_TRUE(unlimited.try_submit({.weight = weir::largest_max_weight}, [] {}));
}

TEST(PoolLimits, MaxWaitersCountsCallablesAndThreads) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 2}});
  busy_workers busy(pool);
  auto callable = pool.enqueue({}, [] { return 1; });
  auto thread = weir::testing::in_background([&] { return pool.run({}, [] { return 2; }); });
  weir::testing::eventually("two waiters", [&] { return pool.metrics().waiting == 2; });
  EXPECT_EQ(pool.enqueue({}, [] {}).error().reason, refusal_reason::waiters_full);
  EXPECT_EQ(pool.submit({}, [] {}).error().reason, refusal_reason::waiters_full);
  busy.release();
  EXPECT_EQ(callable->get(), 1);
  EXPECT_EQ(*weir::testing::get(thread), 2);
  expect_conservation(pool);
}

TEST(PoolLimits, TheRateHoldsInEveryWindow) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .limits = {.rate = weir::per_second(100), .burst = 5}, .clock = &clock});
  std::vector<weir::time_point> admitted;
  for (int ms = 0; ms < 500; ++ms) {
    while (auto job = pool.try_submit({}, [] { return weir::this_task::admitted_at(); }))
      admitted.push_back(job->get());
    clock.advance(1ms);
  }
  EXPECT_EQ(admitted.size(), 5u + 49u);
  for (std::size_t i = 0; i < admitted.size(); ++i) {
    for (std::size_t j = i; j < admitted.size(); ++j) {
      ASSERT_LE(static_cast<weir::duration::rep>(j - i + 1), 5 + (admitted[j] - admitted[i]) / 10ms);
    }
  }
  expect_conservation(pool);
}

TEST(PoolLimits, AreSharedByAllVerbs) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 3}});
  busy_workers busy(pool);
  auto one = pool.try_submit({}, [] {});
  auto two = pool.enqueue({}, [] {});
  EXPECT_EQ(pool.metrics().live, 3);
  auto three = pool.enqueue({}, [] {});
  EXPECT_TRUE(pool.post({}, [] {}));
  EXPECT_EQ(pool.metrics().waiting, 2);
  EXPECT_EQ(pool.submit_until(weir::within(0s), {}, [] {}).error().reason, refusal_reason::timed_out);
  busy.release();
  three->get();
  expect_conservation(pool);
}

TEST(PoolLimits, AsManyTasksAsWorkersNeverStall) {
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 2}});
  int done = 0;
  auto submitter = weir::testing::in_background([&] {
    for (int i = 0; i < 300; ++i) {
      // Each root submits another one, which finds the door shut half of the time.
      done += pool.submit({},
                          [&] {
                            auto inner = pool.try_submit({}, [] { return 1; });
                            return inner ? inner->get() : 1;
                          })
                  ->get();
    }
  });
  weir::testing::get(submitter);
  EXPECT_EQ(done, 300);
  expect_conservation(pool);
}

TEST(PoolLimits, UnlimitedTasksAreCountedAllTheSame) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = weir::unlimited}});
  EXPECT_EQ(pool.configured().max_tasks, weir::largest_max_tasks);
  busy_workers busy(pool);
  EXPECT_EQ(pool.metrics().live, 1);
}

}  // namespace
