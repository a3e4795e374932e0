// What a door would do, on a clock that jumps: against the plain simulation, which shares no code with the library.
#include "simulate/door_play.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "replay/random.hpp"
#include "support/door_simulation.hpp"
#include "support/seed.hpp"

namespace weir::testing {
namespace {

using namespace std::chrono_literals;
using tools::play;
using tools::play_plan;
using tools::play_result;
using tools::played_request;

constexpr time_point play_start{1h};

play_result played(play_plan plan, const std::vector<played_request>& requests) {
  plan.start = play_start;
  plan.end = requests.empty() ? play_start : requests.back().at;
  std::size_t next = 0;
  return play(plan, [&](played_request& one) {
    if (next == requests.size()) return false;
    one = requests[next++];
    return true;
  });
}

std::uint64_t refused(const play_result& out, refusal_reason why) { return out.refused[static_cast<std::size_t>(why)]; }

TEST(DoorPlay, CountsThePressureInItsOwnTime) {
  std::vector<played_request> requests;
  for (int i = 0; i < 10; ++i) requests.push_back({.at = play_start + i * 1s, .service = 10s});
  for (int i = 0; i < 4; ++i) requests.push_back({.at = play_start + 100s, .service = 2s + i * 1s});
  play_plan plan{};
  plan.limits = {.max_tasks = 5, .max_waiters = 0};
  const play_result out = played(plan, requests);
  // From the fourth one, at 3 s, to the end of the second, at 11 s, which leaves three; and from 100 s to 102 s.
  EXPECT_EQ(out.pressure.times, 2u);
  EXPECT_EQ(out.pressure.high, 8s + 2s);
}

TEST(DoorPlay, AdmitsWhatThePlainSimulationAdmits) {
  tools::random_stream random(seed(), 0);
  for (int round = 0; round < 300; ++round) {
    std::vector<simulated_request> requests(1 + random.bits() % 400);
    std::chrono::nanoseconds now{};
    for (simulated_request& one : requests) {
      now += std::chrono::nanoseconds(random.bits() % 2'000'000);
      one = {.arrival = now,
             .weight = static_cast<std::int64_t>(random.bits() % 12),
             .service = std::chrono::nanoseconds(random.bits() % 5'000'000)};
    }
    // Not both a rate and a deadline: who cannot have a token in time is refused at once by weir, and waits there.
    const bool has_rate = round % 2 == 0;
    const simulated_limits all{.workers = 1 + static_cast<unsigned>(random.bits() % 4),
                               .max_tasks = 1 + static_cast<std::int64_t>(random.bits() % 8),
                               .max_weight = 10 + static_cast<std::int64_t>(random.bits() % 20),
                               .rate_per_s = has_rate ? 700 : 0,
                               .burst = has_rate ? 5 : 0,
                               .max_waiters = random.bits() % 20,
                               .deadline = has_rate || round % 3 == 0 ? std::chrono::nanoseconds::max() : 10ms,
                               .door = round % 5 == 0 ? simulated_door::try_now : simulated_door::wait_in_queue};
    const bool never = all.deadline == std::chrono::nanoseconds::max();
    const simulated_outcome expected = door_simulation(all, requests).run();
    std::vector<played_request> same;
    for (const simulated_request& one : requests) {
      played_request r;
      r.at = play_start + one.arrival;
      r.weight = static_cast<std::uint32_t>(one.weight);
      r.may_wait = all.door == simulated_door::wait_in_queue;
      r.deadline = never ? time_point::max() : r.at + all.deadline;
      r.service = one.service;
      same.push_back(r);
    }
    const play_result out = played({.limits = {.max_tasks = all.max_tasks,
                                               .max_weight = all.max_weight,
                                               .rate = has_rate ? per_second(700) : rate(unlimited),
                                               .burst = all.burst,
                                               .max_waiters = static_cast<std::int64_t>(all.max_waiters)},
                                    .workers = all.workers,
                                    .start = {},
                                    .end = {}},
                                   same);
    ASSERT_EQ(out.submitted, requests.size());
    ASSERT_EQ(out.admitted, expected.admitted) << "round " << round;
    ASSERT_EQ(refused(out, refusal_reason::expired), expected.timed_out_waiting) << "round " << round;
    ASSERT_EQ(out.refused_in_all() - refused(out, refusal_reason::expired), expected.refused_at_once);
    ASSERT_EQ(out.completed, expected.completed) << "round " << round;
    ASSERT_EQ(out.expired, expected.expired) << "round " << round;
    ASSERT_EQ(out.tasks_seen, expected.max_tasks_seen);
    ASSERT_EQ(out.weight_seen, expected.max_weight_seen);
  }
}

std::vector<played_request> three_of_ten_ms() {
  std::vector<played_request> all(3);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].at = play_start + i * 2ms;
    all[i].service = 10ms;
    all[i].weight = 2;
  }
  return all;
}

TEST(DoorPlay, TellsHowLongWhatWasInUseAndWhatBound) {
  const play_result out =
      played({.limits = {.max_tasks = 1, .max_waiters = 8}, .start = {}, .end = {}}, three_of_ten_ms());
  EXPECT_EQ(out.admitted, 3U);
  EXPECT_EQ(out.waited, 2U);
  EXPECT_EQ(out.simulated, 30ms);
  EXPECT_EQ(out.at_door.max, 16ms);
  EXPECT_EQ(out.latency.max, 26ms);
  EXPECT_EQ(out.waiters_seen, 2);
  const tools::play_slice sum = out.total();
  EXPECT_NEAR(sum.seconds, 30e-3, 1e-9);
  EXPECT_NEAR(sum.task_seconds, 30e-3, 1e-9);
  EXPECT_NEAR(sum.weight_seconds, 60e-3, 1e-9);
  EXPECT_NEAR(sum.waiter_seconds, (2 + 2 * 6 + 10) * 1e-3, 1e-9);
  EXPECT_NEAR(sum.bound_seconds[static_cast<std::size_t>(tools::bound::tasks)], 18e-3, 1e-9);
  EXPECT_NEAR(sum.bound_seconds[static_cast<std::size_t>(tools::bound::rate)], 0, 1e-9);
}

TEST(DoorPlay, WhoWaitsLeavesWhenItsTimeIsOver) {
  std::vector<played_request> all = three_of_ten_ms();
  all[1].patience = play_start + 5ms;
  all[2].leaves_at = play_start + 7ms;
  const play_result out = played({.limits = {.max_tasks = 1}, .start = {}, .end = {}}, all);
  EXPECT_EQ(out.admitted, 1U);
  EXPECT_EQ(refused(out, refusal_reason::timed_out), 1U);
  EXPECT_EQ(refused(out, refusal_reason::cancelled), 1U);
  EXPECT_EQ(out.simulated, 10ms);
}

TEST(DoorPlay, ACloseRefusesWhoWaitsAndWhoComes) {
  const play_result out =
      played({.limits = {.max_tasks = 1}, .start = {}, .end = {}, .closes_at = play_start + 3ms}, three_of_ten_ms());
  EXPECT_EQ(out.admitted, 1U);
  EXPECT_EQ(refused(out, refusal_reason::closed), 2U);
}

TEST(DoorPlay, ChildrenPassTheDoorAndTakeATask) {
  std::vector<played_request> all = three_of_ten_ms();
  all[1].is_child = true;
  all[2].is_child = true;
  const play_result out = played({.limits = {.max_tasks = 2}, .start = {}, .end = {}}, all);
  EXPECT_EQ(out.submitted, 1U);
  EXPECT_EQ(out.children, 2U);
  EXPECT_EQ(out.children_inline, 1U);
  EXPECT_EQ(out.tasks_seen, 2);
}

}  // namespace
}  // namespace weir::testing
