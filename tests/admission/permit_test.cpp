#include <weir/admission/permit.hpp>

#include <gtest/gtest.h>
#include <type_traits>
#include <utility>

#include <weir/admission/limiter.hpp>
#include <weir/admission/weighted_semaphore.hpp>

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

TEST(Permit, CannotBeCopied) {
  EXPECT_FALSE(std::is_copy_constructible_v<permit>);
  EXPECT_FALSE(std::is_copy_assignable_v<permit>);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<permit>);
  EXPECT_TRUE(std::is_nothrow_move_assignable_v<permit>);
}

}  // namespace
}  // namespace weir
