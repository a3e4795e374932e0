// The gate's units for children, on one thread: what a child counts for, what it passes, and who gets what is spare.
#include <weir/admission/detail/gate.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "admission/gate_fixture.hpp"

namespace weir {
namespace {

using testing::gate;
using testing::gate_fixture;
using testing::recorded_waiter;

class GateChildrenAndTheLine : public gate_fixture {
 protected:
  static constexpr std::size_t givers = 2;
  static constexpr std::int64_t enough = 64 * 2;  // for each of the givers to keep units
};

/// With returns beside the word, or, where weights are counted, the word alone.
class GateChildren : public GateChildrenAndTheLine, public ::testing::WithParamInterface<bool> {
 protected:
  gate& make(std::int64_t max_tasks, std::size_t threads_that_give = givers) {
    at_.emplace(
        limits{.max_tasks = max_tasks, .max_weight = GetParam() ? std::int64_t{1'000} : unlimited, .max_waiters = 10},
        clock_, nullptr, threads_that_give);
    return *at_;
  }

  // Taken at once, and given back.
  std::int64_t room(gate& at) {
    std::int64_t n = 0;
    while (at.try_admit({}, clock_.now()).granted) ++n;
    for (std::int64_t i = 0; i < n; ++i) at.release(1);
    return n;
  }

  std::optional<gate> at_;
};

INSTANTIATE_TEST_SUITE_P(ReturnsAndWeights, GateChildren, ::testing::Bool());

TEST_P(GateChildren, AreCountedOneByOneWhereTasksAreFew) {
  gate& at = make(3);
  hold(at, 1);
  EXPECT_TRUE(at.try_add_child(0));
  EXPECT_EQ(at.tasks_in_use(), 2);
  EXPECT_EQ(room(at), 1);
  EXPECT_TRUE(at.try_add_child());
  EXPECT_FALSE(at.try_add_child(1));
  EXPECT_FALSE(at.try_add_child());
  EXPECT_EQ(at.try_admit({}, clock_.now()).why, refusal_reason::tasks_full);
  at.end_child(1);
  EXPECT_TRUE(at.try_add_child(1));
  at.end_child();
  at.end_child(0);
  at.release(1, 0);
  EXPECT_EQ(at.tasks_in_use(), 0);
  EXPECT_EQ(at.weight_in_use(), 0);
}

TEST_P(GateChildren, HaveNoWeight) {
  gate& at = make(enough);
  hold(at, 1);
  EXPECT_TRUE(at.try_add_child(0));
  EXPECT_TRUE(at.try_add_child());
  EXPECT_EQ(at.weight_in_use(), GetParam() ? 1 : 0);
  EXPECT_EQ(at.tasks_in_use(), 3);
  at.end_child(0);
  at.end_child();
  at.release(1);
  EXPECT_EQ(at.tasks_in_use(), 0);
}

TEST_P(GateChildren, ASpareUnitIsInNoUse) {
  gate& at = make(enough);
  for (std::size_t by = 0; by < givers; ++by) {
    ASSERT_TRUE(at.try_add_child(by));
    EXPECT_EQ(at.tasks_in_use(), 1);
    at.end_child(by);
    EXPECT_EQ(at.tasks_in_use(), 0);
  }
  EXPECT_EQ(room(at), enough);
}

TEST_P(GateChildren, AUnitThatAGiverGotFromOutsideIsFoundToo) {
  gate& at = make(enough);
  hold(at, 1);
  ASSERT_TRUE(at.try_add_child());
  at.end_child(1);
  EXPECT_EQ(at.tasks_in_use(), 1);
  EXPECT_EQ(room(at), enough - 1);
  at.release(1);
}

TEST_P(GateChildren, ManyStartedByOneAndEndedByAnotherAreAllGivenBack) {
  gate& at = make(enough);
  for (int round = 0; round < 3; ++round) {
    for (std::int64_t i = 0; i < enough; ++i) {
      ASSERT_TRUE(at.try_add_child(0)) << i;
      ASSERT_EQ(at.tasks_in_use(), i + 1);
    }
    EXPECT_FALSE(at.try_add_child(0));
    EXPECT_FALSE(at.try_add_child(1));
    EXPECT_EQ(at.try_admit({}, clock_.now()).why, refusal_reason::tasks_full);
    for (std::int64_t i = enough; i > 0; --i) {
      ASSERT_EQ(at.tasks_in_use(), i);
      at.end_child(1);
    }
    EXPECT_EQ(at.tasks_in_use(), 0);
    EXPECT_EQ(room(at), enough);
  }
}

TEST_P(GateChildren, ANewcomerIsToldFullOnlyWhenAllAreInUse) {
  gate& at = make(enough);
  ASSERT_TRUE(at.try_add_child(0));
  ASSERT_TRUE(at.try_add_child(1));
  for (std::int64_t i = 2; i < enough; ++i) ASSERT_TRUE(at.try_admit({}, clock_.now()).granted) << i;
  const gate::verdict v = at.try_admit({}, clock_.now());
  EXPECT_EQ(v.why, refusal_reason::tasks_full);
  EXPECT_EQ(v.in_use, enough);
  EXPECT_EQ(at.explain(v, {}).limit, enough);
  at.end_child(1);
  EXPECT_TRUE(at.try_admit({}, clock_.now()).granted);
  for (std::int64_t i = 1; i < enough; ++i) at.release(1, 0);
  at.end_child(1);
  EXPECT_EQ(at.tasks_in_use(), 0);
}

TEST_P(GateChildren, WhoWaitsGetsWhatIsSpareAndWhatBecomesIt) {
  gate& at = make(enough);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(at.try_add_child(0));
  for (std::int64_t i = 3; i < enough; ++i) hold(at, 1);
  at.end_child(1);  // nobody asks: it is spare
  EXPECT_TRUE(wait(at, "first", {}).is_granted());
  const recorded_waiter& second = wait(at, "second", {});
  const recorded_waiter& third = wait(at, "third", {});
  EXPECT_FALSE(second.is_decided());
  EXPECT_FALSE(at.try_add_child(0)) << "the head lacks a task";
  EXPECT_FALSE(at.try_add_child());
  at.end_child(1);
  EXPECT_TRUE(second.is_granted());
  at.end_child();
  EXPECT_TRUE(third.is_granted());
  at.release(1, 0);
  EXPECT_TRUE(at.try_add_child(0)) << "nobody is in line any more";
  at.end_child(0);
  for (std::int64_t i = 1; i < enough; ++i) at.release(1);
  EXPECT_EQ(at.tasks_in_use(), 0);
}

TEST_P(GateChildren, WhoLeavesTheLineAsksNoMore) {
  gate& at = make(enough);
  for (std::int64_t i = 0; i < enough; ++i) hold(at, 1);
  recorded_waiter& w = wait(at, "w", {});
  EXPECT_TRUE(at.withdraw(w, refusal_reason::cancelled));
  at.release(1);
  at.release(1);
  at.release(1);
  ASSERT_TRUE(at.try_add_child(0));
  at.end_child(0);
  EXPECT_EQ(at.tasks_in_use(), enough - 3);
  ASSERT_TRUE(at.try_admit({}, clock_.now()).granted) << "from the stock";
  for (std::int64_t i = 2; i < enough; ++i) at.release(1);
}

TEST_P(GateChildren, PassACloseAndGiveBackAll) {
  gate& at = make(enough);
  ASSERT_TRUE(at.try_add_child(0));
  at.close();
  EXPECT_EQ(at.tasks_in_use(), 1);
  EXPECT_FALSE(at.wait_until_empty(clock_.now()));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(at.try_add_child(i % 2 == 0 ? 0 : 1));
  EXPECT_EQ(at.tasks_in_use(), 41);
  for (int i = 0; i < 41; ++i) at.end_child(1);
  EXPECT_EQ(at.tasks_in_use(), 0);
  EXPECT_TRUE(at.wait_until_empty(clock_.now()));
  EXPECT_EQ(at.try_admit({}, clock_.now()).why, refusal_reason::closed);
}

TEST_P(GateChildren, WhatIsSpareDoesNotKeepAClosedDoorFromBeingEmpty) {
  gate& at = make(enough);
  for (std::size_t by = 0; by < givers; ++by) {
    ASSERT_TRUE(at.try_add_child(by));
    at.end_child(by);
  }
  at.close();
  at.close();
  EXPECT_TRUE(at.wait_until_empty(clock_.now()));
}

TEST_P(GateChildren, NeedNoGivers) {
  gate& at = make(2, 0);
  EXPECT_TRUE(at.try_add_child(5));
  EXPECT_TRUE(at.try_add_child());
  EXPECT_FALSE(at.try_add_child(5));
  at.end_child(7);
  at.end_child();
  EXPECT_EQ(at.tasks_in_use(), 0);
}

TEST_P(GateChildren, AreFreeWhereTasksAreNotCounted) {
  gate& at = make(unlimited);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(at.try_add_child(0));
    EXPECT_TRUE(at.try_add_child());
  }
  for (int i = 0; i < 100; ++i) {
    at.end_child(1);
    at.end_child();
  }
  EXPECT_EQ(at.tasks_in_use(), 0);
}

TEST_F(GateChildrenAndTheLine, PassWhoWaitsForWeight) {
  gate at({.max_tasks = enough, .max_weight = 4}, clock_, nullptr, givers);
  hold(at, 4);
  const recorded_waiter& w = wait(at, "heavy", {.weight = 2});
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(at.try_add_child(0));
    EXPECT_TRUE(at.try_add_child());
  }
  EXPECT_FALSE(w.is_decided());
  at.release(4);
  EXPECT_TRUE(w.is_granted());
  for (int i = 0; i < 40; ++i) at.end_child(1);
  at.release(2);
}

TEST_F(GateChildrenAndTheLine, PassWhoWaitsForAToken) {
  testing::kept_alarm alarm;
  gate at({.max_tasks = 3, .rate = per_second(1), .burst = 1, .max_waiters = 1}, clock_, &alarm, givers);
  hold(at, 1);
  const recorded_waiter& w = wait(at, "early", {});
  EXPECT_TRUE(at.try_add_child(0));
  at.end_child(0);
  EXPECT_FALSE(w.is_decided());
  clock_.advance(std::chrono::seconds(1));
  at.pump();
  EXPECT_TRUE(w.is_granted());
  at.release(1);
  at.release(1);
}

// With the units of all others spare, it is the stock that the head of a line for weight gets its task from.
TEST_F(GateChildrenAndTheLine, GiveWhoWaitedForWeightATaskToo) {
  gate at({.max_tasks = enough, .max_weight = 200}, clock_, nullptr, givers);
  for (std::int64_t i = 1; i < enough; ++i) hold(at, 1);
  const recorded_waiter& w = wait(at, "heavy", {.weight = 150});
  ASSERT_TRUE(at.try_add_child(0)) << "past the line, and it is the last one";
  for (int i = 0; i < 77; ++i) at.release(1);
  at.end_child(0);
  EXPECT_TRUE(w.is_granted());
  EXPECT_EQ(at.tasks_in_use(), enough - 77);
  for (std::int64_t i = 78; i < enough; ++i) at.release(1);
  at.release(150);
}

}  // namespace
}  // namespace weir
