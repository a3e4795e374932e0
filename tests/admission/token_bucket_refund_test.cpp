// Tokens that are given back: never more than have not come back by themselves.
#include <weir/admission/token_bucket.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "admission/bucket_oracle.hpp"
#include "support/property.hpp"

namespace weir {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr time_point began{hours(1)};

struct bucket_of_ten {
  manual_clock clock{began};
  token_bucket bucket{per_second(10), 10, clock};

  std::int64_t available() const { return bucket.approx_available(clock.now()); }
};

TEST(TokenBucketRefund, GivesAllBackAtOnce) {
  bucket_of_ten b;
  ASSERT_TRUE(b.bucket.try_take(7));
  EXPECT_TRUE(b.bucket.refund(7, began));
  EXPECT_EQ(b.available(), 10);
}

TEST(TokenBucketRefund, GivesNothingBackThatHasComeBackByItself) {
  bucket_of_ten b;
  ASSERT_TRUE(b.bucket.try_take(3));
  b.clock.advance(milliseconds(300));  // the bucket is full
  ASSERT_TRUE(b.bucket.try_take(10));
  EXPECT_TRUE(b.bucket.refund(3, began));
  EXPECT_EQ(b.available(), 0);
}

TEST(TokenBucketRefund, GivesBackWhatHasNotComeBackYet) {
  bucket_of_ten b;
  ASSERT_TRUE(b.bucket.try_take(10));
  b.clock.advance(milliseconds(400));
  ASSERT_TRUE(b.bucket.try_take(4));
  EXPECT_TRUE(b.bucket.refund(10, began));
  EXPECT_EQ(b.available(), 6) << "as if ten had not been taken, and the bucket were not fuller than full";
}

TEST(TokenBucketRefund, ATimeBeforeTheGrantGivesLessBack) {
  bucket_of_ten b;
  ASSERT_TRUE(b.bucket.try_take(10));
  EXPECT_TRUE(b.bucket.refund(10, began - milliseconds(300)));
  EXPECT_EQ(b.available(), 7);
  EXPECT_TRUE(b.bucket.refund(10, time_point::min()));
  EXPECT_EQ(b.available(), 7);
}

TEST(TokenBucketRefund, OfATimeAheadOfTheClockIsMeasuredFromTheLatestOfThese) {
  bucket_of_ten b;
  ASSERT_TRUE(b.bucket.try_take(10));
  ASSERT_TRUE(b.bucket.try_take(10, began + seconds(1)));  // with what has come back by then
  EXPECT_TRUE(b.bucket.refund(10, began));
  EXPECT_FALSE(b.bucket.try_take(1, began + seconds(1)));
}

TEST(TokenBucketRefund, RefusesWhatCannotHaveBeenGranted) {
  bucket_of_ten b;
  ASSERT_TRUE(b.bucket.try_take(10));
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t tokens : {std::int64_t{0}, std::int64_t{-1}, -most - 1}) {
    EXPECT_EQ(b.bucket.refund(tokens, began).error().reason, refusal_reason::invalid) << tokens;
  }
  for (const std::int64_t tokens : {std::int64_t{11}, most}) {
    EXPECT_EQ(b.bucket.refund(tokens, began).error().reason, refusal_reason::too_heavy) << tokens;
  }
  EXPECT_EQ(b.available(), 0);
}

TEST(TokenBucketRefund, OfNoLimitIsNothing) {
  token_bucket bucket(unlimited, 0);
  EXPECT_TRUE(bucket.refund(5, began));
  EXPECT_TRUE(bucket.try_take(1'000'000));
}

struct step {
  std::int64_t passes;  // of the clock, before it
  std::int64_t off;     // of the time passed from the clock, for a taker; 0: no time is passed
  std::int64_t tokens;
  bool refunds;       // of what was taken, one of the last
  std::size_t which;  // of these
};

std::ostream& operator<<(std::ostream& out, const step& s) {
  out << '{' << s.passes << " pass, ";
  return (s.refunds ? out << "refund " << s.which : out << "take " << s.tokens << ", " << s.off << " off") << '}';
}

RC_GTEST_PROP(TokenBucketRefundProperty, AllWindowsOfWhatWasUsedHold, ()) {
  const auto interval = *rc::gen::inRange<std::int64_t>(1, 1'000'000);
  const rate refill = per(1, nanoseconds(interval));
  const auto burst = *rc::gen::inRange<std::int64_t>(1, 6);
  const auto steps = *rc::gen::container<std::vector<step>>(rc::gen::construct<step>(
      rc::gen::oneOf(rc::gen::just<std::int64_t>(0), rc::gen::inRange<std::int64_t>(0, 3 * interval)),
      rc::gen::oneOf(rc::gen::just<std::int64_t>(0), rc::gen::inRange<std::int64_t>(-6 * interval, 6 * interval)),
      rc::gen::inRange<std::int64_t>(1, burst + 1), rc::gen::arbitrary<bool>(), rc::gen::inRange<std::size_t>(0, 8)));
  manual_clock clock(began);
  token_bucket bucket(refill, burst, clock);
  struct grant {
    time_point at;
    std::int64_t tokens;
  };
  std::vector<grant> used;
  for (const step& s : steps) {
    clock.advance(nanoseconds(s.passes));
    if (s.refunds && !used.empty()) {
      const auto given_back = used.end() - 1 - static_cast<std::ptrdiff_t>(s.which % used.size());
      RC_ASSERT(bucket.refund(given_back->tokens, given_back->at).has_value());
      used.erase(given_back);
    } else {
      const time_point now = clock.now() + nanoseconds(s.off);
      if (s.off == 0 ? bucket.try_take(s.tokens) : bucket.try_take(s.tokens, now)) used.push_back({now, s.tokens});
    }
  }
  testing::bucket_oracle oracle(refill, burst);
  for (const grant& g : used) oracle.took(g.tokens, g.at);
  RC_ASSERT(oracle.all_windows_hold());
}

}  // namespace
}  // namespace weir
