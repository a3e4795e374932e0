#include "replay/histogram.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "replay/random.hpp"
#include "support/seed.hpp"

namespace weir::tools {
namespace {

TEST(Histogram, NothingRecordedIsZero) {
  const auto times = std::make_unique<time_histogram>();
  EXPECT_EQ(times->quantile(0.5), 0U);
  EXPECT_EQ(times->max(), 0U);
  EXPECT_EQ(times->count(), 0U);
}

TEST(Histogram, SmallValuesAreExact) {
  const auto times = std::make_unique<time_histogram>();
  for (std::uint64_t value = 1; value <= 100; ++value) times->record(value);
  EXPECT_EQ(times->quantile(0.0), 1U);
  EXPECT_EQ(times->quantile(0.01), 1U);
  EXPECT_EQ(times->quantile(0.5), 50U);
  EXPECT_EQ(times->quantile(0.99), 99U);
  EXPECT_EQ(times->quantile(1.0), 100U);
}

TEST(Histogram, ExtremesHaveTheirPlace) {
  const auto times = std::make_unique<time_histogram>();
  times->record(std::uint64_t{0});
  times->record(std::chrono::nanoseconds(-5));
  times->record(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(times->count(), 3U);
  EXPECT_EQ(times->quantile(0.5), 0U);
  EXPECT_EQ(times->quantile(1.0), std::numeric_limits<std::uint64_t>::max());
}

TEST(Histogram, QuantilesAreAtMostOneSixtyFourthTooHighAndNeverTooLow) {
  random_stream random(testing::seed(), 0);
  const auto times = std::make_unique<time_histogram>();
  std::vector<std::uint64_t> values(20'000);
  for (std::uint64_t& value : values) {
    value = random.bits() >> (random.bits() % 64);
    times->record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
    const std::uint64_t exact = values[rank - 1];
    const std::uint64_t told = times->quantile(q);
    EXPECT_GE(told, exact) << q;
    EXPECT_LE(told - exact, exact / 64) << q;
  }
  EXPECT_EQ(times->max(), values.back());
}

TEST(Histogram, CountsOfManyThreadsAreAllThere) {
  const auto times = std::make_unique<time_histogram>();
  constexpr std::uint64_t each = 20'000;
  std::vector<std::thread> threads;
  for (std::uint64_t id = 0; id < 4; ++id) {
    threads.emplace_back([&, id] {
      for (std::uint64_t i = 0; i < each; ++i) times->record(i * 4 + id);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(times->count(), each * 4);
  EXPECT_EQ(times->max(), each * 4 - 1);
}

}  // namespace
}  // namespace weir::tools
