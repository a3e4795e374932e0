// Stops of groups: from whom they come, what they end at once, and what they let be told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
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
using weir::stop_cause;
using weir::testing::busy_workers;
using weir::testing::cancelled_thrown_by;
using weir::testing::event;
using weir::testing::eventually;
using weir::testing::expect_conservation;
using weir::testing::tally;
using weir::testing::watched_clock;

void never_runs() { ADD_FAILURE() << "a child ran that was asked to stop while it was queued"; }

// With and without children that wait for their turn: those have no place in a queue.
class TaskGroupStop : public testing::TestWithParam<std::int64_t> {
 protected:
  static constexpr int many = 100;
};

INSTANTIATE_TEST_SUITE_P(MaxRunning, TaskGroupStop, testing::Values(weir::unlimited, 1, 3), [](const auto& i) {
  return i.param == weir::unlimited ? std::string("unlimited") : std::to_string(i.param);
});

TEST_P(TaskGroupStop, EndsWhatIsQueuedAtOnceWhileAllWorkersAreBusy) {
  weir::pool pool({.workers = 3});
  busy_workers busy(pool, 3);
  auto captured = std::make_shared<int>(0);
  {
    weir::task_group group(pool, {.max_running = GetParam()});
    for (int i = 0; i < many; ++i) group.spawn([captured] { never_runs(); });
    group.request_stop();
    EXPECT_EQ(captured.use_count(), 1) << "when request_stop has returned";
    EXPECT_EQ(cancelled_thrown_by([&] { group.wait(); }), stop_cause::requested);
  }
  EXPECT_EQ(pool.metrics().cancelled, static_cast<std::uint64_t>(many) + 1) << "the children and the root";
  busy.release();
  expect_conservation(pool);
}

TEST_P(TaskGroupStop, OfTheMakerEndsWhatIsQueuedAtOnceWhileAllWorkersAreBusy) {
  weir::pool pool({.workers = 3});
  busy_workers busy(pool, 2);
  auto captured = std::make_shared<int>(0);
  event spawned, release;
  auto job = pool.try_submit({}, [&] {
    weir::task_group group(pool, {.max_running = GetParam()});
    for (int i = 0; i < many; ++i) group.spawn([captured] { never_runs(); });
    spawned.set();
    release.await("the stop");
    EXPECT_TRUE(group.stop_requested());
    EXPECT_EQ(cancelled_thrown_by([&] { group.wait(); }), stop_cause::requested);
  });
  spawned.await("the children");
  job->request_stop();
  EXPECT_EQ(captured.use_count(), 1) << "when request_stop has returned";
  release.set();
  job->get();
  busy.release();
  expect_conservation(pool);
}

TEST_P(TaskGroupStop, ByItsDeadlineEndsTheWaitWhileAllWorkersAreBusy) {
  watched_clock clock;
  weir::pool pool({.workers = 2, .clock = &clock});
  busy_workers busy(pool, 2);
  auto captured = std::make_shared<int>(0);
  {
    weir::task_group group(pool, {.deadline = weir::within(10ms, clock), .max_running = GetParam()});
    for (int i = 0; i < many; ++i) group.spawn([captured] { never_runs(); });
    auto waiting = weir::testing::in_background([&] { return cancelled_thrown_by([&] { group.wait(); }); });
    clock.await_sleepers(1);
    clock.advance(9ms);
    clock.await_sleepers(1);
    EXPECT_FALSE(group.stop_requested());
    EXPECT_FALSE(weir::testing::is_ready(waiting));
    clock.advance(1ms);
    EXPECT_EQ(weir::testing::get(waiting, "a wait with a deadline"), stop_cause::deadline);
    EXPECT_EQ(captured.use_count(), 1);
  }
  EXPECT_EQ(pool.metrics().expired, static_cast<std::uint64_t>(many) + 1);
  busy.release();
  expect_conservation(pool);
}

TEST_P(TaskGroupStop, ByTheFailureOfAChildEndsTheOthersAtOnce) {
  weir::pool pool({.workers = 2});
  busy_workers busy(pool, 2);
  auto captured = std::make_shared<int>(0);
  weir::task_group group(pool, {.max_running = GetParam()});
  group.spawn([&] {
    for (int i = 0; i < many; ++i) group.spawn([captured] { never_runs(); });
    throw std::runtime_error("first");
  });
  EXPECT_TRUE(pool.try_run_one());
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_THROW(group.wait(), std::runtime_error);
  busy.release();
}

TEST(TaskGroupDeadline, TheEarlierOneHolds) {
  for (const bool is_groups : {true, false}) {
    watched_clock clock;
    weir::pool pool({.workers = 1, .clock = &clock});
    const auto early = weir::within(10ms, clock);
    const auto late = weir::within(1h, clock);
    event running;
    auto captured = std::make_shared<int>(0);
    auto job = pool.try_submit({.deadline = is_groups ? late : early}, [&](weir::stop_token own) {
      weir::task_group group(pool, {.deadline = is_groups ? early : late});
      group.spawn([&](weir::stop_token stop) {
        EXPECT_EQ(weir::this_task::deadline(), early);
        running.set();
        eventually("the deadline", [&] { return stop.stop_requested(); });
        EXPECT_EQ(stop.cause(), stop_cause::deadline);
      });
      EXPECT_THROW(
          {
            group.wait();
            group.spawn([captured] { never_runs(); });
            group.wait();
          },
          weir::cancelled);
      EXPECT_TRUE(group.stop_requested());
      EXPECT_EQ(own.cause(), is_groups ? stop_cause::none : stop_cause::deadline);
      EXPECT_EQ(weir::this_task::deadline(), is_groups ? late : early);
    });
    running.await("the child");
    clock.await_sleepers(1);
    clock.advance(10ms);
    job->get();
    expect_conservation(pool);
  }
}

TEST(TaskGroupDeadline, OfATaskEndsQueuedChildrenOfNestedGroups) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  auto captured = std::make_shared<int>(0);
  event spawned, release;
  auto job = pool.try_submit({.deadline = weir::within(10ms, clock)}, [&] {
    weir::task_group outer(pool);
    outer.spawn([&] {
      weir::task_group inner(pool, {.trace = {1, 2}});
      for (int i = 0; i < 20; ++i) inner.spawn([captured] { never_runs(); });
      for (int i = 0; i < 20; ++i) outer.spawn([captured] { never_runs(); });
      spawned.set();
      release.await("the deadline");
    });
    EXPECT_EQ(cancelled_thrown_by([&] { outer.wait(); }), stop_cause::deadline);
  });
  spawned.await("the children");
  clock.await_sleepers(1);
  clock.advance(10ms);
  eventually("the end of what is queued", [&] { return captured.use_count() == 1; });
  release.set();
  job->get();
  expect_conservation(pool);
}

struct nested_groups {
  weir::pool& pool;
  tally& at_the_bottom;
  const event& stopped;
  tally& callbacks;
  void operator()(int depth) const {
    weir::task_group group(pool);
    group.spawn([this, depth](weir::stop_token stop) {
      const weir::stop_callback on_stop(stop, [this] { callbacks.add(); });
      if (depth > 0) return (*this)(depth - 1);
      at_the_bottom.add();
      stopped.await("the stop");
      EXPECT_EQ(stop.cause(), stop_cause::requested);
    });
    if (depth % 2 == 0) {
      pool.run({}, [&] { group.wait(); }).value();
    } else {
      group.wait();
    }
  }
};

TEST(TaskGroupStops, OfTheOutermostReachAllBelowOnce) {
  for (const std::int64_t workers : {1, 2, 8}) {
    weir::pool pool({.workers = workers});
    for (int round = 0; round < 20; ++round) {
      tally at_the_bottom, callbacks;
      event stopped;
      weir::task_group outermost(pool);
      outermost.spawn([&] { nested_groups{pool, at_the_bottom, stopped, callbacks}(9); });
      at_the_bottom.await(1, "the innermost child");
      std::vector<std::thread> stoppers;
      for (int i = 0; i < 4; ++i) stoppers.emplace_back([&] { outermost.request_stop(); });
      for (std::thread& t : stoppers) t.join();
      stopped.set();
      try {
        outermost.wait();
      } catch (const weir::cancelled& e) {  // by a `run` that began after the stop
        EXPECT_EQ(e.cause(), stop_cause::requested);
      }
      EXPECT_EQ(callbacks.count(), 10u);
    }
    expect_conservation(pool);
  }
}

TEST(TaskGroupStops, ManyAtTheSameTimeCallEachCallbackOnce) {
  constexpr std::size_t count = 6;
  weir::pool pool({.workers = count + 1});
  for (int round = 0; round < 50; ++round) {
    std::array<tally, count> calls;
    tally running;
    weir::task_group* made = nullptr;
    event release;
    auto job = pool.try_submit({}, [&] {
      weir::task_group group(pool);
      made = &group;
      for (std::size_t i = 0; i < count; ++i) {
        group.spawn([&, i](weir::stop_token stop) {
          const weir::stop_callback on_stop(stop, [&, i] { calls[i].add(); });
          running.add();
          release.await("all stops");
          EXPECT_EQ(calls[i].count(), 1u);
        });
      }
      group.wait();
    });
    running.await(count, "all children");
    std::vector<std::thread> stoppers;
    for (int i = 0; i < 4; ++i) {
      stoppers.emplace_back([&, i] { i % 2 == 0 ? made->request_stop() : job->request_stop(); });
    }
    for (std::thread& t : stoppers) t.join();
    release.set();
    job->get();
  }
  expect_conservation(pool);
}

TEST(TaskGroupStops, AreSeenByForks) {
  for (const std::int64_t workers : {1, 2, 8}) {
    weir::pool pool({.workers = workers});
    weir::task_group group(pool);
    event running;
    tally cut_short;
    group.spawn([&] {
      try {
        weir::parallel_for(0, 1'000'000, [&](int i) {
          if (i == 0) running.set();
          eventually("the stop", [&] { return group.stop_requested(); });
        });
        ADD_FAILURE() << "ran to its end";
      } catch (const weir::cancelled&) {
        cut_short.add();
        throw;
      }
    });
    running.await("the loop");
    group.request_stop();
    EXPECT_EQ(cancelled_thrown_by([&] { group.wait(); }), stop_cause::requested);
    EXPECT_EQ(cut_short.count(), 1u);
  }
}

TEST(TaskGroupFailures, AllOfManyAreKeptInTheirOrder) {
  for (const std::int64_t workers : {1, 2, 8}) {
    weir::pool pool({.workers = workers, .limits = {.max_tasks = workers + 1}});
    weir::task_group group(pool, {.on_error = weir::on_error::keep_going});
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < 1'000; ++i) group.spawn([i] { throw i; });
      std::vector<int> thrown;
      try {
        group.wait();
      } catch (const weir::group_error& all) {
        for (const std::exception_ptr& one : all.errors()) {
          try {
            std::rethrow_exception(one);
          } catch (int i) {
            thrown.push_back(i);
          }
        }
      }
      std::sort(thrown.begin(), thrown.end());
      ASSERT_EQ(thrown.size(), 1'000u);
      for (int i = 0; i < 1'000; ++i) ASSERT_EQ(thrown[static_cast<std::size_t>(i)], i);
    }
    EXPECT_EQ(pool.metrics().failed, 2'000u);
  }
}

TEST(TaskGroupFailures, TheFirstToEndIsThrown) {
  weir::pool pool({.workers = 2});
  for (int round = 0; round < 100; ++round) {
    weir::task_group group(pool);
    event second_runs;
    group.spawn([&] {
      second_runs.set();
      eventually("the end of the first", [&] { return group.stop_requested(); });
      throw std::string("second");
    });
    second_runs.await("the second");
    group.spawn([] { throw std::string("first"); });
    try {
      group.wait();
      ADD_FAILURE() << "threw nothing";
    } catch (const std::string& which) {
      EXPECT_EQ(which, "first");
    }
  }
}

TEST(TaskGroupFailures, AStopCallbackThatThrowsFailsItsChild) {
  weir::pool pool({.workers = 1});
  weir::task_group group(pool);
  event running;
  tally called;
  group.spawn([&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      called.add();
      throw std::domain_error("in a callback");
    });
    running.set();
    called.await(1, "the callback");
  });
  running.await("the child");
  group.request_stop();
  EXPECT_THROW(group.wait(), std::domain_error);
  EXPECT_NO_THROW(group.wait());
  EXPECT_EQ(pool.metrics().failed, 1u);
}

}  // namespace
