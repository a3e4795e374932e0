// The yardstick is measured first: cases whose outcome is known without it.
#include "support/door_simulation.hpp"

#include <gtest/gtest.h>
#include <vector>

#include "replay/random.hpp"
#include "replay/worst_window.hpp"
#include "support/seed.hpp"

namespace weir::testing {
namespace {

using namespace std::chrono_literals;

simulated_outcome simulate(const simulated_limits& limits, const std::vector<simulated_request>& requests) {
  return door_simulation(limits, requests).run();
}

TEST(DoorSimulation, WithoutLimitsAllIsAdmittedAndDone) {
  const auto out = simulate({.workers = 1}, {{0s, 1, 1s}, {0s, 1, 1s}, {5s, 1, 1s}});
  EXPECT_EQ(out.admitted, 3U);
  EXPECT_EQ(out.completed, 3U);
  EXPECT_EQ(out.max_tasks_seen, 2);
}

TEST(DoorSimulation, TryRefusesWhatDoesNotFitNow) {
  const auto out = simulate({.workers = 1, .max_tasks = 1, .door = simulated_door::try_now},
                            {{0s, 1, 1s}, {999ms, 1, 1s}, {1s, 1, 1s}});
  EXPECT_EQ(out.admitted, 2U);
  EXPECT_EQ(out.refused_at_once, 1U);
}

TEST(DoorSimulation, WaitersEnterInOrderAndTheHeadBlocks) {
  // The heavy one waits for all the weight, and the light one behind it may not pass though it would fit.
  const auto out = simulate({.workers = 4, .max_weight = 10}, {{0s, 6, 2s}, {100ms, 10, 1s}, {200ms, 1, 1s}});
  EXPECT_EQ(out.admitted, 3U);
  ASSERT_EQ(out.admissions.size(), 3U);
  EXPECT_EQ(out.admissions[1], 2'000'000'000);
  EXPECT_EQ(out.admissions[2], 3'000'000'000);
  EXPECT_EQ(out.max_weight_seen, 10);
}

TEST(DoorSimulation, FullQueueOfWaitersRefuses) {
  const auto out = simulate({.workers = 1, .max_tasks = 1, .max_waiters = 1}, {{0s, 1, 1s}, {0s, 1, 1s}, {0s, 1, 1s}});
  EXPECT_EQ(out.admitted, 2U);
  EXPECT_EQ(out.refused_at_once, 1U);
}

TEST(DoorSimulation, DeadlineEndsWaitingQueueingAndRunning) {
  const auto out =
      simulate({.workers = 1, .max_tasks = 2, .deadline = 1s}, {{0s, 1, 5s}, {0s, 1, 5s}, {0s, 1, 5s}, {1s, 1, 500ms}});
  EXPECT_EQ(out.expired, 2U);
  EXPECT_EQ(out.timed_out_waiting, 1U);
  EXPECT_EQ(out.completed, 1U);
  EXPECT_EQ(out.admitted, 3U);
}

TEST(DoorSimulation, TooHeavyAndWeightlessAreRefused) {
  const auto out = simulate({.workers = 1, .max_weight = 5}, {{0s, 6, 1s}, {0s, 0, 1s}, {0s, 5, 1s}});
  EXPECT_EQ(out.refused_at_once, 2U);
  EXPECT_EQ(out.completed, 1U);
}

TEST(DoorSimulation, RateGivesTheBurstAndThenItsPace) {
  std::vector<simulated_request> crowd(10, {0s, 1, 0s});
  const auto out = simulate({.workers = 1, .rate_per_s = 4, .burst = 3}, crowd);
  const std::vector<std::int64_t> expected{
      0, 0, 0, 250'000'000, 500'000'000, 750'000'000, 1'000'000'000, 1'250'000'000, 1'500'000'000, 1'750'000'000};
  EXPECT_EQ(out.admissions, expected);
}

TEST(DoorSimulation, EveryRequestEndsOnceAndTheBoundsHold) {
  tools::random_stream random(seed(), 0);
  for (int round = 0; round < 100; ++round) {
    std::vector<simulated_request> requests(1 + random.bits() % 400);
    std::chrono::nanoseconds now{};
    for (simulated_request& one : requests) {
      now += std::chrono::nanoseconds(random.bits() % 2'000'000);
      one = {.arrival = now,
             .weight = static_cast<std::int64_t>(random.bits() % 12),
             .service = std::chrono::nanoseconds(random.bits() % 5'000'000)};
    }
    const simulated_limits limits{.workers = 1 + static_cast<unsigned>(random.bits() % 4),
                                  .max_tasks = 1 + static_cast<std::int64_t>(random.bits() % 8),
                                  .max_weight = 10 + static_cast<std::int64_t>(random.bits() % 20),
                                  .rate_per_s = round % 2 == 0 ? 0 : 700,
                                  .burst = round % 2 == 0 ? 0 : 5,
                                  .max_waiters = random.bits() % 20,
                                  .deadline = round % 3 == 0 ? std::chrono::nanoseconds::max() : 10ms,
                                  .door = round % 5 == 0 ? simulated_door::try_now : simulated_door::wait_in_queue};
    const auto out = simulate(limits, requests);
    ASSERT_EQ(out.admitted + out.refused_at_once + out.timed_out_waiting, requests.size());
    ASSERT_EQ(out.completed + out.expired, out.admitted);
    ASSERT_LE(out.max_tasks_seen, limits.max_tasks);
    ASSERT_LE(out.max_weight_seen, limits.max_weight);
    if (limits.rate_per_s > 0) {
      ASSERT_FALSE(tools::worst_window(out.admissions, {.count = 700, .per = 1s, .burst = 5}).broken);
    }
  }
}

}  // namespace
}  // namespace weir::testing
