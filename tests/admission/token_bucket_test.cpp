#include <weir/admission/token_bucket.hpp>

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "admission/bucket_oracle.hpp"
#include "support/seed.hpp"
#include "support/watched_clock.hpp"

namespace weir {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr time_point t0{hours(1)};
constexpr seconds year = hours(365 * 24);
constexpr seconds longest = hours(200 * 24);
constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

// How many single tokens are granted at `now`, up to `most`.
int drain(token_bucket& bucket, time_point now, int most = 1'000) {
  int taken = 0;
  while (taken < most && bucket.try_take(1, now)) ++taken;
  return taken;
}

TEST(TokenBucket, StartsFullAndGrantsItsBurstAtOnce) {
  const manual_clock clock(t0);
  token_bucket bucket(per_second(2'000), 100, clock);
  EXPECT_EQ(bucket.approx_available(t0), 100);
  EXPECT_EQ(drain(bucket, t0), 100);
  EXPECT_EQ(bucket.approx_available(t0), 0);
}

TEST(TokenBucket, StartsEmptyIfToldAndFillsUpToItsBurst) {
  const manual_clock clock(t0);
  token_bucket bucket(per_second(10), 5, clock, bucket_start::empty);
  EXPECT_EQ(drain(bucket, t0), 0);
  EXPECT_EQ(drain(bucket, t0 + milliseconds(100)), 1);
  EXPECT_EQ(drain(bucket, t0 + hours(1)), 5);
}

TEST(TokenBucket, ARefusalSaysTheExactWaitAndTakesNothing) {
  const manual_clock clock(t0);
  token_bucket bucket(per_second(10), 2, clock);
  ASSERT_TRUE(bucket.try_take(2, t0));
  const result<void> refused = bucket.try_take(2, t0 + milliseconds(50));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, refusal_reason::rate_limited);
  EXPECT_EQ(refused.error().retry_after, milliseconds(150));
  EXPECT_EQ(refused.error().limit, 2);
  EXPECT_EQ(refused.error().rate, per_second(10));
  EXPECT_FALSE(bucket.try_take(2, t0 + milliseconds(200) - nanoseconds(1)));
  EXPECT_TRUE(bucket.try_take(2, t0 + milliseconds(200)));
}

TEST(TokenBucket, ImpossibleNumbersOfTokensAreNamed) {
  const manual_clock clock(t0);
  token_bucket bucket(per_second(10), 2, clock);
  for (const std::int64_t tokens : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_EQ(bucket.try_take(tokens, t0).error().reason, refusal_reason::invalid) << tokens;
  }
  for (const std::int64_t tokens : {std::int64_t{3}, largest}) {
    EXPECT_EQ(bucket.try_take(tokens, t0).error().reason, refusal_reason::too_heavy) << tokens;
  }
  EXPECT_EQ(drain(bucket, t0), 2) << "none of them changed the bucket";
}

// golang/go#65508: x/time/rate grants all 2,000 of these.
TEST(TokenBucket, AStaleTimeNeverMintsTokens) {
  const manual_clock clock(t0);
  token_bucket bucket(per_second(1), 10, clock);
  int granted = 0;
  for (int i = 0; i < 2'000; ++i) granted += bucket.try_take(1, i % 2 == 0 ? t0 : t0 + seconds(10)) ? 1 : 0;
  EXPECT_LE(granted, 20);
  EXPECT_GE(granted, 10);
}

TEST(TokenBucket, AgreesWithTheWholeHistoryAtAnyTimesInAnyOrder) {
  std::mt19937_64 random(testing::seed());
  const auto between = [&](std::int64_t a, std::int64_t b) {
    return std::uniform_int_distribution<std::int64_t>(a, b)(random);
  };
  for (int round = 0; round < 300; ++round) {
    const rate refill = per(between(1, round % 2 == 0 ? 10 : 1'000'000), nanoseconds(between(100'000, 3'000'000'000)));
    const std::int64_t burst = between(1, 20);
    const manual_clock clock(t0);
    token_bucket bucket(refill, burst, clock);
    testing::bucket_oracle oracle(refill, burst);
    const std::int64_t step = std::max<std::int64_t>(refill.period().count() / refill.events(), 1) * 4;
    const bool monotone = round % 3 == 0;
    time_point now = t0;
    for (int call = 0; call < 150; ++call) {
      now = std::max(t0, now + nanoseconds(between(monotone ? 0 : -step, step)));
      const std::int64_t tokens = between(1, burst + 1);
      const nanoseconds wait = bucket.wait_for(tokens, now);
      const result<void> taken = bucket.try_take(tokens, now);
      const bool granted = taken.has_value();
      ASSERT_EQ(granted, oracle.may_take(tokens, now)) << to_string(refill) << " burst " << burst << " call " << call;
      if (tokens <= burst) {
        ASSERT_EQ(granted, wait == nanoseconds(0));
        ASSERT_EQ(granted ? wait : taken.error().retry_after, wait);
        ASSERT_TRUE(oracle.may_take(tokens, now + wait));
        ASSERT_TRUE(granted || !oracle.may_take(tokens, now + wait - nanoseconds(1)));
      }
      if (granted) oracle.took(tokens, now);
    }
    ASSERT_TRUE(oracle.all_windows_hold()) << to_string(refill) << " burst " << burst;
  }
}

TEST(TokenBucket, KeepsUpWithItsRateToATickInAnInterval) {
  for (const rate refill : {per_second(3), per_second(200), per_second(3'000'000), per(7, seconds(13))}) {
    const manual_clock clock(t0);
    token_bucket bucket(refill, 1, clock, bucket_start::empty);
    const std::int64_t wanted = 10'000;
    const nanoseconds wait = bucket.wait_for(wanted, t0);
    const testing::exact exact_ticks = testing::exact{64} * refill.period().count() * wanted / refill.events();
    const testing::exact ticks = testing::exact{64} * wait.count();
    EXPECT_GE(ticks, exact_ticks) << to_string(refill) << ": faster than configured";
    EXPECT_LE(ticks, exact_ticks + wanted + 64) << to_string(refill) << ": slower than a tick in an interval";
  }
}

TEST(TokenBucket, WaitForMoreThanABurstCountsThemOneAfterTheOther) {
  const manual_clock clock(t0);
  token_bucket bucket(per_second(10), 2, clock);
  EXPECT_EQ(bucket.wait_for(0, t0), nanoseconds(0));
  EXPECT_EQ(bucket.wait_for(-5, t0), nanoseconds(0));
  EXPECT_EQ(bucket.wait_for(2, t0), nanoseconds(0));
  EXPECT_EQ(bucket.wait_for(5, t0), milliseconds(300));
  time_point now = t0;
  for (int i = 0; i < 5; ++i) {
    now += bucket.wait_for(1, now);
    ASSERT_TRUE(bucket.try_take(1, now));
  }
  EXPECT_EQ(now, t0 + milliseconds(300));
  EXPECT_EQ(bucket.wait_for(largest, t0), duration::max()) << "saturates";
}

TEST(TokenBucket, YearsOfIdlenessAreWorthOneBurst) {
  const manual_clock clock(t0);
  token_bucket bucket(per_second(1'000'000), 7, clock);
  ASSERT_EQ(drain(bucket, t0), 7);
  EXPECT_EQ(drain(bucket, t0 + 2 * year), 7);
  EXPECT_EQ(drain(bucket, t0 + 4 * year), 7);
}

// Past 2^56 ns the arithmetic cannot tell a long idle time from a clock that went back, and takes the safe reading of
// the two.
TEST(TokenBucket, IdleBeyondItsHorizonCostsAtMostOneBurstOfWaiting) {
  manual_clock clock(t0);
  token_bucket bucket(per_second(10), 2, clock);
  clock.set(t0 + 3 * year);
  EXPECT_FALSE(bucket.try_take(1));
  clock.advance(milliseconds(100));
  EXPECT_TRUE(bucket.try_take(1));
  clock.advance(hours(1));
  EXPECT_TRUE(bucket.try_take(2));
}

TEST(TokenBucket, TheEpochOfTheClockDoesNotMatter) {
  constexpr nanoseconds wrap(std::int64_t{1} << 57);  // where the ticks pass 2^63
  for (const time_point start :
       {time_point{nanoseconds(0)}, time_point{-hours(1)}, time_point{wrap - milliseconds(250)},
        time_point{-wrap - milliseconds(250)}, time_point::max() - hours(1), time_point::min()}) {
    const manual_clock clock(start);
    token_bucket bucket(per_second(10), 5, clock);
    EXPECT_EQ(drain(bucket, start), 5);
    EXPECT_EQ(drain(bucket, start + milliseconds(199)), 1);
    EXPECT_EQ(drain(bucket, start + milliseconds(500)), 4);
    EXPECT_EQ(bucket.wait_for(1, start + milliseconds(500)), milliseconds(100));
  }
}

TEST(TokenBucket, ExtremeRatesAreExact) {
  const manual_clock clock(t0);
  token_bucket slow(per(1, seconds(3)), 1, clock);
  EXPECT_EQ(drain(slow, t0), 1);
  EXPECT_EQ(drain(slow, t0 + seconds(3) - nanoseconds(1)), 0);
  EXPECT_EQ(drain(slow, t0 + seconds(3)), 1);

  token_bucket slowest(per(1, longest), 1, clock);
  EXPECT_EQ(drain(slowest, t0), 1);
  EXPECT_EQ(slowest.wait_for(1, t0), longest);
  EXPECT_EQ(slowest.interval(), longest);

  token_bucket fast(per(64, nanoseconds(1)), 64, clock);
  EXPECT_EQ(drain(fast, t0), 64);
  EXPECT_EQ(drain(fast, t0 + nanoseconds(1)), 64);

  token_bucket huge(per(largest, nanoseconds(largest)), 3, clock);
  EXPECT_EQ(drain(huge, t0), 3);
  EXPECT_EQ(drain(huge, t0 + nanoseconds(2)), 2);

  constexpr std::int64_t most = nanoseconds(longest).count() * 64;
  token_bucket deep(per(64, nanoseconds(1)), most, clock);
  EXPECT_TRUE(deep.try_take(most, t0));
  EXPECT_EQ(deep.wait_for(most, t0), longest);
  EXPECT_TRUE(deep.try_take(most, t0 + longest));
}

TEST(TokenBucket, ImpossibleSettingsAreRefusedByName) {
  const auto message = [](rate refill, std::int64_t burst) -> std::string {
    try {
      const token_bucket bucket(refill, burst);
      return "accepted";
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
  };
  EXPECT_NE(message(per_second(0), 1).find("0/s"), std::string::npos);
  EXPECT_NE(message(per_second(-1), 1).find("-1/s"), std::string::npos);
  EXPECT_NE(message(per(1, nanoseconds(0)), 1).find("above zero"), std::string::npos);
  EXPECT_NE(message(per(0, nanoseconds(0)), 1).find("above zero"), std::string::npos)
      << "nothing in no time is not `unlimited`";
  EXPECT_NE(message(per(1, nanoseconds(-5)), 1).find("above zero"), std::string::npos);
  EXPECT_NE(message(per(65, nanoseconds(1)), 1).find("64 a nanosecond"), std::string::npos);
  EXPECT_NE(message(per_second(largest), 1).find("64 a nanosecond"), std::string::npos);
  EXPECT_NE(message(per_second(1), 0).find("burst is 0"), std::string::npos);
  EXPECT_NE(message(per_second(1), -3).find("burst is -3"), std::string::npos);
  EXPECT_NE(message(per_second(1), longest.count() + 1).find("more than 200 days"), std::string::npos);
  EXPECT_EQ(message(per_second(1), longest.count()), "accepted");
  EXPECT_NE(message(per(1, 2 * year), 1).find("more than 200 days"), std::string::npos);
  EXPECT_NE(message(per(1, nanoseconds(largest)), largest).find("more than 200 days"), std::string::npos);
}

TEST(TokenBucket, UnlimitedGrantsEverything) {
  const manual_clock clock(t0);
  token_bucket bucket(unlimited, 0, clock);
  EXPECT_TRUE(bucket.is_unlimited());
  EXPECT_TRUE(bucket.try_take(largest, t0));
  EXPECT_EQ(bucket.wait_for(largest, t0), nanoseconds(0));
  EXPECT_EQ(bucket.approx_available(t0), unlimited);
  EXPECT_FALSE(bucket.rebase());
  EXPECT_EQ(bucket.try_take(0, t0).error().reason, refusal_reason::invalid);
}

TEST(TokenBucket, AClockThatGoesBackShutsItForOneBurstAtMostAndMintsNothing) {
  manual_clock clock(t0);
  token_bucket bucket(per_second(10), 3, clock);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(bucket.try_take());
  clock.set(t0 - hours(24));
  EXPECT_FALSE(bucket.try_take()) << "empty, at the new time";
  clock.advance(milliseconds(99));
  EXPECT_FALSE(bucket.try_take());
  clock.advance(milliseconds(1));
  EXPECT_TRUE(bucket.try_take());
  EXPECT_FALSE(bucket.try_take());
}

// What was granted at a time that was passed stays granted, whatever the clock says afterwards.
TEST(TokenBucket, AClockThatGoesBackBehindATimeThatWasPassedIsWaitedFor) {
  manual_clock clock(t0);
  token_bucket bucket(per_second(10), 3, clock);
  ASSERT_EQ(drain(bucket, t0), 3);
  clock.set(t0 - hours(1));
  EXPECT_FALSE(bucket.try_take());
  clock.set(t0 + milliseconds(99));
  EXPECT_FALSE(bucket.try_take());
  clock.set(t0 + milliseconds(100));
  EXPECT_TRUE(bucket.try_take());
}

TEST(TokenBucket, ARefusalReadsTheClockOnce) {
  testing::watched_clock clock;
  token_bucket bucket(per_second(10), 3, clock);
  ASSERT_TRUE(bucket.try_take(3));
  const std::int64_t reads = clock.reads();
  EXPECT_FALSE(bucket.try_take(2));
  EXPECT_EQ(clock.reads(), reads + 1);
}

TEST(TokenBucket, AClockThatGoesBackALittleIsWaitedFor) {
  manual_clock clock(t0);
  token_bucket bucket(per_second(10), 3, clock);
  ASSERT_TRUE(bucket.try_take());
  clock.set(t0 - milliseconds(200));
  EXPECT_FALSE(bucket.rebase())
      << "the bucket would have been full 100 ms after the old time: within a burst of the new one";
  EXPECT_FALSE(bucket.try_take());
  clock.set(t0);
  EXPECT_EQ(drain(bucket, t0), 2);
}

// How many of 10 tokens at a time are granted at `ahead`, with a reading of the clock between the rounds.
int granted_at(token_bucket& bucket, time_point ahead) {
  int granted = 0;
  for (int round = 0; round < 100; ++round) {
    granted += drain(bucket, ahead, 10);
    EXPECT_FALSE(bucket.try_take());
  }
  return granted;
}

TEST(TokenBucket, ATimeAheadOfTheClockIsNotMistakenForAClockThatWentBack) {
  const manual_clock clock(t0);
  token_bucket bucket(per_second(1), 10, clock);
  EXPECT_EQ(granted_at(bucket, t0 + hours(1)), 10);
  EXPECT_EQ(bucket.wait_for(1, t0), hours(1) + seconds(1)) << "the tokens until then are spent";
  token_bucket distant(per_second(1), 10, clock);
  EXPECT_EQ(granted_at(distant, t0 + 2 * year), 10);
}

// More than half of what 64 bits of ticks can tell apart: the first time looks later than the last.
TEST(TokenBucket, TimesThatLieYearsApartDoNotGoInACircle) {
  const manual_clock clock(t0);
  token_bucket bucket(per_second(1), 10, clock);
  int first = 0;
  for (int round = 0; round < 100; ++round) {
    first += drain(bucket, t0, 10);
    (void)drain(bucket, t0 + 2 * year, 10);
    (void)drain(bucket, t0 + 4 * year, 10);
  }
  EXPECT_EQ(first, 10);
  EXPECT_EQ(bucket.approx_available(t0), 0);
  EXPECT_GT(bucket.wait_for(1, t0), year);
}

TEST(TokenBucket, TheEndsOfTimeArePassedWithoutHarm) {
  const manual_clock clock(t0);
  token_bucket bucket(per_second(1), 10, clock);
  for (int round = 0; round < 10; ++round) {
    (void)drain(bucket, time_point::min(), 10);
    (void)drain(bucket, t0, 10);
    (void)drain(bucket, time_point::max(), 10);
  }
  EXPECT_LE(drain(bucket, t0), 10);
  EXPECT_FALSE(bucket.rebase());
}

TEST(TokenBucket, AStaleTimeIsNotMistakenForAClockThatWentBack) {
  manual_clock clock(t0);
  token_bucket bucket(per_second(10), 3, clock);
  clock.advance(hours(1));
  ASSERT_EQ(drain(bucket, clock.now()), 3);
  EXPECT_FALSE(bucket.try_take(1, t0));
  EXPECT_FALSE(bucket.rebase());
  clock.advance(milliseconds(100));
  EXPECT_TRUE(bucket.try_take()) << "the tokens of the meantime are not lost";
}

}  // namespace
}  // namespace weir
