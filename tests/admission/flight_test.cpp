// The flight recorder: what it writes, what it keeps, and that it is there only where it was asked for.
#include <weir/admission/flight.hpp>
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "admission/gate_fixture.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using testing::gate;

constexpr std::int64_t few = least_flight_entries;

class Flight : public testing::gate_fixture {
 protected:
  static std::vector<std::string> steps_of(const flight_log& log) {
    std::vector<std::string> steps;
    for (const flight_entry& e : log.entries) {
      steps.push_back(std::string(to_string(e.op)) + (e.verdict == flight_verdict::none ? "" : " ") +
                      (e.verdict == flight_verdict::none ? "" : std::string(to_string(e.verdict))));
    }
    return steps;
  }
  using steps = std::vector<std::string>;
};

TEST_F(Flight, IsOffUnlessItIsAskedFor) {
  limiter door({.max_tasks = 1}, clock_);
  (void)door.try_acquire();
  const flight_log log = door.flight();
  EXPECT_TRUE(log.entries.empty());
  EXPECT_EQ(log.start.limits, door.configured());
  EXPECT_EQ(door.configured().flight_entries, 0);
}

TEST_F(Flight, WritesWhatWasAskedAndWhatCameOfIt) {
  limiter door({.max_tasks = 2, .max_weight = 5, .flight_entries = few}, clock_);
  {
    const permit heavy = *door.try_acquire(4);
    EXPECT_EQ(door.try_acquire(2).error().reason, refusal_reason::weight_full);
    clock_.advance(milliseconds(3));
    EXPECT_EQ(door.try_acquire(6).error().reason, refusal_reason::too_heavy);
  }
  door.close();
  const flight_log log = door.flight();
  EXPECT_EQ(steps_of(log), (steps{"attempt yes", "attempt weight_full", "turned_away too_heavy", "release", "close"}));
  const flight_entry& granted = log.entries[0];
  EXPECT_EQ(granted.weight, 4U);
  EXPECT_EQ(granted.tasks_free, 1);
  EXPECT_EQ(granted.weight_free, 1);
  EXPECT_EQ(granted.flags, 1) << "of normal priority, and would not wait";
  EXPECT_EQ(log.entries[3].at - granted.at, 3'000'000);
  EXPECT_EQ(log.entries[3].tasks_free, 2);
  EXPECT_NE(log.entries[4].flags & flight_entry::closed, 0);
  EXPECT_EQ(log.lost(), 0U);
  EXPECT_EQ(log.start.state.tasks_free, 2);
}

TEST_F(Flight, TellsWhoWaitsAndWhatTheHeadLacks) {
  gate door({.max_tasks = 1, .max_waiters = 2, .flight_entries = few}, clock_);
  hold(door, 1);
  const testing::recorded_waiter& first =
      wait(door, "a", {.priority = 2, .patience = deadline(clock_.now() + milliseconds(5))});
  wait(door, "b", {});
  EXPECT_EQ(door.binding(), flight_verdict::tasks_full);
  door.release(1);
  EXPECT_TRUE(first.is_granted());
  door.close();
  EXPECT_EQ(book_, (testing::diary{"a granted", "b closed"}));
  door.release(1);
  const flight_log log = door.flight();
  EXPECT_EQ(steps_of(log), (steps{"attempt yes", "reserve yes", "join yes", "reserve yes", "join yes", "release",
                                  "granted", "close", "refused closed", "leave", "release"}));
  const flight_entry& joined = log.entries[2];
  EXPECT_EQ(joined.request, 2U) << "the ticket";
  EXPECT_EQ(joined.binding, flight_verdict::tasks_full);
  EXPECT_EQ(joined.flags & flight_entry::priority_bits, 2);
  EXPECT_EQ(joined.time - joined.at, 5'000'000);
  EXPECT_EQ(joined.places, 1U);
  EXPECT_EQ(log.entries[6].request, 2U);
  EXPECT_EQ(log.entries[6].binding, flight_verdict::tasks_full) << "of b";
  EXPECT_EQ(log.entries[8].request, 4U);
  EXPECT_EQ(log.entries[9].places, 0U);
}

TEST_F(Flight, KeepsTheLastEntriesAndTheStateBeforeThem) {
  gate door({.max_tasks = 8, .flight_entries = few}, clock_);
  for (int i = 0; i < 3; ++i) hold(door, 1);
  for (int i = 0; i < few; ++i) {
    clock_.advance(milliseconds(1));
    i % 2 == 0 ? door.release(1) : hold(door, 1);
  }
  const flight_log log = door.flight();
  EXPECT_EQ(log.entries.size(), static_cast<std::size_t>(few));
  EXPECT_EQ(log.lost(), 3U);
  EXPECT_EQ(log.start.ticket, 3U);
  EXPECT_EQ(log.start.state.tasks_free, 5);
  EXPECT_EQ(log.entries.front().op, flight_op::release);
  EXPECT_EQ(log.entries.back().op, flight_op::attempt);
  for (std::size_t i = 1; i < log.entries.size(); ++i) {
    ASSERT_EQ(log.entries[i].at - log.entries[i - 1].at, 1'000'000);
  }
  for (int i = 0; i < 3; ++i) door.release(1);
}

TEST_F(Flight, ChangesOfLimitsGoWithTheirEntries) {
  gate door({.max_tasks = 8, .flight_entries = few}, clock_);
  limits next = door.configured();
  for (next.max_tasks = 10; next.max_tasks < 40; ++next.max_tasks) door.set_limits(next);
  const flight_log log = door.flight();
  EXPECT_EQ(log.changes.size(), static_cast<std::size_t>(few / 64)) << "as many have room";
  EXPECT_EQ(log.changes.back().max_tasks, 39);
  EXPECT_EQ(log.entries.size(), log.changes.size());
  EXPECT_EQ(log.start.limits.max_tasks, 39 - static_cast<std::int64_t>(log.changes.size()));
  EXPECT_EQ(log.lost(), 30 - log.changes.size());
}

TEST_F(Flight, StaysAsItIsWhereLimitsAreChangedThatSayNothingOfIt) {
  gate door({.max_tasks = 8, .flight_entries = few}, clock_);
  door.set_limits({.max_tasks = 9});
  EXPECT_EQ(door.configured().flight_entries, few);
  const flight_log log = door.flight();
  ASSERT_EQ(log.changes.size(), 1u);
  EXPECT_EQ(log.changes[0].max_tasks, 9);
  EXPECT_EQ(log.changes[0].flight_entries, few);
}

TEST_F(Flight, CannotBeTurnedOnOrOffLater) {
  gate on({.flight_entries = few}, clock_);
  gate off({}, clock_);
  EXPECT_EQ(on.configured().flight_entries, few);
  limits next = on.configured();
  next.flight_entries = 2 * few;
  EXPECT_THROW(on.set_limits(next), std::invalid_argument);
  try {
    off.set_limits(next);
    ADD_FAILURE() << "it was turned on";
  } catch (const std::invalid_argument& e) {
    EXPECT_EQ(std::string(e.what()),
              "weir: limits.flight_entries cannot become 2048: it stays as it was when this was built; leave it at 0");
  }
}

TEST_F(Flight, GiversAndChildrenWriteOneOrderToo) {
  gate door({.max_tasks = 3, .flight_entries = few}, clock_, nullptr, 2);
  EXPECT_FALSE(door.try_admit_at_once(1)) << "says nothing: try_admit writes";
  hold(door, 1);
  EXPECT_TRUE(door.try_add_child(0));
  EXPECT_TRUE(door.try_add_child());
  EXPECT_FALSE(door.try_add_child(1));
  door.end_child(1);
  door.end_child();
  door.release(1, 1);
  EXPECT_EQ(steps_of(door.flight()),
            (steps{"attempt yes", "child yes", "child yes", "child tasks_full", "child_end", "child_end", "release"}));
  EXPECT_EQ(door.tasks_in_use(), 0);
}

}  // namespace
}  // namespace weir
