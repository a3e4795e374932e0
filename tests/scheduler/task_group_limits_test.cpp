// Groups and the others: the line at the door, what is queued beside their children, and the end of the pool.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using weir::priority;
using weir::shutdown_report;
using weir::stop_cause;
using weir::testing::busy_workers;
using weir::testing::cancelled_thrown_by;
using weir::testing::event;
using weir::testing::eventually;
using weir::testing::expect_conservation;
using weir::testing::tally;
using weir::testing::watched_clock;

TEST(TaskGroupDoor, WhoIsFirstInLineGetsATaskWhileChildrenAreSpawnedWithoutEnd) {
  for (const std::int64_t max_tasks : {2, 3, 8}) {
    weir::pool pool({.workers = 2, .limits = {.max_tasks = max_tasks}});
    event over;
    auto spawns = pool.try_submit({}, [&] {
      weir::task_group group(pool);
      while (!over.is_set()) (void)group.try_spawn([] {});
      group.wait();
    });
    tally ran;
    for (int i = 0; i < 100; ++i) {
      auto job = pool.enqueue({}, [&] { ran.add(); });
      ASSERT_TRUE(job);
      eventually("a task for who is first in line", [&] { return job->is_done(); });
    }
    over.set();
    spawns->get();
    EXPECT_EQ(ran.count(), 100u);
    expect_conservation(pool);
  }
}

TEST(TaskGroupDoor, ALineThatWaitsForTheRateHoldsUpNoChild) {
  watched_clock clock;
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 4, .rate = weir::per_second(1), .burst = 1}, .clock = &clock});
  event in_line;
  auto job = pool.try_submit({}, [&] {
    in_line.await("the line");
    weir::task_group group(pool);
    for (int i = 0; i < 50; ++i) {
      event ran;
      group.spawn([&] { ran.set(); });
      ran.await("a child on the other worker");
    }
    group.wait();
  });
  auto waits = pool.enqueue({}, [] {});
  ASSERT_TRUE(waits);
  EXPECT_EQ(pool.metrics().waiting, 1);
  in_line.set();
  job->get();
  EXPECT_FALSE(waits->is_done());
  clock.advance(1s);
  waits->get();
  expect_conservation(pool);
}

TEST(TaskGroupDoor, ThereAreNeverMoreTasksThanMaxTasks) {
  for (const std::int64_t workers : {1, 2, 8}) {
    weir::pool pool({.workers = workers, .limits = {.max_tasks = workers + 1}});
    event over;
    std::thread sampler([&] {
      while (!over.is_set()) EXPECT_LE(pool.metrics().live, workers + 1);
    });
    for (int round = 0; round < 20; ++round) {
      weir::task_group group(pool);
      for (int i = 0; i < 50; ++i) {
        group.spawn([&] {
          for (int k = 0; k < 3; ++k) (void)group.try_spawn([&] { (void)pool.try_submit({}, [] {}); });
        });
      }
      group.wait();
    }
    over.set();
    sampler.join();
    expect_conservation(pool);
  }
}

// A child that goes on as a new one of its worker until it is told to stop, and counts.
struct chain_of_children {
  weir::task_group& group;
  const event& over;
  int& links;
  void operator()() const {
    ++links;
    if (!over.is_set()) group.spawn(chain_of_children{*this});
  }
};

// How many links a chain had, on the only worker, when what `submit` submits there, or outside, had its turn.
template <typename Submit>
int links_before(bool from_worker, Submit&& submit) {
  weir::pool pool({.workers = 1});
  event over;
  int links = 0;
  int before = -1;
  weir::task_group group(pool);
  busy_workers busy(pool);
  const auto turn = [&] {
    before = links;
    over.set();
  };
  EXPECT_TRUE(pool.post({.priority = priority::high}, [&] {
    if (from_worker) submit(pool, group, turn);
    group.spawn(chain_of_children{group, over, links});
  }));
  if (!from_worker) submit(pool, group, turn);
  busy.release();
  over.await("what is queued beside a chain of children");
  group.wait();
  weir::testing::eventually("the end of the others", [&] { return pool.metrics().live == 1; });
  return before;
}

TEST(TaskGroupFairness, AChainOfChildrenStarvesNothingBesideIt) {
  const auto post = [](priority lane) {
    return [lane](weir::pool& pool, weir::task_group&, const auto& turn) {
      EXPECT_TRUE(pool.post({.priority = lane}, turn));
    };
  };
  EXPECT_LE(links_before(false, post(priority::normal)), 61);
  EXPECT_LE(links_before(false, post(priority::low)), 61 * 8);
  EXPECT_LE(links_before(true, post(priority::normal)), 2 * 61) << "in the deque of its worker";
  EXPECT_LE(links_before(true, post(priority::high)), 61);
  const auto spawn = [](weir::pool&, weir::task_group& group, const auto& turn) { group.spawn(turn); };
  EXPECT_LE(links_before(true, spawn), 2 * 61) << "an older child below the chain";
}

TEST(TaskGroupShutdown, FinishesWhatIsSpawnedMeanwhile) {
  for (const std::int64_t workers : {1, 2, 8}) {
    weir::pool pool({.workers = workers, .limits = {.max_tasks = workers + 1}});
    tally runs;
    event running, closed;
    EXPECT_TRUE(pool.post({}, [&] {
      running.set();
      closed.await("the shutdown");
      weir::task_group group(pool);
      for (int i = 0; i < 100; ++i) {
        group.spawn([&] {
          runs.add();
          group.spawn([&] { runs.add(); });
        });
      }
      group.wait();
    }));
    running.await("the task");
    auto shutdown = weir::testing::in_background([&] { return pool.shutdown(); });
    eventually("a closed door", [&] { return !pool.try_submit({}, [] {}); });
    closed.set();
    EXPECT_TRUE(weir::testing::get(shutdown).clean());
    EXPECT_EQ(runs.count(), 200u);
    EXPECT_EQ(pool.metrics().live, 0);
    expect_conservation(pool);
  }
}

TEST(TaskGroupShutdown, NamesAChildByItsGroupAndARootThatIsKept) {
  std::optional<weir::pool> pool(std::in_place, weir::pool_options{.workers = 1, .stop_grace = 0ms});
  event running, release;
  {
    weir::task_group kept(*pool, {.name = "kept"});
    kept.spawn([&] {
      running.set();
      release.await("the release");
    });
    running.await("the child");
    auto captured = std::make_shared<int>(0);
    kept.spawn([captured] { ADD_FAILURE() << "ran after the deadline of the shutdown"; });
    const auto report = pool->shutdown(weir::within(0s));
    EXPECT_EQ(report.how, shutdown_report::status::stragglers);
    EXPECT_EQ(captured.use_count(), 1);
    EXPECT_EQ(report.live, 2);
    ASSERT_EQ(report.stragglers.size(), 2u);
    EXPECT_EQ(report.stragglers[0].name.view(), "kept");
    EXPECT_EQ(report.stragglers[0].worker, 0);
    EXPECT_EQ(report.stragglers[1].name.view(), "kept");
    EXPECT_EQ(report.stragglers[1].worker, -1);
    EXPECT_THAT(to_string(report), HasSubstr("'kept' (on no worker, submitted at "));
    release.set();
    EXPECT_EQ(cancelled_thrown_by([&] { kept.wait(); }), stop_cause::shutdown);
    EXPECT_TRUE(kept.stop_requested());
  }
  EXPECT_EQ(pool->metrics().live, 0);
  EXPECT_EQ(pool->shutdown().how, shutdown_report::status::stopped);
  expect_conservation(*pool);
}

TEST(TaskGroupShutdown, ATaskThatSpawnsForEverIsAStragglerOfItsOwn) {
  for (const std::int64_t workers : {1, 3}) {
    weir::pool pool({.workers = workers, .stop_grace = 0ms});
    event running, release;
    EXPECT_TRUE(pool.post({.name = "for ever"}, [&] {
      weir::task_group group(pool, {.name = "children"});
      while (!release.is_set()) {
        group.spawn([] {});
        running.set();
      }
    }));
    running.await("the task");
    const auto report = pool.shutdown(weir::within(1ms));
    EXPECT_EQ(report.how, shutdown_report::status::stragglers);
    EXPECT_THAT(to_string(report), HasSubstr("'for ever'"));
    release.set();
    EXPECT_EQ(pool.shutdown().how, shutdown_report::status::stopped);
    EXPECT_EQ(pool.metrics().live, 0);
    expect_conservation(pool);
  }
}

TEST(TaskGroupShutdown, InAChildClosesTheDoorAndDoesNotWait) {
  weir::pool pool({.workers = 2});
  {
    weir::task_group group(pool);
    group.spawn([&] {
      EXPECT_EQ(pool.shutdown().how, shutdown_report::status::would_deadlock);
      weir::task_group nested(pool);
      nested.spawn([] {});
      nested.wait();
    });
    group.wait();
    EXPECT_EQ(weir::testing::refusal_thrown_by([&] { weir::task_group late(pool); }).reason,
              weir::refusal_reason::closed);
  }
  EXPECT_TRUE(pool.shutdown().clean());
}

}  // namespace
