// post_all: many callables at once, as far as the door lets them in.
#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/pools.hpp"

namespace {

using namespace std::chrono_literals;
using weir::testing::busy_workers;
using weir::testing::expect_conservation;
using weir::testing::tally;

std::vector<std::function<void()>> calls_that_note(std::vector<std::size_t>& order, std::size_t count) {
  std::vector<std::function<void()>> calls;
  for (std::size_t i = 0; i < count; ++i) calls.emplace_back([&order, i] { order.push_back(i); });
  return calls;
}

TEST(PoolPostAll, RunsEachOnceInOrder) {
  // Around the size of a batch, and nothing at all.
  for (const std::size_t count : {0u, 1u, 31u, 32u, 33u, 500u}) {
    weir::pool pool({.workers = 1});
    std::vector<std::size_t> order;
    {
      busy_workers busy(pool);
      const weir::posted_all result = pool.post_all({}, calls_that_note(order, count));
      EXPECT_TRUE(result);
      EXPECT_EQ(result.posted, count);
      EXPECT_EQ(pool.metrics().live, static_cast<std::int64_t>(count) + 1);
      EXPECT_EQ(pool.metrics().queued, static_cast<std::int64_t>(count));
      busy.release();
    }
    weir::testing::await_rest(pool);
    EXPECT_EQ(order.size(), count);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    expect_conservation(pool);
  }
}

TEST(PoolPostAll, OnAWorkerTheyGoIntoItsDeque) {
  weir::pool pool({.workers = 1});
  tally ran;
  pool.run({},
           [&] {
             EXPECT_EQ(pool.post_all({}, std::vector(100, [&ran] { ran.add(); })).posted, 100u);
             EXPECT_EQ(pool.metrics().queued, 0);
           })
      .value();
  ran.await(100, "what a task has posted");
  EXPECT_EQ(pool.metrics().workers[0].spawned, 100u);
}

TEST(PoolPostAll, EndsAtTheFirstThatIsRefusedAndTouchesNoneBehind) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 40, .max_waiters = 5}});
  busy_workers busy(pool);
  std::array<weir::testing::untouched, 50> calls;
  const weir::posted_all result = pool.post_all({}, calls);
  EXPECT_FALSE(result);
  EXPECT_EQ(result.posted, 39u + 5u) << "as many as there are tasks beside the busy one, and waiters";
  ASSERT_TRUE(result.why);
  EXPECT_EQ(result.why->reason, weir::refusal_reason::waiters_full);
  for (std::size_t i = 0; i < calls.size(); ++i) EXPECT_EQ(calls[i].holds(), i >= result.posted) << i;
  EXPECT_EQ(pool.metrics().queued, 39) << "what was admitted does not stay behind what waits";
  busy.release();
  weir::testing::await_rest(pool);
  EXPECT_EQ(pool.metrics().completed, 45u);
  expect_conservation(pool);
}

TEST(PoolPostAll, TakesMoveOnlyCallablesFromARangeOfRvalues) {
  weir::pool pool({.workers = 2});
  tally ran;
  auto make = [&ran] {
    return [&ran, p = std::make_unique<int>(1)] {
      if (*p == 1) ran.add();
    };
  };
  std::vector<decltype(make())> calls;
  for (int i = 0; i < 50; ++i) calls.push_back(make());
  const auto moved =
      std::ranges::subrange(std::make_move_iterator(calls.begin()), std::make_move_iterator(calls.end()));
  EXPECT_EQ(pool.post_all({}, moved).posted, 50u);
  EXPECT_EQ(pool.post_all({}, std::views::iota(0, 50) | std::views::transform([&](int) { return make(); })).posted,
            50u);
  ran.await(100, "callables that were moved in");
}

struct throws_when_copied {
  tally* ran;
  bool throws;
  throws_when_copied(tally& counts, bool thrower) : ran(&counts), throws(thrower) {}
  throws_when_copied(const throws_when_copied& other) : ran(other.ran), throws(other.throws) {
    if (throws) throw std::runtime_error("copied");
  }
  void operator()() const { ran->add(); }
};

TEST(PoolPostAll, OneThatCannotBeCopiedFailsAloneAndTheOthersFollow) {
  tally failures;
  weir::pool_options options{.workers = 1};
  options.on_failure = [&](const weir::task_failure&) { failures.add(); };
  weir::pool pool(options);
  tally ran;
  std::vector<std::unique_ptr<throws_when_copied>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(std::make_unique<throws_when_copied>(ran, i == 4));
  const auto each = calls | std::views::transform([](auto& c) -> throws_when_copied& { return *c; });
  EXPECT_EQ(pool.post_all({}, each).posted, 10u);
  ran.await(9, "the others");
  failures.await(1, "the one that failed");
  weir::testing::await_rest(pool);
  EXPECT_EQ(pool.metrics().failed, 1u);
  expect_conservation(pool);
}

TEST(PoolPostAll, WhatTheRangeThrowsLeavesThoseBeforePosted) {
  weir::pool pool({.workers = 1});
  tally ran;
  const auto throwing = std::views::iota(0, 100) | std::views::transform([&](int i) {
                          if (i == 40) throw std::out_of_range("the range");
                          return [&ran] { ran.add(); };
                        });
  EXPECT_THROW((void)pool.post_all({}, throwing), std::out_of_range);
  ran.await(40, "those before");
  weir::testing::await_rest(pool);
  expect_conservation(pool);
}

TEST(PoolPostAll, HasTheDeadlineAndThePriorityOfItsOptions) {
  weir::pool pool({.workers = 1});
  tally ran;
  const weir::deadline until = weir::within(1h);
  const auto call = [&] {
    EXPECT_EQ(weir::this_task::deadline(), until);
    EXPECT_EQ(weir::this_task::name().view(), "one of many");
    ran.add();
  };
  const weir::submit_options options{.deadline = until, .name = "one of many", .priority = weir::priority::high};
  EXPECT_TRUE(pool.post_all(options, std::vector(40, call)));
  ran.await(40, "tasks with a deadline");
}

// Who waits for its turn at the door must not hold back the tasks that it waits for.
TEST(PoolPostAll, WhereCallersRunWhatDoesNotFitItEnds) {
  weir::pool pool(
      {.workers = 1, .limits = {.max_tasks = 2, .max_waiters = 1, .overflow = weir::overflow::caller_runs}});
  tally ran;
  EXPECT_EQ(pool.post_all({}, std::vector(100, [&ran] { ran.add(); })).posted, 100u);
  ran.await(100, "all, by the worker and by this thread");
  weir::testing::await_rest(pool);
  expect_conservation(pool);
}

}  // namespace
