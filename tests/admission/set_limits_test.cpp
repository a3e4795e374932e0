// Limits that change while they are used: all or none, at once, and never more let in than there is room for.
#include <weir/admission/limiter.hpp>
#include <weir/admission/weighted_semaphore.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "admission/gate_fixture.hpp"
#include "support/eventually.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::diary;
using testing::gate;

class SetLimits : public testing::gate_fixture {
 protected:
  void hold_all(gate& at, int times) {
    for (int i = 0; i < times; ++i) hold(at, 1);
  }
  refusal refused(gate& at) {
    const gate::verdict v = at.try_admit({}, clock_.now());
    EXPECT_FALSE(v.granted);
    return at.explain(v, {});
  }
};

TEST_F(SetLimits, ALoweredLimitThatFitsIsNeverOver) {
  weighted_semaphore door(100);
  auto changes = testing::in_background([&door] {
    for (int i = 0; i < 20'000; ++i) door.set_capacity(i % 2 == 0 ? 50 : 100);
  });
  std::int64_t refusals = 0;
  while (!testing::is_ready(changes)) refusals += door.try_acquire(1) ? 0 : 1;
  testing::get(changes);
  EXPECT_EQ(refusals, 0);
}

TEST_F(SetLimits, FewerPlacesThanAreTakenShedNobody) {
  for (const overflow policy : {overflow::drop_oldest, overflow::drop_lowest}) {
    book_.clear();
    gate door({.max_tasks = 1, .max_waiters = 6, .overflow = policy}, clock_);
    hold(door, 1);
    for (const char* name : {"a", "b", "c"}) wait(door, name, {.priority = 0});
    door.set_limits({.max_tasks = 1, .max_waiters = 2, .overflow = policy});
    const result<gate::slot> place = door.reserve({.priority = 2});
    ASSERT_FALSE(place);
    EXPECT_EQ(place.error().reason, refusal_reason::waiters_full);
    EXPECT_EQ(place.error().in_use, 3);
    EXPECT_EQ(place.error().limit, 2);
    EXPECT_EQ(book_, diary{}) << "nobody was dropped for a place that there is not";
    for (int i = 0; i < 4; ++i) door.release(1);
  }
}

TEST_F(SetLimits, WhoWasAdmittedWithoutARateHasNoTokenToGiveBack) {
  limiter door({.max_tasks = 100}, clock_);
  std::vector<permit> all;
  for (int i = 0; i < 10; ++i) all.push_back(*door.try_acquire(1, clock_.now() + milliseconds(5)));
  door.set_limits({.max_tasks = 100, .rate = per_second(10), .burst = 1});
  for (permit& one : all) one.release_unused();
  EXPECT_TRUE(door.try_acquire());
  EXPECT_FALSE(door.try_acquire()) << "a burst of one";
}

// With givers, who give back on their own lines, and without.
class SetLimitsOfTasks : public SetLimits, public ::testing::WithParamInterface<std::size_t> {
 protected:
  void give_back(gate& at, int times) {
    for (int i = 0; i < times; ++i) GetParam() == 0 ? at.release(1) : at.release(1, 0);
  }
};

TEST_P(SetLimitsOfTasks, FewerThanAreLiveLetNobodyInUntilTheyFit) {
  gate door({.max_tasks = 10}, clock_, nullptr, GetParam());
  hold_all(door, 8);
  wait(door, "a", {});
  EXPECT_EQ(book_, diary{"a granted"});
  door.set_limits({.max_tasks = 3});
  EXPECT_EQ(door.configured().max_tasks, 3);
  EXPECT_EQ(door.tasks_in_use(), 9);
  const refusal why = refused(door);
  EXPECT_EQ(why.reason, refusal_reason::tasks_full);
  EXPECT_EQ(why.limit, 3);
  EXPECT_EQ(why.in_use, 9);
  wait(door, "b", {});
  give_back(door, 6);
  EXPECT_EQ(book_.size(), 1U) << "3 of 3";
  give_back(door, 1);
  EXPECT_EQ(book_, (diary{"a granted", "b granted"}));
  EXPECT_EQ(door.tasks_in_use(), 3);
  EXPECT_EQ(refused(door).reason, refusal_reason::tasks_full);
  give_back(door, 3);
  EXPECT_EQ(door.tasks_in_use(), 0);
}

TEST_P(SetLimitsOfTasks, MoreThanBeforeAndThanAtFirst) {
  gate door({.max_tasks = 2}, clock_, nullptr, GetParam());
  hold_all(door, 2);
  wait(door, "a", {});
  wait(door, "b", {});
  door.set_limits({.max_tasks = 3});
  EXPECT_EQ(book_, diary{"a granted"});
  door.set_limits({.max_tasks = largest_max_tasks});
  EXPECT_EQ(book_, (diary{"a granted", "b granted"}));
  hold_all(door, 100);
  EXPECT_EQ(door.tasks_in_use(), 104);
  door.set_limits({.max_tasks = unlimited});
  EXPECT_EQ(door.configured().max_tasks, largest_max_tasks);
  door.set_limits({.max_tasks = 1});
  EXPECT_EQ(door.tasks_in_use(), 104);
  give_back(door, 104);
  hold(door, 1);
  EXPECT_EQ(refused(door).reason, refusal_reason::tasks_full);
  give_back(door, 1);
}

INSTANTIATE_TEST_SUITE_P(WordAndReturns, SetLimitsOfTasks, ::testing::Values(0U, 2U));

TEST_F(SetLimits, WhatWasSpareForChildrenIsNotThereForMoreOfThem) {
  gate door({.max_tasks = 200}, clock_, nullptr, 1);
  ASSERT_TRUE(door.try_add_child(0));  // and a block of spare ones
  hold_all(door, 100);
  door.set_limits({.max_tasks = 64});
  EXPECT_FALSE(door.try_add_child(0)) << "101 of 64";
  for (int i = 0; i < 37; ++i) door.release(1, 0);
  EXPECT_EQ(door.tasks_in_use(), 64);
  EXPECT_FALSE(door.try_add_child(0));
  door.release(1, 0);
  EXPECT_TRUE(door.try_add_child(0));
  EXPECT_FALSE(door.try_add_child(0));
  door.end_child(0);
  door.end_child(0);
  for (int i = 0; i < 62; ++i) door.release(1, 0);
  EXPECT_EQ(door.tasks_in_use(), 0);
}

TEST_F(SetLimits, StocksComeAndGoWithTheLimit) {
  gate door({.max_tasks = 4}, clock_, nullptr, 1);
  ASSERT_TRUE(door.try_add_child(0));
  hold_all(door, 3);
  EXPECT_EQ(refused(door).reason, refusal_reason::tasks_full);
  door.set_limits({.max_tasks = 1'000});
  ASSERT_TRUE(door.try_add_child(0));
  door.end_child(0);
  door.set_limits({.max_tasks = 5});
  hold(door, 1);
  EXPECT_EQ(refused(door).reason, refusal_reason::tasks_full) << "and all five are held, none is spare";
  door.end_child(0);
  for (int i = 0; i < 4; ++i) door.release(1, 0);
  EXPECT_EQ(door.tasks_in_use(), 0);
}

TEST_F(SetLimits, ARateThatComesIsRungForAndOneThatGoesLetsIn) {
  testing::kept_alarm alarm;
  gate door({.max_tasks = 100}, clock_, &alarm);
  hold(door, 1);
  door.set_limits({.max_tasks = 100, .rate = per_second(10), .burst = 1});
  EXPECT_EQ(alarm.readied, 1);
  EXPECT_TRUE(door.has_rate());
  hold(door, 1);
  EXPECT_EQ(refused(door).reason, refusal_reason::rate_limited);
  wait(door, "a", {});
  wait(door, "b", {});
  EXPECT_EQ(alarm.last, clock_.now() + milliseconds(100));
  door.set_limits({.max_tasks = 100, .rate = per_second(100), .burst = 1});
  EXPECT_EQ(alarm.last, clock_.now() + milliseconds(10)) << "told anew";
  clock_.advance(milliseconds(10));
  door.pump();
  EXPECT_EQ(book_, diary{"a granted"});
  door.set_limits({.max_tasks = 100});
  EXPECT_EQ(book_, (diary{"a granted", "b granted"}));
  EXPECT_FALSE(door.has_rate());
  EXPECT_EQ(door.configured().burst, 0);
  for (int i = 0; i < 4; ++i) door.release(1);
}

TEST_F(SetLimits, ARateThatStaysIsNotTouched) {
  limits next{.max_tasks = 5, .rate = per_second(10), .burst = 1};
  limiter at(next, clock_);
  permit unused = *at.try_acquire();
  next.max_tasks = 4;
  at.set_limits(next);
  unused.release_unused();
  EXPECT_TRUE(at.try_acquire()) << "its token was given back";
}

TEST_F(SetLimits, FewerPlacesThanAreTakenLeaveThoseWhoWait) {
  gate door({.max_tasks = 1, .max_waiters = 3}, clock_);
  hold(door, 1);
  wait(door, "a", {});
  wait(door, "b", {});
  door.set_limits({.max_tasks = 1, .max_waiters = 1, .overflow = overflow::reject_new});
  EXPECT_EQ(door.reserve({}).error().reason, refusal_reason::waiters_full);
  EXPECT_EQ(door.reserve({}).error().limit, 1);
  door.set_limits({.max_tasks = 1, .max_waiters = 2, .overflow = overflow::drop_oldest});
  wait(door, "c", {});
  EXPECT_EQ(book_, diary{"a shed"});
  door.release(1);
  door.release(1);
  door.release(1);
  EXPECT_EQ(book_, (diary{"a shed", "b granted", "c granted"}));
}

TEST_F(SetLimits, AnImpossibleOneChangesNothing) {
  testing::kept_alarm alarm;
  const limits first{.max_tasks = 4, .max_weight = 10, .rate = per_second(10), .burst = 3, .max_waiters = 7};
  gate door(first, clock_, &alarm);
  std::vector<limits> bad(8, first);
  bad[0].max_tasks = 0;
  bad[1].max_weight = unlimited;
  bad[2].rate = per_second(-1);
  bad[3].burst = 0;
  bad[4].max_waiters = -1;
  bad[5].rate = unlimited;  // and a burst
  bad[6].max_tasks = largest_max_tasks + 1;
  bad[7].max_weight = 0;
  for (const limits& b : bad) {
    EXPECT_THROW(door.set_limits(b), std::invalid_argument);
    const limits now = door.configured();
    EXPECT_EQ(now.max_tasks, 4);
    EXPECT_EQ(now.max_weight, 10);
    EXPECT_EQ(now.rate, per_second(10));
    EXPECT_EQ(now.burst, 3);
    EXPECT_EQ(now.max_waiters, 7);
  }
}

TEST_F(SetLimits, WhatIsNotCountedCannotBecomeALimit) {
  const auto message = [](gate& at, const limits& to) -> std::string {
    try {
      at.set_limits(to);
      return "accepted";
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
  };
  gate uncounted({.max_tasks = unlimited}, clock_);
  EXPECT_NE(message(uncounted, {.max_tasks = 5}).find("limits.max_tasks cannot become 5: it was weir::unlimited"),
            std::string::npos);
  EXPECT_NE(message(uncounted, {.max_tasks = unlimited, .max_weight = 5}).find("limits.max_weight"), std::string::npos);
  EXPECT_EQ(message(uncounted, {.max_tasks = unlimited, .rate = per_second(1), .burst = 1}), "accepted");
}

TEST_F(SetLimits, AClosedGateStaysAsItIs) {
  gate door({.max_tasks = 5}, clock_);
  hold_all(door, 2);
  door.close();
  door.set_limits({.max_tasks = 100, .rate = per_second(1), .burst = 1});
  EXPECT_EQ(door.configured().max_tasks, 5);
  EXPECT_EQ(door.tasks_in_use(), 2);
  EXPECT_EQ(refused(door).reason, refusal_reason::closed);
  door.release(1);
  door.release(1);
  EXPECT_TRUE(door.wait_until_empty(clock_.now()));
}

TEST_F(SetLimits, WhoWaitsForItToFitIsToldWhenItDoes) {
  limiter at({.max_tasks = 10, .max_weight = 100}, clock_);
  EXPECT_TRUE(at.wait_until_within()) << "at once";
  permit first = *at.try_acquire(40);
  permit second = *at.try_acquire(30);
  at.set_limits({.max_tasks = 10, .max_weight = 50});
  EXPECT_FALSE(at.wait_until_within(deadline(clock_.now())));
  auto fits = testing::in_background([&] { return at.wait_until_within(); });
  second.shrink_to(20);
  EXPECT_FALSE(testing::is_ready(fits)) << "60 of 50";
  second.release();
  EXPECT_TRUE(testing::get(fits, "who waits"));
  EXPECT_EQ(at.try_acquire(11).error().reason, refusal_reason::weight_full);
  EXPECT_TRUE(at.try_acquire(10));
}

TEST_F(SetLimits, WhoWaitsForItToFitLeavesWithAClose) {
  weighted_semaphore at(10, 4, clock_);
  const permit held = *at.try_acquire(10);
  at.set_capacity(5);
  auto fits = testing::in_background([&] { return at.wait_until_within(); });
  at.close();
  EXPECT_FALSE(testing::get(fits, "who waits"));
}

TEST_F(SetLimits, OneThatIsRaisedAgainFitsAtOnce) {
  weighted_semaphore at(10, 4, clock_);
  const permit held = *at.try_acquire(10);
  at.set_capacity(5);
  at.set_capacity(8);
  EXPECT_FALSE(at.wait_until_within(deadline(clock_.now())));
  at.set_capacity(10);
  EXPECT_TRUE(at.wait_until_within(deadline(clock_.now())));
  at.set_capacity(11);
  EXPECT_TRUE(at.try_acquire(1));
}

}  // namespace
}  // namespace weir
