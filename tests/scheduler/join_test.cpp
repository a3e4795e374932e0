// Joins: what a worker that waits does meanwhile, and which waits are refused since they could never end.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <thread>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::expect_conservation;

TEST(Join, AWorkerThatWaitsRunsTheTaskItself) {
  weir::pool pool({.workers = 1});
  auto outer = pool.try_submit({}, [&] {
    const auto here = std::this_thread::get_id();
    auto inner = pool.try_submit({}, [] { return std::this_thread::get_id(); });
    return inner->get() == here;
  });
  EXPECT_TRUE(outer->get());
  expect_conservation(pool);
}

// Each pool's only worker waits for the other one: what is queued is run by who waits for it, in whatever pool.
TEST(Join, AWorkerRunsWhatItWaitsForInAnotherPool) {
  weir::pool a({.workers = 1});
  weir::pool b({.workers = 1});
  ASSERT_TRUE(a.run({}, [&] {
    auto there = b.try_submit({}, [&] {
      auto back = a.try_submit({}, [] { return 1; });
      return 1 + back->get();
    });
    EXPECT_EQ(there->get(), 2);
    EXPECT_EQ(*b.run({}, [&] { return 1 + *a.run({}, [] { return 1; }); }), 2);
    weir::task_group group(b);
    group.spawn([&] {
      weir::task_group inner(a);
      inner.spawn([] {});
      inner.wait();
    });
    group.wait();
  }));
  expect_conservation(a);
  expect_conservation(b);
}

TEST(Join, AWorkerFindsTheTaskItWaitsForWhereverItIsQueued) {
  weir::pool pool({.workers = 1, .help_depth = 0});
  busy_workers busy(pool);
  auto first =
      pool.try_submit({.priority = weir::priority::low}, [] { return 1; });  // in the injector, the lowest lane
  auto second = pool.try_submit({.priority = weir::priority::high}, [&] { return 1 + first->get(); });
  auto third = pool.enqueue({.priority = weir::priority::high}, [&] {
    auto own = pool.try_submit({}, [] { return 3; });  // in the deque of this worker, below the next ones
    auto more = pool.try_submit({}, [] { return 4; });
    return own->get() + more->get() + second->get();
  });
  busy.release();
  EXPECT_EQ(third->get(), 9);
  expect_conservation(pool);
}

TEST(Join, ALongChainOfJoinsEndsOnOneWorker) {
  weir::pool pool({.workers = 1});
  struct chain {
    weir::pool& pool;
    int operator()(int left) const {
      if (left == 0) return 0;
      auto next = pool.try_submit({}, [this, left] { return (*this)(left - 1); });
      return 1 + next->get();
    }
  } const chain{pool};
  EXPECT_EQ(*pool.run({}, [&] { return chain(200); }), 200);
  expect_conservation(pool);
}

TEST(Join, APlainChainOfWaitsIsNeverRefused) {
  // Each task waits for the one before it, on more workers than one, which is where helping would close circles.
  for (const std::int64_t workers : {1, 2, 3}) {
    weir::pool pool({.workers = workers});
    for (int round = 0; round < 200; ++round) {
      auto first = pool.try_submit({}, [] { return 1; });
      auto second = pool.try_submit({}, [&] { return 1 + first->get(); });
      auto third = pool.try_submit({}, [&] { return 1 + second->get(); });
      auto fourth = pool.try_submit({}, [&] { return 1 + third->get(); });
      ASSERT_EQ(fourth->get(), 4);
    }
    expect_conservation(pool);
  }
}

TEST(Join, NearTheEndOfTheStackItIsRefusedInsteadOfOverrunningIt) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = weir::unlimited}});
  struct endless {
    weir::pool& pool;
    int operator()() const {
      auto next = pool.try_submit({}, endless{*this});
      try {
        return 1 + next->get();
      } catch (const weir::refused& e) {
        EXPECT_EQ(e.why().reason, weir::refusal_reason::would_deadlock);
        return 1;  // the job that was not waited for is cancelled here
      }
    }
  };
  EXPECT_GT(*pool.run({}, endless{pool}), 100);
  expect_conservation(pool);
  EXPECT_EQ(pool.metrics().cancelled, 1u);
}

TEST(Join, ACircleThatTheProgramMakesIsRefusedToo) {
  weir::pool pool({.workers = 2});
  std::optional<weir::job<int>> one, two;
  weir::testing::tally refused;
  busy_workers busy(pool, 2);
  const auto wait_for = [&](std::optional<weir::job<int>>& other) {
    try {
      return other->get();
    } catch (const weir::refused& e) {
      EXPECT_EQ(e.why().reason, weir::refusal_reason::would_deadlock);
      refused.add();
      return 1;
    }
  };
  one.emplace(std::move(*pool.try_submit({}, [&] { return wait_for(two); })));
  two.emplace(std::move(*pool.try_submit({}, [&] { return wait_for(one); })));
  busy.release();
  refused.await(1, "the refusal that opens the circle");
  weir::testing::await_rest(pool);
  EXPECT_EQ(refused.count(), 1u);
}

TEST(Join, AJoinRunsOtherWorkMeanwhile) {
  weir::pool pool({.workers = 2, .help_depth = 1});
  event go, slow_runs, waiter_runs;
  auto slow = pool.try_submit({}, [&] {
    slow_runs.set();
    go.await("the helper's task");
  });
  slow_runs.await("the slow task");
  auto waiter = pool.try_submit({}, [&] {
    waiter_runs.set();
    slow->wait();
  });
  waiter_runs.await("the task that waits");
  EXPECT_TRUE(pool.post({}, [&] { go.set(); }));
  waiter->get();
  slow->get();
}

TEST(Join, HelpDepthZeroRunsNothingUnrelated) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 2, .clock = &clock, .help_depth = 0});
  event go, slow_runs, waiter_runs, is_queued;
  auto slow = pool.try_submit({}, [&] {
    slow_runs.set();
    go.await("the release");
  });
  slow_runs.await("the slow task");
  auto waiter = pool.try_submit({}, [&] {
    waiter_runs.set();
    is_queued.await("something that could be run meanwhile");
    slow->wait();
  });
  waiter_runs.await("the task that waits");
  auto unrelated = pool.try_submit({}, [] {});
  is_queued.set();
  clock.await_sleepers(1);  // the worker that waits
  EXPECT_FALSE(unrelated->is_done()) << "a worker at its stack budget took it";
  go.set();
  waiter->get();
  unrelated->get();
  slow->get();
}

TEST(Join, TheStackOfHelpedTasksIsBounded) {
  // Every task joins the one slow task, which has the other worker. Without a bound the first would stack up all of
  // them.
  constexpr std::uint32_t depth = 2;
  weir::pool pool({.workers = 2, .help_depth = depth});
  event go, slow_runs;
  weir::testing::tally stacked;
  auto slow = pool.try_submit({}, [&] {
    slow_runs.set();
    go.await("the release");
  });
  slow_runs.await("the slow task");
  std::vector<weir::job<void>> jobs;
  for (int i = 0; i < 20; ++i) {
    jobs.push_back(std::move(*pool.try_submit({}, [&] {
      if (go.is_set()) return;
      stacked.add();
      slow->wait();
    })));
  }
  stacked.await(depth + 1, "a full stack");
  EXPECT_FALSE(jobs.back().wait_until(weir::within(20ms)));
  EXPECT_EQ(stacked.count(), depth + 1);
  go.set();
  for (auto& job : jobs) job.get();
  expect_conservation(pool);
}

TEST(Join, WaitingForOneAtTheDoorOnAWorkerIsRefusedAndTheJobIsKept) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  std::optional<weir::job<int>> inner;
  auto outer = pool.try_submit({}, [&] {
    inner.emplace(std::move(*pool.enqueue({}, [] { return 5; })));
    const auto why = weir::testing::refusal_thrown_by([&] { (void)inner->get(); });
    EXPECT_EQ(weir::testing::refusal_thrown_by([&] { inner->wait(); }).reason, why.reason);
    EXPECT_EQ(weir::testing::refusal_thrown_by([&] { (void)inner->wait_until(weir::within(1h)); }).reason, why.reason);
    return why.reason;
  });
  EXPECT_EQ(outer->get(), weir::refusal_reason::would_deadlock);
  EXPECT_EQ(inner->get(), 5);
  expect_conservation(pool);
}

TEST(Join, WaitingForATaskOnTheOwnStackIsRefused) {
  weir::pool pool({.workers = 1});
  std::optional<weir::job<weir::refusal_reason>> own;
  busy_workers busy(pool);
  own.emplace(std::move(*pool.try_submit({}, [&] {
    // A child, and a task that is helped, stand on the same stack.
    const auto in_child = *pool.run({}, [&] { return weir::testing::refusal_thrown_by([&] { own->wait(); }).reason; });
    const auto helped =
        pool.try_submit({}, [&] { return weir::testing::refusal_thrown_by([&] { own->wait(); }).reason; })->get();
    EXPECT_EQ(in_child, helped);
    EXPECT_EQ(in_child, weir::refusal_reason::would_deadlock);
    return weir::testing::refusal_thrown_by([&] { (void)own->get(); }).reason;
  })));
  busy.release();
  EXPECT_EQ(own->get(), weir::refusal_reason::would_deadlock);
}

TEST(Join, WhatTheOwnStackHoldsUpOverAnotherWorkerIsRefusedToo) {
  // bottom waits for quick, and helps with top meanwhile; top waits for far, which runs on the other worker and waits
  // for bottom. None of them waits in a circle by itself: it is the helping that put top onto bottom.
  weir::pool pool({.workers = 2, .help_depth = 4});
  event quick_runs, top_runs, far_runs;
  std::optional<weir::job<void>> bottom, quick, top, far;
  std::vector<weir::refusal_reason> refused;
  busy_workers busy(pool, 2);
  const auto wait_for = [&](std::optional<weir::job<void>>& of) {
    try {
      of->wait();
    } catch (const weir::refused& e) {
      refused.push_back(e.why().reason);
    }
  };
  bottom.emplace(std::move(*pool.try_submit({}, [&] {
    quick.emplace(std::move(*pool.try_submit({}, [&] {
      quick_runs.set();
      top_runs.await("top on the stack of bottom");
    })));
    quick_runs.await("the other worker takes quick");
    top.emplace(std::move(*pool.try_submit({}, [&] {
      far.emplace(std::move(*pool.try_submit({}, [&] {
        far_runs.set();
        wait_for(bottom);
      })));
      top_runs.set();
      far_runs.await("the other worker takes far");
      wait_for(far);
    })));
    wait_for(quick);
  })));
  busy.release();
  weir::testing::eventually("the end of a wait in a circle", [&] { return bottom->is_done(); });
  top->wait();
  far->wait();
  EXPECT_EQ(refused, std::vector{weir::refusal_reason::would_deadlock});
  expect_conservation(pool);
}

TEST(Join, WaitUntilGivesUpAtItsTimeOnAWorkerToo) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 2, .clock = &clock});
  busy_workers busy(pool);
  event running, taken, release;
  auto job = pool.try_submit({}, [&] {
    auto other = pool.try_submit({}, [&] {
      taken.set();
      release.await("the release");
    });
    busy.release();
    taken.await("the other worker takes it");
    running.set();
    const bool in_time = other->wait_until(weir::within(1h, clock));
    release.set();
    return in_time;
  });
  running.await("the waiting task");
  clock.await_sleepers(1);
  clock.advance(1h);
  EXPECT_FALSE(job->get());
  expect_conservation(pool);
}

}  // namespace
