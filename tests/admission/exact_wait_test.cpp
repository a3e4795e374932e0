// Who could have its token in time is not refused for the rate alone: those that it may overtake, and those that it
// drops, are not before it.
#include <weir/admission/detail/gate.hpp>

#include <gtest/gtest.h>

#include <chrono>

#include "admission/gate_fixture.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using testing::gate;
using testing::recorded_waiter;

class ExactWait : public testing::gate_fixture {
 protected:
  // Whether one with so much patience may wait; nobody is dropped for it that would not be for another one.
  bool may_wait(gate& door, std::uint32_t weight, milliseconds patience) {
    if (!door.reserve({.weight = weight, .patience = deadline(clock_.now() + patience)})) return false;
    door.cancel_reservation(weight);
    return true;
  }
};

TEST_F(ExactWait, CountsNoneOfThoseThatMayBeOvertakenWhereverTheyStand) {
  gate door({.max_weight = 100, .rate = per_second(1), .burst = 1, .max_bypass = 8, .allow_slow_waiters = true},
            clock_);
  hold(door, 60);
  recorded_waiter& heavy = wait(door, "heavy", {.weight = 100});
  recorded_waiter& light = wait(door, "light", {.weight = 5});
  EXPECT_FALSE(may_wait(door, 5, milliseconds(2'000))) << "one before it, which is as light, then its own token";
  EXPECT_TRUE(may_wait(door, 5, milliseconds(2'001)));
  EXPECT_TRUE(may_wait(door, 4, milliseconds(1'001))) << "it may overtake both";
  EXPECT_FALSE(may_wait(door, 100, milliseconds(3'000))) << "it overtakes nobody";
  EXPECT_TRUE(door.withdraw(heavy, refusal_reason::cancelled));
  EXPECT_TRUE(door.withdraw(light, refusal_reason::cancelled));
  door.release(60);
}

TEST_F(ExactWait, CountsNoneOfThoseThatAreDroppedForIt) {
  for (const overflow policy : {overflow::drop_oldest, overflow::drop_lowest}) {
    gate door({.max_weight = 100,
               .rate = per_second(1),
               .burst = 1,
               .max_waiting_weight = 10,
               .overflow = policy,
               .priority_ageing = 0,
               .allow_slow_waiters = true},
              clock_);
    hold(door, 1);
    for (int i = 0; i < 10; ++i) wait(door, "light", {.weight = 1, .priority = 0});
    book_.clear();
    const auto asks = [&](std::uint32_t weight, milliseconds patience) {
      return door.reserve({.weight = weight, .priority = 1, .patience = deadline(clock_.now() + patience)}).has_value();
    };
    EXPECT_FALSE(asks(7, milliseconds(4'000))) << "three stay before it";
    EXPECT_EQ(door.waiting(), 10) << "nobody is dropped in vain";
    EXPECT_TRUE(asks(7, milliseconds(4'001)));
    EXPECT_EQ(book_.size(), 7u);
    door.cancel_reservation(7);
    door.close();
    door.release(1);
  }
}

TEST_F(ExactWait, TheOldestGoFirstAlsoWhereTheyWerePassed) {
  gate door({.max_weight = 100, .max_waiting_weight = 6, .overflow = overflow::drop_oldest}, clock_);
  hold(door, 100);
  for (const auto& [name, priority] : {std::pair{"low", 0}, std::pair{"high", 2}, std::pair{"normal", 1}}) {
    wait(door, name, {.weight = 2, .priority = static_cast<std::uint8_t>(priority)});
    clock_.advance(milliseconds(1));
  }
  wait(door, "heavy", {.weight = 4});
  EXPECT_EQ(book_, (testing::diary{"high shed", "low shed"})) << "the two oldest, told in the order of the line";
  door.close();
  door.release(100);
}

}  // namespace
}  // namespace weir
