// Credits: purses by themselves, step by step; and a gate that has them, which must not be told from one that has not.
// tests/model/credits_model.cpp has the threads.
#include <weir/admission/detail/credits.hpp>

#include <gtest/gtest.h>

#include <cstdint>

#include <weir/admission/weighted_semaphore.hpp>

#include "admission/gate_fixture.hpp"
#include "support/eventually.hpp"

namespace weir::detail {
namespace {

using fate = credits::fate;

constexpr demand weighing(std::uint32_t weight) { return {.tasks = 0, .weight = weight}; }

// One purse, so that it does not matter on which CPU the test runs.
TEST(Credits, OfAPurseThatIsClosedNothingIsTakenAndNothingStaysThere) {
  credits one(1, 8);
  EXPECT_TRUE(one.exist());
  EXPECT_FALSE(one.take(weighing(0)));
  EXPECT_EQ(one.put(weighing(3)), fate::closed);
  EXPECT_EQ(one.spare().weight, 0u);
}

TEST(Credits, AreWhatWasPutAndNoMore) {
  credits one(1, 8);
  one.open(64, 640);
  EXPECT_EQ(one.put({.tasks = 2, .weight = 30}), fate::kept);
  EXPECT_FALSE(one.take({.tasks = 3, .weight = 1}));
  EXPECT_FALSE(one.take({.tasks = 1, .weight = 31}));
  EXPECT_TRUE(one.take({.tasks = 1, .weight = 30}));
  EXPECT_EQ(one.spare().tasks, 1u);
  EXPECT_EQ(one.spare().weight, 0u);
}

TEST(Credits, APurseIsToldWhenItHasTooMuchOfEither) {
  credits one(1, 8);
  one.open(64, 640);  // at most 8 and 80
  EXPECT_EQ(one.put({.tasks = 8, .weight = 80}), fate::kept);
  EXPECT_EQ(one.put({.tasks = 1, .weight = 0}), fate::kept_too_much);
  const demand surplus = one.take_surplus();
  EXPECT_EQ(surplus.tasks, 5u) << "half of the most stays";
  EXPECT_EQ(surplus.weight, 40u);
  EXPECT_EQ(one.put({.tasks = 0, .weight = 41}), fate::kept_too_much);
}

TEST(Credits, APurseLacksWhatIsNotThereOfTheHalf) {
  credits one(1, 8);
  one.open(64, 640);
  one.fill({.tasks = 3, .weight = 50});
  EXPECT_EQ(one.lacking().tasks, 1u);
  EXPECT_EQ(one.lacking().weight, 0u);
}

TEST(Credits, ASweepTakesAllAndClosesAll) {
  credits four(4, 8);
  four.open(64, 640);
  ASSERT_EQ(four.put({.tasks = 1, .weight = 7}), fate::kept);
  const demand all = four.sweep();
  EXPECT_EQ(all.tasks, 1u);
  EXPECT_EQ(all.weight, 7u);
  EXPECT_EQ(four.put(weighing(1)), fate::closed);
  EXPECT_EQ(four.sweep().weight, 0u) << "what is closed is empty";
}

TEST(Credits, TheLargestLimitsFit) {
  credits one(1, 1);
  one.open(largest_max_tasks, largest_max_weight);
  one.fill({.tasks = static_cast<std::uint32_t>(largest_max_tasks), .weight = 0});
  one.fill(weighing(static_cast<std::uint32_t>(largest_max_weight)));
  const demand all = one.sweep();
  EXPECT_EQ(all.tasks, largest_max_tasks);
  EXPECT_EQ(all.weight, largest_max_weight);
}

TEST(Credits, ThereAreNoneForLimitsThatAreSmallOrNotCounted) {
  const credits::rule by{.purses = 4, .limit_per_purse = 128};
  EXPECT_EQ(credits::purses_for(0, 0, by), 0u);
  EXPECT_EQ(credits::purses_for(0, 511, by), 0u);
  EXPECT_EQ(credits::purses_for(0, 512, by), 4u);
  EXPECT_EQ(credits::purses_for(511, 1'000, by), 0u) << "one of them is too small";
  EXPECT_EQ(credits::purses_for(512, 0, by), 4u);
  const std::size_t by_cpus = credits::purses_for(0, largest_max_weight, {});
  EXPECT_GE(by_cpus, 2u);
  EXPECT_LE(by_cpus, 64u);
  EXPECT_EQ(by_cpus & (by_cpus - 1), 0u) << "a power of two";
}

// ---- a gate with them

class GateWithCredits : public testing::gate_fixture {
 protected:
  static constexpr credits::rule always{.purses = 2, .limit_per_purse = 1, .share = 2};

  gate::verdict attempt(std::uint32_t weight) { return door_.try_admit({.weight = weight}, clock_.now()); }

  gate door_{{.max_tasks = 100, .max_weight = 1'000}, clock_, nullptr, 0, {}, always};
};

TEST_F(GateWithCredits, TellsWhatIsInUseAsOneWithout) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(attempt(7).granted);
  EXPECT_EQ(door_.tasks_in_use(), 10);
  EXPECT_EQ(door_.weight_in_use(), 70);
  for (int i = 0; i < 10; ++i) door_.release(7);
  EXPECT_EQ(door_.tasks_in_use(), 0);
  EXPECT_EQ(door_.weight_in_use(), 0);
}

TEST_F(GateWithCredits, RefusesByWhatIsHeldWhereverTheRestIs) {
  for (int i = 0; i < 10; ++i) hold(door_, 7);
  for (int i = 0; i < 5; ++i) door_.release(7);
  const gate::verdict refused = attempt(966);
  EXPECT_EQ(refused.why, refusal_reason::weight_full);
  EXPECT_EQ(refused.in_use, 35);
  EXPECT_TRUE(attempt(965).granted);
  door_.release(965);
  for (int i = 0; i < 5; ++i) door_.release(7);
}

TEST_F(GateWithCredits, AHeavierOneThanTheLimitIsToldWhatIsInUse) {
  hold(door_, 7);
  const gate::verdict refused = attempt(1'001);
  EXPECT_EQ(refused.why, refusal_reason::too_heavy);
  EXPECT_EQ(refused.in_use, 7);
  door_.release(7);
}

TEST_F(GateWithCredits, NobodyPassesWhoWaits) {
  hold(door_, 7);
  testing::recorded_waiter& heavy = wait(door_, "heavy", {.weight = 1'000});
  EXPECT_FALSE(attempt(1).granted);
  door_.release(7);
  EXPECT_TRUE(heavy.is_granted());
  door_.release(1'000);
}

TEST_F(GateWithCredits, NobodyPassesAClose) {
  hold(door_, 7);
  door_.close();
  EXPECT_EQ(attempt(1).why, refusal_reason::closed);
  door_.release(7);
  EXPECT_EQ(attempt(1).why, refusal_reason::closed);
  EXPECT_EQ(door_.tasks_in_use(), 0);
}

TEST_F(GateWithCredits, ALoweredLimitHoldsAtOnce) {
  for (int i = 0; i < 10; ++i) hold(door_, 7);
  for (int i = 0; i < 5; ++i) door_.release(7);
  testing::set_max_weight(door_, 40);
  EXPECT_EQ(attempt(6).why, refusal_reason::weight_full);
  EXPECT_TRUE(attempt(5).granted);
  door_.release(5);
  for (int i = 0; i < 5; ++i) door_.release(7);
}

TEST_F(GateWithCredits, ARateThatComesIsAskedByEverybody) {
  hold(door_, 7);
  door_.release(7);
  limits next = door_.configured();
  next.rate = per_second(1);
  next.burst = 1;
  next.allow_slow_waiters = true;
  door_.set_limits(next);
  EXPECT_TRUE(attempt(1).granted);
  EXPECT_EQ(attempt(1).why, refusal_reason::rate_limited);
  next.rate = unlimited;
  next.burst = 0;
  door_.set_limits(next);
  for (int i = 0; i < 5; ++i) hold(door_, 1);
  for (int i = 0; i < 6; ++i) door_.release(1);
}

// What one thread puts back on its CPU, another one on any CPU can have.
TEST(SemaphoreWithCredits, AllOfItCanBeHadWhoeverGaveItBack) {
  weighted_semaphore door(100'000);
  for (int round = 0; round < 20; ++round) {
    auto other = testing::in_background([&door] {
      std::int64_t granted = 0;
      for (int i = 0; i < 1'000; ++i) granted += door.try_acquire(3) ? 1 : 0;
      return granted;
    });
    EXPECT_EQ(testing::get(other), 1'000);
    EXPECT_EQ(door.in_use(), 0);
    EXPECT_TRUE(door.try_acquire(100'000));
  }
}

}  // namespace
}  // namespace weir::detail
