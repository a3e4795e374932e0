// The door of a pool says when it is nearly full of tasks, of children too, and of those who wait.
#include <weir/scheduler/pool.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include <weir/scheduler/task_group.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace weir {
namespace {

using testing::busy_workers;
using testing::tally;

// What a pool has told. Calls come one after the other, whoever reads waits for them.
struct told_of_pressure {
  tally highs;
  tally lows;
  pressure last;

  pressure_handler handler() {
    return [this](const pressure& p) {
      last = p;
      (p.is_high ? highs : lows).add();
    };
  }
};

TEST(PoolPressure, IsToldWhenTasksComeAndWhenTheyHaveEnded) {
  told_of_pressure told;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 10}, .on_pressure = told.handler()});
  busy_workers busy(pool);
  for (int i = 0; i < 6; ++i) pool.post({}, [] {}).value();
  EXPECT_EQ(told.highs.count(), 0u);
  pool.post({}, [] {}).value();
  ASSERT_EQ(told.highs.count(), 1u) << "on the thread that submits";
  EXPECT_EQ(told.last.tasks, 8);
  EXPECT_EQ(told.last.max_tasks, 10);
  EXPECT_EQ(told.lows.count(), 0u);
  busy.release();
  told.lows.await(1, "the pool is relieved");
  testing::expect_conservation(pool);
  EXPECT_EQ(told.highs.count(), 1u);
}

TEST(PoolPressure, ChildrenCount) {
  told_of_pressure told;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1'000}, .on_pressure = told.handler()});
  const auto spawn = [&](int children, std::uint32_t highs) {
    pool.run({},
             [&] {
               weir::task_group group(pool);
               for (int i = 0; i < children; ++i) group.spawn([] {});
               EXPECT_EQ(told.highs.count(), highs);
               group.wait();
             })
        .value();
  };
  spawn(798, 0);  // with the task
  spawn(799, 1);
  EXPECT_EQ(told.lows.count(), 1u);
  spawn(799, 2);
  testing::expect_conservation(pool);
  EXPECT_EQ(told.lows.count(), 2u);
}

TEST(PoolPressure, WeightAndTheLineCount) {
  told_of_pressure told;
  weir::pool pool(
      {.workers = 1, .limits = {.max_tasks = 100, .max_weight = 10, .max_waiters = 5}, .on_pressure = told.handler()});
  busy_workers busy(pool, 1, {.weight = 8});
  EXPECT_EQ(told.highs.count(), 1u);
  EXPECT_EQ(told.last.weight, 8);
  busy.release();
  told.lows.await(1, "the weight is given back");
  busy_workers again(pool, 1, {.weight = 7});
  EXPECT_EQ(told.highs.count(), 1u);
  std::vector<job<void>> waiting;
  for (int i = 0; i < 4; ++i) waiting.push_back(pool.enqueue({.weight = 9}, [] {}).value());
  EXPECT_EQ(told.highs.count(), 2u);
  EXPECT_EQ(told.last.waiting, 4);
  EXPECT_EQ(told.last.max_waiters, 5);
  waiting.clear();  // they are stopped
  EXPECT_EQ(told.lows.count(), 2u);
}

TEST(PoolPressure, TheHandlerMayUseThePoolAndMayNotWait) {
  weir::pool* there = nullptr;
  tally refused, ran, called;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}, .on_pressure = [&](const pressure& p) {
                     called.add();
                     if (p.is_high || ran.count() >= 10) return;
                     const auto job = there->submit({}, [] {});
                     if (!job && job.error().reason == refusal_reason::would_deadlock) refused.add();
                     EXPECT_TRUE(there->post({}, [&ran] { ran.add(); }));
                   }});
  there = &pool;
  busy_workers busy(pool);
  pool.post({}, [&ran] { ran.add(); }).value();
  busy.release();
  testing::eventually("what the handler has posted runs", [&] { return ran.count() >= 2; });
  testing::expect_conservation(pool);
  EXPECT_GE(refused.count(), 1u);
  EXPECT_GE(called.count(), 2u);
}

TEST(PoolPressure, FollowsTheLimitsOfTheDoorAndItsWarning) {
  told_of_pressure told;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 10}, .on_pressure = told.handler()});
  busy_workers busy(pool);
  pool.door().set_limits({.max_tasks = 10, .warn_at = 0.1});
  EXPECT_EQ(told.highs.count(), 1u);
  EXPECT_EQ(pool.door().configured().warn_at, 0.1);
  pool.door().set_limits({.max_tasks = 100, .warn_at = 0.1});
  EXPECT_EQ(told.lows.count(), 1u);
}

}  // namespace
}  // namespace weir
