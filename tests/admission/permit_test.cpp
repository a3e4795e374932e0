#include <weir/admission/permit.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/admission/limiter.hpp>
#include <weir/admission/weighted_semaphore.hpp>

#include "support/eventually.hpp"

namespace weir {
namespace {

TEST(Permit, GivesBackWhatItHoldsWhenItEnds) {
  weighted_semaphore door(10);
  {
    const result<permit> held = door.try_acquire(7);
    ASSERT_TRUE(held);
    EXPECT_EQ(held->weight(), 7);
    EXPECT_TRUE(static_cast<bool>(*held));
    EXPECT_EQ(door.in_use(), 7);
  }
  EXPECT_EQ(door.in_use(), 0);
}

TEST(Permit, AnEmptyOneHoldsNothing) {
  permit none;
  EXPECT_FALSE(static_cast<bool>(none));
  EXPECT_EQ(none.weight(), 0);
  none.release();
}

TEST(Permit, IsGivenBackOnceHoweverOftenItIsReleased) {
  weighted_semaphore door(10);
  permit held = *door.try_acquire(4);
  const permit other = *door.try_acquire(5);
  held.release();
  EXPECT_FALSE(static_cast<bool>(held));
  EXPECT_EQ(held.weight(), 0);
  held.release();
  EXPECT_EQ(door.in_use(), 5);
}

TEST(Permit, AMoveLeavesNothingBehind) {
  weighted_semaphore door(10);
  permit first = *door.try_acquire(4);
  permit second = std::move(first);
  first.release();
  EXPECT_EQ(first.weight(), 0);
  EXPECT_EQ(second.weight(), 4);
  EXPECT_EQ(door.in_use(), 4);
}

TEST(Permit, AssigningGivesBackWhatWasThere) {
  weighted_semaphore a(10);
  weighted_semaphore b(10);
  permit held = *a.try_acquire(4);
  held = *b.try_acquire(3);
  EXPECT_EQ(a.in_use(), 0);
  EXPECT_EQ(b.in_use(), 3);
  permit& self = held;
  held = std::move(self);
  EXPECT_EQ(held.weight(), 3) << "assigning it to itself changes nothing";
  held = permit();
  EXPECT_EQ(b.in_use(), 0);
}

TEST(Permit, KnowsWhenItWasAdmitted) {
  const manual_clock clock;
  limiter door({.rate = per_second(10), .burst = 1}, clock);
  const time_point at = clock.now() + std::chrono::milliseconds(5);
  EXPECT_EQ(door.try_acquire(1, at)->admitted_at(), at);
}

TEST(Permit, ShrinksToWhatIsStillNeeded) {
  weighted_semaphore door(10);
  permit held = *door.try_acquire(10);
  held.shrink_to(10);
  EXPECT_EQ(door.in_use(), 10);
  held.shrink_to(4);
  EXPECT_EQ(held.weight(), 4);
  EXPECT_EQ(door.in_use(), 4);
  EXPECT_EQ(door.try_acquire(7).error().reason, refusal_reason::weight_full);
  held.release();
  EXPECT_EQ(door.in_use(), 0);
}

TEST(Permit, LetsInWhoWaitsForWhatItGivesBack) {
  weighted_semaphore door(10);
  permit held = *door.try_acquire(10);
  auto waiting = testing::in_background([&] { return door.acquire(6)->weight(); });
  testing::eventually("the one who waits", [&] { return door.waiting() == 1; });
  held.shrink_to(5);
  EXPECT_EQ(door.waiting(), 1) << "one too little";
  held.shrink_to(4);
  EXPECT_EQ(testing::get(waiting, "the one who waits"), 6);
}

TEST(Permit, IsSplitIntoPartsThatAreGivenBackByThemselves) {
  weighted_semaphore door(10);
  permit held = *door.try_acquire(9);
  permit part = held.split(2);
  permit of_part = part.split(1);
  EXPECT_EQ(held.weight(), 7);
  EXPECT_EQ(part.weight(), 1);
  EXPECT_EQ(of_part.admitted_at(), held.admitted_at());
  EXPECT_EQ(door.in_use(), 9);
  held.release();
  EXPECT_EQ(door.in_use(), 2);
  permit moved = std::move(part);
  moved.release();
  moved = std::move(of_part);
  EXPECT_EQ(door.in_use(), 1);
  moved.release();
  EXPECT_EQ(door.in_use(), 0);
}

TEST(Permit, KeepsItsTaskWhenItIsSplit) {
  limiter door({.max_tasks = 1, .max_weight = 10});
  permit held = *door.try_acquire(9);
  permit part = held.split(4);
  permit none;
  none = std::move(part);
  held.shrink_to(1);
  EXPECT_EQ(door.tasks_in_use(), 1);
  EXPECT_EQ(door.weight_in_use(), 5);
  held.release();
  EXPECT_EQ(door.tasks_in_use(), 0) << "the part is none";
  EXPECT_EQ(door.weight_in_use(), 4);
  EXPECT_TRUE(door.try_acquire(6));
  none.release();
  EXPECT_EQ(door.tasks_in_use(), 0);
}

TEST(Permit, IsSplitWhereWeightsAreNotCounted) {
  limiter door({.max_tasks = 2});
  permit held = *door.try_acquire(9);
  {
    permit part = held.split(4);
    held.shrink_to(2);
    EXPECT_EQ(held.weight(), 2);
    EXPECT_EQ(part.weight(), 4);
  }
  EXPECT_EQ(door.tasks_in_use(), 1);
}

std::string text_of_failure(const std::function<void()>& what) {
  try {
    what();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "none";
}

TEST(Permit, RefusesPartsThatItDoesNotHold) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  weighted_semaphore door(10);
  permit held = *door.try_acquire(9);
  for (const std::int64_t weight : {std::int64_t{0}, std::int64_t{-1}, -most - 1, std::int64_t{10}, most}) {
    EXPECT_THROW(held.shrink_to(weight), std::invalid_argument) << weight;
    EXPECT_THROW((void)held.split(weight), std::invalid_argument) << weight;
  }
  EXPECT_EQ(text_of_failure([&] { held.shrink_to(10); }),
            "weir: a permit of weight 9 cannot be shrunk to 10: it must be 1 to 9");
  EXPECT_EQ(text_of_failure([&] { (void)held.split(9); }),
            "weir: a permit of weight 9 cannot be split by 9: it must be 1 to 8");
  EXPECT_EQ(held.weight(), 9);
  EXPECT_EQ(door.in_use(), 9);

  permit none;
  EXPECT_EQ(text_of_failure([&] { none.shrink_to(1); }),
            "weir: a permit of weight 0 cannot be shrunk to 1: there is no part of it");
  EXPECT_THROW((void)none.split(1), std::invalid_argument);
  permit lightest = *door.try_acquire(1);
  EXPECT_THROW((void)lightest.split(1), std::invalid_argument);
}

TEST(Permit, CannotBeCopied) {
  EXPECT_FALSE(std::is_copy_constructible_v<permit>);
  EXPECT_FALSE(std::is_copy_assignable_v<permit>);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<permit>);
  EXPECT_TRUE(std::is_nothrow_move_assignable_v<permit>);
}

TEST(PermitThatWasNotUsed, GivesItsTokenBack) {
  manual_clock clock;
  limiter at({.max_tasks = 5, .rate = per_second(10), .burst = 2}, clock);
  permit used = *at.try_acquire();
  permit unused = *at.try_acquire();
  EXPECT_EQ(at.try_acquire().error().reason, refusal_reason::rate_limited);
  unused.release_unused();
  EXPECT_FALSE(unused);
  EXPECT_EQ(at.tasks_in_use(), 1);
  EXPECT_TRUE(at.try_acquire());
  EXPECT_EQ(at.try_acquire().error().retry_after, std::chrono::milliseconds(100));
  unused.release_unused();
  EXPECT_FALSE(at.try_acquire()) << "an empty one gives nothing";
}

TEST(PermitThatWasNotUsed, GivesBackLessTheLongerItIsHeld) {
  manual_clock clock;
  limiter at({.max_tasks = 5, .rate = per_second(10), .burst = 1}, clock);
  permit held = *at.try_acquire();
  clock.advance(std::chrono::milliseconds(100));
  const permit other = *at.try_acquire();
  held.release_unused();
  EXPECT_FALSE(at.try_acquire()) << "that token has come back by itself, and was used";
}

TEST(PermitThatWasNotUsed, LetsInWhoWaitsForAToken) {
  manual_clock clock;
  limiter at({.max_tasks = 5, .rate = per_second(10), .burst = 1}, clock);
  permit held = *at.try_acquire();
  auto waits = testing::in_background([&] { return at.acquire().has_value(); });
  testing::eventually("the wait", [&] { return at.waiting() == 1; });
  held.release_unused();
  EXPECT_TRUE(testing::get(waits, "who waits"));
}

TEST(PermitThatWasNotUsed, APartHasNoToken) {
  manual_clock clock;
  limiter at({.max_tasks = 5, .max_weight = 9, .rate = per_second(10), .burst = 1}, clock);
  permit held = *at.try_acquire(4);
  held.split(2).release_unused();
  EXPECT_EQ(at.weight_in_use(), 2);
  EXPECT_FALSE(at.try_acquire());
  held.release_unused();
  EXPECT_TRUE(at.try_acquire());
}

TEST(PermitThatWasNotUsed, NeedsNoRate) {
  limiter at({.max_tasks = 1});
  permit held = *at.try_acquire();
  held.release_unused();
  EXPECT_TRUE(at.try_acquire());
}

}  // namespace
}  // namespace weir
