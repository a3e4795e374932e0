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
  door.cancel_reservation(1);
  EXPECT_TRUE(door.withdraw(ahead, refusal_reason::cancelled));
  door.release(1);
}

TEST_F(GateWithARate, AWaitOfManyLifetimesDoesNotExpireNever) {
  gate door({.rate = per(1, std::chrono::hours(24 * 200)), .burst = 1}, clock_);
  hold(door, 1);
  for (int i = 0; i < 800; ++i) ASSERT_TRUE(door.reserve({})) << i << ": 438 years are more than a duration holds";
  for (int i = 0; i < 800; ++i) door.cancel_reservation(1);
  door.release(1);
}

// Looked at between an attempt's token and the end of that attempt, this clock makes the next attempt, 15 deep, and
// there lets somebody join.
class nesting_clock final : public clock_source {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    if (door == nullptr) return start;
    gate* const at = door;
    if (++attempts == 15) {
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
  EXPECT_EQ(clock.granted, 15);
  EXPECT_EQ(book_, diary{"head granted"});
  for (int i = 0; i < 16; ++i) door.release(1);
}

// Jumps by 5 ms at one of the readings to come.
class jumping_once_clock final : public clock_source {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    if (--jumps_in == 0) at_ += milliseconds(5);
    return at_;
  }
  void wait_until(const detail::atomic<std::uint32_t>&, std::uint32_t, time_point) const noexcept override {}
  mutable int jumps_in = 0;

 private:
  mutable time_point at_{std::chrono::hours(1)};
};

TEST_F(GateWithARate, AStrictWindowLetsGoOneTokenForALateLookAndNotOneForEachItLetsIn) {
  jumping_once_clock clock;
  gate door({.max_weight = 3, .rate = per(1, std::chrono::hours(1)), .burst = 10, .strict_window = true}, clock);
  ASSERT_TRUE(door.try_admit({.weight = 3}, clock.now()).granted);
  for (const char* const name : {"a", "b", "c"}) wait(door, name, {});
  clock.jumps_in = 2;  // the look reads the time, and then it is put aside
  door.release(3);
  EXPECT_EQ(book_, (diary{"a granted", "b granted", "c granted"}));
  for (int i = 0; i < 3; ++i) door.release(1);
  int left = 0;
  for (; door.try_admit({}, clock.now()).granted; ++left) door.release(1);
  EXPECT_EQ(left, 10 - 1 - 4) << "two for a, one for b, one for c";
}

TEST_F(GateWithARate, AReleaseDoesNotDisturbAHeadThatWaitsForItsToken) {
  testing::kept_alarm alarm;
  gate door({.max_tasks = 100, .rate = per_second(10), .burst = 5}, clock_, &alarm);
  for (int i = 0; i < 5; ++i) hold(door, 1);
  recorded_waiter& head = wait(door, "head", {});
  EXPECT_EQ(alarm.rings, 1);
  for (int i = 0; i < 5; ++i) door.release(1);
  EXPECT_EQ(alarm.rings, 1);
  EXPECT_EQ(head.times_announced(), 1);
  EXPECT_TRUE(book_.empty());
  clock_.set(*alarm.last);
  door.pump();
  EXPECT_TRUE(head.is_granted());
  door.release(1);
}

TEST_F(GateWithARate, AReleaseAnnouncesAHeadThatLackedRoomAndNowLacksAToken) {
  testing::kept_alarm alarm;
  gate door({.max_tasks = 1, .rate = per_second(10), .burst = 1}, clock_, &alarm);
  hold(door, 1);
  recorded_waiter& a = wait(door, "a", {});
  recorded_waiter& b = wait(door, "b", {});
  clock_.advance(milliseconds(100));
  door.pump();  // a has its token and no room
  door.release(1);
  EXPECT_TRUE(a.is_granted());
  EXPECT_EQ(b.times_announced(), 1) << "a took the token";
  EXPECT_EQ(alarm.last, clock_.now() + milliseconds(100));
  clock_.advance(milliseconds(100));
  door.release(1);
  EXPECT_TRUE(b.is_granted());
  door.release(1);
}

// The alarm would ring at the old time, which may be far.
TEST_F(GateWithARate, AReleaseAfterTheClockWentBackSetsTheAlarmForTheNewTime) {
  testing::kept_alarm alarm;
  gate door({.rate = per_second(10), .burst = 1}, clock_, &alarm);
  hold(door, 1);
  recorded_waiter& head = wait(door, "head", {});
  clock_.set(clock_.now() - std::chrono::minutes(30));
  door.release(1);
  EXPECT_EQ(alarm.last, clock_.now() + milliseconds(100));
  clock_.set(*alarm.last);
  door.pump();
  EXPECT_TRUE(head.is_granted());
  door.release(1);
}

TEST_F(GateWithARate, BehindAHeadThatLacksItsTokenTheWaitCountsThoseAhead) {
  gate door({.rate = per_second(10), .burst = 1}, clock_);
  hold(door, 1);
  EXPECT_EQ(door.try_admit({}, clock_.now()).retry_after, milliseconds(100));
  recorded_waiter& a = wait(door, "a", {});
  EXPECT_EQ(door.try_admit({}, clock_.now()).why, refusal_reason::rate_limited);
  EXPECT_EQ(door.try_admit({}, clock_.now()).retry_after, milliseconds(200));
  recorded_waiter& b = wait(door, "b", {});
  EXPECT_EQ(door.try_admit({}, clock_.now()).retry_after, milliseconds(300));
  clock_.advance(milliseconds(100));  // the token of a is there, and nobody has looked yet
  EXPECT_EQ(door.try_admit({}, clock_.now()).why, refusal_reason::rate_limited);
  EXPECT_EQ(door.try_admit({}, clock_.now()).retry_after, milliseconds(200)) << "after the two ahead";
  EXPECT_TRUE(door.withdraw(b, refusal_reason::cancelled));
  EXPECT_EQ(a.is_granted(), true);
  door.release(1);
  door.release(1);
}

TEST_F(GateWithARate, BehindWaitersTheReasonIsWhatTheHeadLacks) {
  const limits all{.max_tasks = 3, .max_weight = 100, .rate = per_second(10), .burst = 2};
  gate door(all, clock_);
  const auto why = [&] { return door.explain(door.try_admit({}, clock_.now()), {}); };
  hold(door, 1);
  hold(door, 1);
  recorded_waiter& heavy = wait(door, "heavy", {.weight = 99});
  EXPECT_EQ(why().reason, refusal_reason::rate_limited);
  clock_.advance(milliseconds(100));
  EXPECT_EQ(why().reason, refusal_reason::rate_limited) << "nobody has looked yet";
  door.pump();
  EXPECT_EQ(why().reason, refusal_reason::weight_full);
  EXPECT_EQ(to_string(why()),
            "weight_full: weight 1 must wait behind others, 2 of 100 in use; try again when some ends, let it wait "
            "(acquire, enqueue), or raise max_weight (the capacity)");
  EXPECT_TRUE(door.withdraw(heavy, refusal_reason::cancelled));
  hold(door, 1);
  wait(door, "light", {});
  clock_.advance(milliseconds(100));
  door.pump();
  EXPECT_EQ(why().reason, refusal_reason::tasks_full);
  EXPECT_EQ(why().in_use, 3);
  door.release(1);
  EXPECT_EQ(book_.back(), "light granted");
  for (int i = 0; i < 3; ++i) door.release(1);
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

TEST_F(GateWithARate, OneThatTakesADroppedOnesPlaceWaitsOneTokenLess) {
  gate door({.rate = per_second(10), .burst = 1, .max_waiters = 1, .overflow = overflow::drop_oldest}, clock_);
  const time_point start = clock_.now();
  hold(door, 1);
  wait(door, "oldest", {});
  const result<gate::slot> late = door.reserve({.deadline = deadline(start + milliseconds(100))});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, refusal_reason::expired);
  EXPECT_EQ(late.error().retry_after, milliseconds(100));
  EXPECT_TRUE(book_.empty()) << "nobody is dropped for one that is refused";
  recorded_waiter& newest = wait(door, "newest", {.deadline = deadline(start + milliseconds(101))});
  EXPECT_EQ(book_, diary{"oldest shed"});
  clock_.advance(milliseconds(100));
  door.pump();
  EXPECT_TRUE(newest.is_granted());
  door.release(1);
  door.release(1);
}

TEST_F(GateWithARate, OneThatDropsNobodyWaitsBehindAll) {
  gate door({.rate = per_second(10), .burst = 1, .max_waiters = 1, .overflow = overflow::drop_lowest}, clock_);
  const time_point start = clock_.now();
  hold(door, 1);
  recorded_waiter& low = wait(door, "low", {.priority = 0});
  const deadline soon(start + milliseconds(150));
  EXPECT_EQ(door.reserve({.priority = 0, .deadline = soon}).error().reason, refusal_reason::expired);
  EXPECT_FALSE(low.is_decided());
  recorded_waiter& high = wait(door, "high", {.priority = 2, .deadline = soon});
  EXPECT_EQ(book_, diary{"low shed"});
  EXPECT_TRUE(door.withdraw(high, refusal_reason::cancelled));
  door.release(1);
}

TEST_F(GateWithARate, TheExactWaitCountsThoseInLineAndNoPlaceThatIsEmptying) {
  gate door({.rate = per_second(10), .burst = 1}, clock_);
  const time_point start = clock_.now();
  hold(door, 1);
  // Asks for a place at the moment at which another one leaves the line and still has its own.
  class asking_waiter final : public detail::waiter {
   public:
    asking_waiter(gate& at, deadline until) : waiter({}), at_(&at), until_(until) {}
    bool got_a_place = false;

   private:
    void on_granted(time_point) noexcept override {}
    void on_refused(const refusal&) noexcept override {
      got_a_place = at_->reserve({.deadline = until_}).has_value();
      if (got_a_place) at_->cancel_reservation(1);
    }
    gate* at_;
    deadline until_;
  };
  asking_waiter leaving(door, deadline(start + milliseconds(101)));
  ASSERT_TRUE(door.reserve({}));
  door.join(leaving, gate::place::reserved);
  EXPECT_TRUE(door.withdraw(leaving, refusal_reason::cancelled));
  EXPECT_TRUE(leaving.got_a_place);
  EXPECT_EQ(door.waiting(), 0);
  door.release(1);
}

}  // namespace
}  // namespace weir
