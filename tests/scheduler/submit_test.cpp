// try_submit, submit and submit_until: what they take, what they return, and when they wait.
#include <array>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::refusal_reason;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::untouched;

int seven() { return 7; }

TEST(PoolTrySubmit, RunsTheCallableOnAWorkerAndReturnsItsResult) {
  weir::pool pool({.workers = 2});
  const auto here = std::this_thread::get_id();
  auto ran_on = pool.try_submit({}, [] { return std::this_thread::get_id(); });
  ASSERT_TRUE(ran_on);
  EXPECT_NE(ran_on->get(), here);
}

TEST(PoolTrySubmit, TakesWhateverCanBeCalled) {
  weir::pool pool({.workers = 1});
  EXPECT_EQ(pool.try_submit({}, seven)->get(), 7);
  EXPECT_EQ(pool.try_submit({}, &seven)->get(), 7);
  EXPECT_EQ(pool.try_submit({}, std::function<int()>(seven))->get(), 7);
  const auto constant = [] { return 8; };
  EXPECT_EQ(pool.try_submit({}, constant)->get(), 8);
  auto counting = [n = 0]() mutable { return ++n; };
  EXPECT_EQ(pool.try_submit({}, counting)->get(), 1);
  EXPECT_EQ(pool.try_submit({}, counting)->get(), 1) << "the pool runs a copy";
  EXPECT_EQ(pool.try_submit({}, std::bind(std::plus<>(), 4, 5))->get(), 9);
}

TEST(PoolTrySubmit, TakesMoveOnlyCallablesAndHandsOutMoveOnlyResults) {
  weir::pool pool({.workers = 1});
  auto job = pool.try_submit({}, [p = std::make_unique<int>(5)]() mutable { return std::move(p); });
  ASSERT_TRUE(job);
  const std::unique_ptr<int> result = job->get();
  EXPECT_EQ(*result, 5);
}

TEST(PoolTrySubmit, TakesBigAndOveralignedCaptures) {
  weir::pool pool({.workers = 1});
  std::array<int, 4096> many{};
  std::iota(many.begin(), many.end(), 0);
  EXPECT_EQ(pool.try_submit({}, [many] { return std::accumulate(many.begin(), many.end(), 0); })->get(),
            4095 * 4096 / 2);
  struct alignas(256) wide {
    int value = 3;
  };
  const auto is_aligned = [w = wide{}] {
    return reinterpret_cast<std::uintptr_t>(&w) % alignof(wide) == 0 && w.value == 3;
  };
  EXPECT_TRUE(pool.try_submit({}, is_aligned)->get());
  EXPECT_TRUE(pool.post({}, is_aligned));
}

TEST(PoolTrySubmit, HandsOutWhatHasNoDefaultAndNoAssignment) {
  struct stubborn {
    explicit stubborn(int v) : value(v) {}
    stubborn(stubborn&&) = default;
    stubborn& operator=(stubborn&&) = delete;
    const int value;
  };
  weir::pool pool({.workers = 1});
  EXPECT_EQ(pool.try_submit({}, [] { return stubborn(4); })->get().value, 4);
  pool.try_submit({}, [] {})->get();
}

TEST(PoolTrySubmit, RefusesWhatDoesNotFitAndLeavesTheCallableUntouched) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  busy_workers busy(pool);
  untouched callable;
  auto refused = pool.try_submit({}, callable);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, refusal_reason::tasks_full);
  auto moved = pool.try_submit({}, std::move(callable));
  EXPECT_FALSE(moved);
  EXPECT_TRUE(callable.holds());  // NOLINT: that it is whole is the promise
  auto owner = [p = std::make_unique<int>(1)] { return *p; };
  auto move_only = pool.try_submit({}, std::move(owner));
  EXPECT_FALSE(move_only);
  EXPECT_EQ(owner(), 1);  // NOLINT
}

TEST(PoolTrySubmit, FindsThePermitBackAsSoonAsTheEndIsSeen) {
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 1, .max_weight = 5}});
  for (int i = 0; i < 3'000; ++i) {
    auto job = pool.try_submit({.weight = 5}, [i] { return i; });
    ASSERT_TRUE(job) << "round " << i << ": " << to_string(job.error());
    ASSERT_EQ(job->get(), i);
  }
  expect_conservation(pool);
}

TEST(PoolTrySubmit, WhatTheSubmitterDidHappensBeforeTheTaskAndTheTaskBeforeGet) {
  weir::pool pool({.workers = 2});
  for (int i = 0; i < 500; ++i) {
    int before = 0;  // plain: ThreadSanitizer sees a missing edge
    int after = 0;
    before = i;
    auto job = pool.try_submit({}, [&] { after = before + 1; });
    job->get();
    ASSERT_EQ(after, i + 1);
  }
}

TEST(PoolSubmit, WaitsUntilThereIsRoom) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  busy_workers busy(pool);
  auto waiting = weir::testing::in_background([&] {
    auto job = pool.submit({}, seven);
    return job ? job->get() : 0;
  });
  weir::testing::eventually("a thread at the door", [&] { return pool.metrics().waiting == 1; });
  EXPECT_FALSE(weir::testing::is_ready(waiting));
  busy.release();
  EXPECT_EQ(weir::testing::get(waiting), 7);
  expect_conservation(pool);
}

TEST(PoolSubmit, LeavesTheCallableUntouchedWhenItIsRefusedWhileItWaits) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  busy_workers busy(pool);
  untouched callable;
  auto waiting = weir::testing::in_background([&] { return pool.submit({}, std::move(callable)).error().reason; });
  weir::testing::eventually("a thread at the door", [&] { return pool.metrics().waiting == 1; });
  auto closing = weir::testing::in_background([&] { return pool.shutdown().clean(); });
  EXPECT_EQ(weir::testing::get(waiting), refusal_reason::closed);
  EXPECT_TRUE(callable.holds());
  busy.release();
  EXPECT_TRUE(weir::testing::get(closing));
  expect_conservation(pool);
}

TEST(PoolSubmitUntil, GoesAwayWhenItsPatienceIsOver) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}, .clock = &clock});
  busy_workers busy(pool);
  untouched callable;
  auto waiting = weir::testing::in_background(
      [&] { return pool.submit_until(weir::within(10ms, clock), {}, callable).error().reason; });
  clock.await_sleepers(1);
  clock.advance(9ms);
  clock.await_sleepers(1);
  EXPECT_FALSE(weir::testing::is_ready(waiting));
  clock.advance(1ms);
  EXPECT_EQ(weir::testing::get(waiting), refusal_reason::timed_out);
  EXPECT_TRUE(callable.holds());
  expect_conservation(((void)busy.release(), pool));
}

TEST(PoolSubmitUntil, AdmitsWhatFitsEvenWithoutPatience) {
  weir::pool pool({.workers = 1});
  auto job = pool.submit_until(weir::within(-1s), {}, seven);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->get(), 7);
}

TEST(PoolSubmit, IsRefusedOnAWorkerEvenIfThereIsRoom) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 10}});
  auto outer = pool.try_submit({}, [&] {
    untouched callable;
    const auto a = pool.submit({}, callable).error();
    const auto b = pool.submit_until(weir::within(1h), {}, callable).error();
    return a.reason == refusal_reason::would_deadlock && b.reason == a.reason && callable.holds();
  });
  EXPECT_TRUE(outer->get());
  expect_conservation(pool);
}

TEST(PoolSubmit, MayBeCalledOnAWorkerOfAnotherPool) {
  weir::pool one({.workers = 1});
  weir::pool two({.workers = 1});
  EXPECT_EQ(one.try_submit({}, [&] { return two.submit({}, seven)->get(); })->get(), 7);
}

TEST(PoolTrySubmit, MakesNewRootsInsideTasks) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 3}});
  const auto counts =
      pool.try_submit({},
                      [&] {
                        auto one = pool.try_submit({}, seven);
                        auto two = pool.try_submit({}, seven);
                        auto three = pool.try_submit({}, seven);
                        return std::pair(pool.metrics().live, three ? refusal_reason::invalid : three.error().reason);
                      })
          ->get();
  EXPECT_EQ(counts, std::pair(std::int64_t{3}, refusal_reason::tasks_full));
  expect_conservation(pool);
}

}  // namespace
