// The door that shuts for a while after so many expiries in a row.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/eventually.hpp"

namespace weir {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class Breaker : public ::testing::Test {
 protected:
  static limits after(std::int64_t expired) {
    return {.max_tasks = 1, .breaker = {.consecutive_expired = expired, .pause = milliseconds(100)}};
  }
  void expire(limiter& door, int times) {
    for (int i = 0; i < times; ++i) door.try_acquire().value().release_expired();
  }
  static refusal_reason reason_at(limiter& door) { return door.try_acquire().error().reason; }

  manual_clock clock_;
};

TEST_F(Breaker, IsOffByDefault) {
  limiter door({.max_tasks = 1}, clock_);
  expire(door, 100);
  EXPECT_TRUE(door.try_acquire());
  EXPECT_EQ(door.pause_left(), duration::zero());
}

TEST_F(Breaker, ShutsAfterSoManyInARowForSoLong) {
  limiter door(after(3), clock_);
  expire(door, 2);
  door.try_acquire().value().release();
  expire(door, 2);
  EXPECT_EQ(door.pause_left(), duration::zero()) << "one that ended in time came between";
  expire(door, 1);
  EXPECT_EQ(door.pause_left(), milliseconds(100));
  clock_.advance(milliseconds(60));
  const refusal why = door.try_acquire().error();
  EXPECT_EQ(why.reason, refusal_reason::breaker_open);
  EXPECT_EQ(why.retry_after, milliseconds(40));
  EXPECT_EQ(to_string(why), "breaker_open: the door is shut for a while, since 3 expired in a row; retry in 40.0 ms");
  EXPECT_EQ(door.acquire().error().reason, refusal_reason::breaker_open) << "nor does anybody wait for it";
  EXPECT_EQ(door.try_acquire(1, clock_.now()).error().reason, refusal_reason::breaker_open);
  EXPECT_EQ(door.try_acquire(0).error().reason, refusal_reason::invalid) << "what can never be is told first";
  clock_.advance(milliseconds(39));
  EXPECT_EQ(reason_at(door), refusal_reason::breaker_open);
  clock_.advance(milliseconds(1));
  EXPECT_TRUE(door.try_acquire());
  EXPECT_EQ(door.pause_left(), duration::zero());
}

TEST_F(Breaker, OneMoreShutsItAgainUnlessOneEndsInTime) {
  limiter door(after(3), clock_);
  expire(door, 3);
  clock_.advance(milliseconds(100));
  expire(door, 1);
  EXPECT_EQ(reason_at(door), refusal_reason::breaker_open);
  clock_.advance(milliseconds(100));
  door.try_acquire().value().release();
  expire(door, 2);
  EXPECT_TRUE(door.try_acquire()) << "three are missing again";
}

TEST_F(Breaker, WhatExpiresInThePauseDoesNotMakeItLonger) {
  limits configured = after(2);
  configured.max_tasks = 10;
  limiter door(configured, clock_);
  permit early = *door.try_acquire();
  expire(door, 2);
  clock_.advance(milliseconds(50));
  early.release_expired();
  EXPECT_EQ(door.pause_left(), milliseconds(50));
  EXPECT_EQ(door.tasks_in_use(), 0);
}

TEST_F(Breaker, CountsDeadlinesThatPassInLineAndLeavesOthersThere) {
  limits configured = after(2);
  configured.rate = per_second(10);
  configured.burst = 1;
  limiter door(configured, clock_);
  permit held = *door.try_acquire();
  // Counted here and on the timer thread; release addition -> acquire load by the test.
  detail::atomic<int> granted{0};
  detail::atomic<int> expired{0};
  const auto count = [&](const result<permit>& got) {
    (got ? granted : expired).fetch_add(1, detail::memory_order_release);
  };
  const auto number = [](const detail::atomic<int>& of) { return of.load(detail::memory_order_acquire); };
  const deadline soon(clock_.now() + milliseconds(250));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(door.enqueue({.deadline = soon}, count));
  EXPECT_TRUE(door.enqueue({}, count));
  clock_.set(soon.at());
  held.release();  // whoever comes next finds them late
  testing::eventually("both have expired", [&] { return number(expired) == 2; });
  EXPECT_EQ(reason_at(door), refusal_reason::breaker_open);
  testing::eventually("who waited is let in", [&] { return number(granted) == 1; });
}

TEST_F(Breaker, WhatWasNotDoneSaysNothing) {
  limiter door(after(2), clock_);
  expire(door, 1);
  door.try_acquire().value().release_unused();
  expire(door, 1);
  EXPECT_EQ(reason_at(door), refusal_reason::breaker_open);
}

TEST_F(Breaker, IsChangedWithTheOtherLimits) {
  limiter door({.max_tasks = 1}, clock_);
  door.set_limits(after(1));
  EXPECT_EQ(door.configured().breaker, after(1).breaker);
  expire(door, 1);
  EXPECT_EQ(reason_at(door), refusal_reason::breaker_open);
  door.set_limits({.max_tasks = 1});
  EXPECT_TRUE(door.try_acquire()) << "switched off it is open";
  door.set_limits(after(1));
  EXPECT_TRUE(door.try_acquire()) << "and begins anew";
}

TEST_F(Breaker, AClosedDoorIsClosed) {
  limiter door(after(1), clock_);
  expire(door, 1);
  door.close();
  EXPECT_EQ(reason_at(door), refusal_reason::closed);
}

TEST_F(Breaker, HasItsRanges) {
  const auto refuses = [&](const breaker_limits& wrong, const std::string& field) {
    try {
      (void)check(limits{.breaker = wrong});
    } catch (const std::invalid_argument& e) {
      return std::string(e.what()).find(field) != std::string::npos;
    }
    return false;
  };
  EXPECT_TRUE(refuses({.consecutive_expired = -1}, "breaker.consecutive_expired is -1"));
  EXPECT_TRUE(refuses({.consecutive_expired = largest_max_tasks + 1}, "breaker.consecutive_expired"));
  EXPECT_TRUE(refuses({.consecutive_expired = 1, .pause = duration::zero()}, "breaker.pause is 0 ns"));
  EXPECT_TRUE(refuses({.pause = duration(-1)}, "breaker.pause is -1 ns"));
  EXPECT_TRUE(refuses({.pause = hours(24) + duration(1)}, "at most 24 h"));
  for (const duration pause : {duration(1), duration(hours(24))}) {
    EXPECT_NO_THROW((void)check(limits{.breaker = {.consecutive_expired = largest_max_tasks, .pause = pause}}));
  }
}

}  // namespace
}  // namespace weir
