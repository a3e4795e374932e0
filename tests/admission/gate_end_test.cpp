// A test of an internal: how a gate closes, becomes empty and is destroyed.
#include <weir/admission/detail/gate.hpp>

#include <gtest/gtest.h>

#include "admission/gate_fixture.hpp"
#include "support/eventually.hpp"
#include "support/watched_clock.hpp"

namespace weir {
namespace {

using detail::gate;
using std::chrono::milliseconds;
using testing::diary;
using testing::recorded_waiter;

class GateEnd : public testing::gate_fixture {};

TEST_F(GateEnd, CloseRefusesThoseWhoWaitInOrderAndEverybodyAfter) {
  gate door({.max_tasks = unlimited, .max_weight = 1}, clock_);
  hold(door, 1);
  wait(door, "a", {});
  wait(door, "b", {});
  door.close();
  door.close();
  EXPECT_EQ(book_, (diary{"a closed", "b closed"}));
  EXPECT_EQ(door.try_admit({}, clock_.now()).why, refusal_reason::closed);
  EXPECT_EQ(door.reserve({}).error().reason, refusal_reason::closed);
  door.release(1);
  EXPECT_EQ(door.weight_in_use(), 0) << "what was granted stayed valid";
  EXPECT_EQ(door.try_admit({}, clock_.now()).why, refusal_reason::closed);
}

TEST_F(GateEnd, APlacePromisedBeforeTheCloseEndsClosed) {
  gate door({.max_tasks = unlimited, .max_weight = 1}, clock_);
  hold(door, 1);
  recorded_waiter late("late", {}, book_);
  ASSERT_TRUE(door.reserve(late.request()));
  door.close();
  door.join(late, gate::place::reserved);
  EXPECT_EQ(book_, diary{"late closed"});
  EXPECT_EQ(door.waiting(), 0);
  door.release(1);
}

TEST_F(GateEnd, WaitsUntilAClosedGateIsEmpty) {
  testing::watched_clock clock;
  gate door({.max_tasks = 2}, clock);
  ASSERT_TRUE(door.try_admit({}, clock.now()).granted);
  EXPECT_FALSE(door.wait_until_empty(clock.now())) << "a time that has come is not waited for";
  door.close();
  auto empty = testing::in_background([&] { return door.wait_until_empty(time_point::max()); });
  clock.await_sleepers(1);
  door.release(1);
  EXPECT_TRUE(testing::get(empty, "wait_until_empty after the last release"));
}

TEST_F(GateEnd, APlaceThatIsNeverTakenKeepsAClosedGateFromBeingEmpty) {
  testing::watched_clock clock;
  gate door({.max_tasks = 2}, clock);
  ASSERT_TRUE(door.reserve({}));
  door.close();
  auto empty = testing::in_background([&] { return door.wait_until_empty(time_point::max()); });
  clock.await_sleepers(1);
  door.cancel_reservation(1);
  EXPECT_TRUE(testing::get(empty, "wait_until_empty after the last place was given up"));
}

TEST_F(GateEnd, WaitingForEmptyEndsAtItsTime) {
  testing::watched_clock clock;
  gate door({.max_tasks = 2}, clock);
  ASSERT_TRUE(door.try_admit({}, clock.now()).granted);
  door.close();
  auto empty = testing::in_background([&] { return door.wait_until_empty(clock.now() + milliseconds(5)); });
  clock.await_sleepers(1);
  clock.advance(milliseconds(5));
  EXPECT_FALSE(testing::get(empty, "wait_until_empty at its time"));
  door.release(1);
}

using GateEndDeathTest = GateEnd;

TEST_F(GateEndDeathTest, EndingWhilePermitsAreOutIsFatalInEveryBuild) {
  EXPECT_DEATH(
      {
        gate door({.max_tasks = 5, .max_weight = 10}, clock_);
        hold(door, 3);
        hold(door, 4);
      },
      "a limiter is destroyed while 2 tasks and a weight of 7 are held and 0 wait in line");
}

TEST_F(GateEndDeathTest, EndingWhileSomebodyWaitsIsFatalInEveryBuild) {
  EXPECT_DEATH(
      {
        gate door({.max_tasks = 1, .max_weight = 10}, clock_);
        hold(door, 3);
        wait(door, "a", {});
        wait(door, "b", {});
      },
      "1 tasks and a weight of 3 are held and 2 wait in line");
}

}  // namespace
}  // namespace weir
