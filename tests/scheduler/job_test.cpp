// job: the result, the end, the right to stop, and who waits how.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>
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

static_assert(!std::is_copy_constructible_v<weir::job<int>>);
static_assert(std::is_nothrow_move_constructible_v<weir::job<int>>);
static_assert(std::is_nothrow_move_assignable_v<weir::job<int>>);

TEST(Job, HandsTheResultOutOnceAndIsEmptyThen) {
  weir::pool pool({.workers = 1});
  auto job = std::move(*pool.try_submit({}, [] { return 1; }));
  EXPECT_TRUE(job);
  EXPECT_EQ(job.get(), 1);
  EXPECT_FALSE(job);
  EXPECT_THROW((void)job.get(), std::logic_error);
  EXPECT_THROW(job.wait(), std::logic_error);
  EXPECT_THROW((void)job.wait_until({}), std::logic_error);
  EXPECT_TRUE(job.is_done());
  EXPECT_EQ(job.outcome(), task_outcome::completed) << "which can still be asked";
  job.request_stop();  // nothing to stop
  std::move(job).detach();
  EXPECT_THROW(job.wait(), std::logic_error);  // NOLINT: that it is empty is the promise
}

TEST(Job, KeepsTheResultUntilItIsAskedFor) {
  weir::pool pool({.workers = 1});
  auto job = pool.try_submit({}, [] { return 1; });
  job->wait();
  EXPECT_TRUE(job->is_done());
  EXPECT_EQ(job->outcome(), task_outcome::completed);
  EXPECT_TRUE(job->wait_until(weir::within(-1h)));
  job->request_stop();
  EXPECT_EQ(job->outcome(), task_outcome::completed) << "what is over cannot be stopped";
  EXPECT_EQ(job->get(), 1);
}

TEST(Job, IsEmptyAfterAMove) {
  weir::pool pool({.workers = 1});
  auto one = std::move(*pool.try_submit({}, [] { return 1; }));
  auto two = std::move(one);
  EXPECT_FALSE(one);  // NOLINT: that it is empty is the promise
  EXPECT_EQ(two.get(), 1);
  auto& self = two;
  two = std::move(self);
  EXPECT_FALSE(two);  // NOLINT
}

TEST(Job, DestroyingItAsksTheTaskToStopAndWaits) {
  weir::pool pool({.workers = 1});
  event running;
  bool over = false;
  {
    auto job = pool.try_submit({}, [&](weir::stop_token stop) {
      running.set();
      weir::testing::eventually("the stop of a job that ends", [&] { return stop.stop_requested(); });
      over = stop.cause() == stop_cause::requested;
    });
    running.await("the task");
  }
  EXPECT_TRUE(over);
  expect_conservation(pool);
}

TEST(Job, AssigningOverItEndsTheOldTask) {
  weir::pool pool({.workers = 2});
  event running;
  bool over = false;
  auto job = std::move(*pool.try_submit({}, [&](weir::stop_token stop) {
    running.set();
    weir::testing::eventually("the stop of a job that is assigned over", [&] { return stop.stop_requested(); });
    over = true;
  }));
  running.await("the task");
  job = std::move(*pool.try_submit({}, [] {}));
  EXPECT_TRUE(over);
  job.get();
}

TEST(Job, DestroyingItBeforeTheTaskStartsKeepsItFromStarting) {
  weir::pool pool({.workers = 1});
  busy_workers busy(pool);
  auto captured = std::make_shared<int>(0);
  {
    auto job = pool.try_submit({}, [captured] { ADD_FAILURE() << "it was cancelled while queued"; });
  }
  EXPECT_EQ(captured.use_count(), 1) << "the callable is gone at once";
  EXPECT_EQ(pool.metrics().cancelled, 1u);
  EXPECT_EQ(pool.metrics().live, 1) << "and so is its permit";
  busy.release();
  expect_conservation(pool);
}

TEST(Job, DetachedItGoesOnAlone) {
  weir::pool pool({.workers = 1});
  event ran;
  {
    busy_workers busy(pool);
    std::move(*pool.try_submit({}, [&](weir::stop_token stop) {
      if (!stop.stop_requested()) ran.set();
      return std::make_unique<int>(1);
    })).detach();
    std::move(*pool.try_submit({}, [] { throw std::runtime_error("dropped"); })).detach();
  }
  ran.await("a detached task");
  expect_conservation(pool);
  EXPECT_EQ(pool.metrics().completed, 2u);
  EXPECT_EQ(pool.metrics().failed, 1u);
}

TEST(Job, WaitUntilGivesUpAtItsTimeAndLeavesTheTaskAlone) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  event release;
  auto job = pool.try_submit({}, [&] {
    release.await("the release");
    return 2;
  });
  auto waiting = weir::testing::in_background([&] { return job->wait_until(weir::within(10ms, clock)); });
  clock.await_sleepers(1);
  clock.advance(9ms);
  EXPECT_FALSE(weir::testing::is_ready(waiting));
  clock.advance(1ms);
  EXPECT_FALSE(weir::testing::get(waiting));
  release.set();
  EXPECT_EQ(job->get(), 2);
}

TEST(Job, WaitUntilGivesUpAtItsTimeOnAWorkerToo) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 2, .clock = &clock});
  busy_workers busy(pool);
  event running;
  event release;
  auto job = pool.try_submit({}, [&] {
    auto other = pool.try_submit({}, [&] { release.await("the release"); });
    busy.release();
    weir::testing::eventually("the other worker takes it",
                              [&] { return pool.metrics().live == 2 && pool.metrics().queued == 0; });
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

TEST(Job, AWorkerThatWaitsRunsTheTaskItself) {
  weir::pool pool({.workers = 1});
  auto outer = pool.try_submit({}, [&] {
    const auto here = std::this_thread::get_id();
    auto inner = pool.try_submit({}, [] { return std::this_thread::get_id(); });
    return inner->get() == here;
  });
  EXPECT_TRUE(outer->get());
  expect_conservation(pool);
}

TEST(Job, AWorkerFindsTheTaskItWaitsForWhereverItIsQueued) {
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

TEST(Job, ALongChainOfJoinsEndsOnOneWorker) {
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

TEST(Job, AJoinRunsOtherWorkMeanwhile) {
  weir::pool pool({.workers = 2, .help_depth = 1});
  event go;
  auto slow = pool.try_submit({}, [&] { go.await("the helper's task"); });
  auto waiter = pool.try_submit({}, [&] { slow->wait(); });
  weir::testing::eventually("both workers busy", [&] { return pool.metrics().queued == 0; });
  EXPECT_TRUE(pool.post({}, [&] { go.set(); }));
  waiter->get();
  slow->get();
}

TEST(Job, HelpDepthZeroRunsNothingUnrelated) {
  weir::pool pool({.workers = 2, .help_depth = 0});
  event go;
  event joining;
  auto slow = pool.try_submit({}, [&] { go.await("the release"); });
  auto waiter = pool.try_submit({}, [&] {
    joining.set();
    slow->wait();
  });
  joining.await("the join");
  auto unrelated = pool.try_submit({}, [] { return std::this_thread::get_id(); });
  EXPECT_FALSE(unrelated->wait_until(weir::within(20ms))) << "a worker at its stack budget took it";
  go.set();
  waiter->get();
  (void)unrelated->get();
  slow->get();
}

TEST(Job, TheStackOfHelpedTasksIsBounded) {
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

TEST(Job, WaitingForOneAtTheDoorOnAWorkerIsRefusedAndTheJobIsKept) {
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

TEST(Job, WaitingForATaskOnTheOwnStackIsRefused) {
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

TEST(Job, WhatTheOwnStackHoldsUpOverAnotherWorkerIsRefusedToo) {
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

TEST(Job, MayBeDestroyedInsideItsOwnTask) {
  weir::pool pool({.workers = 1});
  std::optional<weir::job<void>> own;
  event ran;
  busy_workers busy(pool);
  own.emplace(std::move(*pool.try_submit({}, [&] {
    own.reset();
    EXPECT_TRUE(weir::this_task::stop().stop_requested());
    ran.set();
  })));
  busy.release();
  ran.await("a task that ended its own job");
  expect_conservation(pool);
}

TEST(Job, MayBeOwnedByItsOwnCallable) {
  // The callable holds its own job; what ends it first is its run, a stop of the pool while it is queued, or the door.
  const auto own_itself = [](weir::pool& pool, auto how) {
    auto self = std::make_shared<std::optional<weir::job<void>>>();
    self->emplace(std::move(*how(pool, [self] {})));
    return std::weak_ptr(self);
  };
  const auto try_submit = [](weir::pool& p, auto f) { return p.try_submit({}, std::move(f)); };
  const auto enqueue = [](weir::pool& p, auto f) { return p.enqueue({}, std::move(f)); };
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}});
  {
    busy_workers busy(pool);
    (void)own_itself(pool, try_submit);
  }
  weir::testing::await_rest(pool);
  busy_workers busy(pool);
  const auto queued = own_itself(pool, try_submit);
  const auto at_door = own_itself(pool, enqueue);
  EXPECT_EQ(pool.metrics().waiting, 1);
  EXPECT_EQ(pool.shutdown(weir::within(0s)).live, 1) << "the busy worker";
  EXPECT_TRUE(queued.expired());
  EXPECT_TRUE(at_door.expired());
  busy.release();
  expect_conservation(pool);
}

TEST(Job, MayBeAskedToStopByManyThreads) {
  weir::pool pool({.workers = 2});
  for (int round = 0; round < 50; ++round) {
    auto job = pool.try_submit({}, [](weir::stop_token stop) {
      weir::testing::eventually("one of many stops", [&] { return stop.stop_requested(); });
    });
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { job->request_stop(); });
    for (auto& t : threads) t.join();
    job->wait();
  }
  expect_conservation(pool);
}

TEST(Job, MayOutliveThePool) {
  std::optional<weir::job<std::unique_ptr<int>>> done;
  std::optional<weir::job<void>> stopped, unused;
  {
    weir::pool pool({.workers = 1});
    done.emplace(std::move(*pool.try_submit({}, [] { return std::make_unique<int>(7); })));
    done->wait();
    busy_workers busy(pool);
    stopped.emplace(std::move(*pool.try_submit({}, [] {})));
    stopped->request_stop();
    unused.emplace(std::move(*pool.try_submit({}, [] {})));
  }
  EXPECT_EQ(*done->get(), 7);
  EXPECT_EQ(cancelled_thrown_by([&] { stopped->get(); }), stop_cause::requested);
  unused->request_stop();
}

TEST(Job, AThreadMayBeInGetWhileThePoolIsDestroyed) {
  for (int round = 0; round < 100; ++round) {
    std::optional<weir::pool> pool;
    pool.emplace(weir::pool_options{.workers = 1});
    event go;
    auto job = pool->try_submit({}, [&] {
      go.await("the start");
      return 8;
    });
    auto waiting = weir::testing::in_background([&] { return job->get(); });
    go.set();
    pool.reset();
    ASSERT_EQ(weir::testing::get(waiting), 8);
  }
}

TEST(Job, DestroysTheCallableBeforeTheEndIsSeen) {
  weir::pool pool({.workers = 2});
  for (int i = 0; i < 500; ++i) {
    auto captured = std::make_shared<int>(0);
    auto job = pool.try_submit({}, [captured] {});
    weir::testing::eventually("the end", [&] { return job->is_done(); });
    ASSERT_EQ(captured.use_count(), 1) << "round " << i;
  }
}

}  // namespace
