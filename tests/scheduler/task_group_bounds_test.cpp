// Groups at the limits: children count as tasks, a root holds its permit, and what a spawn does where nothing is free.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using weir::refusal_reason;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::refusal_thrown_by;
using weir::testing::tally;
using weir::testing::untouched;

TEST(TaskGroupBounds, WithoutAFreeTaskASpawnRunsTheChildHere) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}});
  busy_workers busy(pool);
  weir::task_group group(pool);  // the second task
  std::thread::id ran_on;
  group.spawn([&] { ran_on = std::this_thread::get_id(); });
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_EQ(pool.metrics().live, 2) << "it is a part of what spawned it";

  untouched f;
  const auto refused = group.try_spawn(f);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, refusal_reason::tasks_full);
  EXPECT_EQ(refused.error().limit, 2);
  EXPECT_TRUE(f.holds());
  busy.release();
  weir::testing::eventually("a free task", [&] { return pool.metrics().live == 1; });
  EXPECT_TRUE(group.try_spawn([] {}));
  group.wait();
}

TEST(TaskGroupBounds, WithoutAFreeTaskAndATurnASpawnRunsWhatIsQueued) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 3}});
  busy_workers busy(pool);
  {
    weir::task_group group(pool, {.max_running = 1});
    tally runs;
    group.spawn([&] { runs.add(); });  // the third task; its turn
    EXPECT_EQ(runs.count(), 0u);
    for (std::uint32_t i = 1; i < 10; ++i) {
      group.spawn([&] { runs.add(); });
      EXPECT_EQ(runs.count(), i) << "the one before";
    }
    busy.release();
    group.wait();
    EXPECT_EQ(runs.count(), 10u);
  }
  expect_conservation(pool);
}

TEST(TaskGroupBounds, WithoutAFreeTaskAndATurnASpawnWaitsForTheEndOfAChild) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}});
  weir::task_group group(pool, {.max_running = 1});
  event started, released;
  group.spawn([&] {
    started.set();
    released.await("the release of a child");
  });
  started.await("a child");
  tally runs;
  auto spawner = weir::testing::in_background([&] { group.spawn([&] { runs.add(); }); });
  released.set();
  weir::testing::get(spawner);
  group.wait();
  EXPECT_EQ(runs.count(), 1u);
}

TEST(TaskGroupBounds, AChildDoesNotWaitForATurnOfItsOwnGroup) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}});
  weir::task_group group(pool, {.max_running = 1});
  group.spawn([&] {
    untouched f;
    EXPECT_EQ(refusal_thrown_by([&] { group.spawn(f); }).reason, refusal_reason::tasks_full);
    EXPECT_TRUE(f.holds());
  });
  group.wait();
}

TEST(TaskGroupBounds, AfterAStopATrySpawnIsRefused) {
  weir::pool pool({.workers = 1});
  weir::task_group group(pool);
  group.request_stop();
  untouched f;
  const auto refused = group.try_spawn(f);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, refusal_reason::cancelled);
  EXPECT_TRUE(f.holds());
  EXPECT_NO_THROW(group.wait()) << "nothing was handed over, so nothing did not complete";
}

TEST(TaskGroupBounds, AChildCountsAsATask) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 4}});
  busy_workers busy(pool);
  {
    weir::task_group group(pool);
    group.spawn([] {});
    group.spawn([] {});
    EXPECT_EQ(pool.metrics().live, 4);
    const auto refused = pool.try_submit({}, [] {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, refusal_reason::tasks_full);
    busy.release();
    group.wait();
    EXPECT_LE(pool.metrics().live, 2);
  }
  expect_conservation(pool);
}

TEST(TaskGroupBounds, ARootHoldsItsPermitUntilItEnds) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 4, .max_weight = 10}});
  {
    weir::task_group group(pool, {.weight = 7});
    EXPECT_EQ(pool.metrics().weight_in_use, 7);
    group.spawn([] {});
    group.wait();
    EXPECT_EQ(pool.metrics().weight_in_use, 7);
    EXPECT_EQ(pool.try_submit({.weight = 4}, [] {}).error().reason, refusal_reason::weight_full);
  }
  EXPECT_EQ(pool.metrics().weight_in_use, 0);
  EXPECT_EQ(refusal_thrown_by([&] { weir::task_group heavy(pool, {.weight = 11}); }).reason, refusal_reason::too_heavy);
  expect_conservation(pool);
}

TEST(TaskGroupBounds, OptionsAreChecked) {
  weir::pool pool({.workers = 1});
  for (const std::int64_t wrong : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40}) {
    try {
      weir::task_group group(pool, {.max_running = wrong});
      FAIL() << wrong;
    } catch (const std::invalid_argument& e) {
      EXPECT_THAT(e.what(), testing::HasSubstr("max_running is " + std::to_string(wrong)));
    }
  }
  EXPECT_THROW(weir::task_group(pool, {.on_error = static_cast<weir::on_error>(2)}), std::invalid_argument);
  EXPECT_EQ(refusal_thrown_by([&] { weir::task_group group(pool, {.weight = 0}); }).reason, refusal_reason::invalid);
  expect_conservation(pool);
}

}  // namespace
