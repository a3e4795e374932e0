// The histogram of times: where each time is counted, and what is told of them.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>
#include <weir/scheduler/latency_histogram.hpp>

#include "support/property.hpp"

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using weir::duration;
using weir::latency_histogram;
using bucket = latency_histogram::bucket;

static_assert(std::forward_iterator<latency_histogram::iterator>);

latency_histogram of(const std::vector<duration>& times) {
  latency_histogram all;
  for (const duration time : times) all.record(time);
  return all;
}

std::vector<bucket> buckets_of(const latency_histogram& h) { return {h.begin(), h.end()}; }

// Of every magnitude as often as of every other one.
duration any_time() {
  const auto bits = *rc::gen::arbitrary<std::uint64_t>() >> *rc::gen::inRange(1, 64);
  return duration(static_cast<duration::rep>(bits));
}

std::vector<duration> some_times() {
  std::vector<duration> times(*rc::gen::inRange<std::size_t>(1, 50));
  for (duration& time : times) time = any_time();
  return times;
}

TEST(LatencyHistogram, WithoutATimeIsEmpty) {
  const latency_histogram none;
  EXPECT_TRUE(none.is_empty());
  EXPECT_EQ(none.count(), 0u);
  EXPECT_EQ(none.sum(), 0ns);
  EXPECT_EQ(none.mean(), 0ns);
  EXPECT_EQ(none.max(), 0ns);
  EXPECT_EQ(none.quantile(0.5), 0ns);
  EXPECT_EQ(none.begin(), none.end());
  EXPECT_EQ(none, latency_histogram());
}

TEST(LatencyHistogram, TimesBelow32NanosecondsHaveABucketEach) {
  for (duration time = 0ns; time < 32ns; ++time) {
    EXPECT_THAT(buckets_of(of({time})), ElementsAre(bucket{time, time, 1}));
  }
  EXPECT_THAT(buckets_of(of({32ns, 33ns, 34ns})), ElementsAre(bucket{32ns, 33ns, 2}, bucket{34ns, 35ns, 1}));
}

TEST(LatencyHistogram, ANegativeTimeCountsAsNone) { EXPECT_EQ(of({-1ns, duration::min()}), of({0ns, 0ns})); }

TEST(LatencyHistogram, TheLongestTimeHasItsPlace) {
  const latency_histogram h = of({duration::max()});
  const duration sixteenth{std::int64_t{1} << 58};
  EXPECT_THAT(buckets_of(h), ElementsAre(bucket{duration::max() - sixteenth + 1ns, duration::max(), 1}));
  EXPECT_EQ(h.quantile(1.0), duration::max());
  EXPECT_EQ(h.max(), duration::max());
  EXPECT_EQ(h.sum(), duration::max());
  EXPECT_EQ(h.mean(), duration::max());
}

TEST(LatencyHistogram, TheSumStaysAtTheLongestTime) {
  EXPECT_EQ(of({duration::max(), 5ns}).sum(), duration::max());
  latency_histogram merged = of({duration::max()});
  merged += merged;
  EXPECT_EQ(merged.sum(), duration::max());
  EXPECT_EQ(merged.count(), 2u);
}

TEST(LatencyHistogram, SumAndMeanAreThoseOfTheTimesAndNotOfTheirBuckets) {
  const latency_histogram h = of({1'000'001ns, 1'000'002ns, 1ns});
  EXPECT_EQ(h.sum(), 2'000'004ns);
  EXPECT_EQ(h.mean(), 666'668ns);
  EXPECT_EQ(h.count(), 3u);
}

TEST(LatencyHistogram, QuantilesOfShortTimesAreExact) {
  latency_histogram h;
  for (int time = 1; time <= 20; ++time) h.record(duration(time));
  EXPECT_EQ(h.quantile(0.0), 1ns);
  EXPECT_EQ(h.quantile(0.05), 1ns);
  EXPECT_EQ(h.quantile(0.051), 2ns);
  EXPECT_EQ(h.quantile(0.5), 10ns);
  EXPECT_EQ(h.quantile(0.95), 19ns);
  EXPECT_EQ(h.quantile(1.0), 20ns);
}

TEST(LatencyHistogram, OtherSharesThan0To1AreRefused) {
  const latency_histogram h = of({1ns});
  for (const double p : {-0.001, 1.001, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW((void)h.quantile(p), std::invalid_argument) << p;
    EXPECT_THROW((void)latency_histogram().quantile(p), std::invalid_argument) << p;
  }
  try {
    (void)h.quantile(1.5);
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_EQ(std::string(e.what()), "weir: the quantile of 1.500000: it must be 0 to 1");
  }
}

RC_GTEST_PROP(LatencyHistogram, EachTimeIsInABucketThatIsAtMostASixteenthWide, ()) {
  const duration time = any_time();
  const std::vector<bucket> all = buckets_of(of({time}));
  RC_ASSERT(all.size() == 1u);
  RC_ASSERT(all[0].first <= time);
  RC_ASSERT(all[0].last >= time);
  RC_ASSERT(all[0].last - time <= time / 16);
  // Its ends are in it, and what is beside it is not.
  RC_ASSERT(buckets_of(of({all[0].first})) == all);
  RC_ASSERT(buckets_of(of({all[0].last})) == all);
  if (all[0].last != duration::max()) {
    RC_ASSERT(buckets_of(of({all[0].last + 1ns}))[0].first == all[0].last + 1ns);
  }
}

RC_GTEST_PROP(LatencyHistogram, QuantilesAreNeverTooLowAndAtMostASixteenthTooHigh, ()) {
  std::vector<duration> times = some_times();
  const latency_histogram h = of(times);
  std::sort(times.begin(), times.end());
  const double p = static_cast<double>(*rc::gen::inRange(0, 1'001)) / 1'000;
  const auto rank =
      std::max(static_cast<std::size_t>(std::ceil(p * static_cast<double>(times.size()))), std::size_t{1});
  const duration exact = times[rank - 1];
  RC_ASSERT(h.quantile(p) >= exact);
  RC_ASSERT(h.quantile(p) - exact <= exact / 16);
  RC_ASSERT(h.max() >= times.back());
  RC_ASSERT(h.max() - times.back() <= times.back() / 16);
}

RC_GTEST_PROP(LatencyHistogram, MergedIsAsIfAllHadBeenRecordedInOne, ()) {
  const std::vector<duration> one = some_times();
  const std::vector<duration> other = *rc::gen::arbitrary<bool>() ? some_times() : std::vector<duration>();
  std::vector<duration> both = one;
  both.insert(both.end(), other.begin(), other.end());
  latency_histogram merged = of(one);
  merged += of(other);
  RC_ASSERT(merged == of(both));
  latency_histogram other_way = of(other);
  other_way += of(one);
  RC_ASSERT(other_way == merged);
}

RC_GTEST_PROP(LatencyHistogram, ItsBucketsAreInOrderAndHoldAllTimes, ()) {
  const std::vector<duration> times = some_times();
  const latency_histogram h = of(times);
  std::uint64_t counted = 0;
  duration before = -1ns;
  for (const bucket each : h) {
    RC_ASSERT(each.first > before);
    RC_ASSERT(each.last >= each.first);
    const auto is_inside = [&](duration time) { return time >= each.first && time <= each.last; };
    RC_ASSERT(each.count == static_cast<std::uint64_t>(std::count_if(times.begin(), times.end(), is_inside)));
    RC_ASSERT(each.count != 0u);
    before = each.last;
    counted += each.count;
  }
  RC_ASSERT(counted == times.size());
  RC_ASSERT(h.count() == times.size());
}

}  // namespace
