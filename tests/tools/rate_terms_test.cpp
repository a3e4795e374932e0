// The sentences about a rate are held against the bucket itself.
#include "config/rate_terms.hpp"

#include <array>
#include <gtest/gtest.h>
#include <weir/admission/token_bucket.hpp>

namespace weir::tools {
namespace {

using namespace std::chrono_literals;

const std::array<rate, 9> sample_rates{per_second(2'000),
                                       per_second(3),
                                       per_second(7),
                                       per_minute(10),
                                       per(1, 3s),
                                       per_second(3'000'000),
                                       per(13, 1ms),
                                       per_second(99'999'999),
                                       per(999'999'999, 1'000'000'000s)};

time_point after(duration time) { return time_point(1h) + time; }

TEST(RateTerms, IntervalIsTheBuckets) {
  for (const rate& one : sample_rates) {
    const tick_count ticks = rate_terms(one, 5).interval();
    EXPECT_EQ(static_cast<std::int64_t>((ticks + 63) / 64), token_bucket(one, 5).interval().count()) << to_string(one);
  }
}

TEST(RateTerms, NoWindowHasMoreAndTheWorstHasAsMany) {
  constexpr std::int64_t burst = 4;
  for (const rate& one : sample_rates) {
    const rate_terms terms(one, burst);
    const duration window(static_cast<std::int64_t>(terms.time_of(7) / 64) + 3);
    const duration step(std::max<std::int64_t>(static_cast<std::int64_t>(terms.interval() / 64 / 50), 1));
    const manual_clock clock(after(0ns));
    token_bucket bucket(one, burst, clock);
    std::int64_t granted = 0;
    while (bucket.try_take(1, after(0ns))) ++granted;
    for (duration at{0}; at < window; at += step) granted += bucket.try_take(1, after(at)) ? 1 : 0;
    granted += bucket.try_take(1, after(window)) ? 1 : 0;
    EXPECT_EQ(granted, terms.most_within(window)) << to_string(one);
  }
}

TEST(RateTerms, LastInLineWaitsAsLongAsTheBucketSays) {
  for (const rate& one : sample_rates) {
    const manual_clock clock(after(0ns));
    token_bucket bucket(one, 4, clock);
    while (bucket.try_take(1, after(0ns))) {
    }
    const tick_count ticks = rate_terms(one, 4).time_of(256);
    EXPECT_EQ(static_cast<std::int64_t>((ticks + 63) / 64), bucket.wait_for(256, after(0ns)).count()) << to_string(one);
  }
}

TEST(RateTerms, WindowsAreCountedByWholeIntervals) {
  EXPECT_EQ(rate_terms(per_second(2'000), 100).most_within(1s), 2'100);
  EXPECT_EQ(rate_terms(per_second(3), 1).most_within(1s), 3);  // three intervals, rounded up, are longer than a second
  EXPECT_EQ(rate_terms(per_minute(10), 20).most_within(60s), 30);
  EXPECT_EQ(rate_terms(per_second(2'000), 1).tokens_within(250ms), 500);
  EXPECT_EQ(rate_terms(per_second(2'000), 1).served_before(250ms), 499);
  EXPECT_EQ(rate_terms(per_second(2'000), 1).served_before(250ms + 1ns), 500);
  EXPECT_EQ(rate_terms(per_second(2'000), 1).served_before(1us), 0);
}

TEST(RateTerms, LateTimersCostNothingBelowTheBurst) {
  EXPECT_EQ(rate_terms(per_second(5'000), 1).percent_reached(50us), 80);  // one in 200 + 50 us; seen here: 84 %
  EXPECT_EQ(rate_terms(per_second(5'000), 2).percent_reached(50us), 100);
  EXPECT_EQ(rate_terms(per_second(2'000), 1).percent_reached(1ms), 33);
  EXPECT_EQ(rate_terms(per_second(2'000), 2).percent_reached(1ms), 66);
  EXPECT_EQ(rate_terms(per_second(2'000), 3).percent_reached(1ms), 100);
  for (const rate& one : sample_rates) {
    const std::int64_t enough = rate_terms(one, 1).burst_for(1ms);
    EXPECT_EQ(rate_terms(one, enough).percent_reached(1ms), 100) << to_string(one);
    EXPECT_LT(rate_terms(one, enough - 1).percent_reached(1ms), 100) << to_string(one);
  }
}

TEST(RateTerms, SharesOfARateAreNotThoseOfItsRounding) {
  EXPECT_EQ(rate_terms(per_second(2'000), 1).percent_used_by(per_second(1'500)), 75);
  EXPECT_EQ(rate_terms(per_second(2'000), 1).percent_let_in_of(per_second(3'000)), 66);
  EXPECT_EQ(rate_terms(per_second(2'000), 1).percent_let_in_of(per_second(1)), 100);
  EXPECT_FALSE(is_faster(per_second(3), per(6, 2s)));
  EXPECT_FALSE(is_faster(per(6, 2s), per_second(3)));
  EXPECT_TRUE(is_faster(per_second(3), per(2'999, 1000s)));
  EXPECT_FALSE(is_faster(per_minute(10), per_second(1)));
}

TEST(RateTerms, TimesAreWrittenExactly) {
  EXPECT_EQ(exact_text(0ns), "0 ns");
  EXPECT_EQ(exact_text(500us), "500 us");
  EXPECT_EQ(exact_text(128ms), "128 ms");
  EXPECT_EQ(exact_text(1500ms), "1.5 s");
  EXPECT_EQ(exact_text(2h), "7,200 s");
  EXPECT_EQ(exact_text(1'000'001ns), "1.000001 ms");
  EXPECT_EQ(tick_text(1), "0.015625 ns");
  EXPECT_EQ(tick_text(rate_terms(per_second(3), 1).interval()), "333.33333334375 ms");
  EXPECT_EQ(tick_text(rate_terms(per_second(3'000'000), 1).interval()), "333.34375 ns");
}

}  // namespace
}  // namespace weir::tools
