// A test of an internal: waiters that write down what they are told make the queue's order certain, on one thread.
#include <weir/admission/detail/gate.hpp>

#include <cstdint>
#include <gtest/gtest.h>
#include <stdexcept>

#include "admission/gate_fixture.hpp"

namespace weir {
namespace {

using detail::gate;
using std::chrono::milliseconds;
using testing::diary;
using testing::recorded_waiter;

class Gate : public testing::gate_fixture {};

TEST_F(Gate, GrantsInOrderOfArrival) {
  gate door({.max_tasks = unlimited, .max_weight = 3}, clock_);
  hold(door, 3);
  wait(door, "a", {.weight = 1});
  wait(door, "b", {.weight = 1});
  wait(door, "c", {.weight = 1});
  EXPECT_EQ(door.waiting(), 3);
  door.release(3);
  EXPECT_EQ(book_, (diary{"a granted", "b granted", "c granted"}));
  EXPECT_EQ(door.waiting(), 0);
  door.release(3);
}

TEST_F(Gate, AHeavyHeadIsNotOvertakenByLightOnes) {
  gate door({.max_tasks = unlimited, .max_weight = 3}, clock_);
  hold(door, 2);
  wait(door, "heavy", {.weight = 3});
  wait(door, "light", {.weight = 1});
  EXPECT_FALSE(door.try_admit({.weight = 1}, clock_.now()).granted) << "nor by one that does not wait";
  EXPECT_TRUE(book_.empty());
  door.release(2);
  EXPECT_EQ(book_, diary{"heavy granted"});
  door.release(3);
  EXPECT_EQ(book_, (diary{"heavy granted", "light granted"}));
  door.release(1);
}

// golang/go#37852, folly and seastar: nobody looks again when a waiter at the front goes away.
TEST_F(Gate, AHeadThatLeavesLetsTheNextOneInWithoutAnyRelease) {
  gate door({.max_tasks = unlimited, .max_weight = 3}, clock_);
  hold(door, 2);
  recorded_waiter& heavy = wait(door, "heavy", {.weight = 3});
  wait(door, "light", {.weight = 1});
  EXPECT_TRUE(door.withdraw(heavy, refusal_reason::cancelled));
  EXPECT_EQ(book_, (diary{"light granted", "heavy cancelled"}));
  EXPECT_FALSE(door.withdraw(heavy, refusal_reason::cancelled)) << "it has left already";
  door.release(3);
}

TEST_F(Gate, OneThatLeavesTheMiddleLeavesTheOrderAlone) {
  gate door({.max_tasks = unlimited, .max_weight = 3}, clock_);
  hold(door, 3);
  wait(door, "a", {.weight = 1});
  recorded_waiter& b = wait(door, "b", {.weight = 1});
  wait(door, "c", {.weight = 1});
  EXPECT_TRUE(door.withdraw(b, refusal_reason::timed_out));
  door.release(3);
  EXPECT_EQ(book_, (diary{"b timed_out", "a granted", "c granted"}));
  door.release(2);
}

TEST_F(Gate, AnOutcomeIsDecidedOnce) {
  gate door({.max_tasks = unlimited, .max_weight = 1}, clock_);
  hold(door, 1);
  recorded_waiter& a = wait(door, "a", {});
  door.release(1);
  EXPECT_FALSE(door.withdraw(a, refusal_reason::cancelled)) << "it was granted; the permit is not lost";
  EXPECT_TRUE(a.is_granted());
  EXPECT_EQ(door.weight_in_use(), 1);
  door.release(1);
}

TEST_F(Gate, TimesThatPassedAreDroppedOnTheWayAndNotGranted) {
  gate door({.max_tasks = unlimited, .max_weight = 1}, clock_);
  hold(door, 1);
  const time_point soon = clock_.now() + milliseconds(10);
  wait(door, "expired", {.deadline = deadline(soon)});
  wait(door, "impatient", {.patience = deadline(soon)});
  wait(door, "c", {});
  clock_.advance(milliseconds(10));
  door.release(1);
  EXPECT_EQ(book_, (diary{"c granted", "expired expired", "impatient timed_out"}));
  door.release(1);
}

TEST_F(Gate, APlacePromisedWhileTheRoomCameIsGrantedAtOnce) {
  gate door({.max_tasks = unlimited, .max_weight = 1}, clock_);
  hold(door, 1);
  recorded_waiter late("late", {}, book_);
  ASSERT_TRUE(door.reserve(late.request()));
  EXPECT_EQ(door.waiting(), 1) << "a promise counts";
  door.release(1);
  door.join(late, gate::place::reserved);
  EXPECT_EQ(book_, diary{"late granted"});
  EXPECT_EQ(door.waiting(), 0);
  door.release(1);
}

TEST_F(Gate, APlacePromisedUnderALargerLimitDoesNotBlockTheQueue) {
  gate door({.max_tasks = unlimited, .max_weight = 10}, clock_);
  hold(door, 5);
  recorded_waiter heavy("heavy", {.weight = 8}, book_);
  ASSERT_TRUE(door.reserve(heavy.request()));
  testing::set_max_weight(door, 5);
  door.join(heavy, gate::place::reserved);
  EXPECT_EQ(book_, diary{"heavy too_heavy"}) << "as the head it would have waited for ever, and all behind it";
  door.release(5);
  hold(door, 5);
  door.release(5);
}

TEST_F(Gate, PromisesThatAreNotKeptCountNoMore) {
  gate door({.max_tasks = unlimited, .max_weight = 1, .max_waiters = 1}, clock_);
  hold(door, 1);
  ASSERT_TRUE(door.reserve({}));
  EXPECT_EQ(door.reserve({}).error().reason, refusal_reason::waiters_full);
  door.cancel_reservation(1);
  EXPECT_EQ(door.waiting(), 0);
  ASSERT_TRUE(door.reserve({}));
  door.cancel_reservation(1);
  door.release(1);
}

TEST_F(Gate, ShrinkingGrantsNothingUntilItFitsAgain) {
  gate door({.max_tasks = unlimited, .max_weight = 10}, clock_);
  hold(door, 6);
  hold(door, 4);
  wait(door, "a", {.weight = 2});
  recorded_waiter& heavy = wait(door, "heavy", {.weight = 4});
  wait(door, "b", {.weight = 1});
  testing::set_max_weight(door, 3);
  EXPECT_EQ(book_, diary{"heavy too_heavy"});
  EXPECT_EQ(heavy.why().limit, 3);
  EXPECT_EQ(heavy.why().in_use, 10);
  EXPECT_EQ(door.weight_in_use(), 10);
  door.release(6);
  EXPECT_EQ(book_.size(), 1U) << "4 of 3 in use";
  door.release(4);
  EXPECT_EQ(book_, (diary{"heavy too_heavy", "a granted", "b granted"}));
  EXPECT_EQ(door.weight_in_use(), 3);
  door.release(3);
}

TEST_F(Gate, GrowingGrantsWhomThereIsRoomForNow) {
  gate door({.max_tasks = unlimited, .max_weight = 2}, clock_);
  hold(door, 2);
  wait(door, "a", {.weight = 2});
  wait(door, "b", {.weight = 2});
  testing::set_max_weight(door, 5);
  EXPECT_EQ(book_, diary{"a granted"});
  EXPECT_EQ(door.weight_in_use(), 4);
  testing::set_max_weight(door, 6);
  EXPECT_EQ(book_, (diary{"a granted", "b granted"}));
  door.release(6);
}

TEST_F(Gate, ALimitCannotBecomeImpossible) {
  gate door({.max_tasks = unlimited, .max_weight = 5}, clock_);
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, largest_max_weight + 1, std::int64_t{unlimited}}) {
    EXPECT_THROW(testing::set_max_weight(door, bad), std::invalid_argument) << bad;
  }
  EXPECT_EQ(door.max_weight(), 5);
  EXPECT_EQ(door.weight_in_use(), 0);
  hold(door, 5);
  EXPECT_FALSE(door.try_admit({}, clock_.now()).granted);
  door.release(5);
  gate uncounted({}, clock_);
  EXPECT_THROW(testing::set_max_weight(uncounted, 5), std::invalid_argument);
}

TEST_F(Gate, CountAndWeightAreTakenTogetherOrNotAtAll) {
  gate door({.max_tasks = 2, .max_weight = 10}, clock_);
  hold(door, 9);
  EXPECT_EQ(door.try_admit({.weight = 2}, clock_.now()).why, refusal_reason::weight_full);
  EXPECT_EQ(door.tasks_in_use(), 1);
  hold(door, 1);
  EXPECT_EQ(door.try_admit({.weight = 1}, clock_.now()).why, refusal_reason::tasks_full);
  EXPECT_EQ(door.weight_in_use(), 10);
  door.release(9);
  door.release(1);
  EXPECT_EQ(door.tasks_in_use(), 0);
  EXPECT_EQ(door.weight_in_use(), 0);
}

TEST_F(Gate, DropOldestShedsTheHeadAndLooksAtTheNext) {
  gate door({.max_tasks = unlimited, .max_weight = 3, .max_waiters = 2, .overflow = overflow::drop_oldest}, clock_);
  hold(door, 2);
  wait(door, "heavy", {.weight = 3});
  wait(door, "light", {.weight = 1});
  wait(door, "new", {.weight = 1});
  EXPECT_EQ(book_, (diary{"light granted", "heavy shed"}));
  EXPECT_EQ(door.waiting(), 1);
  door.release(3);
  EXPECT_EQ(book_.back(), "new granted");
  door.release(1);
}

TEST_F(Gate, DropLowestShedsTheNewestOfTheLowestAndNeverAnEqual) {
  gate door({.max_tasks = unlimited, .max_weight = 1, .max_waiters = 3, .overflow = overflow::drop_lowest}, clock_);
  hold(door, 1);
  wait(door, "low 1", {.priority = 0});
  wait(door, "low 2", {.priority = 0});
  wait(door, "normal", {.priority = 1});
  EXPECT_EQ(door.reserve({.priority = 0}).error().reason, refusal_reason::waiters_full) << "none is below it";
  wait(door, "high", {.priority = 2});
  EXPECT_EQ(book_, diary{"low 2 shed"});
  wait(door, "high 2", {.priority = 2});
  EXPECT_EQ(book_, (diary{"low 2 shed", "low 1 shed"}));
  EXPECT_EQ(door.reserve({.priority = 1}).error().reason, refusal_reason::waiters_full);
  EXPECT_EQ(door.waiting(), 3);
  door.release(1);
  EXPECT_EQ(book_.back(), "high granted");
  door.release(1);
  door.release(1);
  door.release(1);
}

TEST_F(Gate, NoPolicyFindsAPlaceWhereNobodyMayWait) {
  for (const overflow policy : {overflow::reject_new, overflow::drop_oldest, overflow::drop_lowest}) {
    gate door({.max_tasks = unlimited, .max_weight = 1, .max_waiters = 0, .overflow = policy}, clock_);
    hold(door, 1);
    EXPECT_EQ(door.reserve({.priority = 2}).error().reason, refusal_reason::waiters_full);
    door.release(1);
  }
}

TEST_F(Gate, CallerRunsWaitsBesideTheCount) {
  gate door({.max_tasks = unlimited, .max_weight = 1, .max_waiters = 1, .overflow = overflow::caller_runs}, clock_);
  hold(door, 1);
  wait(door, "counted", {});
  ASSERT_EQ(*door.reserve({}), gate::slot::caller_runs);
  wait(door, "runs", {});
  EXPECT_EQ(door.waiting(), 1);
  EXPECT_TRUE(door.withdraw(wait(door, "gives up", {}), refusal_reason::cancelled));
  EXPECT_EQ(door.waiting(), 1) << "it had no place to leave";
  book_.clear();
  door.release(1);
  door.release(1);
  EXPECT_EQ(book_, (diary{"counted granted", "runs granted"})) << "in line, like everybody";
  EXPECT_EQ(door.waiting(), 0);
  door.release(1);
}

// Sees the count of the waiting at the moment at which it is told.
class observing_waiter final : public detail::waiter {
 public:
  explicit observing_waiter(const gate& at) : waiter({}), at_(&at) {}
  std::int64_t waiting_seen = -1;

 private:
  void on_granted(time_point) noexcept override { waiting_seen = at_->waiting(); }
  void on_refused(const refusal&) noexcept override { waiting_seen = at_->waiting(); }
  const gate* at_;
};

TEST_F(Gate, WhatWaitsIsCountedUntilItIsDestroyedOrHolds) {
  gate door({.max_weight = 1}, clock_);
  hold(door, 1);
  observing_waiter granted(door);
  observing_waiter refused(door);
  for (observing_waiter* const w : {&granted, &refused}) {
    ASSERT_TRUE(door.reserve({}));
    door.join(*w, gate::place::reserved);
  }
  door.release(1);
  EXPECT_EQ(granted.waiting_seen, 1) << "the other one; it holds its permit already";
  EXPECT_TRUE(door.withdraw(refused, refusal_reason::cancelled));
  EXPECT_EQ(refused.waiting_seen, 1) << "its callable is destroyed in this call, and counts until then";
  EXPECT_EQ(door.waiting(), 0);
  door.release(1);
}

}  // namespace
}  // namespace weir
