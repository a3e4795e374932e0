// enqueue: the callable that waits at the door, and the three ways in which its wait ends.
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
using weir::task_outcome;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::refusal_thrown_by;
using weir::testing::untouched;

weir::pool_options one_at_a_time() { return {.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 3}}; }

TEST(PoolEnqueue, IsAdmittedAtOnceWhereThereIsRoom) {
  weir::pool pool(one_at_a_time());
  auto job = pool.enqueue({}, [] { return 3; });
  ASSERT_TRUE(job);
  EXPECT_EQ(job->get(), 3);
  EXPECT_EQ(pool.metrics().admitted, 1u);
}

TEST(PoolEnqueue, WaitsAtTheDoorWithoutHoldingUpItsCaller) {
  weir::pool pool(one_at_a_time());
  busy_workers busy(pool);
  auto job = pool.enqueue({}, [] { return 3; });
  ASSERT_TRUE(job);
  EXPECT_FALSE(job->is_done());
  EXPECT_EQ(pool.metrics().waiting, 1);
  EXPECT_EQ(pool.metrics().live, 1) << "what waits is not live";
  busy.release();
  EXPECT_EQ(job->get(), 3);
  EXPECT_EQ(job->operator bool(), false);
  expect_conservation(pool);
}

TEST(PoolEnqueue, LetsThemInInTheOrderOfPriorityAndOfArrival) {
  weir::pool pool(one_at_a_time());
  std::vector<int> order;
  busy_workers busy(pool);
  auto one = pool.enqueue({}, [&] { order.push_back(1); });
  auto two = pool.enqueue({.priority = weir::priority::high}, [&] { order.push_back(2); });
  auto three = pool.enqueue({}, [&] { order.push_back(3); });
  busy.release();
  one->get();
  two->get();
  three->get();
  EXPECT_EQ(order, (std::vector{2, 1, 3}));
}

TEST(PoolEnqueue, DoesNotOvertakeWhoWaits) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 10, .max_weight = 4}});
  busy_workers busy(pool, 1, {.weight = 2});
  auto heavy = pool.enqueue({.weight = 4}, [] {});
  EXPECT_EQ(pool.try_submit({.weight = 1}, [] {}).error().reason, refusal_reason::weight_full);
  auto light = pool.enqueue({.weight = 1}, [] {});
  EXPECT_EQ(pool.metrics().waiting, 2);
  busy.release();
  heavy->get();
  light->get();
  expect_conservation(pool);
}

TEST(PoolEnqueue, IsRefusedOnReturnWithTheCallableUntouched) {
  weir::pool pool(one_at_a_time());
  busy_workers busy(pool);
  std::vector<weir::job<void>> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(std::move(*pool.enqueue({}, [] {})));
  untouched callable;
  auto refused = pool.enqueue({}, std::move(callable));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, refusal_reason::waiters_full);
  EXPECT_EQ(refused.error().limit, 3);
  EXPECT_TRUE(callable.holds());  // NOLINT
  busy.release();
  for (auto& job : waiting) job.get();
  expect_conservation(pool);
}

TEST(PoolEnqueue, RefusedLaterItDestroysTheCallableAndTheJobSaysWhy) {
  weir::pool pool(one_at_a_time());
  busy_workers busy(pool);
  auto captured = std::make_shared<int>(0);
  auto job = pool.enqueue({}, [captured] { return *captured; });
  EXPECT_EQ(captured.use_count(), 2);
  auto closing = weir::testing::in_background([&] { return pool.shutdown(); });
  job->wait();
  EXPECT_EQ(job->outcome(), task_outcome::refused);
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_EQ(refusal_thrown_by([&] { (void)job->get(); }).reason, refusal_reason::closed);
  busy.release();
  EXPECT_TRUE(weir::testing::get(closing).clean());
  expect_conservation(pool);
}

TEST(PoolEnqueue, CancelledAtTheDoorItLeavesAtOnce) {
  weir::pool pool(one_at_a_time());
  busy_workers busy(pool);
  auto captured = std::make_shared<int>(0);
  auto first = pool.enqueue({}, [captured] { return 1; });
  auto second = pool.enqueue({}, [] { return 2; });
  first->request_stop();
  EXPECT_TRUE(first->is_done()) << "at once: before request_stop returns";
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_EQ(pool.metrics().waiting, 1);
  EXPECT_EQ(refusal_thrown_by([&] { (void)first->get(); }).reason, refusal_reason::cancelled);
  busy.release();
  EXPECT_EQ(second->get(), 2) << "who stood behind it moves up";
  expect_conservation(pool);
}

TEST(PoolEnqueue, LetsLighterOnesInWhenTheHeavyHeadIsCancelled) {
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 10, .max_weight = 4}});
  busy_workers busy(pool, 1, {.weight = 2});
  auto heavy = pool.enqueue({.weight = 4}, [] {});
  auto light = pool.enqueue({.weight = 2}, [] { return 5; });
  EXPECT_FALSE(light->is_done());
  heavy->request_stop();
  EXPECT_EQ(light->get(), 5);
}

TEST(PoolEnqueue, ExpiresAtTheDoorWhileEveryWorkerIsBusy) {
  weir::testing::watched_clock clock;
  auto options = one_at_a_time();
  options.clock = &clock;
  weir::pool pool(options);
  busy_workers busy(pool);
  auto captured = std::make_shared<int>(0);
  auto job = pool.enqueue({.deadline = weir::within(10ms, clock)}, [captured] {});
  clock.await_sleepers(1);
  clock.advance(9ms);
  clock.await_sleepers(1);
  EXPECT_FALSE(job->is_done());
  clock.advance(1ms);
  weir::testing::eventually("the deadline of a callable at the door", [&] { return job->is_done(); });
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_EQ(job->outcome(), task_outcome::refused);
  EXPECT_EQ(refusal_thrown_by([&] { job->get(); }).reason, refusal_reason::expired);
  busy.release();
  expect_conservation(pool);
}

TEST(PoolEnqueue, TakesItsTokenWhenItIsDue) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .limits = {.rate = weir::per_second(10), .burst = 1}, .clock = &clock});
  pool.enqueue({}, [] {})->get();
  auto second = pool.enqueue({}, [] { return weir::this_task::admitted_at(); });
  auto third = pool.enqueue({}, [] { return weir::this_task::admitted_at(); });
  const weir::time_point start = clock.now();
  clock.await_sleepers(1);
  clock.advance(99ms);
  clock.await_sleepers(1);
  EXPECT_EQ(pool.metrics().waiting, 2);
  clock.advance(1ms);
  EXPECT_EQ(second->get(), start + 100ms);
  EXPECT_FALSE(third->is_done());
  clock.await_sleepers(1);
  clock.advance(100ms);
  EXPECT_EQ(third->get(), start + 200ms);
  expect_conservation(pool);
}

TEST(PoolEnqueue, NeverWaitsOnAWorker) {
  weir::pool pool(one_at_a_time());
  std::optional<weir::job<int>> inner;
  pool.try_submit({},
                  [&] {
                    auto waiting = pool.enqueue({}, [] { return 4; });
                    EXPECT_EQ(pool.metrics().waiting, 1) << "it holds the only permit itself";
                    inner.emplace(std::move(*waiting));
                  })
      ->get();
  EXPECT_EQ(inner->get(), 4);
  expect_conservation(pool);
}

TEST(PoolEnqueue, AWaiterMayBeDetached) {
  weir::pool pool(one_at_a_time());
  busy_workers busy(pool);
  event ran;
  auto job = pool.enqueue({}, [&] { ran.set(); });
  std::move(*job).detach();
  busy.release();
  ran.await("a task that was detached at the door");
  expect_conservation(pool);
}

TEST(PoolEnqueue, DestroyingTheJobOfAWaiterTakesItFromTheDoor) {
  weir::pool pool(one_at_a_time());
  busy_workers busy(pool);
  {
    auto job = pool.enqueue({}, [] { FAIL() << "it was cancelled at the door"; });
    EXPECT_EQ(pool.metrics().waiting, 1);
  }
  EXPECT_EQ(pool.metrics().waiting, 0);
  EXPECT_EQ(pool.metrics().refused_for(refusal_reason::cancelled), 1u);
  busy.release();
  expect_conservation(pool);
}

}  // namespace
