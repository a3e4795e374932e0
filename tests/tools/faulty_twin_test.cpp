// A gate that decides in another way is noticed: by its twin, in a flight of the right one (tests/twin/).
#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>

#include "simulate/flight_file.hpp"
#include "simulate/twin.hpp"
#include "support/scratch_file.hpp"
#include "support/seed.hpp"
#include "tools/flown_door.hpp"

namespace weir::testing {
namespace {

constexpr limits flown_limits{.max_tasks = 8,
                              .max_weight = 25,
                              .rate = per_second(290'000),
                              .burst = 300,
                              .max_waiters = 1,
                              .flight_entries = 500'000};

int status_with(const std::string& mistake, const scratch_file& flight) {
  const std::string command = WEIR_FAULTY_TWIN " '" + mistake + "' '" + flight.path() + '\'';
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(FaultyTwin, EachMistakeIsFound) {
  const scratch_file flight(tools::to_text(flown({.limits = flown_limits, .decisions = 30'000}, seed())), "run.flight");
  EXPECT_EQ(status_with("none", flight), 0);
  for (const char* const mistake :
       {"the last task is not given", "the last weight is not given", "newcomers pass the line", "one waiter too many",
        "a wait ends with another reason"}) {
    EXPECT_EQ(status_with(mistake, flight), 1) << mistake;
  }
}

TEST(FaultyTwin, AMistakeInTheLastBitIsFound) {
  limits slow = flown_limits;
  slow.rate = per_second(1'900);  // whose interval is no whole number of nanoseconds
  slow.burst = 50;
  const scratch_file flight(tools::to_text(flown({.limits = slow, .decisions = 5'000}, seed())), "run.flight");
  EXPECT_EQ(status_with("none", flight), 0);
  EXPECT_EQ(status_with("a wait is rounded down", flight), 1);
}

// Each field that the twin writes for itself. The others tell what was asked, and are taken as they stand.
TEST(FaultyTwin, EachChangeOfAnOutcomeIsFound) {
  const flight_log log = flown({.limits = flown_limits, .decisions = 3'000}, seed());
  ASSERT_FALSE(tools::run_twin(log).first_difference);
  const auto changes = {
      +[](flight_entry& e) { ++e.retry_after; },
      +[](flight_entry& e) { ++e.arrival; },
      +[](flight_entry& e) { ++e.tasks_free; },
      +[](flight_entry& e) { ++e.weight_free; },
      +[](flight_entry& e) { ++e.places; },
      +[](flight_entry& e) { ++e.request; },
      +[](flight_entry& e) { e.op = flight_op::reading; },
      +[](flight_entry& e) { e.op = flight_op::granted; },
      +[](flight_entry& e) { e.verdict = flight_verdict::yes; },
      +[](flight_entry& e) { e.binding = flight_verdict::again; },
      +[](flight_entry& e) { e.flags ^= flight_entry::closed; },
  };
  for (std::size_t at = log.entries.size() / 2, number = 0; const auto change : changes) {
    flight_log other = log;
    while (other.entries[at].op != flight_op::attempt || other.entries[at].verdict == flight_verdict::yes) ++at;
    change(other.entries[at]);
    const tools::twin_result result = tools::run_twin(other);
    ASSERT_TRUE(result.first_difference) << number;
    EXPECT_EQ(result.first_difference->ticket, at) << number;
    ++number;
    ++at;
  }
}

TEST(FaultyTwin, AnEntryThatIsMissingIsFound) {
  flight_log log = flown({.limits = flown_limits, .decisions = 3'000}, seed());
  const auto granted = std::find_if(log.entries.begin() + 500, log.entries.end(), [](const flight_entry& e) {
    return e.op == flight_op::attempt && e.verdict == flight_verdict::yes;
  });
  ASSERT_NE(granted, log.entries.end());
  log.entries.erase(granted);
  EXPECT_TRUE(tools::run_twin(log).first_difference);
}

}  // namespace
}  // namespace weir::testing
