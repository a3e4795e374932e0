// Waits at a limiter that hold no thread: every outcome, at once and later, of a coroutine.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <weir/admission/weighted_semaphore.hpp>

#include "support/eager.hpp"
#include "support/eventually.hpp"
#include "support/watched_clock.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using testing::eager;
using testing::eventually;
using testing::watched_clock;

// What became of a coroutine. Written by the thread that it goes on on.
struct kept_outcome {
  std::optional<result<permit>> got;
  // release store behind `got` -> acquire load by the test
  detail::atomic<int> times{0};

  [[nodiscard]] bool is_there() const { return times.load(detail::memory_order_acquire) != 0; }
  [[nodiscard]] bool is_granted() const { return is_there() && got->has_value(); }
  [[nodiscard]] refusal_reason reason() const { return got->error().reason; }
  void give_back() { *got = refusal{}; }
  void keep(result<permit> outcome) {
    got.emplace(std::move(outcome));
    times.fetch_add(1, detail::memory_order_release);
  }
};

eager wait_at_door(limiter& door, kept_outcome& out, acquire_options asked = {}) {
  out.keep(co_await door.async_acquire(std::move(asked)));
}

class AsyncAcquire : public ::testing::Test {
 protected:
  kept_outcome& begin(limiter& door, acquire_options asked = {}) {
    outcomes_.push_back(std::make_unique<kept_outcome>());
    (void)wait_at_door(door, *outcomes_.back(), std::move(asked));
    return *outcomes_.back();
  }

  void TearDown() override {
    for (const auto& one : outcomes_) EXPECT_EQ(one->times.load(detail::memory_order_acquire), 1);
  }

  watched_clock clock_;
  std::vector<std::unique_ptr<kept_outcome>> outcomes_;
};

TEST_F(AsyncAcquire, GoesOnAtOnceWhereThereIsRoom) {
  limiter door({.max_tasks = 1}, clock_);
  kept_outcome& first = begin(door, {.weight = 3});
  ASSERT_TRUE(first.is_granted());
  EXPECT_EQ((*first.got)->weight(), 3);
  EXPECT_EQ(door.tasks_in_use(), 1);
  EXPECT_EQ(clock_.sleeps(), 0) << "and without a thread";
  first.give_back();
}

TEST_F(AsyncAcquire, IsRefusedAtOnceWhatNoWaitCures) {
  limiter door({.max_tasks = 1, .max_weight = 4, .max_waiters = 1}, clock_);
  EXPECT_EQ(begin(door, {.weight = 0}).reason(), refusal_reason::invalid);
  EXPECT_EQ(begin(door, {.weight = 5}).reason(), refusal_reason::too_heavy);
  EXPECT_EQ(begin(door, {.priority = static_cast<priority>(9)}).reason(), refusal_reason::invalid);
  EXPECT_EQ(begin(door, {.deadline = deadline(clock_.now())}).reason(), refusal_reason::expired);
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(begin(door, {.stop = stopped.get_token()}).reason(), refusal_reason::cancelled) << "even with room";
  permit held = *door.try_acquire();
  EXPECT_EQ(begin(door, {.until = deadline(clock_.now())}).reason(), refusal_reason::timed_out);
  kept_outcome& waiting = begin(door);
  EXPECT_FALSE(waiting.is_there());
  EXPECT_EQ(begin(door).reason(), refusal_reason::waiters_full);
  door.close();
  EXPECT_EQ(waiting.reason(), refusal_reason::closed);
  EXPECT_EQ(begin(door).reason(), refusal_reason::closed);
}

TEST_F(AsyncAcquire, GoesOnInTheReleaseThatLetsItIn) {
  limiter door({.max_tasks = 1}, clock_);
  permit held = *door.try_acquire();
  kept_outcome& first = begin(door);
  kept_outcome& second = begin(door);
  EXPECT_FALSE(first.is_there());
  EXPECT_EQ(door.waiting(), 2);
  held.release();
  EXPECT_TRUE(first.is_granted());
  EXPECT_FALSE(second.is_there());
  first.give_back();
  EXPECT_TRUE(second.is_granted());
  second.give_back();
  EXPECT_EQ(door.tasks_in_use(), 0);
}

TEST_F(AsyncAcquire, StandsInOneLineWithThreads) {
  limiter door({.max_tasks = 1}, clock_);
  permit held = *door.try_acquire();
  kept_outcome& low = begin(door, {.priority = priority::low});
  auto thread = testing::in_background([&] { return door.acquire().value().weight(); });
  clock_.await_sleepers(2);  // in line, and the timer
  held.release();
  EXPECT_EQ(testing::get(thread), 1);
  eventually("the thread has given it back", [&] { return low.is_there(); });
  EXPECT_TRUE(low.is_granted());
  low.give_back();
}

TEST_F(AsyncAcquire, IsRefusedAtItsTimeWithoutARelease) {
  limiter door({.max_tasks = 1}, clock_);
  permit held = *door.try_acquire();
  kept_outcome& patient = begin(door, {.until = deadline(clock_.now() + milliseconds(20))});
  kept_outcome& late = begin(door, {.deadline = deadline(clock_.now() + milliseconds(10))});
  clock_.await_sleepers(1);
  clock_.advance(milliseconds(9));
  clock_.await_sleepers(1);
  EXPECT_FALSE(late.is_there());
  clock_.advance(milliseconds(1));
  eventually("its deadline has come", [&] { return late.is_there(); });
  EXPECT_EQ(late.reason(), refusal_reason::expired);
  EXPECT_FALSE(patient.is_there());
  clock_.await_sleepers(1);
  clock_.advance(milliseconds(10));
  eventually("its patience is over", [&] { return patient.is_there(); });
  EXPECT_EQ(patient.reason(), refusal_reason::timed_out);
  EXPECT_EQ(door.waiting(), 0);
}

TEST_F(AsyncAcquire, AnEarlierTimeIsNotMissed) {
  limiter door({.max_tasks = 1}, clock_);
  permit held = *door.try_acquire();
  kept_outcome& late = begin(door, {.until = deadline(clock_.now() + milliseconds(500))});
  clock_.await_sleepers(1);
  kept_outcome& early = begin(door, {.until = deadline(clock_.now() + milliseconds(5))});
  clock_.await_sleepers(1);
  clock_.advance(milliseconds(5));
  eventually("the earlier one", [&] { return early.is_there(); });
  EXPECT_FALSE(late.is_there());
  held.release();
  EXPECT_TRUE(late.is_granted());
  late.give_back();
}

TEST_F(AsyncAcquire, GetsItsTokenWhenItIsDue) {
  limiter door({.rate = per_second(10), .burst = 1}, clock_);
  kept_outcome& first = begin(door);
  ASSERT_TRUE(first.is_granted());
  kept_outcome& second = begin(door);
  kept_outcome& third = begin(door);
  for (kept_outcome* const next : {&second, &third}) {
    clock_.await_sleepers(1);
    EXPECT_FALSE(next->is_there());
    clock_.advance(milliseconds(100));
    eventually("its token", [&] { return next->is_there(); });
    EXPECT_TRUE(next->is_granted());
    EXPECT_EQ((*next->got)->admitted_at(), clock_.now());
  }
  for (kept_outcome* const one : {&first, &second, &third}) one->give_back();
}

TEST_F(AsyncAcquire, GetsATokenOfARateThatComesWhileItWaits) {
  limiter door({.max_tasks = 1}, clock_);
  permit held = *door.try_acquire();
  kept_outcome& waiting = begin(door);
  limits next = door.configured();
  next.rate = per_second(10);
  next.burst = 1;
  door.set_limits(next);
  next.max_tasks = 2;
  clock_.advance(milliseconds(100));
  door.set_limits(next);
  eventually("its token", [&] { return waiting.is_there(); });
  EXPECT_TRUE(waiting.is_granted());
  kept_outcome& more = begin(door);
  held.release();
  clock_.await_sleepers(1);
  EXPECT_FALSE(more.is_there());
  clock_.advance(milliseconds(100));
  eventually("its token, too", [&] { return more.is_there(); });
  waiting.give_back();
  more.give_back();
}

TEST_F(AsyncAcquire, LeavesWhenAStopIsRequested) {
  limiter door({.max_tasks = 1}, clock_);
  permit held = *door.try_acquire();
  std::stop_source stop;
  kept_outcome& leaving = begin(door, {.stop = stop.get_token()});
  kept_outcome& staying = begin(door);
  stop.request_stop();
  EXPECT_EQ(leaving.reason(), refusal_reason::cancelled);
  EXPECT_EQ(door.waiting(), 1);
  held.release();
  EXPECT_TRUE(staying.is_granted());
  staying.give_back();
}

TEST_F(AsyncAcquire, KeepsItsPermitWhenTheStopComesAfterTheGrant) {
  limiter door({.max_tasks = 1}, clock_);
  permit held = *door.try_acquire();
  std::stop_source stop;
  kept_outcome& one = begin(door, {.stop = stop.get_token()});
  held.release();
  stop.request_stop();
  EXPECT_TRUE(one.is_granted());
  one.give_back();
}

TEST_F(AsyncAcquire, AHeadThatLeavesLetsTheNextInAtOnce) {
  limiter door({.max_tasks = unlimited, .max_weight = 3}, clock_);
  permit held = *door.try_acquire(2);
  std::stop_source stop;
  kept_outcome& heavy = begin(door, {.weight = 3, .stop = stop.get_token()});
  kept_outcome& light = begin(door, {.weight = 1});
  stop.request_stop();
  EXPECT_EQ(heavy.reason(), refusal_reason::cancelled);
  EXPECT_TRUE(light.is_granted());
  light.give_back();
}

TEST_F(AsyncAcquire, IsRefusedTooHeavyWhenTheLimitIsLowered) {
  limiter door({.max_tasks = unlimited, .max_weight = 3}, clock_);
  permit held = *door.try_acquire(1);
  kept_outcome& heavy = begin(door, {.weight = 3});
  limits next = door.configured();
  next.max_weight = 2;
  door.set_limits(next);
  EXPECT_EQ(heavy.reason(), refusal_reason::too_heavy);
}

TEST_F(AsyncAcquire, ThereIsNoCallerThatCouldRunIt) {
  limiter door({.max_tasks = 1, .max_waiters = 0, .overflow = overflow::caller_runs}, clock_);
  permit held = *door.try_acquire();
  EXPECT_EQ(begin(door).reason(), refusal_reason::waiters_full);
  EXPECT_EQ(door.waiting(), 0);
}

TEST_F(AsyncAcquire, OfASemaphoreIsTheSame) {
  weighted_semaphore door(2, 4, clock_);
  permit held = *door.try_acquire(2);
  kept_outcome one;
  const auto wait = [](weighted_semaphore& at, kept_outcome& out) -> eager { out.keep(co_await at.async_acquire(2)); };
  (void)wait(door, one);
  held.release();
  EXPECT_TRUE(one.is_granted());
  one.give_back();
}

// Each lets the next one in: on top of one another they would need a gigabyte of stack.
eager pass_on(limiter& door, int& passed) {
  permit mine = (co_await door.async_acquire()).value();
  ++passed;
  mine.release();
}

TEST_F(AsyncAcquire, AChainOfAnyLengthNeedsTheStackOfOne) {
  constexpr int links = 300'000;
  limiter door({.max_tasks = 1, .max_waiters = links}, clock_);
  permit held = *door.try_acquire();
  int passed = 0;
  for (int i = 0; i < links; ++i) (void)pass_on(door, passed);
  EXPECT_EQ(passed, 0);
  held.release();
  EXPECT_EQ(passed, links);
  EXPECT_EQ(door.tasks_in_use(), 0);
}

TEST_F(AsyncAcquire, ALoopThatNeverWaitsNeedsTheStackOfOne) {
  limiter door({.max_tasks = 1}, clock_);
  int turns = 0;
  const auto loop = [](limiter& at, int& count) -> eager {
    for (; count < 1'000'000; ++count) const permit mine = (co_await at.async_acquire()).value();
  };
  (void)loop(door, turns);
  EXPECT_EQ(turns, 1'000'000);
}

// What is resumed comes after all that was decided by the same call was told, and after the call itself.
TEST_F(AsyncAcquire, AThreadIsWokenBeforeACoroutineGoesOn) {
  limiter door({.max_tasks = 2}, clock_);
  permit a = *door.try_acquire();
  permit b = *door.try_acquire();
  std::future<std::int64_t> thread;
  const auto wait = [](limiter& at, std::future<std::int64_t>& other, bool& was_woken) -> eager {
    const permit mine = (co_await at.async_acquire()).value();
    was_woken = other.wait_for(testing::patience) == std::future_status::ready;  // it needs nothing of this thread
  };
  bool was_woken = false;
  (void)wait(door, thread, was_woken);
  thread = testing::in_background([&] { return door.acquire().value().weight(); });
  clock_.await_sleepers(2);  // in line, and the timer
  limits next = door.configured();
  next.max_tasks = 4;
  door.set_limits(next);
  EXPECT_TRUE(was_woken);
}

TEST_F(AsyncAcquire, ThreadsOfOneClockShareTheTimer) {
  limiter one({.max_tasks = 1}, clock_);
  {
    limiter two({.max_tasks = 1}, clock_);
    permit a = *one.try_acquire();
    permit b = *two.try_acquire();
    kept_outcome& at_one = begin(one, {.until = deadline(clock_.now() + milliseconds(1))});
    kept_outcome& at_two = begin(two, {.until = deadline(clock_.now() + milliseconds(2))});
    clock_.await_sleepers(1);
    clock_.advance(milliseconds(2));
    eventually("both", [&] { return at_one.is_there() && at_two.is_there(); });
  }
  permit c = *one.try_acquire();
  kept_outcome& more = begin(one, {.until = deadline(clock_.now() + milliseconds(1))});
  clock_.await_sleepers(1);
  clock_.advance(milliseconds(1));
  eventually("the one that is left", [&] { return more.is_there(); });
}

// The process of a death test is forked: the limiter's timer thread is not there, and is not waited for.
TEST(AsyncAcquireDeathTest, AForkedChildEndsWithALimiterThatHasATimer) {
  manual_clock clock;
  auto door = std::make_unique<limiter>(limits{.max_tasks = 1}, clock);
  kept_outcome out;
  {
    permit held = *door->try_acquire();
    (void)wait_at_door(*door, out);
  }
  ASSERT_TRUE(out.is_granted());
  out.give_back();
  EXPECT_EXIT(
      {
        door.reset();
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

struct never_ending {
  struct promise_type {
    never_ending get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

TEST(AsyncAcquireDeathTest, ACoroutineThatWaitsIsNotDestroyed) {
  manual_clock clock;
  limiter door({.max_tasks = 1}, clock);
  permit held = *door.try_acquire();
  const auto wait = [](limiter& at) -> never_ending { (void)co_await at.async_acquire(); };
  const never_ending waiting = wait(door);
  EXPECT_DEATH(waiting.handle.destroy(), "destroyed while it waits at a limiter");
  door.close();
  EXPECT_TRUE(waiting.handle.done());
  waiting.handle.destroy();
}

// What goes on at its time, on the timer thread, may be the end of the limiter's last wait, and of the limiter.
TEST_F(AsyncAcquire, ALimiterEndsRightAfterItsLastWait) {
  for (int round = 0; round < 200; ++round) {
    kept_outcome out;
    {
      limiter door({.max_tasks = 1});
      permit held = *door.try_acquire();
      (void)wait_at_door(door, out, {.until = within(std::chrono::microseconds(50))});
      eventually("its time", [&] { return out.is_there(); });
      held.release();
    }
    EXPECT_EQ(out.reason(), refusal_reason::timed_out);
  }
}

}  // namespace
}  // namespace weir
