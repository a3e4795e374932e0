// A test of an internal: waiters that write down what they are told make the queue's order certain, on one thread.
#include <weir/admission/detail/gate.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include "admission/gate_fixture.hpp"

namespace weir {
namespace {

using detail::gate;
using std::chrono::milliseconds;
using testing::diary;
using testing::recorded_waiter;

class GateWithARate : public testing::gate_fixture {};

TEST_F(GateWithARate, ARefusedTokenGivesTheCapacityBack) {
  gate door({.max_tasks = 5, .max_weight = 5, .rate = per_second(10), .burst = 1}, clock_);
  hold(door, 2);
  const gate::verdict v = door.try_admit({.weight = 2}, clock_.now());
  EXPECT_EQ(v.why, refusal_reason::rate_limited);
  EXPECT_EQ(v.retry_after, milliseconds(100));
  EXPECT_EQ(door.tasks_in_use(), 1);
  EXPECT_EQ(door.weight_in_use(), 2);
  door.release(2);
}

TEST_F(GateWithARate, RefusedCapacityLeavesTheTokens) {
  gate door({.max_tasks = 1, .rate = per_second(10), .burst = 2}, clock_);
  hold(door, 1);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(door.try_admit({}, clock_.now()).why, refusal_reason::tasks_full);
  door.release(1);
  hold(door, 1);
  door.release(1);
}

TEST_F(GateWithARate, TheAlarmIsSetForTheHeadsTokenAndAgainForTheNext) {
  testing::kept_alarm alarm;
  gate door({.rate = per_second(10), .burst = 1}, clock_, &alarm);
  const time_point start = clock_.now();
  hold(door, 1);
  wait(door, "a", {});
  EXPECT_EQ(alarm.last, start + milliseconds(100));
  wait(door, "b", {});
  EXPECT_EQ(alarm.rings, 1) << "only the head's token is waited for";
  EXPECT_TRUE(door.withdraw(wait(door, "c", {}), refusal_reason::cancelled));
  EXPECT_EQ(alarm.rings, 1) << "one that leaves from behind does not concern the head";
  book_.clear();
  clock_.advance(milliseconds(100));
  door.pump();
  EXPECT_EQ(book_, diary{"a granted"});
  EXPECT_EQ(alarm.last, start + milliseconds(200));
  door.pump();
  EXPECT_EQ(alarm.rings, 3) << "it has rung, too early: it is set again";
  clock_.set(start + milliseconds(200));
  door.pump();
  EXPECT_EQ(book_, (diary{"a granted", "b granted"}));
  for (int i = 0; i < 3; ++i) door.release(1);
}

// A cancelled x/time/rate reservation leaves its hole: the others come at 204 and 301 ms.
TEST_F(GateWithARate, AWaiterThatLeavesCostsThoseBehindItNoToken) {
  testing::kept_alarm alarm;
  gate door({.rate = per_second(10), .burst = 1}, clock_, &alarm);
  const time_point start = clock_.now();
  hold(door, 1);
  recorded_waiter& first = wait(door, "first", {});
  recorded_waiter& second = wait(door, "second", {});
  recorded_waiter& third = wait(door, "third", {});
  clock_.advance(milliseconds(6));
  EXPECT_TRUE(door.withdraw(first, refusal_reason::cancelled));
  EXPECT_EQ(alarm.last, start + milliseconds(100));
  while (!third.is_decided()) {
    clock_.set(*alarm.last);
    door.pump();
  }
  EXPECT_EQ(second.stamp(), start + milliseconds(100));
  EXPECT_EQ(third.stamp(), start + milliseconds(200));
  for (int i = 0; i < 3; ++i) door.release(1);
}

TEST_F(GateWithARate, AHeadThatLacksRoomAsksForNoAlarmWhenItsTokenComes) {
  testing::kept_alarm alarm;
  gate door({.max_tasks = 1, .rate = per_second(10), .burst = 1}, clock_, &alarm);
  hold(door, 1);
  recorded_waiter& a = wait(door, "a", {});
  EXPECT_EQ(alarm.rings, 1);
  clock_.advance(milliseconds(100));
  door.pump();
  EXPECT_EQ(alarm.rings, 1) << "there is a token; a release will look again";
  EXPECT_EQ(door.ready_at(a), time_point::max());
  door.release(1);
  EXPECT_EQ(book_, diary{"a granted"});
  door.release(1);
}

TEST_F(GateWithARate, OnlyTheHeadHasATimeToLookAgain) {
  gate door({.rate = per_second(10), .burst = 1}, clock_);
  const time_point start = clock_.now();
  hold(door, 1);
  recorded_waiter& a = wait(door, "a", {});
  recorded_waiter& b = wait(door, "b", {});
  EXPECT_EQ(door.ready_at(a), start + milliseconds(100));
  EXPECT_EQ(door.ready_at(b), time_point::max());
  EXPECT_TRUE(door.withdraw(a, refusal_reason::cancelled));
  EXPECT_EQ(door.ready_at(b), start + milliseconds(100));
  EXPECT_TRUE(door.withdraw(b, refusal_reason::cancelled));
  door.release(1);
}

TEST_F(GateWithARate, TheExactWaitCountsThoseAhead) {
  gate door({.rate = per_second(10), .burst = 1}, clock_);
  const time_point start = clock_.now();
  hold(door, 1);
  recorded_waiter& ahead = wait(door, "ahead", {});
  const result<gate::slot> late = door.reserve({.deadline = deadline(start + milliseconds(200))});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, refusal_reason::expired);
  EXPECT_EQ(late.error().retry_after, milliseconds(200));
  EXPECT_EQ(door.reserve({.patience = deadline(start + milliseconds(200))}).error().reason, refusal_reason::timed_out);
  ASSERT_TRUE(door.reserve({.deadline = deadline(start + milliseconds(201))}));
  door.cancel_reservation();
  EXPECT_TRUE(door.withdraw(ahead, refusal_reason::cancelled));
  door.release(1);
}

TEST_F(GateWithARate, AWaitOfManyLifetimesDoesNotExpireNever) {
  gate door({.rate = per(1, std::chrono::hours(24 * 365)), .burst = 1}, clock_);
  hold(door, 1);
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(door.reserve({})) << i << ": 400 years are more than a duration holds";
  for (int i = 0; i < 400; ++i) door.cancel_reservation();
  door.release(1);
}

// Looked at between an attempt's token and the end of that attempt, this clock makes the next attempt, 31 deep, and
// there lets somebody join.
class nesting_clock final : public clock_source {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    if (door == nullptr) return start;
    gate* const at = door;
    if (++attempts == 31) {
      door = nullptr;
      at->join(*newcomer, gate::place::uncounted);
    } else {
      granted += at->try_admit({}, start).granted ? 1 : 0;
    }
    return start;
  }
  void wait_until(const detail::atomic<std::uint32_t>&, std::uint32_t, time_point) const noexcept override {}

  static constexpr time_point start{std::chrono::hours(1)};
  mutable gate* door = nullptr;
  mutable int attempts = 0;
  mutable int granted = 0;
  recorded_waiter* newcomer = nullptr;
};

// None of them gives back, so nobody would come back for a head that was refused for their number.
TEST_F(GateWithARate, AHeadIsNotRefusedForTheNumberOfAttemptsInFlight) {
  nesting_clock clock;
  gate door({.rate = per_second(10), .burst = 100, .strict_window = true}, clock);
  recorded_waiter head("head", {}, book_);
  clock.newcomer = &head;
  clock.door = &door;
  clock.granted += door.try_admit({}, nesting_clock::start).granted ? 1 : 0;
  EXPECT_EQ(clock.granted, 31);
  EXPECT_EQ(book_, diary{"head granted"});
  for (int i = 0; i < 32; ++i) door.release(1);
}

TEST_F(GateWithARate, BehindWaitersTheReasonIsOneThatIsConfigured) {
  gate rate_only({.max_tasks = unlimited, .rate = per_second(10), .burst = 1}, clock_);
  hold(rate_only, 1);
  recorded_waiter& a = wait(rate_only, "a", {});
  clock_.advance(milliseconds(100));  // its token is there, and nobody has looked yet
  const gate::verdict v = rate_only.try_admit({}, clock_.now());
  EXPECT_EQ(v.why, refusal_reason::rate_limited);
  EXPECT_EQ(v.retry_after, milliseconds(100)) << "after the one ahead";
  EXPECT_TRUE(rate_only.withdraw(a, refusal_reason::cancelled));

  gate weight_only({.max_tasks = unlimited, .max_weight = 3}, clock_);
  hold(weight_only, 2);
  recorded_waiter& heavy = wait(weight_only, "heavy", {.weight = 3});
  EXPECT_EQ(weight_only.try_admit({}, clock_.now()).why, refusal_reason::weight_full);
  EXPECT_TRUE(weight_only.withdraw(heavy, refusal_reason::cancelled));
  weight_only.release(2);
}

}  // namespace
}  // namespace weir
