#include "replay/synthetic.hpp"

#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "all_requests.hpp"
#include "replay/random.hpp"
#include "replay/survey.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;

TEST(RandomStream, FirstNumbersAreTheSameEverywhere) {
  // From a second implementation, checked against the published first output of SplitMix64 for the state 1234567.
  random_stream random(1, 0);
  EXPECT_EQ(random.bits(), 0x346dbc0b5711d830U);
  EXPECT_EQ(random.bits(), 0x6b182a52253dda4aU);
  EXPECT_EQ(random.bits(), 0x6e2758640b1bd75bU);
}

TEST(RandomStream, StreamsAndSeedsDiffer) {
  EXPECT_NE(random_stream(1, 0).bits(), random_stream(1, 1).bits());
  EXPECT_NE(random_stream(1, 0).bits(), random_stream(2, 0).bits());
  EXPECT_NE(random_stream(0, 1).bits(), random_stream(1, 0).bits());
}

TEST(RandomStream, ExponentialHasItsMeanVarianceAndTail) {
  random_stream random(7, 0);
  constexpr int draws = 400'000;
  double sum = 0;
  double squares = 0;
  int beyond_three = 0;
  for (int i = 0; i < draws; ++i) {
    const double x = random.exponential();
    ASSERT_GE(x, 0);
    sum += x;
    squares += x * x;
    if (x > 3) ++beyond_three;
  }
  const double mean = sum / draws;
  EXPECT_NEAR(mean, 1, 0.01);  // six standard errors
  EXPECT_NEAR(squares / draws - mean * mean, 1, 0.03);
  EXPECT_NEAR(static_cast<double>(beyond_three) / draws, std::exp(-3.0), 0.0025);
}

TEST(RandomStream, BoundedParetoHasItsMedianMeanAndBounds) {
  random_stream random(7, 0);
  constexpr int draws = 400'000;
  double sum = 0;
  int below_median = 0;
  const double cut = std::pow(600.0 / 14'000.0, 4.0 / 3.0);
  const double median = 600 / std::pow(1 - 0.5 * (1 - cut), 0.75);
  for (int i = 0; i < draws; ++i) {
    const double x = random.bounded_pareto(600, 14'000);
    ASSERT_GE(x, 600);
    ASSERT_LE(x, 14'001);
    sum += x;
    if (x < median) ++below_median;
  }
  EXPECT_NEAR(static_cast<double>(below_median) / draws, 0.5, 0.005);
  EXPECT_NEAR(sum / draws, bounded_pareto_mean(600, 14'000), 15);
}

TEST(Synthetic, SameSeedAndCapacityGiveTheSameRequests) {
  synthetic first({.seed = 5, .capacity_per_s = 200});
  synthetic second({.seed = 5, .capacity_per_s = 200});
  synthetic other({.seed = 6, .capacity_per_s = 200});
  const auto a = all_of(first);
  const auto b = all_of(second);
  first.rewind();
  const auto again = all_of(first);
  const auto c = all_of(other);
  ASSERT_EQ(a.size(), b.size());
  ASSERT_EQ(a.size(), again.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].arrival, b[i].arrival);
    ASSERT_EQ(a[i].weight, b[i].weight);
    ASSERT_EQ(a[i].service, b[i].service);
    ASSERT_EQ(a[i].arrival, again[i].arrival);
    ASSERT_EQ(a[i].weight, again[i].weight);
    ASSERT_EQ(a[i].service, again[i].service);
  }
  EXPECT_NE(a.front().arrival, c.front().arrival);
}

TEST(Synthetic, ThreePhasesHaveTheirLoads) {
  constexpr double capacity = 4'000;
  synthetic source({.seed = 3, .capacity_per_s = capacity});
  std::array<double, 3> arrivals{};
  std::array<std::chrono::nanoseconds, 3> service{};
  std::chrono::nanoseconds last{};
  request one;
  while (source.next(one)) {
    ASSERT_GE(one.arrival, last);
    ASSERT_LT(one.arrival, 15s + 1ns);
    last = one.arrival;
    const auto phase = std::min<std::size_t>(static_cast<std::size_t>(one.arrival / synthetic::phase_length), 2);
    arrivals[phase] += 1;
    service[phase] += one.service;
  }
  for (std::size_t phase = 0; phase < 3; ++phase) {
    const double expected = synthetic::phase_load[phase] * capacity * 5;
    EXPECT_NEAR(arrivals[phase], expected, 6 * std::sqrt(expected));
    // A request's mean service, told beforehand, is what makes a capacity in requests of one in CPU time.
    const double mean_tokens = static_cast<double>(service[phase] / 2us) / arrivals[phase];
    EXPECT_NEAR(mean_tokens / synthetic::mean_tokens(), 1, 0.1);
  }
}

TEST(Synthetic, WeightsAreHeavyTailed) {
  synthetic source({.seed = 3, .capacity_per_s = 4'000});
  const survey all = survey_of(source);
  EXPECT_NEAR(all.median_weight, 1'000, 100);
  EXPECT_GT(all.heaviest, 10 * all.median_weight);
  EXPECT_LE(all.heaviest, 14'000U);
}

}  // namespace
}  // namespace weir::tools
