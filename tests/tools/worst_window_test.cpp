#include "replay/worst_window.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include "replay/random.hpp"
#include "support/seed.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;
__extension__ using wide = __int128;

// The definition itself, over all pairs.
window by_definition(const std::vector<std::int64_t>& stamps, const rate_bound& bound, std::chrono::nanoseconds slack) {
  window worst;
  wide best_admissions = 0;
  wide best_allowance = 1;
  for (std::size_t i = 0; i < stamps.size(); ++i) {
    for (std::size_t j = i; j < stamps.size(); ++j) {
      const wide admissions = static_cast<wide>(j - i + 1) * bound.per.count();
      const wide allowance = static_cast<wide>(bound.burst) * bound.per.count() +
                             static_cast<wide>(bound.count) * (stamps[j] - stamps[i] + slack.count());
      if (admissions > allowance) worst.broken = true;
      if (admissions * best_allowance > best_admissions * allowance) {
        best_admissions = admissions;
        best_allowance = allowance;
      }
    }
  }
  worst.ratio = static_cast<double>(best_admissions) / static_cast<double>(best_allowance);
  return worst;
}

// Admissions of a greedy crowd through a generic cell rate limit with this interval.
std::vector<std::int64_t> through_gcra(random_stream& random, std::int64_t interval, std::int64_t burst,
                                       std::size_t count) {
  std::vector<std::int64_t> stamps;
  std::int64_t now = 1'000'000;
  std::int64_t theoretical = 0;
  while (stamps.size() < count) {
    const std::int64_t next = std::max(theoretical, now) + interval;
    if (next - now <= burst * interval) {
      theoretical = next;
      stamps.push_back(now);
    }
    now += static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(interval));
    if (random.bits() % 64 == 0) now += interval * static_cast<std::int64_t>(random.bits() % 32);
  }
  return stamps;
}

TEST(WorstWindow, NothingAndOneAdmission) {
  EXPECT_EQ(worst_window({}, {.count = 1, .per = 1s, .burst = 4}).ratio, 0);
  const std::vector<std::int64_t> one{42};
  const window worst = worst_window(one, {.count = 1, .per = 1s, .burst = 4});
  EXPECT_DOUBLE_EQ(worst.ratio, 0.25);
  EXPECT_FALSE(worst.broken);
}

TEST(WorstWindow, FindsABurstAmongQuiet) {
  std::vector<std::int64_t> stamps;
  for (std::int64_t i = 0; i < 100; ++i) stamps.push_back(i * 1'000'000'000);
  for (std::int64_t i = 0; i < 6; ++i) stamps.push_back(100'000'000'000 + i);
  for (std::int64_t i = 1; i < 100; ++i) stamps.push_back(100'000'000'000 + i * 1'000'000'000);
  const window worst = worst_window(stamps, {.count = 1, .per = 1s, .burst = 5});
  EXPECT_TRUE(worst.broken);
  EXPECT_GE(worst.first, 0U);
  EXPECT_EQ(worst.last, 105U);
}

TEST(WorstWindow, ExactlyFullIsNotBrokenAndOneNanosecondEarlierIs) {
  const rate_bound bound{.count = 3, .per = 1us, .burst = 2};  // an interval of 333 1/3 ns
  const std::vector<std::int64_t> full{0, 0, 334, 667, 1000};
  EXPECT_FALSE(worst_window(full, bound).broken);
  EXPECT_EQ(worst_window(full, bound).ratio, 1);
  const std::vector<std::int64_t> early{0, 0, 334, 667, 999};
  EXPECT_TRUE(worst_window(early, bound).broken);
  EXPECT_GT(worst_window(early, bound).ratio, 1);
}

TEST(WorstWindow, SlackLengthensEveryWindow) {
  const rate_bound bound{.count = 1, .per = 1s, .burst = 1};
  const std::vector<std::int64_t> two{0, 999'000'000};
  EXPECT_TRUE(worst_window(two, bound).broken);
  EXPECT_FALSE(worst_window(two, bound, 1ms).broken);
  EXPECT_TRUE(worst_window(two, bound, 999us).broken);
}

TEST(WorstWindow, AgreesWithTheDefinitionOnRandomAdmissions) {
  random_stream random(testing::seed(), 0);
  for (int round = 0; round < 400; ++round) {
    const rate_bound bound{.count = 1 + random.bits() % 1'000,
                           .per = std::chrono::nanoseconds(1 + random.bits() % 2'000'000'000),
                           .burst = 1 + random.bits() % 20};
    const std::chrono::nanoseconds slack(round % 3 == 0 ? static_cast<std::int64_t>(random.bits() % 1'000'000) : 0);
    std::vector<std::int64_t> stamps(1 + random.bits() % 80);
    const std::uint64_t spread = 1 + random.bits() % 4'000'000'000;
    for (std::int64_t& stamp : stamps) stamp = static_cast<std::int64_t>(random.bits() % spread);
    std::sort(stamps.begin(), stamps.end());
    const window expected = by_definition(stamps, bound, slack);
    const window found = worst_window(stamps, bound, slack);
    ASSERT_DOUBLE_EQ(found.ratio, expected.ratio) << "round " << round;
    ASSERT_EQ(found.broken, expected.broken) << "round " << round;
  }
}

TEST(WorstWindow, WhatAnExactLimiterAdmitsIsNeverBrokenAndNearlyFull) {
  random_stream random(testing::seed(), 1);
  for (const std::int64_t per_s : {3, 7, 2'000, 999'983}) {
    const std::int64_t interval = (1'000'000'000 + per_s - 1) / per_s;
    for (const std::int64_t burst : {1, 50}) {
      const auto stamps = through_gcra(random, interval, burst, 5'000);
      const rate_bound bound{
          .count = static_cast<std::uint64_t>(per_s), .per = 1s, .burst = static_cast<std::uint64_t>(burst)};
      const window worst = worst_window(stamps, bound);
      EXPECT_FALSE(worst.broken) << per_s << '/' << burst;
      EXPECT_LE(worst.ratio, 1.0);
      EXPECT_GE(worst.ratio, 0.9);
    }
  }
}

TEST(WorstWindow, LargestNumbersDoNotOverflow) {
  const rate_bound bound{
      .count = 1'000'000'000, .per = std::chrono::nanoseconds(1'000'000'000'000'000'000), .burst = 0x7fff'ffff};
  const std::vector<std::int64_t> stamps{0, 1, (std::int64_t{1} << 53) - 1};
  const window worst = worst_window(stamps, bound);
  EXPECT_FALSE(worst.broken);
  EXPECT_GT(worst.ratio, 0);
}

}  // namespace
}  // namespace weir::tools
