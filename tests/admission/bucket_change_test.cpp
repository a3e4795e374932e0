// A bucket whose rate is changed, and one that is charged more than it has.
#include <weir/admission/token_bucket.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "support/eventually.hpp"

namespace weir {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr time_point opened_at{hours(1)};
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

struct changed_bucket {
  manual_clock clock{opened_at};
  token_bucket bucket{per_second(10), 10, clock};

  std::int64_t available() const { return bucket.approx_available(clock.now()); }
  duration wait(std::int64_t tokens = 1) const { return bucket.wait_for(tokens, clock.now()); }
};

TEST(BucketChange, KeepsTheTokensAndCountsOnWithTheNewRate) {
  changed_bucket b;
  ASSERT_TRUE(b.bucket.try_take(7));
  b.bucket.set_rate(per_second(2), 8);
  EXPECT_EQ(b.bucket.refill(), per_second(2));
  EXPECT_EQ(b.bucket.burst(), 8);
  EXPECT_EQ(b.bucket.interval(), milliseconds(500));
  EXPECT_EQ(b.available(), 3);
  EXPECT_EQ(b.wait(5), seconds(1));
  b.clock.advance(seconds(60));
  EXPECT_EQ(b.available(), 8);
}

TEST(BucketChange, APartOfATokenStaysThatPart) {
  changed_bucket b;
  ASSERT_TRUE(b.bucket.try_take(10));
  b.clock.advance(milliseconds(75));
  b.bucket.set_rate(per_second(1), 10);
  EXPECT_EQ(b.wait(), milliseconds(250)) << "a quarter of a token is missing";
}

TEST(BucketChange, ALowerBurstCutsWhatIsThere) {
  changed_bucket b;
  b.bucket.set_rate(per_second(10), 4);
  EXPECT_EQ(b.available(), 4);
  b.bucket.set_rate(per_second(10), 10);
  EXPECT_EQ(b.available(), 4) << "what was cut has to come back";
  EXPECT_EQ(b.wait(10), milliseconds(600));
}

TEST(BucketChange, AHigherBurstMakesNoTokens) {
  changed_bucket b;
  b.clock.advance(hours(10));
  b.bucket.set_rate(per_second(10), 1'000);
  EXPECT_EQ(b.available(), 10);
}

TEST(BucketChange, TheBalanceCanBeSharedOrEmptied) {
  changed_bucket b;
  ASSERT_TRUE(b.bucket.try_take(5));
  b.bucket.set_rate(per_second(1), 4, bucket_balance::proportional);
  EXPECT_EQ(b.available(), 2) << "the half of it";
  b.bucket.set_rate(per_second(10), 10, bucket_balance::proportional);
  EXPECT_EQ(b.available(), 2) << "and no more than there were: what was earned at a small burst would be multiplied";
  b.bucket.set_rate(per_second(10), 10, bucket_balance::empty);
  EXPECT_EQ(b.available(), 0);
  EXPECT_EQ(b.wait(), milliseconds(100));
}

// redis-cell issue 54: a debt in time, kept over a change, lasts as long as the old rate made it.
TEST(BucketChange, AHigherRateShortensTheWait) {
  changed_bucket b;
  ASSERT_TRUE(b.bucket.try_take(10));
  b.bucket.set_rate(per_second(1'000), 10);
  EXPECT_EQ(b.wait(), milliseconds(1));
}

TEST(BucketChange, FromAndToUnlimited) {
  changed_bucket b;
  ASSERT_TRUE(b.bucket.try_take(10));
  b.bucket.set_rate(unlimited, 0);
  EXPECT_TRUE(b.bucket.is_unlimited());
  EXPECT_EQ(b.bucket.refill(), rate(unlimited));
  EXPECT_TRUE(b.bucket.try_take(highest));
  EXPECT_TRUE(b.bucket.charge(highest));
  b.bucket.set_rate(per_second(5), 3);
  EXPECT_FALSE(b.bucket.is_unlimited());
  EXPECT_EQ(b.available(), 3);
  b.bucket.set_rate(unlimited, 0);
  b.bucket.set_rate(per_second(5), 3, bucket_balance::empty);
  EXPECT_EQ(b.available(), 0);
}

TEST(BucketChange, AnImpossibleOneChangesNothing) {
  changed_bucket b;
  ASSERT_TRUE(b.bucket.try_take(4));
  EXPECT_THROW(b.bucket.set_rate(per_second(0), 1), std::invalid_argument);
  EXPECT_THROW(b.bucket.set_rate(per_second(-5), 1), std::invalid_argument);
  EXPECT_THROW(b.bucket.set_rate(per_second(5), 0), std::invalid_argument);
  EXPECT_THROW(b.bucket.set_rate(per_second(5), -1), std::invalid_argument);
  EXPECT_THROW(b.bucket.set_rate(per_second(1), highest), std::invalid_argument);
  EXPECT_EQ(b.bucket.refill(), per_second(10));
  EXPECT_EQ(b.bucket.burst(), 10);
  EXPECT_EQ(b.available(), 6);
}

TEST(BucketChange, MoreThanTheNewBurstIsTooHeavy) {
  changed_bucket b;
  b.bucket.set_rate(per_second(10), 4);
  const result<void> refused = b.bucket.try_take(5);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, refusal_reason::too_heavy);
  EXPECT_EQ(refused.error().limit, 4);
  EXPECT_TRUE(b.bucket.refund(5, opened_at)) << "was granted before, and gives nothing back";
  EXPECT_EQ(b.bucket.refund(5, opened_at + nanoseconds(1)).error().reason, refusal_reason::too_heavy);
}

TEST(BucketChange, WhatWasTakenBeforeItGivesNothingBack) {
  changed_bucket b;
  ASSERT_TRUE(b.bucket.try_take(10));
  b.bucket.set_rate(per_second(10), 20);
  EXPECT_TRUE(b.bucket.refund(10, opened_at));
  EXPECT_EQ(b.available(), 0);
  b.clock.advance(seconds(1));
  ASSERT_TRUE(b.bucket.try_take(10));
  EXPECT_TRUE(b.bucket.refund(10, b.clock.now()));
  EXPECT_EQ(b.available(), 10) << "after it all is as before";
}

TEST(BucketChange, AThousandChangesNeverMakeATokenMore) {
  changed_bucket b;
  ASSERT_TRUE(b.bucket.try_take(3));
  for (int i = 0; i < 1'000; ++i) {
    b.bucket.set_rate(per(i % 7 + 1, nanoseconds(1'000'003 * (i % 5 + 1))), 7 + i % 3);
    ASSERT_LE(b.available(), 7);
  }
  EXPECT_GE(b.available(), 6) << "and lose less than a tick each";
}

// Of a few ticks each, so that what is rounded shows.
// What a refusal says of the rate and of the burst belongs together, also while both are changed.
TEST(BucketChange, TheRuleIsOfOneMoment) {
  constexpr bucket_rule one{.refill = per_second(10), .burst = 5};
  constexpr bucket_rule other{.refill = per_second(20), .burst = 9};
  token_bucket bucket(one.refill, one.burst);
  detail::atomic<bool> is_over{false};  // relaxed: a flag alone
  auto changer = testing::in_background([&] {
    for (int i = 0; i < 20'000; ++i) {
      bucket.set_rate(other.refill, other.burst);
      bucket.set_rate(one.refill, one.burst);
    }
    is_over.store(true, detail::memory_order_relaxed);
  });
  int mixed = 0;
  while (!is_over.load(detail::memory_order_relaxed)) {
    const bucket_rule seen = bucket.rule();
    if (seen != one && seen != other) ++mixed;
  }
  testing::get(changer);
  EXPECT_EQ(mixed, 0);
}

TEST(BucketChange, IsRoundedDownToATick) {
  changed_bucket b;
  const rate three_ticks = per(22, nanoseconds(1));
  b.bucket.set_rate(three_ticks, 100, bucket_balance::empty);
  b.clock.advance(nanoseconds(1));
  ASSERT_EQ(b.available(), 21) << "and a tick";
  for (int i = 0; i < 1'000; ++i) {
    b.bucket.set_rate(per(32, nanoseconds(1)), 100);
    ASSERT_EQ(b.available(), 21);
    b.bucket.set_rate(three_ticks, 100);
    ASSERT_EQ(b.available(), 21);
  }
}

TEST(BucketChange, AClockThatWentBackShutsItForNoLonger) {
  changed_bucket b;
  ASSERT_TRUE(b.bucket.try_take(10));
  b.clock.set(opened_at - hours(24));
  b.bucket.set_rate(per_second(1), 10);
  EXPECT_EQ(b.wait(), seconds(1)) << "empty at the new time";
}

TEST(BucketCharge, IsOwedUpToABurst) {
  changed_bucket b;
  ASSERT_TRUE(b.bucket.try_take(8));
  EXPECT_EQ(*b.bucket.charge(5), 5);
  EXPECT_EQ(b.available(), 0);
  EXPECT_EQ(b.wait(), milliseconds(400));
  EXPECT_FALSE(b.bucket.try_take());
  EXPECT_EQ(*b.bucket.charge(100), 7) << "3 are owed already";
  EXPECT_EQ(*b.bucket.charge(1), 0);
  EXPECT_EQ(b.wait(), milliseconds(1'100));
  EXPECT_FALSE(b.bucket.rebase()) << "a debt is no clock that went back";
  b.clock.advance(milliseconds(1'100));
  EXPECT_TRUE(b.bucket.try_take());
}

TEST(BucketCharge, TakesWhatIsThereFirst) {
  changed_bucket b;
  EXPECT_EQ(*b.bucket.charge(4), 4);
  EXPECT_EQ(b.available(), 6);
  EXPECT_EQ(*b.bucket.charge(highest), 16);
}

TEST(BucketCharge, NamesNumbersThatAreNone) {
  changed_bucket b;
  for (const std::int64_t tokens : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
    const result<std::int64_t> refused = b.bucket.charge(tokens);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, refusal_reason::invalid);
  }
  EXPECT_EQ(b.available(), 10);
}

TEST(BucketCharge, WhatIsOwedStaysOwedWhenTheRateChanges) {
  for (const bucket_balance then : {bucket_balance::keep, bucket_balance::proportional, bucket_balance::empty}) {
    changed_bucket b;
    ASSERT_EQ(*b.bucket.charge(15), 15);
    b.bucket.set_rate(per_second(1), 10, then);
    EXPECT_EQ(b.wait(), seconds(6)) << "5 owed, and one";
    b.bucket.set_rate(per_second(1), 2, then);
    EXPECT_EQ(b.wait(), seconds(3)) << "up to the new burst";
  }
}

TEST(BucketCharge, AClockThatGoesBackShutsItForTwoBurstsAtMost) {
  changed_bucket b;
  ASSERT_EQ(*b.bucket.charge(20), 20);
  b.clock.set(opened_at - hours(24));
  EXPECT_FALSE(b.bucket.try_take());
  EXPECT_LE(b.wait(), seconds(2));
}

}  // namespace
}  // namespace weir
