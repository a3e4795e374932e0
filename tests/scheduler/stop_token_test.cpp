// Stopping a task: who hears of it, when, and why.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <thread>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using namespace std::chrono_literals;
using weir::stop_cause;
using weir::task_outcome;
using weir::testing::busy_workers;
using weir::testing::cancelled_thrown_by;
using weir::testing::event;
using weir::testing::expect_conservation;

TEST(StopToken, ADefaultOneIsNeverStopped) {
  const weir::stop_token none;
  EXPECT_FALSE(none.stop_requested());
  EXPECT_EQ(none.cause(), stop_cause::none);
  none.throw_if_stopped();
  EXPECT_FALSE(weir::this_task::stop().stop_requested());
}

TEST(StopToken, IsTheSizeOfAPointer) { EXPECT_EQ(sizeof(weir::stop_token), sizeof(void*)); }

TEST(StopToken, WhatRunsSeesTheStopAndItsCause) {
  weir::pool pool({.workers = 1});
  event running;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    EXPECT_FALSE(stop.stop_requested());
    running.set();
    weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
    return stop.cause();
  });
  running.await("the task");
  job->request_stop();
  EXPECT_EQ(job->get(), stop_cause::requested);
  EXPECT_EQ(pool.metrics().completed, 1u) << "who saw the stop and returned is completed";
  expect_conservation(pool);
}

TEST(StopToken, ThisTaskSeesTheSameStop) {
  weir::pool pool({.workers = 1});
  event running;
  auto job = pool.try_submit({}, [&] {
    running.set();
    weir::testing::eventually("the stop", [&] { return weir::this_task::stop().stop_requested(); });
  });
  running.await("the task");
  job->request_stop();
  job->get();
}

TEST(StopToken, WhoLeavesByCancelledIsCancelled) {
  weir::pool pool({.workers = 1});
  event running;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) -> int {
    running.set();
    for (;;) stop.throw_if_stopped();
  });
  running.await("the task");
  job->request_stop();
  job->wait();
  EXPECT_EQ(job->outcome(), task_outcome::cancelled);
  EXPECT_EQ(cancelled_thrown_by([&] { (void)job->get(); }), stop_cause::requested);
  EXPECT_EQ(pool.metrics().cancelled, 1u);
  expect_conservation(pool);
}

TEST(StopToken, WhatIsQueuedNeverStarts) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}});
  busy_workers busy(pool);
  auto captured = std::make_shared<int>(0);
  auto job = pool.try_submit({}, [captured] { ADD_FAILURE() << "started"; });
  job->request_stop();
  EXPECT_TRUE(job->is_done()) << "at once";
  EXPECT_EQ(job->outcome(), task_outcome::cancelled);
  EXPECT_EQ(captured.use_count(), 1) << "the callable is destroyed";
  EXPECT_TRUE(pool.try_submit({}, [] {})) << "the permit is back, though every worker is busy";
  EXPECT_EQ(cancelled_thrown_by([&] { job->get(); }), stop_cause::requested);
  busy.release();
  expect_conservation(pool);
}

TEST(StopToken, StdTokensAreGivenToWhoAsks) {
  weir::pool pool({.workers = 1});
  event running;
  auto job = pool.try_submit({}, [&](std::stop_token stop) {
    EXPECT_TRUE(stop.stop_possible());
    EXPECT_FALSE(stop.stop_requested());
    event called;
    std::stop_callback on_stop(stop, [&] { called.set(); });
    running.set();
    weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
    called.await("its callback");
    return 3;
  });
  running.await("the task");
  job->request_stop();
  EXPECT_EQ(job->get(), 3);
}

TEST(StopToken, AStdTokenMayOutliveTheTask) {
  weir::pool pool({.workers = 1});
  auto job = pool.try_submit({}, [](std::stop_token stop) { return stop; });
  const std::stop_token kept = job->get();
  EXPECT_FALSE(kept.stop_requested());
}

TEST(StopToken, WhoTakesBothKindsIsGivenTheCheapOne) {
  struct either {
    int operator()(weir::stop_token) const { return 1; }
    int operator()(std::stop_token) const { return 2; }
    int operator()() const { return 3; }
  };
  weir::pool pool({.workers = 1});
  EXPECT_EQ(pool.try_submit({}, either{})->get(), 1);
}

TEST(StopToken, RootsMadeInsideATaskAreNotItsChildren) {
  weir::pool pool({.workers = 1});
  event running;
  std::optional<weir::job<bool>> other;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    other.emplace(std::move(*pool.try_submit({}, [](weir::stop_token own) { return own.stop_requested(); })));
    running.set();
    weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
  });
  running.await("the task");
  job->request_stop();
  EXPECT_FALSE(other->get());
}

// The cause that a running task sees after these two, one after the other, have asked it to stop.
template <typename First, typename Second>
stop_cause cause_after(First first, Second second) {
  weir::pool pool({.workers = 1, .stop_grace = 0ms});
  event running, both;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    running.set();
    both.await("the second stop");
    return stop.cause();
  });
  running.await("the task");
  first(pool, *job);
  second(pool, *job);
  both.set();
  return job->get();
}

TEST(StopToken, TheFirstCauseWins) {
  const auto requested = [](weir::pool&, auto& job) { job.request_stop(); };
  const auto shutdown = [](weir::pool& pool, auto&) {
    EXPECT_EQ(pool.shutdown(weir::within(0s)).how, weir::shutdown_report::status::stragglers);
  };
  EXPECT_EQ(cause_after(requested, shutdown), stop_cause::requested);
  EXPECT_EQ(cause_after(shutdown, requested), stop_cause::shutdown);
}

TEST(StopToken, CausesHaveNames) {
  EXPECT_EQ(to_string(stop_cause::none), "none");
  EXPECT_EQ(to_string(stop_cause::requested), "requested");
  EXPECT_EQ(to_string(stop_cause::deadline), "deadline");
  EXPECT_EQ(to_string(stop_cause::shutdown), "shutdown");
  EXPECT_STREQ(weir::cancelled(stop_cause::deadline).what(), "weir: expired: the deadline has passed");
}

}  // namespace
