// The door of a pool as a limiter: limits that change while it runs, and permits for what is not the pool's.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using namespace std::chrono_literals;
using weir::testing::event;

TEST(PoolDoor, LimitsAreChangedWhileThePoolRuns) {
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 1, .max_waiters = 4}});
  event go;
  auto first = pool.try_submit({}, [&] { go.await("the end of the first"); });
  ASSERT_TRUE(first);
  EXPECT_EQ(pool.try_submit({}, [] {}).error().reason, weir::refusal_reason::tasks_full);
  auto waits = pool.enqueue({}, [] { return 7; });
  ASSERT_TRUE(waits);
  pool.door().set_limits({.max_tasks = 2, .max_waiters = 4});
  EXPECT_EQ(waits->get(), 7) << "let in by the change";
  EXPECT_EQ(pool.configured().max_tasks, 2);
  go.set();
  first->get();
}

TEST(PoolDoor, ARateThatComesLaterIsKeptAndRungFor) {
  weir::pool pool({.workers = 1});
  pool.door().set_limits({.rate = weir::per_second(200), .burst = 1});
  std::vector<weir::job<weir::time_point>> jobs;
  for (int i = 0; i < 4; ++i) jobs.push_back(*pool.enqueue({}, [] { return weir::this_task::admitted_at(); }));
  weir::time_point before = weir::time_point::min();
  for (auto& j : jobs) {
    const weir::time_point at = j.get();
    EXPECT_GE(at, before);
    before = at + 5ms;
  }
}

// The thread that rings was not there when it began to wait.
TEST(PoolDoor, ARateThatComesWhileSomebodyWaitsForRoomIsRungFor) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 4}});
  event go;
  auto first = *pool.try_submit({}, [&] { go.await("the end of the first"); });
  auto second = *pool.enqueue({}, [] {});
  auto third = *pool.enqueue({}, [] { return 3; });
  pool.door().set_limits({.max_tasks = 1, .rate = weir::per_second(100), .burst = 1, .max_waiters = 4});
  go.set();
  EXPECT_EQ(third.get(), 3);
}

TEST(PoolDoor, APermitCountsAsATaskAndAShutdownWaitsForIt) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}});
  auto held = std::make_unique<weir::permit>(*pool.door().try_acquire());
  EXPECT_EQ(pool.door().tasks_in_use(), 1);
  auto down = weir::testing::in_background([&] { return pool.shutdown().clean(); });
  weir::testing::eventually("the close", [&] { return pool.door().is_closed(); });
  EXPECT_FALSE(weir::testing::is_ready(down));
  held.reset();
  EXPECT_TRUE(weir::testing::get(down, "the shutdown"));
}

TEST(PoolDoor, AWorkerDoesNotWaitAtIt) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  const auto why = pool.run({}, [&] {
    EXPECT_TRUE(pool.door().wait_until_within()) << "it is so already";
    return pool.door().acquire().error().reason;
  });
  EXPECT_EQ(*why, weir::refusal_reason::would_deadlock);
}

TEST(PoolDoor, ItsCloseRefusesAndNothingElse) {
  weir::pool pool({.workers = 1});
  pool.door().close();
  EXPECT_EQ(pool.post({}, [] {}).error().reason, weir::refusal_reason::closed);
  EXPECT_TRUE(pool.shutdown().clean());
}

TEST(PoolDoor, ImpossibleLimitsChangeNothing) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 5}});
  EXPECT_THROW(pool.door().set_limits({.max_tasks = 0}), std::invalid_argument);
  EXPECT_THROW(pool.door().set_limits({.max_weight = 10}), std::invalid_argument) << "weights were never counted";
  EXPECT_EQ(pool.configured().max_tasks, 5);
}

// What a batch has admitted is launched before its caller waits for a turn.
TEST(PoolDoor, ABatchDoesNotWaitBehindItselfWhenItsCallerIsToRun) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2, .max_waiters = 0}});
  pool.door().set_limits({.max_tasks = 2, .max_waiters = 0, .overflow = weir::overflow::caller_runs});
  weir::testing::tally ran;
  std::vector<std::function<void()>> work(10, [&] { ran.add(); });
  auto posted = weir::testing::in_background([&] { return pool.post_all({}, work).posted; });
  EXPECT_EQ(weir::testing::get(posted, "who posts"), 10U);
  EXPECT_TRUE(pool.shutdown().clean());
  EXPECT_EQ(ran.count(), 10U);
}

}  // namespace
