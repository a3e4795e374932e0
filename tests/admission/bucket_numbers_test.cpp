// Every number that can be passed to a token bucket and to its reservations, at its ends and one beyond.
#include <weir/admission/token_bucket.hpp>

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <weir/admission/token_reservations.hpp>

#include "admission/bucket_oracle.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t lowest_number = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest_number = std::numeric_limits<std::int64_t>::max();
constexpr time_point bucket_present{std::chrono::hours(1)};

// Of a bucket of 10 at 10/s.
struct tokens_case {
  std::int64_t tokens;
  std::optional<refusal_reason> why;
};

const std::vector<tokens_case> all_tokens = {
    {lowest_number, refusal_reason::invalid},
    {-(std::int64_t{1} << 32) + 1, refusal_reason::invalid},
    {-1, refusal_reason::invalid},
    {0, refusal_reason::invalid},
    {1, {}},
    {9, {}},
    {10, {}},
    {11, refusal_reason::too_heavy},
    {(std::int64_t{1} << 32) + 1, refusal_reason::too_heavy},
    {highest_number - 1, refusal_reason::too_heavy},
    {highest_number, refusal_reason::too_heavy},
};

template <typename T>
void expect_told(const result<T>& got, std::int64_t tokens, const std::optional<refusal_reason>& why) {
  ASSERT_EQ(got.has_value(), !why) << tokens;
  if (got) return;
  EXPECT_EQ(got.error().reason, *why) << tokens;
  EXPECT_EQ(got.error().what, quantity::tokens);
  EXPECT_EQ(got.error().asked, tokens);
}

TEST(BucketNumbers, OfTokensThatAreTaken) {
  for (const tokens_case& c : all_tokens) {
    const manual_clock clock(bucket_present);
    token_bucket bucket(per_second(10), 10, clock);
    expect_told(bucket.try_take(c.tokens), c.tokens, c.why);
    const std::int64_t left = c.why ? 10 : 10 - c.tokens;
    EXPECT_EQ(bucket.approx_available(bucket_present), left) << c.tokens;

    token_bucket other(per_second(10), 10, clock);
    expect_told(other.try_take(c.tokens, bucket_present), c.tokens, c.why);
    EXPECT_EQ(other.approx_available(bucket_present), left) << c.tokens;
  }
}

TEST(BucketNumbers, OfTokensThatAreGivenBack) {
  for (const tokens_case& c : all_tokens) {
    const manual_clock clock(bucket_present);
    token_bucket bucket(per_second(10), 10, clock);
    ASSERT_TRUE(bucket.try_take(10));
    expect_told(bucket.refund(c.tokens, bucket_present), c.tokens, c.why);
    EXPECT_EQ(bucket.approx_available(bucket_present), c.why ? 0 : c.tokens) << c.tokens;
  }
  for (const time_point at : {time_point::min(), time_point::min() + duration(1), bucket_present - seconds(1)}) {
    const manual_clock clock(bucket_present);
    token_bucket bucket(per_second(10), 10, clock);
    ASSERT_TRUE(bucket.try_take(10));
    EXPECT_TRUE(bucket.refund(10, at));
    EXPECT_EQ(bucket.approx_available(bucket_present), 0) << "all of it has come back by itself since";
  }
}

TEST(BucketNumbers, OfTokensThatAreOwed) {
  for (const auto& [tokens, charged] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {10, 10}, {11, 11}, {20, 20}, {21, 20}, {highest_number, 20}}) {
    const manual_clock clock(bucket_present);
    token_bucket bucket(per_second(10), 10, clock);
    const result<std::int64_t> got = bucket.charge(tokens);
    ASSERT_TRUE(got) << tokens;
    EXPECT_EQ(*got, charged) << tokens;
    EXPECT_EQ(bucket.wait_for(1, bucket_present), charged < 10 ? duration(0) : milliseconds(100 * (charged - 9)));
    EXPECT_EQ(*bucket.charge(highest_number), 20 - charged);
    EXPECT_EQ(*bucket.charge(1), 0) << "a burst is owed";
    EXPECT_EQ(bucket.wait_for(0, bucket_present), duration(0)) << "none are there, too";
    EXPECT_EQ(bucket.wait_for(lowest_number, bucket_present), duration(0));
  }
  for (const std::int64_t tokens : {lowest_number, std::int64_t{-1}, std::int64_t{0}}) {
    token_bucket bucket(per_second(10), 10);
    expect_told(bucket.charge(tokens), tokens, refusal_reason::invalid);
    EXPECT_EQ(bucket.wait_for(10, steady_clock_source().now()), duration(0));
  }
}

TEST(BucketNumbers, OfTokensThatAreWaitedFor) {
  const manual_clock clock(bucket_present);
  token_bucket bucket(per_second(10), 10, clock);
  for (const auto& [tokens, wait] : std::vector<std::pair<std::int64_t, duration>>{{lowest_number, duration(0)},
                                                                                   {-1, duration(0)},
                                                                                   {0, duration(0)},
                                                                                   {1, duration(0)},
                                                                                   {10, duration(0)},
                                                                                   {11, milliseconds(100)},
                                                                                   {20, seconds(1)},
                                                                                   {highest_number, duration::max()}}) {
    EXPECT_EQ(bucket.wait_for(tokens, bucket_present), wait) << tokens;
  }
  ASSERT_TRUE(bucket.try_take(10));
  EXPECT_EQ(bucket.wait_for(0, bucket_present), duration(0));
  EXPECT_EQ(bucket.wait_for(lowest_number, bucket_present), duration(0));
  EXPECT_EQ(bucket.wait_for(1, bucket_present), milliseconds(100));
}

TEST(BucketNumbers, OfAnUnlimitedBucket) {
  token_bucket bucket(unlimited, 0);
  for (const std::int64_t tokens : {std::int64_t{1}, std::int64_t{1} << 32, highest_number}) {
    EXPECT_TRUE(bucket.try_take(tokens));
    EXPECT_TRUE(bucket.try_take(tokens, time_point::min()));
    EXPECT_TRUE(bucket.try_take(tokens, time_point::max()));
    EXPECT_TRUE(bucket.refund(tokens, time_point::max()));
    EXPECT_EQ(*bucket.charge(tokens), tokens);
    EXPECT_EQ(bucket.wait_for(tokens, bucket_present), duration(0));
  }
  for (const std::int64_t tokens : {std::int64_t{0}, std::int64_t{-1}, lowest_number}) {
    expect_told(bucket.try_take(tokens), tokens, refusal_reason::invalid);
    expect_told(bucket.try_take(tokens, bucket_present), tokens, refusal_reason::invalid);
    expect_told(bucket.refund(tokens, bucket_present), tokens, refusal_reason::invalid);
    expect_told(bucket.charge(tokens), tokens, refusal_reason::invalid);
  }
}

// ---- rates

// At most 64 tokens a nanosecond, and at most 200 days for a burst.
bool is_possible_rate(const rate& refill, std::int64_t burst) {
  if (refill.is_unlimited()) return true;
  const testing::exact ticks = testing::exact{64} * refill.period().count();
  if (refill.events() < 1 || refill.period().count() < 1 || ticks < refill.events() || burst < 1) return false;
  const testing::exact interval = (ticks + refill.events() - 1) / refill.events();
  constexpr testing::exact longest = testing::exact{200} * 24 * 3'600 * 1'000'000'000 * 64;
  return interval <= longest / burst;
}

TEST(BucketNumbers, OfARateAndABurst) {
  int possible = 0;
  int tried = 0;
  const manual_clock clock(bucket_present);
  for (const std::int64_t events : {lowest_number, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, std::int64_t{2},
                                    std::int64_t{64}, std::int64_t{65}, highest_number - 1, highest_number}) {
    for (const duration period : {duration::min(), duration(-1), duration(0), duration(1), duration(2),
                                  duration(seconds(1)), duration(std::chrono::hours(4'800)), duration::max()}) {
      for (const std::int64_t burst :
           {lowest_number, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, std::int64_t{2}, highest_number}) {
        const rate refill = per(events, period);
        const bool is_possible = is_possible_rate(refill, burst);
        ++tried;
        possible += is_possible ? 1 : 0;
        token_bucket changed(per_second(10), 10, clock);
        if (!is_possible) {
          EXPECT_THROW((token_bucket{refill, burst, clock}), std::invalid_argument)
              << to_string(refill) << ' ' << burst;
          EXPECT_THROW(changed.set_rate(refill, burst), std::invalid_argument) << to_string(refill) << ' ' << burst;
          EXPECT_EQ(changed.refill(), per_second(10));
          EXPECT_EQ(changed.approx_available(bucket_present), 10);
          continue;
        }
        token_bucket made(refill, burst, clock);
        for (const bucket_balance then : {bucket_balance::keep, bucket_balance::proportional, bucket_balance::empty}) {
          EXPECT_NO_THROW(changed.set_rate(refill, burst, then)) << to_string(refill) << ' ' << burst;
          EXPECT_NO_THROW(changed.set_rate(per_second(10), 10, then)) << to_string(refill) << ' ' << burst;
        }
        EXPECT_NO_THROW(changed.set_rate(refill, burst, bucket_balance::empty));
        EXPECT_EQ(changed.refill(), refill);
        if (refill.is_unlimited()) continue;
        EXPECT_TRUE(made.try_take(burst));
        EXPECT_FALSE(made.try_take(1));
        EXPECT_FALSE(changed.try_take(1)) << "none was there";
      }
    }
  }
  EXPECT_GT(possible, 20);
  EXPECT_GT(tried - possible, 200);
}

// ---- reservations

TEST(BucketNumbers, OfTokensThatAreReserved) {
  for (const tokens_case& c : all_tokens) {
    const manual_clock clock(bucket_present);
    token_bucket bucket(per_second(10), 10, clock);
    token_reservations later(bucket);
    for (int i = 0; i < 2; ++i) {
      const result<reservation> got = later.reserve(c.tokens, duration::max());
      expect_told(got, c.tokens, c.why);
      if (got) {
        EXPECT_EQ(got->tokens(), c.tokens);
        EXPECT_EQ(got->ready_at(),
                  bucket_present + milliseconds(i == 0 ? 0 : std::max<std::int64_t>(2 * c.tokens - 10, 0) * 100));
      }
    }
  }
}

TEST(BucketNumbers, OfTheLongestWaitOfAReservation) {
  for (const auto& [longest, is_reserved] :
       std::vector<std::pair<duration, bool>>{{duration::min(), false},
                                              {duration(-1), false},
                                              {duration(0), false},
                                              {milliseconds(100) - duration(1), false},
                                              {milliseconds(100), true},
                                              {duration::max(), true}}) {
    const manual_clock clock(bucket_present);
    token_bucket bucket(per_second(10), 10, clock);
    token_reservations later(bucket);
    ASSERT_TRUE(bucket.try_take(10));
    const result<reservation> got = later.reserve(1, longest);
    ASSERT_EQ(got.has_value(), is_reserved) << longest.count();
    if (got) continue;
    EXPECT_EQ(got.error().reason, refusal_reason::rate_limited);
    EXPECT_EQ(got.error().retry_after, milliseconds(100));
    EXPECT_EQ(bucket.wait_for(1, bucket_present), milliseconds(100)) << "nothing has happened";
  }
}

}  // namespace
}  // namespace weir
