// The twin decides as the door did, entry by entry.
#include "simulate/twin.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "support/seed.hpp"
#include "tools/flown_door.hpp"

namespace weir::testing {
namespace {

using tools::run_twin;
using tools::twin_result;

std::string text_of(const flight_entry& e) {
  return std::string(to_string(e.op)) + ' ' + std::string(to_string(e.verdict)) + " at " + std::to_string(e.at) +
         " time " + std::to_string(e.time) + " deadline " + std::to_string(e.deadline) + " retry " +
         std::to_string(e.retry_after) + " arrival " + std::to_string(e.arrival) + " free " +
         std::to_string(e.tasks_free) + '/' + std::to_string(e.weight_free) + " places " + std::to_string(e.places) +
         " request " + std::to_string(e.request) + " weight " + std::to_string(e.weight) + " binding " +
         std::string(to_string(e.binding)) + " flags " + std::to_string(e.flags);
}

std::string difference_of(const twin_result& result) {
  if (!result.first_difference) return "none";
  const tools::flight_difference& found = *result.first_difference;
  return "ticket " + std::to_string(found.ticket) + "\n  recorded " + text_of(found.recorded) + "\n  twin     " +
         (found.twin ? text_of(*found.twin) : "nothing");
}

constexpr limits all_limits{.max_tasks = 10,
                            .max_weight = 40,
                            .rate = per_second(290'000),
                            .burst = 300,
                            .max_waiters = 3,
                            .flight_entries = 4'000'000};

void expect_the_same(const flight_log& log, std::uint64_t decisions) {
  const twin_result result = run_twin(log);
  EXPECT_EQ(difference_of(result), "none");
  EXPECT_EQ(result.passed + result.compared, log.entries.size());
  EXPECT_GE(result.decisions, decisions);
}

std::uint64_t count_of(const flight_log& log, flight_op op) {
  return static_cast<std::uint64_t>(
      std::count_if(log.entries.begin(), log.entries.end(), [op](const flight_entry& e) { return e.op == op; }));
}

TEST(Twin, MillionDecisionsOfFourThreadsAreDecidedAgain) {
  const flight_log log = flown({.limits = all_limits, .with_other_rates = true}, seed());
  EXPECT_EQ(log.lost(), 0U);
  expect_the_same(log, 1'000'000);
  for (const flight_op op :
       {flight_op::attempt, flight_op::turned_away, flight_op::reserve, flight_op::leave, flight_op::join,
        flight_op::withdraw, flight_op::release, flight_op::release_part, flight_op::token_back, flight_op::set_limits,
        flight_op::close, flight_op::granted, flight_op::refused}) {
    EXPECT_GT(count_of(log, op), 0U) << to_string(op);
  }
}

TEST(Twin, TimesOfCallersAreTakenAgain) {
  const flight_log log = flown({.limits = all_limits, .decisions = 100'000, .with_caller_times = true}, seed());
  expect_the_same(log, 400'000);
  EXPECT_GT(count_of(log, flight_op::caller_time), 0U);
  expect_the_same(
      flown({.limits = all_limits, .decisions = 50'000, .with_caller_times = true, .with_other_rates = true}, seed()),
      200'000);
}

TEST(Twin, BeginsWhereNobodyWaitsWhenTheRingHasGoneRound) {
  limits small = all_limits;
  small.flight_entries = 4'096;
  const flight_log log = flown({.limits = small, .decisions = 30'000, .with_other_rates = true}, seed());
  EXPECT_EQ(log.entries.size(), 4'096U);
  EXPECT_GT(log.lost(), 0U);
  expect_the_same(log, 1);
}

}  // namespace
}  // namespace weir::testing
