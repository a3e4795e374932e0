// metrics: the conservation law for every mixture of outcomes, and the counters of the workers.
#include <gtest/gtest.h>
#include <memory>
#include <numeric>
#include <optional>
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
using weir::testing::event;
using weir::testing::expect_conservation;

TEST(PoolMetrics, ANewPoolHasDoneNothing) {
  weir::pool pool({.workers = 3});
  const auto m = pool.metrics();
  EXPECT_EQ(m.submitted + m.admitted + m.refused_in_all() + m.completed + m.failed + m.cancelled + m.expired, 0u);
  EXPECT_EQ(m.live + m.weight_in_use + m.waiting + m.queued, 0);
  EXPECT_EQ(m.workers.size(), 3u);
  EXPECT_EQ(pool.workers(), 3);
}

TEST(PoolMetrics, EveryOutcomeIsCountedOnceUnderItsName) {
  weir::testing::watched_clock clock;
  weir::pool_options options{
      .workers = 1, .limits = {.max_tasks = 4, .max_weight = 8, .max_waiters = 3}, .clock = &clock};
  options.on_failure = [](const weir::task_failure&) {};
  weir::pool pool(options);
  pool.try_submit({}, [] {})->get();                               // completed
  EXPECT_THROW(pool.try_submit({}, [] { throw 1; })->get(), int);  // failed
  EXPECT_TRUE(pool.post({}, [] { throw 1; }));                     // failed
  weir::testing::await_rest(pool);
  EXPECT_THROW(pool.try_submit({}, [] { throw weir::cancelled(); })->get(), weir::cancelled);  // cancelled
  {
    busy_workers busy(pool);                    // completed
    auto stopped = pool.try_submit({}, [] {});  // cancelled
    stopped->request_stop();
    auto late = pool.try_submit({.deadline = weir::within(1ms, clock)}, [] {});  // expired
    clock.await_sleepers(1);
    clock.advance(1ms);
    late->wait();
    auto one = pool.try_submit({.weight = 5}, [] {});                                 // completed
    auto heavy = pool.enqueue({.weight = 8}, [] {});                                  // refused: cancelled
    auto late_at_door = pool.enqueue({.deadline = weir::within(1ms, clock)}, [] {});  // refused: expired
    auto behind = pool.enqueue({}, [] {});                                            // completed
    EXPECT_FALSE(pool.enqueue({}, [] {}));                                            // refused: waiters_full
    EXPECT_FALSE(pool.try_submit({.weight = 3}, [] {}));                              // refused: weight_full
    EXPECT_FALSE(pool.try_submit({.weight = 0}, [] {}));                              // refused: invalid
    EXPECT_FALSE(pool.try_submit({.weight = 9}, [] {}));                              // refused: too_heavy
    clock.await_sleepers(1);
    clock.advance(1ms);
    late_at_door->wait();
    heavy->request_stop();
    busy.release();
    one->get();
    behind->get();
  }
  expect_conservation(pool);
  const auto m = pool.metrics();
  EXPECT_EQ(m.submitted, 15u);
  EXPECT_EQ(m.admitted, 9u);
  EXPECT_EQ(m.completed, 4u);
  EXPECT_EQ(m.failed, 2u);
  EXPECT_EQ(m.cancelled, 2u);
  EXPECT_EQ(m.expired, 1u);
  for (const auto why : {refusal_reason::cancelled, refusal_reason::expired, refusal_reason::waiters_full,
                         refusal_reason::weight_full, refusal_reason::invalid, refusal_reason::too_heavy}) {
    EXPECT_EQ(m.refused_for(why), 1u) << to_string(why);
  }
  EXPECT_EQ(m.refused_in_all(), 6u);
}

TEST(PoolMetrics, CountsBeforeTheResultIsSeen) {
  weir::pool pool({.workers = 2});
  for (std::uint64_t i = 1; i <= 500; ++i) {
    pool.try_submit({}, [] {})->get();
    const auto m = pool.metrics();
    ASSERT_EQ(m.submitted, i);
    ASSERT_EQ(m.admitted, i);
    ASSERT_EQ(m.completed, i);
    ASSERT_EQ(m.live, 0);
  }
}

TEST(PoolMetrics, WorkersCountWhatTheyRan) {
  weir::pool pool({.workers = 2});
  for (int i = 0; i < 100; ++i) pool.try_submit({}, [] {})->get();
  const auto m = pool.metrics();
  const auto executed =
      std::accumulate(m.workers.begin(), m.workers.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const weir::worker_metrics& w) { return sum + w.executed; });
  EXPECT_EQ(executed, 100u);
  weir::testing::eventually("parked workers", [&] { return pool.metrics().workers[0].parks != 0; });
}

TEST(PoolMetrics, StealsAreCounted) {
  weir::pool pool({.workers = 2});
  pool.run({},
           [&] {
             event stolen;
             EXPECT_TRUE(pool.post({}, [&] { stolen.set(); }));
             stolen.await("the other worker takes it from this one's deque");
           })
      .value();
  const auto m = pool.metrics();
  EXPECT_EQ(m.workers[0].steals + m.workers[1].steals, 1u);
}

TEST(PoolMetrics, QueuedIsWhatTheInjectorHolds) {
  weir::pool pool({.workers = 1});
  busy_workers busy(pool);
  auto one = pool.try_submit({}, [] {});
  auto two = pool.try_submit({}, [] {});
  EXPECT_EQ(pool.metrics().queued, 2);
  one->request_stop();
  EXPECT_EQ(pool.metrics().queued, 2) << "its entry is a husk";
  EXPECT_EQ(pool.metrics().live, 2);
  busy.release();
  two->get();
  weir::testing::eventually("the husk is dropped", [&] { return pool.metrics().queued == 0; });
}

TEST(PoolMetrics, HusksAreSweptOutBeyondMaxTasks) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 10}});
  busy_workers busy(pool);
  auto keeps_its_place = pool.try_submit({}, [] { return 7; });
  for (int i = 0; i < 1'000; ++i) {
    auto job = pool.try_submit({}, [] {});
    ASSERT_TRUE(job) << to_string(job.error());
    job->request_stop();
    ASSERT_LE(pool.metrics().queued, 12) << "after " << i;
  }
  busy.release();
  EXPECT_EQ(keeps_its_place->get(), 7);
  expect_conservation(pool);
}

TEST(PoolMetrics, HusksInADequeAreSweptOutToo) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 10}});
  std::optional<weir::job<int>> keeps_its_place;
  pool.run({},
           [&] {
             keeps_its_place.emplace(std::move(*pool.try_submit({}, [] { return 7; })));
             EXPECT_EQ(pool.metrics().queued, 0) << "it is in the worker's own deque";
             for (int i = 0; i < 20; ++i) pool.try_submit({}, [] {}).value().request_stop();
             EXPECT_EQ(pool.metrics().queued, 1) << "a sweep of the deque has moved it, and dropped the husks";
           })
      .value();
  EXPECT_EQ(keeps_its_place->get(), 7);
  expect_conservation(pool);
}

TEST(PoolMetrics, ChildrenAreNotCounted) {
  weir::pool pool({.workers = 1});
  pool.run({}, [&] { pool.run({}, [&] { pool.run({}, [] {}).value(); }).value(); }).value();
  EXPECT_EQ(pool.metrics().submitted, 1u);
  expect_conservation(pool);
}

}  // namespace
