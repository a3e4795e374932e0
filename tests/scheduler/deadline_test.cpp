// Deadlines: one time for waiting, queueing and running, that fires while every worker is busy.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::stop_cause;
using weir::task_outcome;
using weir::testing::busy_workers;
using weir::testing::cancelled_thrown_by;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::watched_clock;

TEST(PoolDeadline, FiresForWhatIsQueuedWhileEveryWorkerIsBusy) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}, .clock = &clock});
  busy_workers busy(pool);
  auto captured = std::make_shared<int>(0);
  auto job =
      pool.try_submit({.deadline = weir::within(10ms, clock)}, [captured] { ADD_FAILURE() << "started too late"; });
  clock.await_sleepers(1);
  clock.advance(9ms);
  clock.await_sleepers(1);
  EXPECT_FALSE(job->is_done());
  clock.advance(1ms);
  weir::testing::eventually("the deadline", [&] { return job->is_done(); });
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_EQ(job->outcome(), task_outcome::expired);
  EXPECT_EQ(pool.metrics().live, 1) << "the permit is back";
  EXPECT_EQ(cancelled_thrown_by([&] { job->get(); }), stop_cause::deadline);
  EXPECT_EQ(pool.metrics().expired, 1u);
  busy.release();
  expect_conservation(pool);
}

TEST(PoolDeadline, FiresByTheRealClockWhileEveryWorkerIsBusy) {
  weir::pool pool({.workers = 2});
  busy_workers busy(pool, 2);
  auto job = pool.try_submit({.deadline = weir::within(2ms)}, [] { ADD_FAILURE() << "started too late"; });
  if (job) {  // else the machine was slow, and it was refused at the door
    job->wait();
    EXPECT_EQ(job->outcome(), task_outcome::expired);
  } else {
    EXPECT_EQ(job.error().reason, weir::refusal_reason::expired);
  }
  busy.release();
  expect_conservation(pool);
}

TEST(PoolDeadline, WhatRunsSeesItInItsToken) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  event running;
  auto job = pool.try_submit({.deadline = weir::within(10ms, clock)}, [&](weir::stop_token stop) {
    running.set();
    weir::testing::eventually("the deadline", [&] { return stop.stop_requested(); });
    EXPECT_EQ(stop.cause(), stop_cause::deadline);
    stop.throw_if_stopped();
  });
  running.await("the task");
  clock.await_sleepers(1);
  clock.advance(10ms);
  job->wait();
  EXPECT_EQ(job->outcome(), task_outcome::expired);
  EXPECT_EQ(cancelled_thrown_by([&] { job->get(); }), stop_cause::deadline);
  expect_conservation(pool);
}

TEST(PoolDeadline, WhoSawItAndReturnedIsCompleted) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  event running;
  auto job = pool.try_submit({.deadline = weir::within(10ms, clock)}, [&](weir::stop_token stop) {
    running.set();
    weir::testing::eventually("the deadline", [&] { return stop.stop_requested(); });
    return 5;
  });
  running.await("the task");
  clock.await_sleepers(1);
  clock.advance(10ms);
  EXPECT_EQ(job->get(), 5);
  EXPECT_EQ(pool.metrics().completed, 1u);
}

TEST(PoolDeadline, ReachesPostedTasks) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  busy_workers busy(pool);
  auto captured = std::make_shared<int>(0);
  EXPECT_TRUE(pool.post({.deadline = weir::within(10ms, clock)}, [captured] { ADD_FAILURE() << "started too late"; }));
  clock.await_sleepers(1);
  clock.advance(10ms);
  weir::testing::eventually("the deadline", [&] { return pool.metrics().expired == 1; });
  weir::testing::eventually("the permit", [&] { return pool.metrics().live == 1; });
  EXPECT_EQ(captured.use_count(), 1);
  busy.release();
  expect_conservation(pool);
}

TEST(PoolDeadline, IsTakenOutWhenTheTaskEndsBefore) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  auto job = pool.try_submit({.deadline = weir::within(10ms, clock)}, [] { return 1; });
  job->wait();
  clock.await_sleepers(1);
  clock.advance(1h);
  EXPECT_EQ(job->outcome(), task_outcome::completed);
  EXPECT_EQ(job->get(), 1);
}

TEST(PoolDeadline, IsLookedAtByTheWorkerToo) {
  // A queued task whose time has passed does not start, even if the clock thread has not come yet: here it never comes.
  class stuck final : public weir::clock_source {
   public:
    [[nodiscard]] weir::time_point now() const noexcept override { return inner.now(); }
    void wait_until(const weir::detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                    weir::time_point until) const noexcept override {
      weir::detail::futex_wait(word, expected, until == weir::time_point::max() ? -1ns : weir::duration(24h));
    }
    weir::manual_clock inner;
  } clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  busy_workers busy(pool);
  auto job = pool.try_submit({.deadline = weir::within(10ms, clock)}, [] { ADD_FAILURE() << "started too late"; });
  clock.inner.advance(10ms);
  busy.release();
  job->wait();
  EXPECT_EQ(job->outcome(), task_outcome::expired);
  expect_conservation(pool);
}

TEST(PoolDeadline, ManyFireInTheirOrder) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  busy_workers busy(pool);
  constexpr int count = 200;  // more than one batch of the clock thread
  std::vector<weir::job<void>> jobs;
  std::vector<int> at;
  for (int i = 0; i < count; ++i) {
    at.push_back(1 + i * 7 % count);
    jobs.push_back(
        std::move(*pool.try_submit({.deadline = weir::within(std::chrono::milliseconds(at.back()), clock)}, [] {})));
  }
  const auto fired_by = [&](int now) {
    for (int i = 0; i < count; ++i) {
      if (jobs[static_cast<std::size_t>(i)].is_done() != (at[static_cast<std::size_t>(i)] <= now)) return false;
    }
    return true;
  };
  clock.advance(50ms);
  weir::testing::eventually("the first quarter", [&] { return fired_by(50); });
  clock.advance(1ms);
  weir::testing::eventually("the next", [&] { return fired_by(51); });
  clock.advance(1h);
  weir::testing::eventually("all of them at once", [&] { return fired_by(count); });
  busy.release();
  expect_conservation(pool);
}

TEST(PoolDeadline, AnEarlierOneThatComesLaterIsNotLate) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  busy_workers busy(pool);
  auto late = pool.try_submit({.deadline = weir::within(1h, clock)}, [] {});
  clock.await_sleepers(1);
  auto early = pool.try_submit({.deadline = weir::within(1s, clock)}, [] {});
  clock.advance(1s);
  weir::testing::eventually("the earlier deadline", [&] { return early->is_done(); });
  EXPECT_FALSE(late->is_done());
  busy.release();
  late->get();
}

TEST(PoolDeadline, RootsInsideATaskHaveTheirOwn) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  auto job = pool.try_submit({.deadline = weir::within(1h, clock)}, [&] {
    return pool.try_submit({}, [] { return weir::this_task::deadline().is_never(); })->get();
  });
  EXPECT_TRUE(job->get());
}

TEST(PoolDeadline, OfAParentReachesItsChildrenWithItsCause) {
  // A child without one of its own, and one whose own comes later.
  watched_clock clock;
  for (const weir::deadline own : {weir::deadline{}, weir::within(1h, clock)}) {
    weir::pool pool({.workers = 1, .clock = &clock});
    event running;
    auto parent = pool.try_submit({.deadline = weir::within(10ms, clock)}, [&] {
      pool.run({.deadline = own},
               [&](weir::stop_token stop) {
                 running.set();
                 weir::testing::eventually("a parent's deadline in its child", [&] { return stop.stop_requested(); });
                 EXPECT_EQ(stop.cause(), stop_cause::deadline);
                 stop.throw_if_stopped();
               })
          .value();
    });
    running.await("the child");
    clock.await_sleepers(1);
    clock.advance(10ms);
    EXPECT_EQ(cancelled_thrown_by([&] { parent->get(); }), stop_cause::deadline);
    EXPECT_EQ(parent->outcome(), task_outcome::expired);
    EXPECT_EQ(pool.metrics().expired, 1u);
    expect_conservation(pool);
  }
}

TEST(PoolDeadline, OfAParentThatHasPassedLetsNoChildStart) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  event running;
  auto parent = pool.try_submit({.deadline = weir::within(10ms, clock)}, [&](weir::stop_token stop) {
    running.set();
    weir::testing::eventually("the deadline", [&] { return stop.stop_requested(); });
    return cancelled_thrown_by([&] { (void)pool.run({}, [] { ADD_FAILURE() << "started too late"; }); });
  });
  running.await("the parent");
  clock.await_sleepers(1);
  clock.advance(10ms);
  EXPECT_EQ(parent->get(), stop_cause::deadline);
  expect_conservation(pool);
}

TEST(PoolDeadline, OneThatIsTooFarToRepresentIsNever) {
  weir::pool pool({.workers = 1});
  auto job = pool.try_submit({.deadline = weir::within(std::chrono::hours::max())}, [] { return 1; });
  EXPECT_EQ(job->get(), 1);
}

}  // namespace
