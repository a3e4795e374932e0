// A test of an internal: what a gate says about itself while it changes.
#include <weir/admission/detail/gate.hpp>

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <string>

#include "admission/gate_fixture.hpp"
#include "support/eventually.hpp"

namespace weir {
namespace {

using detail::gate;

class GateReport : public testing::gate_fixture {};

TEST_F(GateReport, ARefusalTellsTheStateThatDecidedItAndNotTheOneWhenItIsRead) {
  gate door({.max_tasks = 2, .max_weight = 10}, clock_);
  hold(door, 3);
  hold(door, 4);
  const gate::verdict full = door.try_admit({.weight = 1}, clock_.now());
  door.release(4);
  const gate::verdict heavy = door.try_admit({.weight = 8}, clock_.now());
  door.release(3);
  const refusal first = door.explain(full, {.weight = 1});
  EXPECT_EQ(first.reason, refusal_reason::tasks_full);
  EXPECT_EQ(first.in_use, 2);
  EXPECT_EQ(to_string(first).find("2 of 2 tasks are live; "), std::string("tasks_full: ").size()) << to_string(first);
  const refusal second = door.explain(heavy, {.weight = 8});
  EXPECT_EQ(second.reason, refusal_reason::weight_full);
  EXPECT_EQ(second.in_use, 3);
  EXPECT_EQ(second.rate, unlimited) << "it was not the rate";
}

// Below what is held the limit is passed, and nothing is negative.
TEST_F(GateReport, AShrunkLimitIsReportedAsItIs) {
  gate door({.max_tasks = unlimited, .max_weight = 10}, clock_);
  hold(door, 8);
  testing::set_max_weight(door, 3);
  const refusal why = door.explain(door.try_admit({.weight = 1}, clock_.now()), {.weight = 1});
  EXPECT_EQ(why.limit, 3);
  EXPECT_EQ(why.in_use, 8);
  door.release(8);
}

TEST_F(GateReport, WhatIsInUseIsNeverNegativeWhileTheLimitMoves) {
  gate door({.max_tasks = unlimited, .max_weight = 1'000'000}, clock_);
  hold(door, 1);
  auto least = testing::in_background([&] {
    std::int64_t seen = 0;
    for (int i = 0; i < 200'000; ++i) {
      seen = std::min(seen, door.weight_in_use());
      seen = std::min(seen, door.explain(door.try_admit({.weight = 1'000'000}, clock_.now()), {}).in_use);
    }
    return seen;
  });
  for (int i = 0; !testing::is_ready(least); ++i) testing::set_max_weight(door, i % 2 == 0 ? 10 : 1'000'000);
  EXPECT_EQ(testing::get(least, "the reader"), 0);
  door.release(1);
}

}  // namespace
}  // namespace weir
