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
