// Children of a group that wait for their turn to run, and a stop: it ends them as soon as they would have one.
#include <gtest/gtest.h>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/pools.hpp"

namespace {

using weir::stop_cause;
using weir::testing::busy_workers;
using weir::testing::cancelled_thrown_by;
using weir::testing::event;
using weir::testing::expect_conservation;

TEST(TaskGroupTurns, AStopEndsWhoGetsItsTurnAfterIt) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 3}});
  busy_workers busy(pool);
  {
    weir::task_group group(pool, {.max_running = 1});
    auto third = pool.try_submit({}, [] {});
    ASSERT_TRUE(third);
    group.spawn([&] {  // no task is free: it runs here, and has the turn
      third->request_stop();
      EXPECT_TRUE(group.try_spawn([] { ADD_FAILURE() << "asked to stop before it had a turn"; }));
      group.request_stop();
    });
    // The worker is busy, so that nobody else comes for it.
    EXPECT_EQ(pool.metrics().cancelled, 2u);
    busy.release();
    EXPECT_EQ(cancelled_thrown_by([&] { group.wait(); }), stop_cause::requested);
  }
  expect_conservation(pool);
}

TEST(TaskGroupTurns, AStopEndsAnyNumberThatWaitForATurn) {
  weir::pool pool({.workers = 1});
  {
    weir::task_group group(pool, {.max_running = 1});
    event goes_on;
    group.spawn([&] { goes_on.await("the stop"); });
    for (int i = 0; i < 50'000; ++i) group.spawn([] { ADD_FAILURE() << "asked to stop before it had a turn"; });
    group.request_stop();
    goes_on.set();
    EXPECT_EQ(cancelled_thrown_by([&] { group.wait(); }), stop_cause::requested);
    EXPECT_GE(pool.metrics().cancelled, 50'000u);
  }
  expect_conservation(pool);
}

}  // namespace
