// Who stands before whom in the line, who overtakes whom, and how much weight may wait.
#include <chrono>
#include <string>

#include "admission/gate_fixture.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using testing::diary;
using testing::door_request;
using testing::gate;
using testing::kept_alarm;
using testing::recorded_waiter;

class GateOrder : public testing::gate_fixture {
 protected:
  static constexpr std::uint8_t low = 0, normal = 1, high = 2;

  // All that wait, in the order in which they are let in one by one; `held` is what is inside.
  diary order_of(gate& door) {
    book_.clear();
    while (door.waiting() != 0) door.release(1);
    door.release(1);
    return book_;
  }

  static limits one_at_a_time() { return {.max_tasks = unlimited, .max_weight = 1}; }
};

// ---- priorities

TEST_F(GateOrder, AHigherPriorityGoesBeforeALowerOneAndInOrderAmongItsOwn) {
  gate door(one_at_a_time(), clock_);
  hold(door, 1);
  for (const char* name : {"low 1", "low 2"}) wait(door, name, {.priority = low});
  for (const char* name : {"high 1", "high 2"}) wait(door, name, {.priority = high});
  for (const char* name : {"normal 1", "normal 2"}) wait(door, name, {.priority = normal});
  EXPECT_EQ(order_of(door), (diary{"high 1 granted", "high 2 granted", "normal 1 granted", "normal 2 granted",
                                   "low 1 granted", "low 2 granted"}));
}

TEST_F(GateOrder, OneThatWaitsIsPassedSoOftenAndNoMore) {
  limits configured = one_at_a_time();
  configured.priority_ageing = 2;
  gate door(configured, clock_);
  hold(door, 1);
  wait(door, "low", {.priority = low});
  wait(door, "normal", {.priority = normal});
  for (int i = 1; i <= 6; ++i) wait(door, ("high " + std::to_string(i)).c_str(), {.priority = high});
  // The normal one let itself be passed twice. It was the first to pass the low one, which then had three left.
  EXPECT_EQ(order_of(door), (diary{"high 1 granted", "high 2 granted", "normal granted", "high 3 granted",
                                   "low granted", "high 4 granted", "high 5 granted", "high 6 granted"}));
}

TEST_F(GateOrder, AgeingOfNoneIsTheOrderOfArrivalAndUnlimitedIsStrict) {
  for (const bool is_strict : {false, true}) {
    limits configured = one_at_a_time();
    configured.priority_ageing = is_strict ? std::int64_t{unlimited} : 0;
    gate door(configured, clock_);
    hold(door, 1);
    wait(door, "low", {.priority = low});
    for (int i = 0; i < 100; ++i) wait(door, "high", {.priority = high});
    const diary order = order_of(door);
    EXPECT_EQ((is_strict ? order.back() : order.front()), "low granted");
  }
}

TEST_F(GateOrder, ALighterNewHeadIsLetInAtOnce) {
  gate door({.max_tasks = unlimited, .max_weight = 3}, clock_);
  hold(door, 1);
  wait(door, "heavy", {.weight = 3});
  wait(door, "light", {.weight = 2});
  EXPECT_EQ(book_, diary{}) << "behind the head";
  wait(door, "urgent", {.weight = 2, .priority = high});
  EXPECT_EQ(book_, diary{"urgent granted"}) << "there was room for it, and no release comes";
  door.release(2);
  door.release(1);
  door.release(3);
  door.release(2);
}

TEST_F(GateOrder, ANewHeadIsToldOfItsTokenAndTheOldOneWaits) {
  kept_alarm alarm;
  gate door({.rate = per_second(10), .burst = 1}, clock_, &alarm);
  hold(door, 1);
  recorded_waiter& first = wait(door, "first", {});
  EXPECT_EQ(first.times_announced(), 1);
  recorded_waiter& urgent = wait(door, "urgent", {.priority = high});
  EXPECT_EQ(urgent.times_announced(), 1);
  EXPECT_EQ(door.ready_at(first), time_point::max());
  EXPECT_EQ(door.ready_at(urgent), clock_.now() + milliseconds(100));
  clock_.advance(milliseconds(100));
  door.pump();
  EXPECT_EQ(book_, diary{"urgent granted"});
  EXPECT_EQ(first.times_announced(), 2) << "its turn again";
  clock_.advance(milliseconds(100));
  door.pump();
  EXPECT_EQ(book_, (diary{"urgent granted", "first granted"}));
  for (int i = 0; i < 3; ++i) door.release(1);
}

TEST_F(GateOrder, TheExactWaitCountsThoseThatAreNotPassed) {
  gate door({.rate = per_second(10), .burst = 1}, clock_);
  hold(door, 1);
  recorded_waiter& above = wait(door, "above", {.priority = high});
  recorded_waiter& below = wait(door, "below", {.priority = low});
  const auto refused_by = [&](milliseconds patience) {
    const door_request asked{.patience = deadline(clock_.now() + patience)};
    if (const auto place = door.reserve(asked)) {
      door.cancel_reservation(1);
      return false;
    }
    return true;
  };
  EXPECT_TRUE(refused_by(milliseconds(200))) << "one before it, then its own token";
  EXPECT_FALSE(refused_by(milliseconds(201)));
  EXPECT_TRUE(door.withdraw(above, refusal_reason::cancelled));
  EXPECT_TRUE(door.withdraw(below, refusal_reason::cancelled));
  door.release(1);
}

TEST_F(GateOrder, DropOldestDropsTheOneThatWaitsLongestWhereverItStands) {
  limits configured = one_at_a_time();
  configured.max_waiters = 3;
  configured.overflow = overflow::drop_oldest;
  gate door(configured, clock_);
  hold(door, 1);
  for (const auto& [name, priority] : {std::pair{"old low", low}, {"high", high}, {"young low", low}}) {
    wait(door, name, {.priority = priority});
    clock_.advance(milliseconds(1));
  }
  wait(door, "newcomer", {.priority = low});
  EXPECT_EQ(book_, diary{"old low shed"});
  wait(door, "second", {.priority = low});
  EXPECT_EQ(book_.back(), "high shed") << "first in line, and the one that waits longest";
  EXPECT_EQ(order_of(door), (diary{"young low granted", "newcomer granted", "second granted"}));
}

// ---- lighter ones past a heavy one

TEST_F(GateOrder, LighterOnesOvertakeSoOftenAndNoMore) {
  gate door({.max_tasks = unlimited, .max_weight = 4, .max_bypass = 2}, clock_);
  hold(door, 2);
  wait(door, "heavy", {.weight = 3});
  wait(door, "light 1", {.weight = 2});
  EXPECT_EQ(book_, diary{"light 1 granted"});
  door.release(2);
  wait(door, "light 2", {.weight = 1});
  wait(door, "light 3", {.weight = 1});
  EXPECT_EQ(book_, (diary{"light 1 granted", "light 2 granted"})) << "the heavy one was overtaken twice";
  EXPECT_FALSE(door.try_admit({.weight = 1}, clock_.now()).granted) << "who does not wait overtakes nobody";
  door.release(2);
  EXPECT_EQ(book_.back(), "heavy granted");
  door.release(1);
  EXPECT_EQ(book_.back(), "light 3 granted");
  door.release(3);
  door.release(1);
}

TEST_F(GateOrder, NobodyOvertakesByDefault) {
  gate door({.max_tasks = unlimited, .max_weight = 4}, clock_);
  hold(door, 2);
  wait(door, "heavy", {.weight = 3});
  wait(door, "light", {.weight = 1});
  EXPECT_EQ(book_, diary{});
  door.release(2);
  EXPECT_EQ(book_, (diary{"heavy granted", "light granted"}));
  door.release(3);
  door.release(1);
}

TEST_F(GateOrder, EachThatIsOvertakenCounts) {
  gate door({.max_tasks = unlimited, .max_weight = 10, .max_bypass = 1}, clock_);
  hold(door, 6);
  wait(door, "ten", {.weight = 10});
  wait(door, "nine", {.weight = 9});
  wait(door, "two", {.weight = 2});
  EXPECT_EQ(book_, diary{"two granted"}) << "past both";
  wait(door, "one", {.weight = 1});
  EXPECT_EQ(book_, diary{"two granted"});
  EXPECT_TRUE(door.withdraw(*waiters_[0], refusal_reason::cancelled));
  EXPECT_EQ(book_.size(), 2U) << "the nine was overtaken as well";
  door.release(2);
  door.release(6);
  EXPECT_EQ(book_, (diary{"two granted", "ten cancelled", "nine granted", "one granted"}));
  door.release(9);
  door.release(1);
}

TEST_F(GateOrder, TheFirstOfThemCountsAsWell) {
  gate door({.max_tasks = unlimited, .max_weight = 10, .max_bypass = 1}, clock_);
  hold(door, 6);
  wait(door, "ten", {.weight = 10});
  wait(door, "nine", {.weight = 9});
  wait(door, "two", {.weight = 2});
  EXPECT_TRUE(door.withdraw(*waiters_[1], refusal_reason::cancelled));
  wait(door, "one", {.weight = 1});
  EXPECT_EQ(book_, (diary{"two granted", "nine cancelled"})) << "the ten was overtaken by the two";
  door.close();
  door.release(2);
  door.release(6);
}

TEST_F(GateOrder, OneThatMayOvertakeIsToldOfItsToken) {
  kept_alarm alarm;
  gate door({.max_tasks = unlimited, .max_weight = 4, .rate = per_second(10), .burst = 3, .max_bypass = unlimited},
            clock_, &alarm);
  hold(door, 2);
  hold(door, 2);
  recorded_waiter& heavy = wait(door, "heavy", {.weight = 3});
  wait(door, "light 1", {.weight = 1});
  recorded_waiter& light = wait(door, "light 2", {.weight = 1});
  EXPECT_FALSE(alarm.last) << "they lack weight";
  door.release(2);
  EXPECT_EQ(book_, diary{"light 1 granted"}) << "with the last token";
  ASSERT_TRUE(alarm.last) << "there is room for the other one, and no release may come";
  EXPECT_EQ(door.ready_at(light), *alarm.last) << "and a thread would look by itself";
  EXPECT_EQ(door.ready_at(heavy), time_point::max());
  EXPECT_EQ(light.times_announced(), 1);
  clock_.set(*alarm.last);
  door.pump();
  EXPECT_EQ(book_, (diary{"light 1 granted", "light 2 granted"}));
  door.release(1);
  door.release(1);
  door.release(2);
  EXPECT_EQ(book_.size(), 2U);
  clock_.advance(milliseconds(100));
  door.pump();
  EXPECT_EQ(book_.back(), "heavy granted");
  door.release(3);
}

TEST_F(GateOrder, AHeadThatLacksBothLetsPassWhenTheTokenIsThere) {
  kept_alarm alarm;
  gate door({.max_tasks = unlimited, .max_weight = 4, .rate = per_second(10), .burst = 1, .max_bypass = 1}, clock_,
            &alarm);
  hold(door, 2);
  recorded_waiter& heavy = wait(door, "heavy", {.weight = 3});
  EXPECT_EQ(heavy.times_announced(), 1);
  wait(door, "light", {.weight = 1});
  EXPECT_EQ(book_, diary{});
  clock_.set(*alarm.last);
  door.pump();
  EXPECT_EQ(book_, diary{"light granted"});
  EXPECT_TRUE(door.withdraw(heavy, refusal_reason::cancelled));
  door.release(1);
  door.release(2);
}

TEST_F(GateOrder, AChangeThatAllowsItLetsThemPassAtOnce) {
  gate door({.max_tasks = unlimited, .max_weight = 4}, clock_);
  hold(door, 2);
  wait(door, "heavy", {.weight = 3});
  wait(door, "light", {.weight = 1});
  limits next = door.configured();
  next.max_bypass = 1;
  door.set_limits(next);
  EXPECT_EQ(book_, diary{"light granted"});
  EXPECT_EQ(door.configured().max_bypass, 1);
  door.release(1);
  door.release(2);
  door.release(3);
}

// The head lacks weight alone, and the last task goes to the first of those who may overtake it.
TEST_F(GateOrder, AChildThatEndsMakesRoomForOneThatMayOvertake) {
  gate door({.max_tasks = 64, .max_weight = 4, .max_bypass = 2}, clock_, nullptr, 1);
  hold(door, 2);
  hold(door, 2);
  int children = 0;
  while (door.try_add_child(0)) ++children;
  door.end_child();
  EXPECT_EQ(door.tasks_in_use(), 63);
  for (const auto& [name, weight] : {std::pair{"heavy", 3U}, {"light 1", 1U}, {"light 2", 1U}}) {
    wait(door, name, {.weight = weight});
  }
  door.release_part(2);
  EXPECT_EQ(book_, diary{"light 1 granted"});
  door.end_child(0);
  EXPECT_EQ(book_, (diary{"light 1 granted", "light 2 granted"})) << "its unit does not go to the stock";
  for (children -= 2; children != 0; --children) door.end_child(0);
  door.release(1);
  door.release(1);
  door.release(0);
  door.release(2);
  EXPECT_EQ(book_.back(), "heavy granted");
  door.release(3);
}

// ---- the weight that waits

TEST_F(GateOrder, WeightsThatWaitAreBounded) {
  gate door({.max_tasks = unlimited, .max_weight = 10, .max_waiting_weight = 12}, clock_);
  hold(door, 10);
  wait(door, "nine", {.weight = 9});
  EXPECT_EQ(door.waiting_weight(), 9);
  const refusal why = door.reserve({.weight = 4}).error();
  EXPECT_EQ(to_string(why),
            "waiters_full: weight 4 may not wait beside 9 of 12 that wait at the door already; try again later, or "
            "raise max_waiting_weight");
  ASSERT_TRUE(door.reserve({.weight = 3}));
  EXPECT_EQ(door.waiting_weight(), 12);
  EXPECT_EQ(door.reserve({.weight = 1}).error().what, quantity::waiting_weight);
  door.cancel_reservation(3);
  EXPECT_EQ(door.waiting_weight(), 9);
  door.release(10);
  EXPECT_EQ(door.waiting_weight(), 0);
  door.release(9);
}

TEST_F(GateOrder, WhatIsHeavierThanMayWaitNeverWaitsAndDropsNobody) {
  for (const overflow policy : {overflow::reject_new, overflow::drop_oldest, overflow::drop_lowest}) {
    gate door({.max_tasks = unlimited, .max_weight = 10, .max_waiting_weight = 4, .overflow = policy}, clock_);
    hold(door, 10);
    recorded_waiter& there = wait(door, "there", {.weight = 4, .priority = low});
    EXPECT_EQ(door.reserve({.weight = 5, .priority = high}).error().reason, refusal_reason::waiters_full);
    EXPECT_FALSE(there.is_decided());
    EXPECT_TRUE(door.withdraw(there, refusal_reason::cancelled));
    door.release(10);
  }
}

TEST_F(GateOrder, AHeavyNewcomerDropsAsManyAsItIsWorthOrNone) {
  limits configured{.max_tasks = unlimited, .max_weight = 10, .max_waiting_weight = 6};
  configured.overflow = overflow::drop_oldest;
  gate door(configured, clock_);
  hold(door, 10);
  for (const char* name : {"a", "b", "c"}) wait(door, name, {.weight = 2});
  wait(door, "heavy", {.weight = 4});
  EXPECT_EQ(book_, (diary{"a shed", "b shed"}));
  EXPECT_EQ(door.waiting_weight(), 6);
  configured.overflow = overflow::drop_lowest;
  door.set_limits(configured);
  EXPECT_EQ(door.reserve({.weight = 1, .priority = normal}).error().reason, refusal_reason::waiters_full);
  wait(door, "urgent", {.weight = 1, .priority = high});
  EXPECT_EQ(book_.back(), "heavy shed") << "the newest of the lowest";
  wait(door, "low", {.weight = 2, .priority = low});
  EXPECT_FALSE(door.reserve({.weight = 6, .priority = high})) << "c and low together weigh 4, and 5 are needed";
  EXPECT_EQ(book_.back(), "heavy shed") << "so that none is dropped in vain";
  door.close();
  EXPECT_EQ(door.waiting_weight(), 0);
  door.release(10);
}

TEST_F(GateOrder, TheWeightThatWaitsIsCountedFromTheFirstOnOrNever) {
  gate counted({.max_tasks = unlimited, .max_weight = 10, .max_waiting_weight = 12}, clock_);
  gate uncounted({.max_tasks = unlimited, .max_weight = 10}, clock_);
  limits next = uncounted.configured();
  next.max_waiting_weight = 12;
  EXPECT_THROW(uncounted.set_limits(next), std::invalid_argument);
  next.max_waiting_weight = unlimited;
  counted.set_limits(next);
  hold(counted, 10);
  wait(counted, "any", {.weight = 10});
  wait(counted, "more", {.weight = 10});
  EXPECT_EQ(counted.waiting_weight(), 20) << "it is counted still";
  next.max_waiting_weight = 12;
  counted.set_limits(next);
  EXPECT_EQ(book_, diary{}) << "who waits stays";
  EXPECT_EQ(counted.reserve({}).error().in_use, 20);
  counted.close();
  EXPECT_EQ(counted.waiting_weight(), 0);
  counted.release(10);
}

TEST_F(GateOrder, CallersRunWhereTheWeightMayNotWait) {
  limits configured{.max_tasks = unlimited, .max_weight = 2, .max_waiting_weight = 1};
  configured.overflow = overflow::caller_runs;
  gate door(configured, clock_);
  hold(door, 2);
  const auto place = door.reserve({.weight = 2});
  ASSERT_TRUE(place);
  EXPECT_EQ(*place, gate::slot::caller_runs);
  recorded_waiter& caller = wait(door, "caller", {.weight = 2});
  EXPECT_EQ(door.waiting_weight(), 0) << "it has no place";
  door.release(2);
  EXPECT_TRUE(caller.is_granted());
  door.release(2);
}

}  // namespace
}  // namespace weir
