#include <weir/admission/limits.hpp>

#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace weir {
namespace {

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

// Empty if the limits are possible; else the message.
std::string refusal_of(const limits& tried) {
  try {
    EXPECT_EQ(&check(tried), &tried);
    return {};
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
}

// The field, the value and the rule.
void expect_refused(const limits& tried, const std::string& field, std::int64_t value, const std::string& rule) {
  const std::string message = refusal_of(tried);
  EXPECT_NE(message.find(field), std::string::npos) << message;
  EXPECT_NE(message.find(std::to_string(value)), std::string::npos) << message;
  EXPECT_NE(message.find(rule), std::string::npos) << message;
}

TEST(Limits, TheDefaultsArePossible) { EXPECT_EQ(refusal_of({}), ""); }

TEST(Limits, MaxTasksHasARange) {
  for (const std::int64_t good : {std::int64_t{1}, std::int64_t{2}, largest_max_tasks, highest}) {
    EXPECT_EQ(refusal_of({.max_tasks = good}), "") << good;
  }
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, lowest, largest_max_tasks + 1, highest - 1}) {
    expect_refused({.max_tasks = bad}, "max_tasks", bad, "1 to 16777215, or weir::unlimited");
  }
}

TEST(Limits, MaxWeightHasARange) {
  for (const std::int64_t good : {std::int64_t{1}, std::int64_t{2}, largest_max_weight, highest}) {
    EXPECT_EQ(refusal_of({.max_weight = good}), "") << good;
  }
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, lowest, largest_max_weight + 1, highest - 1}) {
    expect_refused({.max_weight = bad}, "max_weight", bad, "1 to 2147483647, or weir::unlimited");
  }
}

TEST(Limits, MaxWaitersHasARangeAndIsNeverUnlimited) {
  for (const std::int64_t good : {std::int64_t{0}, std::int64_t{1}, largest_max_tasks}) {
    EXPECT_EQ(refusal_of({.max_waiters = good}), "") << good;
  }
  for (const std::int64_t bad : {std::int64_t{-1}, lowest, largest_max_tasks + 1, highest}) {
    expect_refused({.max_waiters = bad}, "max_waiters", bad, "0 to 16777215");
  }
}

TEST(Limits, TheLineHasItsRanges) {
  for (const std::int64_t good : {std::int64_t{0}, std::int64_t{1}, largest_max_tasks, highest}) {
    EXPECT_EQ(refusal_of({.priority_ageing = good}), "") << good;
    EXPECT_EQ(refusal_of({.max_bypass = good}), "") << good;
  }
  for (const std::int64_t bad : {std::int64_t{-1}, lowest, largest_max_tasks + 1, highest - 1}) {
    expect_refused({.priority_ageing = bad}, "priority_ageing", bad, "0 to 16777215, or weir::unlimited");
    expect_refused({.max_bypass = bad}, "max_bypass", bad, "0 to 16777215, or weir::unlimited");
  }
  for (const std::int64_t good : {std::int64_t{1}, largest_max_weight, largest_max_waiting_weight, highest}) {
    EXPECT_EQ(refusal_of({.max_waiting_weight = good}), "") << good;
  }
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, lowest, largest_max_waiting_weight + 1}) {
    expect_refused({.max_waiting_weight = bad}, "max_waiting_weight", bad, "1 to 9007199254740992");
  }
}

TEST(Limits, ARateNeedsABurstAndTheReverse) {
  EXPECT_EQ(refusal_of({.rate = per_second(2'000), .burst = 1}), "");
  EXPECT_EQ(refusal_of({.rate = per_second(2'000), .burst = 100}), "");
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, lowest}) {
    expect_refused({.rate = per_second(2'000), .burst = bad}, "burst", bad, "at least 1");
  }
  for (const std::int64_t bad : {std::int64_t{1}, std::int64_t{-1}, lowest, highest}) {
    expect_refused({.burst = bad}, "limits.burst", bad, "without a rate");
  }
  expect_refused({.rate = per_second(1), .burst = highest}, "limits.burst", highest, "200 days");
}

TEST(Limits, ARateIsAboveZeroAndCanBeToldApart) {
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, lowest}) {
    expect_refused({.rate = per_second(bad), .burst = 1}, "limits.rate", bad, "above zero");
  }
  expect_refused({.rate = per(1, duration(0)), .burst = 1}, "limits.rate", 0, "above zero");
  expect_refused({.rate = per(0, duration(0))}, "limits.rate", 0, "above zero");
  expect_refused({.rate = per(1, duration(-1)), .burst = 1}, "limits.rate", -1, "above zero");
  expect_refused({.rate = per(65, duration(1)), .burst = 1}, "limits.rate", 65, "64 a nanosecond");
  EXPECT_EQ(refusal_of({.rate = per(64, duration(1)), .burst = 1, .max_waiters = 0}), "");
  EXPECT_EQ(refusal_of({.rate = per(1, std::chrono::hours(24 * 200)), .burst = 1}), "");
}

TEST(Limits, AnOverflowThatIsNoneIsRefused) {
  EXPECT_EQ(refusal_of({.overflow = overflow::caller_runs}), "");
  expect_refused({.overflow = static_cast<overflow>(4)}, "limits.overflow", 4, "reject_new");
}

TEST(Limits, ANumberIsNeverTakenForUnlimited) {
  EXPECT_TRUE(rate(unlimited).is_unlimited());
  EXPECT_FALSE(per_second(0).is_unlimited());
  EXPECT_FALSE(per(0, duration(0)).is_unlimited());
  EXPECT_TRUE(limits{}.rate.is_unlimited());
}

TEST(Limits, FlightEntriesHaveARangeOrAreNone) {
  for (const std::int64_t good : {std::int64_t{0}, least_flight_entries, most_flight_entries}) {
    EXPECT_EQ(refusal_of({.flight_entries = good}), "") << good;
  }
  for (const std::int64_t bad :
       {std::int64_t{1}, std::int64_t{-1}, std::int64_t{1'023}, most_flight_entries + 1, highest}) {
    expect_refused({.flight_entries = bad}, "flight_entries", bad, "1024 to 16777215, or 0 for none");
  }
}

TEST(Limits, WaitersReachNineTenthsOfTheRate) {
  const limits slow{.rate = per_second(5'000), .burst = 1};
  EXPECT_EQ(reachable_rate(slow), per(1, std::chrono::microseconds(250)));
  expect_refused(
      slow, "limits.burst", 1,
      "who waits at 5000/s would get 1 per 250 us, since timers come up to 50 us late; set it to at least 2,");
  limits other = slow;
  other.allow_slow_waiters = true;
  EXPECT_EQ(refusal_of(other), "");
  other = slow;
  other.max_waiters = 0;
  EXPECT_EQ(refusal_of(other), "");
  other.overflow = overflow::caller_runs;  // whose threads wait in no place
  EXPECT_NE(refusal_of(other), "");
  other = slow;
  other.burst = 2;
  EXPECT_EQ(refusal_of(other), "");
  EXPECT_EQ(reachable_rate(other), other.rate);
  // Exactly nine tenths, and a tick less.
  EXPECT_EQ(refusal_of({.rate = per(1, std::chrono::microseconds(450)), .burst = 1}), "");
  EXPECT_NE(refusal_of({.rate = per(1, std::chrono::nanoseconds(449'999)), .burst = 1}), "");
  EXPECT_EQ(refusal_of({.rate = per_second(100'000'000), .burst = 4'501}), "");
  EXPECT_NE(refusal_of({.rate = per_second(100'000'000), .burst = 4'500}), "");
  EXPECT_EQ(reachable_rate({.rate = unlimited}), rate(unlimited));
}

TEST(Limits, ARateIsWrittenAsItWasGiven) {
  EXPECT_EQ(to_string(per_second(2'000)), "2000/s");
  EXPECT_EQ(to_string(per_minute(5)), "5/min");
  EXPECT_EQ(to_string(per(1, std::chrono::seconds(3))), "1 per 3 s");
  EXPECT_EQ(to_string(per(7, std::chrono::milliseconds(20))), "7 per 20 ms");
  EXPECT_EQ(to_string(per(7, std::chrono::microseconds(20))), "7 per 20 us");
  EXPECT_EQ(to_string(per(7, duration(20))), "7 per 20 ns");
  EXPECT_EQ(to_string(rate(unlimited)), "unlimited");
}

template <typename Number>
concept makes_a_rate = requires(Number n) {
  per_second(n);
};

TEST(Limits, AFractionIsNotRoundedSilently) {
  EXPECT_TRUE(makes_a_rate<int>);
  EXPECT_TRUE(makes_a_rate<std::int64_t>);
  EXPECT_FALSE(makes_a_rate<double>);
  EXPECT_FALSE(makes_a_rate<float>);
}

}  // namespace
}  // namespace weir
