#include <weir/admission/weighted_semaphore.hpp>

#include <cstdint>
#include <future>
#include <gtest/gtest.h>
#include <limits>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <weir/admission/detail/thread_waiter.hpp>

#include "support/eventually.hpp"
#include "support/watched_clock.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using testing::get;
using testing::watched_clock;

class WeightedSemaphore : public ::testing::Test {
 protected:
  using coming = std::future<result<permit>>;

  // Acquires on a thread of its own, and returns once that thread sleeps in line.
  [[nodiscard]] coming wait_in_line(weighted_semaphore& door, std::int64_t weight, deadline until = {},
                                    const std::stop_token& stop = {}) {
    coming outcome = testing::in_background([&door, weight, until, stop] { return door.acquire(weight, until, stop); });
    clock_.await_sleepers(++asleep_);
    return outcome;
  }

  // The outcome of one who waited.
  [[nodiscard]] result<permit> outcome_of(coming& waited) {
    --asleep_;
    return get(waited, "an acquire that has its outcome");
  }

  watched_clock clock_;
  int asleep_ = 0;
};

TEST_F(WeightedSemaphore, HoldsAtMostItsCapacity) {
  weighted_semaphore door(10);
  const result<permit> a = door.try_acquire(6);
  const result<permit> b = door.try_acquire(4);
  ASSERT_TRUE(a && b);
  const result<permit> c = door.try_acquire(1);
  ASSERT_FALSE(c);
  EXPECT_EQ(c.error().reason, refusal_reason::weight_full);
  EXPECT_EQ(c.error().asked, 1);
  EXPECT_EQ(c.error().limit, 10);
  EXPECT_EQ(c.error().in_use, 10);
}

// golang/go#80183: a negative weight made room for more than the capacity.
TEST_F(WeightedSemaphore, AWeightBelowOneIsInvalidAndChangesNothing) {
  weighted_semaphore door(10);
  const permit held = *door.try_acquire(10);
  for (const std::int64_t weight : {std::int64_t{0}, std::int64_t{-5}, std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_EQ(door.try_acquire(weight).error().reason, refusal_reason::invalid);
    EXPECT_EQ(door.acquire(weight).error().reason, refusal_reason::invalid);
  }
  EXPECT_EQ(door.in_use(), 10);
}

// golang/sync#7: waits for ever there.
TEST_F(WeightedSemaphore, HeavierThanTheCapacityIsRefusedAtOnce) {
  weighted_semaphore door(10);
  for (const std::int64_t weight : {std::int64_t{11}, std::int64_t{1} << 32, (std::int64_t{1} << 32) + 1,
                                    largest_max_weight, std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(door.try_acquire(weight).error().reason, refusal_reason::too_heavy) << weight;
    EXPECT_EQ(door.acquire(weight).error().reason, refusal_reason::too_heavy) << weight;
  }
  EXPECT_EQ(door.in_use(), 0);
  EXPECT_TRUE(door.acquire(10));
}

TEST_F(WeightedSemaphore, AnImpossibleCapacityIsRefusedByName) {
  for (const std::int64_t capacity :
       {std::int64_t{0}, std::int64_t{-1}, largest_max_weight + 1, std::int64_t{unlimited}}) {
    try {
      const weighted_semaphore door(capacity);
      ADD_FAILURE() << capacity << " was accepted";
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string(e.what()).find("capacity of a weighted_semaphore is " + std::to_string(capacity)),
                std::string::npos)
          << e.what();
    }
    weighted_semaphore door(7);
    EXPECT_THROW(door.set_capacity(capacity), std::invalid_argument);
    EXPECT_EQ(door.try_acquire(8).error().limit, 7) << "nothing was changed";
    EXPECT_TRUE(door.try_acquire(7));
  }
  EXPECT_THROW(weighted_semaphore(1, -1), std::invalid_argument);
  weighted_semaphore widest(largest_max_weight);
  EXPECT_TRUE(widest.try_acquire(largest_max_weight));
}

TEST_F(WeightedSemaphore, LetsThreadsInInTheOrderInWhichTheyCame) {
  weighted_semaphore door(1, 8, clock_);
  permit held = *door.try_acquire();
  std::vector<coming> line;
  for (int i = 0; i < 4; ++i) line.push_back(wait_in_line(door, 1));
  EXPECT_EQ(door.waiting(), 4);
  for (std::size_t i = 0; i < line.size(); ++i) {
    held.release();
    result<permit> next = outcome_of(line[i]);
    ASSERT_TRUE(next);
    for (std::size_t later = i + 1; later < line.size(); ++later) EXPECT_FALSE(testing::is_ready(line[later]));
    held = *std::move(next);
  }
}

TEST_F(WeightedSemaphore, AHeavyThreadIsNotStarvedByLightOnes) {
  weighted_semaphore door(3, 8, clock_);
  permit held = *door.try_acquire(2);
  coming heavy = wait_in_line(door, 3);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(door.try_acquire(1)) << "there is room for it, and somebody waits";
  coming light = wait_in_line(door, 1);
  held.release();
  result<permit> first = outcome_of(heavy);
  ASSERT_TRUE(first);
  EXPECT_FALSE(testing::is_ready(light));
  first->release();
  EXPECT_TRUE(outcome_of(light));
}

TEST_F(WeightedSemaphore, AHeadThatIsCancelledLetsTheNextInWithoutARelease) {
  weighted_semaphore door(3, 8, clock_);
  const permit held = *door.try_acquire(2);
  std::stop_source stop;
  coming heavy = wait_in_line(door, 3, {}, stop.get_token());
  coming light = wait_in_line(door, 1);
  stop.request_stop();
  EXPECT_EQ(outcome_of(heavy).error().reason, refusal_reason::cancelled);
  EXPECT_TRUE(outcome_of(light));
}

TEST_F(WeightedSemaphore, AHeadThatTimesOutLetsTheNextInWithoutARelease) {
  weighted_semaphore door(3, 8, clock_);
  const permit held = *door.try_acquire(2);
  coming heavy = wait_in_line(door, 3, within(milliseconds(10), clock_));
  coming light = wait_in_line(door, 1);
  clock_.advance(milliseconds(10));
  const result<permit> late = outcome_of(heavy);
  EXPECT_EQ(late.error().reason, refusal_reason::timed_out);
  EXPECT_TRUE(outcome_of(light));
  EXPECT_EQ(door.in_use(), 2) << "the permit of the light one went with its result; that of the late one never was";
}

// golang/go#63615
TEST_F(WeightedSemaphore, AStopThatWasRequestedBeforeIsNeverAdmitted) {
  weighted_semaphore door(3);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(door.acquire(1, {}, stop.get_token()).error().reason, refusal_reason::cancelled);
  EXPECT_EQ(door.in_use(), 0);
}

TEST_F(WeightedSemaphore, ATimeThatHasPassedAdmitsOnlyWhatNeedsNoWait) {
  weighted_semaphore door(1, 8, clock_);
  result<permit> held = door.acquire(1, deadline(clock_.now()));
  ASSERT_TRUE(held);
  EXPECT_EQ(door.acquire(1, deadline(clock_.now())).error().reason, refusal_reason::timed_out);
  EXPECT_EQ(door.waiting(), 0);
}

TEST_F(WeightedSemaphore, AShrinkBelowWhatIsHeldGrantsNothingUntilItFits) {
  weighted_semaphore door(10, 8, clock_);
  permit a = *door.try_acquire(6);
  permit b = *door.try_acquire(4);
  door.set_capacity(4);
  EXPECT_EQ(door.in_use(), 10) << "what is held stays valid";
  EXPECT_EQ(door.try_acquire(1).error().reason, refusal_reason::weight_full);
  coming waiting = wait_in_line(door, 1);
  a.release();
  EXPECT_FALSE(testing::is_ready(waiting)) << "4 of 4";
  b.release();
  EXPECT_TRUE(outcome_of(waiting));
}

TEST_F(WeightedSemaphore, AShrinkSendsAwayWhoCanNoLongerFit) {
  weighted_semaphore door(10, 8, clock_);
  const permit held = *door.try_acquire(1);
  coming heavy = wait_in_line(door, 10);
  coming light = wait_in_line(door, 2);
  door.set_capacity(3);
  EXPECT_EQ(outcome_of(heavy).error().reason, refusal_reason::too_heavy);
  EXPECT_TRUE(outcome_of(light));
}

TEST_F(WeightedSemaphore, AGrowthLetsInWhoFitsNow) {
  weighted_semaphore door(2, 8, clock_);
  const permit held = *door.try_acquire(2);
  coming waiting = wait_in_line(door, 2);
  door.set_capacity(4);
  EXPECT_TRUE(outcome_of(waiting));
}

// tokio-rs/tokio#8020: shrinking opened it again.
TEST_F(WeightedSemaphore, ClosedStaysClosedWhateverElseIsDone) {
  weighted_semaphore door(2, 8, clock_);
  permit held = *door.try_acquire(1);
  coming waiting = wait_in_line(door, 2);
  door.close();
  EXPECT_EQ(outcome_of(waiting).error().reason, refusal_reason::closed);
  door.set_capacity(1);
  door.set_capacity(5);
  EXPECT_EQ(door.try_acquire(1).error().reason, refusal_reason::closed);
  held.release();
  EXPECT_EQ(door.in_use(), 0);
  EXPECT_EQ(door.try_acquire(1).error().reason, refusal_reason::closed);
  EXPECT_EQ(door.acquire(1).error().reason, refusal_reason::closed);
}

TEST_F(WeightedSemaphore, OneWaiterTooManyIsRefused) {
  weighted_semaphore door(1, 1, clock_);
  permit held = *door.try_acquire();
  coming waiting = wait_in_line(door, 1);
  const result<permit> refused = door.acquire(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, refusal_reason::waiters_full);
  EXPECT_EQ(refused.error().limit, 1);
  held.release();
  EXPECT_TRUE(outcome_of(waiting));
  EXPECT_EQ(door.waiting(), 0);
}

TEST_F(WeightedSemaphore, NobodyWaitsWhereNobodyMay) {
  weighted_semaphore door(1, 0);
  const permit held = *door.try_acquire();
  EXPECT_EQ(door.acquire(1).error().reason, refusal_reason::waiters_full);
}

TEST_F(WeightedSemaphore, AThreadThatMayNotBlockIsTold) {
  weighted_semaphore door(1);
  auto outcome = testing::in_background([&] {
    detail::set_this_thread_may_block(false);
    return door.acquire(1);
  });
  EXPECT_EQ(get(outcome).error().reason, refusal_reason::would_deadlock);
  EXPECT_TRUE(door.acquire(1)) << "and no other thread";
}

TEST_F(WeightedSemaphore, AWaitOfAllTimeIsAWait) {
  weighted_semaphore door(1, 8, clock_);
  permit held = *door.try_acquire();
  coming waiting = wait_in_line(door, 1, within(std::chrono::hours::max(), clock_));
  clock_.advance(std::chrono::hours(1'000));
  EXPECT_FALSE(testing::is_ready(waiting));
  held.release();
  EXPECT_TRUE(outcome_of(waiting));
}

TEST_F(WeightedSemaphore, TryReadsNoClock) {
  weighted_semaphore door(1, 8, clock_);
  const std::int64_t before = clock_.reads();
  const result<permit> held = door.try_acquire();
  EXPECT_TRUE(held);
  EXPECT_FALSE(door.try_acquire());
  EXPECT_EQ(clock_.reads(), before);
  EXPECT_EQ(held->admitted_at(), time_point{}) << "so that it has no time of admission";
}

TEST_F(WeightedSemaphore, AWeightOutOfRangeIsToldTheRange) {
  weighted_semaphore door(10);
  EXPECT_EQ(to_string(door.try_acquire(0).error()), "invalid: weight 0 is out of range; pass 1 to 10");
  door.set_capacity(7);
  EXPECT_EQ(door.try_acquire(-1).error().limit, 7);
}

TEST(WeightedSemaphoreDeathTest, EndingWhileAPermitIsOutIsFatalInEveryBuild) {
  EXPECT_DEATH(
      {
        permit kept;
        {
          weighted_semaphore door(10);
          kept = *door.try_acquire(4);
        }
      },
      "a limiter is destroyed while 0 tasks and a weight of 4 are held");
}

TEST_F(WeightedSemaphore, WhatWaitsIsBoundedByWeightToo) {
  weighted_semaphore semaphore(10, {.max_waiters = 3, .max_waiting_weight = 12});
  permit all = semaphore.try_acquire(10).value();
  const auto let_go = [](const result<permit>&) {};
  ASSERT_TRUE(semaphore.enqueue({.weight = 8}, let_go));
  EXPECT_EQ(semaphore.waiting_weight(), 8);
  EXPECT_EQ(semaphore.enqueue({.weight = 5}, let_go).error().reason, refusal_reason::waiters_full);
  ASSERT_TRUE(semaphore.enqueue({.weight = 4}, let_go));
  semaphore.set_capacity(9);
  EXPECT_EQ(semaphore.waiting_weight(), 12) << "a new capacity leaves the line as it was bounded";
  EXPECT_EQ(semaphore.enqueue({.weight = 1}, let_go).error().reason, refusal_reason::waiters_full);
  all.release();
  EXPECT_EQ(semaphore.waiting_weight(), 0);
  EXPECT_THROW(weighted_semaphore(10, {.max_waiting_weight = 0}), std::invalid_argument);
  EXPECT_THROW(weighted_semaphore(10, {.max_waiters = -1}), std::invalid_argument);
}

}  // namespace
}  // namespace weir
