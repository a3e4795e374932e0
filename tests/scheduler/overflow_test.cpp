// What happens to a newcomer at a full queue of waiters: the four policies, by enqueue, post and submit.
#include <gtest/gtest.h>
#include <thread>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using weir::overflow;
using weir::refusal_reason;
using weir::testing::busy_workers;
using weir::testing::expect_conservation;
using weir::testing::refusal_thrown_by;
using weir::testing::untouched;
using weir::testing::watched_clock;

weir::pool_options one_with_two_waiters(overflow policy) {
  return {.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 2, .overflow = policy}};
}

// The caller that waits for its turn sleeps by the clock, which is how a test knows that it does.
weir::pool_options callers_run(const weir::clock_source& clock) {
  auto options = one_with_two_waiters(overflow::caller_runs);
  options.clock = &clock;
  return options;
}

TEST(PoolOverflow, RejectNewRefusesTheNewcomer) {
  weir::pool pool(one_with_two_waiters(overflow::reject_new));
  busy_workers busy(pool);
  auto one = pool.enqueue({.priority = weir::priority::low}, [] { return 1; });
  auto two = pool.enqueue({}, [] { return 2; });
  untouched callable;
  auto refused = pool.enqueue({.priority = weir::priority::high}, std::move(callable));
  EXPECT_EQ(refused.error().reason, refusal_reason::waiters_full);
  EXPECT_TRUE(callable.holds());  // NOLINT
  busy.release();
  EXPECT_EQ(one->get() + two->get(), 3);
  expect_conservation(pool);
}

TEST(PoolOverflow, DropOldestShedsWhoWaitsLongest) {
  weir::pool pool(one_with_two_waiters(overflow::drop_oldest));
  busy_workers busy(pool);
  auto one = pool.enqueue({}, [] { return 1; });
  auto two = pool.enqueue({}, [] { return 2; });
  auto three = pool.enqueue({}, [] { return 3; });
  ASSERT_TRUE(three);
  EXPECT_EQ(refusal_thrown_by([&] { one->get(); }).reason, refusal_reason::shed);
  EXPECT_EQ(pool.metrics().waiting, 2);
  busy.release();
  EXPECT_EQ(two->get() + three->get(), 5);
  EXPECT_EQ(pool.metrics().refused_for(refusal_reason::shed), 1u);
  expect_conservation(pool);
}

TEST(PoolOverflow, DropLowestShedsTheNewestOfTheLowestPriority) {
  weir::pool pool(one_with_two_waiters(overflow::drop_lowest));
  busy_workers busy(pool);
  auto low = pool.enqueue({.priority = weir::priority::low}, [] { return 1; });
  auto normal = pool.enqueue({}, [] { return 2; });
  auto high = pool.enqueue({.priority = weir::priority::high}, [] { return 3; });
  ASSERT_TRUE(high);
  EXPECT_EQ(refusal_thrown_by([&] { low->get(); }).reason, refusal_reason::shed);
  untouched callable;
  EXPECT_EQ(pool.enqueue({}, std::move(callable)).error().reason, refusal_reason::waiters_full)
      << "not below the newcomer";
  EXPECT_TRUE(callable.holds());  // NOLINT
  busy.release();
  EXPECT_EQ(normal->get() + high->get(), 5);
  expect_conservation(pool);
}

TEST(PoolOverflow, ShedPostsAreToldToTheHandler) {
  auto options = one_with_two_waiters(overflow::drop_oldest);
  std::vector<weir::late_refusal> told;
  options.on_refused = [&](const weir::late_refusal& late) { told.push_back(late); };
  weir::pool pool(options);
  busy_workers busy(pool);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool.post({.name = "sheep", .trace = {1, 2}}, [] {}));
  const auto line = __LINE__ - 1;
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].why.reason, refusal_reason::shed);
  EXPECT_EQ(told[0].name.view(), "sheep");
  EXPECT_EQ(told[0].trace, (weir::trace_id{1, 2}));
  EXPECT_EQ(told[0].where.line(), static_cast<unsigned>(line));
  busy.release();
  expect_conservation(pool);
}

TEST(PoolOverflow, CallerRunsWaitsForThePermitAndRunsOnTheCaller) {
  watched_clock clock;
  weir::pool pool(callers_run(clock));
  busy_workers busy(pool);
  auto one = pool.enqueue({}, [] { return 1; });
  auto two = pool.enqueue({}, [] { return 2; });
  auto caller = weir::testing::in_background([&] {
    auto job = pool.enqueue({.name = "mine"}, [&] {
      EXPECT_EQ(weir::this_task::name().view(), "mine");
      EXPECT_EQ(pool.metrics().live, 1) << "under a permit like any other";
      return std::this_thread::get_id();
    });
    EXPECT_TRUE(job->is_done());
    return job->get() == std::this_thread::get_id();
  });
  clock.await_sleepers(1);
  EXPECT_FALSE(weir::testing::is_ready(caller));
  busy.release();
  EXPECT_TRUE(weir::testing::get(caller));
  EXPECT_EQ(one->get() + two->get(), 3);
  expect_conservation(pool);
}

TEST(PoolOverflow, CallerRunsPostsToo) {
  watched_clock clock;
  weir::pool pool(callers_run(clock));
  busy_workers busy(pool);
  auto one = pool.enqueue({}, [] {});
  auto two = pool.enqueue({}, [] {});
  auto caller = weir::testing::in_background([&] {
    std::thread::id ran_on;
    EXPECT_TRUE(pool.post({}, [&] { ran_on = std::this_thread::get_id(); }));
    return ran_on == std::this_thread::get_id();
  });
  clock.await_sleepers(1);
  busy.release();
  EXPECT_TRUE(weir::testing::get(caller));
  one->get();
  two->get();
  expect_conservation(pool);
}

TEST(PoolOverflow, CallerRunsIsRefusedOnAWorker) {
  weir::pool pool(one_with_two_waiters(overflow::caller_runs));
  pool.try_submit({},
                  [&] {
                    auto one = pool.enqueue({}, [] {});
                    auto two = pool.enqueue({}, [] {});
                    untouched callable;
                    EXPECT_EQ(pool.enqueue({}, std::move(callable)).error().reason, refusal_reason::would_deadlock);
                    EXPECT_TRUE(callable.holds());  // NOLINT
                    std::move(*one).detach();
                    std::move(*two).detach();
                  })
      ->get();
  expect_conservation(pool);
}

TEST(PoolOverflow, InsideACallersTaskTheCallerCountsAsAWorker) {
  watched_clock clock;
  weir::pool pool(callers_run(clock));
  busy_workers busy(pool);
  auto one = pool.enqueue({}, [] {});
  auto two = pool.enqueue({}, [] {});
  auto caller = weir::testing::in_background([&] {
    auto job = pool.enqueue({}, [&] {
      EXPECT_EQ(pool.submit({}, [] {}).error().reason, refusal_reason::would_deadlock);
      EXPECT_EQ(*pool.run({}, [] { return 5; }), 5);
      return pool.shutdown().how == weir::shutdown_report::status::would_deadlock;
    });
    return job->get();
  });
  clock.await_sleepers(1);
  busy.release();
  EXPECT_TRUE(weir::testing::get(caller));
  expect_conservation(pool);
}

}  // namespace
