#include <weir/admission/limiter.hpp>

#include <cstdint>
#include <future>
#include <gtest/gtest.h>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "admission/bucket_oracle.hpp"
#include "support/eventually.hpp"
#include "support/seed.hpp"
#include "support/watched_clock.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using testing::get;
using testing::watched_clock;

class Limiter : public ::testing::Test {
 protected:
  using coming = std::future<result<permit>>;

  // Acquires on a thread of its own, and returns once that thread sleeps in line.
  [[nodiscard]] coming wait_in_line(limiter& door, std::int64_t weight = 1, deadline until = {},
                                    const std::stop_token& stop = {}) {
    coming outcome = testing::in_background([&door, weight, until, stop] { return door.acquire(weight, until, stop); });
    clock_.await_sleepers(++asleep_);
    return outcome;
  }

  [[nodiscard]] result<permit> outcome_of(coming& waited) {
    --asleep_;
    return get(waited, "an acquire that has its outcome");
  }

  // The text of the refusal of one attempt.
  static std::string text_of(const result<permit>& refused) {
    EXPECT_FALSE(refused);
    return refused ? "" : to_string(refused.error());
  }

  watched_clock clock_;
  int asleep_ = 0;
};

TEST_F(Limiter, TakesItsOptionsByName) {
  limiter door({.max_tasks = 2, .max_weight = 10}, clock_);
  permit held = *door.acquire({.weight = 9});
  EXPECT_EQ(held.weight(), 9);
  EXPECT_EQ(door.acquire({.weight = 2, .until = deadline(clock_.now())}).error().reason, refusal_reason::timed_out);
  EXPECT_EQ(door.acquire({.weight = 2, .deadline = deadline(clock_.now())}).error().reason, refusal_reason::expired);
  EXPECT_EQ(door.acquire({.weight = 1, .deadline = deadline(clock_.now())}).error().reason, refusal_reason::expired)
      << "past its deadline it is worth nothing, whatever room there is";
  EXPECT_TRUE(door.acquire({.weight = 1, .until = deadline(clock_.now())})) << "needs no wait";
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(door.acquire({.stop = stopped.get_token()}).error().reason, refusal_reason::cancelled);
  const refusal wrong = door.acquire({.priority = static_cast<priority>(3)}).error();
  EXPECT_EQ(to_string(wrong), "invalid: priority 3 is out of range; pass 0 to 2");
  EXPECT_EQ(door.acquire({.weight = 0}).error().reason, refusal_reason::invalid);
}

TEST_F(Limiter, HoldsCountWeightAndRateAtOnce) {
  limiter door({.max_tasks = 2, .max_weight = 10, .rate = per_second(10), .burst = 3}, clock_);
  permit a = *door.try_acquire(9);
  EXPECT_EQ(door.try_acquire(2).error().reason, refusal_reason::weight_full);
  permit b = *door.try_acquire(1);
  EXPECT_EQ(door.try_acquire(1).error().reason, refusal_reason::tasks_full);
  a.release();
  permit c = *door.try_acquire(1);
  c.release();
  EXPECT_EQ(door.try_acquire(1).error().reason, refusal_reason::rate_limited);
  EXPECT_EQ(door.tasks_in_use(), 1);
  EXPECT_EQ(door.weight_in_use(), 1);
}

TEST_F(Limiter, EachRefusalSaysWhatWasAskedTheLimitTheStateAndTheRemedy) {
  limiter door({.max_tasks = 2, .max_weight = 10, .rate = per_second(2'000), .burst = 2, .max_waiters = 0}, clock_);
  const permit a = *door.try_acquire(7);
  EXPECT_EQ(text_of(door.try_acquire(4)),
            "weight_full: weight 4 does not fit, 7 of 10 in use; try again when some ends, let it wait (acquire, "
            "enqueue), or raise max_weight (the capacity)");
  EXPECT_EQ(text_of(door.acquire(4)).substr(0, 14), "waiters_full: ");
  EXPECT_EQ(text_of(door.try_acquire(11)),
            "too_heavy: weight 11 exceeds max_weight 10; it can never be granted: split the task or raise max_weight "
            "(the capacity)");
  EXPECT_EQ(text_of(door.try_acquire(-3)), "invalid: weight -3 is out of range; pass 1 to 10");
  {
    const permit b = *door.try_acquire(1);
    EXPECT_EQ(text_of(door.try_acquire(1)), "rate_limited: 2000/s, burst 2 used up; retry in 500 us");
    clock_.advance(milliseconds(1));
    EXPECT_EQ(text_of(door.try_acquire(1)),
              "tasks_full: 2 of 2 tasks are live; try again when one ends, let it wait (acquire, enqueue), or raise "
              "max_tasks");
  }
  door.close();
  EXPECT_TRUE(door.is_closed());
  EXPECT_EQ(text_of(door.try_acquire(1)),
            "closed: the door is closed for good and admits nothing more; submit elsewhere");
}

TEST_F(Limiter, ARefusedRateLeavesTheCapacityUntouched) {
  limiter door({.max_tasks = 3, .max_weight = 3, .rate = per_second(10), .burst = 1}, clock_);
  const permit a = *door.try_acquire(1);
  for (int i = 0; i < 20; ++i) {
    const result<permit> refused = door.try_acquire(2);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, refusal_reason::rate_limited);
    EXPECT_EQ(refused.error().retry_after, milliseconds(100));
  }
  EXPECT_EQ(door.tasks_in_use(), 1);
  EXPECT_EQ(door.weight_in_use(), 1);
  clock_.advance(milliseconds(100));
  EXPECT_TRUE(door.try_acquire(2));
}

TEST_F(Limiter, RefusedCapacityLeavesTheRateUntouched) {
  limiter door({.max_tasks = 1, .rate = per_second(10), .burst = 2}, clock_);
  permit held = *door.try_acquire();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(door.try_acquire().error().reason, refusal_reason::tasks_full);
  held.release();
  EXPECT_TRUE(door.try_acquire()) << "the second token is still there";
}

TEST_F(Limiter, TheTimeThatIsPassedInIsTheTimeOfTheRate) {
  limiter door({.rate = per_second(10), .burst = 1}, clock_);
  const time_point start = clock_.now();
  EXPECT_TRUE(door.try_acquire(1, start));
  EXPECT_FALSE(door.try_acquire(1, start + milliseconds(100) - nanoseconds(1)));
  EXPECT_TRUE(door.try_acquire(1, start + milliseconds(100)));
}

TEST_F(Limiter, ATimeAheadOfTheClockDoesNotOpenTheDoorAgainAndAgain) {
  limiter door({.max_tasks = unlimited, .rate = per_second(1), .burst = 10}, clock_);
  const time_point ahead = clock_.now() + std::chrono::hours(1);
  int granted = 0;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 10; ++i) granted += door.try_acquire(1, ahead) ? 1 : 0;
    EXPECT_FALSE(door.try_acquire(1, clock_.now()));
    EXPECT_FALSE(door.try_acquire(1));
  }
  EXPECT_EQ(granted, 10);
  clock_.set(ahead + std::chrono::seconds(1));
  EXPECT_TRUE(door.try_acquire()) << "once that time has come, all is as before";
}

TEST_F(Limiter, WhateverTimesArePassedEveryWindowOfTheStampsHolds) {
  std::mt19937_64 random(testing::seed());
  for (int round = 0; round < 50; ++round) {
    const auto burst = static_cast<std::int64_t>(1 + random() % 5);
    limiter door({.max_tasks = 2, .rate = per_second(10), .burst = burst}, clock_);
    testing::bucket_oracle oracle(per_second(10), burst);
    for (int call = 0; call < 300; ++call) {
      clock_.advance(milliseconds(random() % 50));
      const auto off = milliseconds(static_cast<std::int64_t>(random() % 4'000) - 2'000);
      const result<permit> got = random() % 2 == 0 ? door.try_acquire() : door.try_acquire(1, clock_.now() + off);
      if (got) oracle.took(1, got->admitted_at());
    }
    ASSERT_TRUE(oracle.all_windows_hold()) << "round " << round;
    ASSERT_GE(oracle.total(), burst);
  }
}

TEST_F(Limiter, ATimeThatIsPassedInReadsNoClock) {
  limiter door({.rate = per_second(10), .burst = 1}, clock_);
  const time_point now = clock_.now();
  const std::int64_t reads = clock_.reads();
  const result<permit> held = door.try_acquire(1, now);
  EXPECT_TRUE(held);
  EXPECT_FALSE(door.try_acquire(1, now));
  EXPECT_FALSE(door.try_acquire(1, now - milliseconds(500))) << "it waits longer than an interval";
  EXPECT_EQ(clock_.reads(), reads);
}

TEST_F(Limiter, AThreadWaitsForItsTokenAndSleepsMeanwhile) {
  limiter door({.rate = per_second(10), .burst = 1}, clock_);
  const time_point start = clock_.now();
  const permit first = *door.try_acquire();
  coming waiting = wait_in_line(door);
  clock_.advance(milliseconds(99));
  clock_.await_sleepers(1);
  EXPECT_FALSE(testing::is_ready(waiting));
  clock_.advance(milliseconds(1));
  const result<permit> second = outcome_of(waiting);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->admitted_at(), start + milliseconds(100));
}

TEST_F(Limiter, ThreadsThatWaitForTokensAreWokenOneByOne) {
  constexpr int threads = 10;
  limiter door({.rate = per_second(10), .burst = 1}, clock_);
  const time_point start = clock_.now();
  const permit first = *door.try_acquire();
  std::vector<coming> line;
  for (int i = 0; i < threads; ++i) line.push_back(wait_in_line(door));
  for (int i = 0; i < threads; ++i) {
    const time_point due = start + milliseconds(100) * (i + 1);
    clock_.set(due);
    const result<permit> admitted = outcome_of(line[static_cast<std::size_t>(i)]);
    ASSERT_TRUE(admitted);
    EXPECT_EQ(admitted->admitted_at(), due);
    clock_.await_sleepers(asleep_);
  }
  // Each slept once for its place, and once or twice (its wake may come late) for its time as the head.
  EXPECT_LE(clock_.sleeps(), 3 * threads) << "somebody was woken for another's token";
}

// The head had its token's time announced, and then lacked room: it must sleep until a release, not look at the clock
// for ever.
TEST_F(Limiter, AThreadWhoseTokenCameButNotItsRoomSleeps) {
  limiter door({.max_tasks = 1, .rate = per_second(10), .burst = 1}, clock_);
  permit held = *door.try_acquire();
  coming waiting = wait_in_line(door);
  const std::int64_t sleeps = clock_.sleeps();
  clock_.advance(milliseconds(100));
  testing::eventually("the thread asleep again", [&] { return clock_.sleeps() == sleeps + 1; });
  clock_.advance(milliseconds(500));
  clock_.await_sleepers(1);
  EXPECT_EQ(clock_.sleeps(), sleeps + 1) << "a time that passes does not concern it now";
  held.release();
  EXPECT_TRUE(outcome_of(waiting));
}

TEST_F(Limiter, ACancelledThreadCostsThoseBehindItNoToken) {
  limiter door({.rate = per_second(10), .burst = 1}, clock_);
  const time_point start = clock_.now();
  const permit first = *door.try_acquire();
  std::stop_source stop;
  coming cancelled = wait_in_line(door, 1, {}, stop.get_token());
  coming next = wait_in_line(door);
  const std::int64_t sleeps = clock_.sleeps();
  stop.request_stop();
  EXPECT_EQ(outcome_of(cancelled).error().reason, refusal_reason::cancelled);
  testing::eventually("the new head's look at its time", [&] { return clock_.sleeps() > sleeps; });
  clock_.await_sleepers(1);
  clock_.set(start + milliseconds(100));
  EXPECT_EQ(outcome_of(next)->admitted_at(), start + milliseconds(100));
}

TEST_F(Limiter, ADeadlineShorterThanTheExactRateWaitIsRefusedAtOnce) {
  limiter door({.rate = per_second(10), .burst = 1}, clock_);
  const permit first = *door.try_acquire();
  const result<permit> late = door.acquire(1, within(milliseconds(100), clock_));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, refusal_reason::timed_out);
  EXPECT_EQ(late.error().retry_after, milliseconds(100));
  EXPECT_EQ(clock_.sleeps(), 0) << "it did not wait for what could not come";
  coming in_time = wait_in_line(door, 1, within(milliseconds(101), clock_));
  clock_.advance(milliseconds(100));
  EXPECT_TRUE(outcome_of(in_time));
}

TEST_F(Limiter, DropOldestShedsAWaitingThread) {
  limiter door({.max_tasks = 1, .max_waiters = 1, .overflow = overflow::drop_oldest}, clock_);
  permit held = *door.try_acquire();
  coming oldest = wait_in_line(door);
  coming newest = testing::in_background([&] { return door.acquire(); });
  const result<permit> shed = outcome_of(oldest);
  EXPECT_EQ(shed.error().reason, refusal_reason::shed);
  EXPECT_EQ(shed.error().limit, 1);
  held.release();
  EXPECT_TRUE(get(newest, "the newcomer that took the place"));
}

TEST_F(Limiter, AmongEqualsDropLowestRefusesTheNewcomer) {
  limiter door({.max_tasks = 1, .max_waiters = 1, .overflow = overflow::drop_lowest}, clock_);
  permit held = *door.try_acquire();
  coming waiting = wait_in_line(door);
  EXPECT_EQ(door.acquire().error().reason, refusal_reason::waiters_full);
  held.release();
  EXPECT_TRUE(outcome_of(waiting));
}

TEST_F(Limiter, CallerRunsLetsTheThreadWaitBeyondTheCount) {
  limiter door({.max_tasks = 1, .max_waiters = 0, .overflow = overflow::caller_runs}, clock_);
  permit held = *door.try_acquire();
  coming waiting = wait_in_line(door);
  EXPECT_EQ(door.waiting(), 0);
  held.release();
  EXPECT_TRUE(outcome_of(waiting));
}

TEST_F(Limiter, CloseSendsThreadsAwayAndLeavesPermitsValid) {
  limiter door({.max_tasks = 1}, clock_);
  permit held = *door.try_acquire();
  coming waiting = wait_in_line(door);
  door.close();
  EXPECT_EQ(outcome_of(waiting).error().reason, refusal_reason::closed);
  EXPECT_EQ(door.tasks_in_use(), 1);
  held.release();
  EXPECT_EQ(door.tasks_in_use(), 0);
  EXPECT_EQ(door.acquire().error().reason, refusal_reason::closed);
}

TEST_F(Limiter, WithoutLimitsAdmitsEverythingAndCountsNothing) {
  limiter door({.max_tasks = unlimited}, clock_);
  std::vector<permit> held;
  for (int i = 0; i < 1'000; ++i) held.push_back(*door.try_acquire(largest_max_weight));
  EXPECT_EQ(door.tasks_in_use(), 0);
  EXPECT_EQ(door.weight_in_use(), 0);
  EXPECT_EQ(door.try_acquire(largest_max_weight + 1).error().reason, refusal_reason::too_heavy);
}

TEST_F(Limiter, ImpossibleLimitsAreRefusedInTheConstructor) {
  EXPECT_THROW(limiter({.max_tasks = 0}), std::invalid_argument);
  EXPECT_THROW(limiter({.rate = per_second(1)}), std::invalid_argument);
}

TEST_F(Limiter, AClockThatGoesBackShutsTheDoorForOneBurstAtMost) {
  limiter door({.rate = per_second(10), .burst = 1}, clock_);
  permit held = *door.try_acquire();
  clock_.set(clock_.now() - std::chrono::minutes(30));
  EXPECT_EQ(door.try_acquire().error().retry_after, milliseconds(100));
  clock_.advance(milliseconds(100));
  EXPECT_TRUE(door.try_acquire());
}

// Each reading is `step` after the one before: a thread that is put aside between any two readings.
class jumping_clock final : public clock_source {
 public:
  explicit jumping_clock(nanoseconds step) : step_(step) {}
  [[nodiscard]] time_point now() const noexcept override { return at_ += step_; }
  void wait_until(const detail::atomic<std::uint32_t>&, std::uint32_t, time_point) const noexcept override {}

 private:
  nanoseconds step_;
  mutable time_point at_{std::chrono::hours(1)};
};

TEST_F(Limiter, AStrictWindowLetsATokenGoThatWasTakenForATimeTooFarBack) {
  const jumping_clock clock(milliseconds(2));  // always more than the 1 ms of slack
  limiter door({.rate = per_second(1), .burst = 4, .strict_window = true}, clock);
  EXPECT_EQ(door.try_acquire().error().reason, refusal_reason::rate_limited)
      << "each look came too late, until none was left";
  EXPECT_EQ(door.tasks_in_use(), 0);
}

// By an outside clock all of them come at once, whatever their stamps say.
TEST_F(Limiter, AStrictWindowTakesATimeAheadOfTheClockForThePresent) {
  limiter door({.rate = per_second(1), .burst = 4, .strict_window = true}, clock_);
  std::vector<permit> held;
  for (int i = 0; i < 100; ++i) {
    result<permit> got = door.try_acquire(1, clock_.now() + std::chrono::seconds(10) * i);
    if (got) held.push_back(*std::move(got));
  }
  ASSERT_EQ(held.size(), 4U);
  for (const permit& p : held) EXPECT_EQ(p.admitted_at(), clock_.now());
  EXPECT_EQ(door.try_acquire().error().retry_after, std::chrono::seconds(1));
}

TEST_F(Limiter, AStrictWindowAdmitsWithinItsSlack) {
  const jumping_clock clock(milliseconds(1));
  limiter door({.rate = per_second(1), .burst = 4, .strict_window = true}, clock);
  std::vector<permit> held;
  for (int i = 0; i < 4; ++i) held.push_back(*door.try_acquire());
  EXPECT_FALSE(door.try_acquire());
}

}  // namespace
}  // namespace weir
