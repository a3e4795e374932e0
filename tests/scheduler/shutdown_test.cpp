// shutdown and ~pool: what ends by itself, what is asked to, what does not, and who may call.
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using weir::stop_cause;
using weir::testing::busy_workers;
using weir::testing::cancelled_thrown_by;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::tally;
using status = weir::shutdown_report::status;

// For tests in which all that is asked to stop does: however slow the machine, none of it is called a straggler.
constexpr auto long_grace = 30s;

TEST(PoolShutdown, OfAnIdlePoolIsClean) {
  weir::pool pool({.workers = 2});
  const auto report = pool.shutdown();
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(to_string(report), "clean: all that was admitted ended by itself");
}

TEST(PoolShutdown, FinishesWhatWasAdmitted) {
  weir::pool pool({.workers = 2});
  tally ran;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(pool.post({}, [&] { ran.add(); }));
  EXPECT_TRUE(pool.shutdown().clean());
  EXPECT_EQ(ran.count(), 100u);
  expect_conservation(pool);
}

TEST(PoolShutdown, RefusesNewcomersAndWhoWaits) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  busy_workers busy(pool);
  auto waiting = pool.enqueue({}, [] { ADD_FAILURE() << "was let in"; });
  auto closing = weir::testing::in_background([&] { return pool.shutdown(); });
  waiting->wait();
  EXPECT_EQ(weir::testing::refusal_thrown_by([&] { waiting->get(); }).reason, weir::refusal_reason::closed);
  EXPECT_EQ(pool.try_submit({}, [] {}).error().reason, weir::refusal_reason::closed);
  busy.release();
  EXPECT_TRUE(weir::testing::get(closing).clean());
  expect_conservation(pool);
}

TEST(PoolShutdown, AtItsDeadlineWhatIsQueuedNeverStartsAndWhatRunsIsAsked) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  event running;
  auto runs = pool.try_submit({}, [&](weir::stop_token stop) {
    running.set();
    weir::testing::eventually("the shutdown", [&] { return stop.stop_requested(); });
    EXPECT_EQ(stop.cause(), stop_cause::shutdown);
    stop.throw_if_stopped();
  });
  running.await("the task");
  auto captured = std::make_shared<int>(0);
  auto queued = pool.try_submit({}, [captured] { ADD_FAILURE() << "started"; });
  EXPECT_TRUE(pool.post({}, [captured] { ADD_FAILURE() << "started"; }));
  auto closing = weir::testing::in_background([&] { return pool.shutdown(weir::within(1s, clock)); });
  clock.await_sleepers(1);
  EXPECT_FALSE(queued->is_done());
  clock.advance(1s);
  const auto report = weir::testing::get(closing);
  EXPECT_EQ(report.how, status::stopped);
  EXPECT_EQ(to_string(report), "stopped: at the deadline the rest was asked to stop, and ended");
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_EQ(cancelled_thrown_by([&] { queued->get(); }), stop_cause::shutdown);
  EXPECT_EQ(cancelled_thrown_by([&] { runs->get(); }), stop_cause::shutdown);
  EXPECT_EQ(pool.metrics().cancelled, 3u);
  expect_conservation(pool);
}

TEST(PoolShutdown, NamesWhatDidNotStopWithItsPlace) {
  weir::pool pool({.workers = 2, .stop_grace = 0ms});
  busy_workers busy(pool, 1, {.name = "stubborn"});
  const auto report = pool.shutdown(weir::within(0s));
  EXPECT_EQ(report.how, status::stragglers);
  EXPECT_FALSE(report.clean());
  EXPECT_EQ(report.live, 1);
  ASSERT_EQ(report.stragglers.size(), 1u);
  EXPECT_EQ(report.stragglers[0].name.view(), "stubborn");
  EXPECT_THAT(report.stragglers[0].where.file_name(), HasSubstr("pools.hpp"));
  EXPECT_THAT(to_string(report),
              HasSubstr("1 task(s) did not stop: 'stubborn' (worker " + std::to_string(report.stragglers[0].worker)));
  busy.release();
  weir::testing::await_rest(pool);
  EXPECT_EQ(pool.shutdown().how, status::stopped) << "they were asked to stop, and have ended since";
  expect_conservation(pool);
}

TEST(PoolShutdown, MayBeCalledTwice) {
  weir::pool pool({.workers = 1});
  EXPECT_TRUE(pool.shutdown().clean());
  EXPECT_TRUE(pool.shutdown(weir::within(0s)).clean());
}

TEST(PoolShutdown, MayBeCalledByTwoThreadsWithDifferentPatience) {
  for (int round = 0; round < 20; ++round) {
    weir::pool pool({.workers = 1, .stop_grace = long_grace});
    event running;
    EXPECT_TRUE(pool.post({}, [&](weir::stop_token stop) {
      running.set();
      weir::testing::eventually("the shutdown", [&] { return stop.stop_requested(); });
    }));
    running.await("the task");
    auto patient = weir::testing::in_background([&] { return pool.shutdown().how; });
    auto hasty = weir::testing::in_background([&] { return pool.shutdown(weir::within(0s)).how; });
    EXPECT_EQ(weir::testing::get(patient), status::stopped);
    EXPECT_EQ(weir::testing::get(hasty), status::stopped);
  }
}

TEST(PoolShutdown, OnAWorkerItClosesTheDoorAndSaysThatItWouldWaitForItself) {
  weir::pool pool({.workers = 1});
  auto report = pool.try_submit({}, [&] { return pool.shutdown(); });
  const auto inside = report->get();
  EXPECT_EQ(inside.how, status::would_deadlock);
  EXPECT_EQ(inside.live, 1);
  EXPECT_THAT(to_string(inside), HasSubstr("would_deadlock: called on a worker"));
  EXPECT_EQ(pool.try_submit({}, [] {}).error().reason, weir::refusal_reason::closed);
  EXPECT_TRUE(pool.shutdown().clean());
}

TEST(PoolShutdown, CallsStopCallbacks) {
  weir::pool pool({.workers = 2, .stop_grace = long_grace});
  tally running, called;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(pool.post({}, [&](weir::stop_token stop) {
      const weir::stop_callback on_stop(stop, [&] { called.add(); });
      running.add();
      called.await(2, "the stop callbacks of a shutdown");
      weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
    }));
  }
  running.await(2, "both tasks");
  EXPECT_EQ(pool.shutdown(weir::within(0s)).how, status::stopped);
  EXPECT_EQ(called.count(), 2u);
  expect_conservation(pool);
}

TEST(PoolShutdown, CallbacksMayWaitForOtherTasks) {
  // For one that is queued, and for one that runs and is stopped by the same shutdown.
  weir::pool pool({.workers = 2, .stop_grace = long_grace});
  tally running;
  std::optional<weir::job<void>> queued, other;
  event callback_over;
  other.emplace(std::move(*pool.try_submit({}, [&](weir::stop_token stop) {
    running.add();
    weir::testing::eventually("the shutdown", [&] { return stop.stop_requested(); });
  })));
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      queued->wait();
      other->wait();
      callback_over.set();
    });
    running.add();
    callback_over.await("a callback that waits for other tasks");
  });
  running.await(2, "both tasks");
  queued.emplace(std::move(*pool.try_submit({}, [] {})));
  EXPECT_EQ(pool.shutdown(weir::within(0s)).how, status::stopped);
  job->get();
  expect_conservation(pool);
}

TEST(PoolShutdown, CallbacksRegisteredAfterTheStopAreCalledAtOnce) {
  weir::pool pool({.workers = 1, .stop_grace = 0ms});
  event running, stopped;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    running.set();
    stopped.await("the shutdown");
    int calls = 0;
    const weir::stop_callback on_stop(stop, [&] { ++calls; });
    return calls;
  });
  running.await("the task");
  EXPECT_EQ(pool.shutdown(weir::within(0s)).how, status::stragglers);
  stopped.set();
  EXPECT_EQ(job->get(), 1);
}

TEST(PoolShutdown, ReachesTheChildrenOfRunningTasks) {
  weir::pool pool({.workers = 1, .stop_grace = long_grace});
  event running;
  auto job = pool.try_submit({}, [&] {
    pool.run({},
             [&](weir::stop_token stop) {
               running.set();
               weir::testing::eventually("the shutdown", [&] { return stop.stop_requested(); });
               stop.throw_if_stopped();
             })
        .value();
  });
  running.await("the child");
  EXPECT_EQ(pool.shutdown(weir::within(0s)).how, status::stopped);
  EXPECT_EQ(cancelled_thrown_by([&] { job->get(); }), stop_cause::shutdown);
}

TEST(PoolDestructor, FinishesWhatWasAdmittedAndRefusesWhoWaits) {
  tally ran;
  std::optional<weir::job<void>> waiting;
  {
    weir::pool pool({.workers = 1, .limits = {.max_tasks = 50}});
    busy_workers busy(pool);
    for (int i = 0; i < 49; ++i) EXPECT_TRUE(pool.post({}, [&] { ran.add(); }));
    waiting.emplace(std::move(*pool.enqueue({}, [] { ADD_FAILURE() << "was let in"; })));
    auto closing = weir::testing::in_background([&] { (void)pool.shutdown(); });
    waiting->wait();
    busy.release();
    weir::testing::get(closing);
  }
  EXPECT_EQ(ran.count(), 49u);
  EXPECT_EQ(weir::testing::refusal_thrown_by([&] { waiting->get(); }).reason, weir::refusal_reason::closed);
}

TEST(PoolDestructor, WaitsForStragglersByDefault) {
  event running, named, go;
  bool over = false;
  auto owner = weir::testing::in_background([&] {
    {
      weir::pool pool({.workers = 1, .stop_grace = 0ms});
      EXPECT_TRUE(pool.post({}, [&] {
        running.set();
        go.await("the release of a straggler");
        over = true;
      }));
      running.await("the straggler");
      EXPECT_EQ(pool.shutdown(weir::within(0s)).how, status::stragglers);
      named.set();
    }
    return over;
  });
  named.await("the shutdown");
  EXPECT_FALSE(weir::testing::is_ready(owner));
  go.set();
  EXPECT_TRUE(weir::testing::get(owner));
}

// In a process of its own, since what is abandoned stays: threads that later tests would find. Its exit status is the
// number of the check that failed.
TEST(PoolDestructorDeathTest, AbandonsStragglersIfToldTo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto failed_check = [] {
    auto go = std::make_shared<event>();
    auto over = std::make_shared<event>();
    event running;
    {
      weir::pool pool({.workers = 2, .stop_grace = 0ms, .stragglers = weir::stragglers::abandon});
      if (!pool.post({.deadline = weir::within(1h)}, [&running, go, over] {
            running.set();
            go->await("the release of an abandoned task");
            over->set();
          })) {
        return 1;
      }
      running.await("the straggler");
      if (pool.shutdown(weir::within(0s)).how != status::stragglers) return 2;
    }
    if (over->is_set()) return 3;
    go->set();
    over->await("an abandoned task");
    return 0;
  };
  EXPECT_EXIT(std::_Exit(failed_check()), ::testing::ExitedWithCode(0), "");
}

TEST(PoolDestructorDeathTest, TerminatesOnStragglersIfToldTo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        event running;
        event never;
        weir::pool pool({.workers = 1, .stop_grace = 0ms, .stragglers = weir::stragglers::terminate});
        (void)pool.post({.name = "stuck"}, [&] {
          running.set();
          never.await("the end of the program");
        });
        running.await("the straggler");
        (void)pool.shutdown(weir::within(0s));
      },
      "did not stop: 'stuck' \\(worker 0, submitted at .*shutdown_test.cpp:");
}

TEST(PoolDestructorDeathTest, OnAWorkerItTerminatesWithAWord) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto* const pool = new weir::pool({.workers = 1});
        pool->try_submit({}, [=] { delete pool; })->get();
      },
      "destroyed by one of its own tasks");
}

TEST(PoolDestructor, PoolsInsideTasksOfOtherPools) {
  weir::pool outer({.workers = 2});
  std::vector<weir::job<int>> jobs;
  for (int i = 0; i < 20; ++i) {
    jobs.push_back(std::move(*outer.try_submit({}, [i] {
      weir::pool inner({.workers = 2});
      return *inner.run({}, [i] { return i; });
    })));
  }
  int sum = 0;
  for (auto& job : jobs) sum += job.get();
  EXPECT_EQ(sum, 190);
}

}  // namespace
