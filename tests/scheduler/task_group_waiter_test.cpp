// Who may wait for a group: workers that sleep meanwhile, threads outside, threads that run tasks and are no workers,
// and stop callbacks.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using weir::refusal_reason;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::eventually;
using weir::testing::expect_conservation;
using weir::testing::refusal_thrown_by;
using weir::testing::tally;
using weir::testing::watched_clock;

TEST(TaskGroupWaiter, ThatSleepsIsWokenForAChildThatOnlyItCanRun) {
  weir::pool pool({.workers = 3});
  for (int round = 0; round < 20; ++round) {
    event release, slow_runs, is_made;
    weir::task_group* made = nullptr;
    tally runs;
    std::uint64_t sleeps_of_both = 0;
    const auto sleeps = [&] {
      std::uint64_t all = 0;
      for (const weir::worker_metrics& w : pool.metrics().workers) all += w.parks;
      return all;
    };
    auto slow = pool.try_submit({}, [&] {
      slow_runs.set();
      release.await("the release");
    });
    slow_runs.await("a task that occupies a worker");
    auto job = pool.try_submit({}, [&] {
      weir::task_group group(pool);
      event joins;
      group.spawn([&] {
        sleeps_of_both = sleeps();
        joins.set();
        slow->wait();
      });
      joins.await("the child on the third worker");
      eventually("the sleep of the third worker", [&] { return sleeps() > sleeps_of_both; });
      sleeps_of_both = sleeps();
      made = &group;
      is_made.set();
      group.wait();
      EXPECT_EQ(runs.count(), 40u);
    });
    is_made.await("the group");
    eventually("the sleep of the waiter", [&] { return sleeps() > sleeps_of_both; });
    std::vector<std::thread> spawners;
    for (int t = 0; t < 4; ++t) {
      spawners.emplace_back([&] {
        for (int i = 0; i < 10; ++i) made->spawn([&] { runs.add(); });
      });
    }
    for (std::thread& t : spawners) t.join();
    runs.await(40, "the children, by the worker that waits");
    release.set();
    job->get();
    slow->get();
  }
  expect_conservation(pool);
}

TEST(TaskGroupWaiter, ThatSleepsOutsideSeesTheLastOfAll) {
  for (const std::int64_t workers : {1, 3}) {
    weir::pool pool({.workers = workers, .limits = {.max_tasks = workers + 1}});
    for (int round = 0; round < 50; ++round) {
      event release;
      tally runs;
      weir::task_group group(pool);
      group.spawn([&] { release.await("the spawners"); });
      auto waiting = weir::testing::in_background([&] { group.wait(); });
      std::vector<std::thread> spawners;
      for (int t = 0; t < 4; ++t) {
        spawners.emplace_back([&] {
          for (int i = 0; i < 20; ++i) group.spawn([&] { runs.add(); });
        });
      }
      for (std::thread& t : spawners) t.join();
      EXPECT_FALSE(weir::testing::is_ready(waiting)) << "one child has not ended";
      release.set();
      weir::testing::get(waiting, "a wait outside");
      EXPECT_EQ(runs.count(), 80u);
    }
    expect_conservation(pool);
  }
}

TEST(TaskGroupWaiter, ThatRunsItsOwnSubmissionRunsTheChildrenItself) {
  watched_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 3, .max_waiters = 0, .overflow = weir::overflow::caller_runs},
                   .clock = &clock});
  busy_workers busy(pool);
  auto one = pool.try_submit({}, [] {});
  auto two = pool.try_submit({}, [] {});
  auto submitting = weir::testing::in_background([&] {
    return pool
        .post({},
              [&] {
                eventually("a free task", [&] { return pool.metrics().live == 2; });
                const auto here = std::this_thread::get_id();
                weir::task_group group(pool);
                int runs = 0;  // all on this thread, at once or by the wait
                for (int i = 0; i < 5; ++i) {
                  group.spawn([&] {
                    EXPECT_EQ(std::this_thread::get_id(), here);
                    weir::task_group nested(pool);
                    nested.spawn([&] { ++runs; });
                    nested.wait();
                  });
                }
                group.wait();
                EXPECT_EQ(runs, 5);
              })
        .has_value();
  });
  clock.await_sleepers(1);
  one->request_stop();
  two->request_stop();
  EXPECT_TRUE(weir::testing::get(submitting));
  busy.release();
  expect_conservation(pool);
}

TEST(TaskGroupWaiter, ThatRunsAQueuedTaskRunsTheChildrenItself) {
  weir::pool pool({.workers = 1});
  busy_workers busy(pool);
  int runs = 0;
  EXPECT_TRUE(pool.post({}, [&] {
    weir::task_group group(pool);
    for (int i = 0; i < 5; ++i) group.spawn([&] { group.spawn([&] { ++runs; }); });
    group.wait();
    EXPECT_EQ(runs, 5);
  }));
  EXPECT_TRUE(pool.try_run_one());
  EXPECT_EQ(runs, 5);
  // One child after the other of a root group, until there is none.
  weir::task_group group(pool);
  for (int i = 0; i < 5; ++i) group.spawn([&] { ++runs; });
  while (pool.try_run_one()) {
  }
  EXPECT_EQ(runs, 10);
  group.wait();
  busy.release();
}

TEST(TaskGroupWaiter, InAStopCallbackRunsTheChildrenItself) {
  weir::pool pool({.workers = 1});
  weir::task_group group(pool);
  event running, called;
  int runs = 0;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      EXPECT_EQ(refusal_thrown_by([&] { weir::task_group refused(pool); }).reason, refusal_reason::would_deadlock);
      group.wait();
      EXPECT_EQ(runs, 5);
      called.set();
    });
    running.set();
    called.await("the callback");
  });
  running.await("the only worker");
  for (int i = 0; i < 5; ++i) group.spawn([&] { ++runs; });
  job->request_stop();
  EXPECT_EQ(runs, 5);
  job->get();
}

// A task with a stop callback, on one worker, which stays until that has returned.
template <typename F>
weir::job<void> task_with_callback(weir::pool& pool, F on_stop) {
  auto running = std::make_shared<event>();
  auto job = pool.try_submit({}, [running, on_stop](weir::stop_token stop) {
    event called;
    const weir::stop_callback each(stop, [&] {
      on_stop();
      called.set();
    });
    running->set();
    called.await("the stop callback");
  });
  running->await("a task with a stop callback");
  return std::move(*job);
}

TEST(TaskGroupWaiter, InAStopCallbackRunsChildrenThatMayDoWhatAllMay) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 4}});
  weir::task_group group(pool);
  std::optional<weir::job<int>> queued;
  int runs = 0;
  const auto make_a_group = [&] {
    weir::task_group nested(pool);
    for (int i = 0; i < 5; ++i) nested.spawn([&] { ++runs; });  // beyond max_tasks they run at once
    nested.wait();
    return runs;
  };
  auto job = task_with_callback(pool, [&] {
    group.wait();
    EXPECT_EQ(queued->get(), 10);
  });
  group.spawn(make_a_group);
  queued.emplace(std::move(*pool.try_submit({}, make_a_group)));
  job.request_stop();
  job.get();
  EXPECT_EQ(runs, 10);
}

TEST(TaskGroupWaiter, InAStopCallbackHoldsItsTaskUpForAllThatItRuns) {
  // Over a group and over a fork, which others run, of a child that the callback runs.
  for (const bool is_fork : {false, true}) {
    weir::pool pool({.workers = 3});
    weir::task_group group(pool);
    std::optional<weir::job<void>> job;
    job.emplace(task_with_callback(pool, [&] { group.wait(); }));
    tally refused;
    const auto wait_for_the_task = [&](event& started) {
      started.set();
      EXPECT_EQ(refusal_thrown_by([&] { job->wait(); }).reason, refusal_reason::would_deadlock);
      refused.add();
    };
    busy_workers busy(pool);
    event stopper_runs, spawned;
    auto stopping = pool.try_submit({}, [&] {
      stopper_runs.set();
      spawned.await("the child");
      job->request_stop();
    });
    stopper_runs.await("the last free worker");
    group.spawn([&] {
      busy.release();
      event started;
      if (is_fork) {
        weir::fork_join([&] { started.await("a thief"); }, [&] { wait_for_the_task(started); });
      } else {
        weir::task_group nested(pool);
        nested.spawn([&] { wait_for_the_task(started); });
        started.await("another worker");
        nested.wait();
      }
    });
    spawned.set();
    stopping->get();
    job->get();
    EXPECT_EQ(refused.count(), 1u);
  }
}

}  // namespace
