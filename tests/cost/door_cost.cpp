// The door alone: grants, refusals, releases, with nobody else there.
#include <coroutine>
#include <cstdint>
#include <exception>
#include <gtest/gtest.h>
#include <optional>
#include <vector>

#include <weir/admission/detail/gate.hpp>
#include <weir/admission/limiter.hpp>
#include <weir/admission/token_bucket.hpp>
#include <weir/admission/weighted_semaphore.hpp>

#include "measure.hpp"

namespace {

using namespace weir::cost;

struct door_costs {
  counts grant;
  counts refusal;
  counts release;
};

template <typename Door>
door_costs cost_of_a_door(Door& door) {
  door_costs c;
  std::optional<weir::result<weir::permit>> held, refused;
  c.grant = cost_of([&] { held.emplace(door.try_acquire(1)); });
  EXPECT_TRUE(*held);
  c.refusal = cost_of([&] { refused.emplace(door.try_acquire(1)); });
  EXPECT_FALSE(*refused);
  c.release = cost_of([&] { held.reset(); });
  return c;
}

TEST(DoorCost, OfALimiter) {
  weir::limiter limiter({.max_tasks = 1, .max_weight = 64});
  const door_costs c = cost_of_a_door(limiter);
  expect(limiter_grant, c.grant);
  expect(limiter_refusal, c.refusal);
  expect(limiter_release, c.release);
}

TEST(DoorCost, OfALimiterWithARate) {
  weir::limiter limiter({.max_tasks = 2, .max_weight = 64, .rate = weir::per_second(1), .burst = 1});
  const door_costs c = cost_of_a_door(limiter);
  expect(rate_grant, c.grant);
  expect(rate_refusal, c.refusal);
  expect(limiter_release, c.release);
}

TEST(DoorCost, OfALimiterWithAFlightRecorder) {
  weir::limiter limiter({.max_tasks = 1, .max_weight = 64, .flight_entries = 1'024});
  const door_costs c = cost_of_a_door(limiter);
  expect(recorded_grant, c.grant);
  expect(recorded_refusal, c.refusal);
  expect(recorded_release, c.release);
}

TEST(DoorCost, OfAWeightedSemaphore) {
  weir::weighted_semaphore semaphore(1);
  const door_costs c = cost_of_a_door(semaphore);
  expect(semaphore_grant, c.grant);
  expect(semaphore_refusal, c.refusal);
  expect(semaphore_release, c.release);
  std::optional<weir::result<weir::permit>> held;
  expect(semaphore_wait, cost_of([&] { held.emplace(semaphore.acquire(1)); }));
}

TEST(DoorCost, OfAWeightedSemaphoreFarFromItsCapacity) {
  weir::weighted_semaphore semaphore(1'000'000);
  (void)semaphore.try_acquire(3);  // its purses are opened, and it is put into one
  std::optional<weir::result<weir::permit>> held;
  expect(far_grant, cost_of([&] { held.emplace(semaphore.try_acquire(3)); }));
  EXPECT_TRUE(*held);
  expect(far_release, cost_of([&] { held.reset(); }));
}

// Begins when it is told to, so that its frame is there before.
struct told {
  struct promise_type {
    told get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> begin;
};

told wait_and_go_on(weir::limiter& door) { const weir::permit mine = (co_await door.async_acquire()).value(); }

TEST(DoorCost, OfACoroutineThatWaits) {
  weir::limiter door({.max_tasks = 2});
  const std::uint64_t waits = so_far().futex_waits;
  // The first round starts the timer thread, and makes room in its heap.
  for (const bool counts : {false, true}) {
    weir::permit all[] = {*door.try_acquire(), *door.try_acquire()};
    std::vector<told> those;
    for (std::uint64_t i = 0; i < async_wait.times; ++i) those.push_back(wait_and_go_on(door));
    const auto begun = cost_of([&] {
      for (const told& one : those) one.begin.resume();
    });
    EXPECT_EQ(door.waiting(), static_cast<std::int64_t>(async_wait.times));
    const auto gone_on = cost_of([&] { all[0].release(); });
    EXPECT_EQ(door.waiting(), 0);
    await_waits(waits + 1);  // the timer thread has begun, and sleeps
    if (!counts) continue;
    expect(async_wait, begun);
    expect(async_resumption, gone_on);
  }
}

TEST(DoorCost, OfATokenBucket) {
  weir::token_bucket bucket(weir::per_second(1), 3);
  bool granted = false;
  const auto take = [&] { granted = static_cast<bool>(bucket.try_take()); };
  expect(bucket_grant, cost_of(take));
  EXPECT_TRUE(granted);
  const weir::time_point now = weir::steady_clock_source().now();
  const auto take_now = [&] { granted = static_cast<bool>(bucket.try_take(1, now)); };
  expect(bucket_first_grant_at, cost_of(take_now));
  EXPECT_TRUE(granted);
  expect(bucket_grant_at, cost_of(take_now));
  EXPECT_TRUE(granted);
  expect(bucket_refusal_at, cost_of(take_now));
  EXPECT_FALSE(granted);
  expect(bucket_refusal, cost_of(take));
  EXPECT_FALSE(granted);
}

// The door of a pool with two workers.
TEST(DoorCost, OfAChild) {
  weir::detail::gate door({.max_tasks = 1'000}, weir::steady_clock_source(), nullptr, 2);
  bool all = door.try_add_child(0);  // its stock has units from here on
  expect(child, cost_of([&] {
           for (std::uint64_t i = 0; i < child.times; ++i) {
             all = all && door.try_add_child(0);
             door.end_child(0);
           }
         }));
  expect(child_outside, cost_of([&] {
           all = all && door.try_add_child();
           door.end_child();
         }));
  door.end_child(0);
  const auto pass_on = [&](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      all = all && door.try_add_child(0);
      door.end_child(1);
    }
  };
  pass_on(3 * 16);  // fills the other one's stock, and leaves its own empty
  expect(child_of_another, cost_of([&] { pass_on(child_of_another.times); }));
  EXPECT_TRUE(all);
  EXPECT_EQ(door.tasks_in_use(), 0);
}

}  // namespace
