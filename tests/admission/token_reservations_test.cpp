// Tokens of the future: when they come, and what becomes of those that are not used.
#include <weir/admission/token_reservations.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ostream>
#include <vector>

#include <gtest/gtest.h>

#include "admission/bucket_oracle.hpp"
#include "support/property.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr duration for_ever = duration::max();

// Ten a second, three at once.
struct reserved_bucket {
  manual_clock clock;
  token_bucket bucket{per_second(10), 3, clock};
  token_reservations book{bucket};

  // How long from now.
  duration wait_of(const reservation& r) const { return r.ready_at() - clock.now(); }
  reservation reserve(std::int64_t tokens = 1) { return *book.reserve(tokens, for_ever); }
};

TEST(TokenReservations, ComeOneAfterTheOther) {
  reserved_bucket b;
  EXPECT_EQ(b.wait_of(b.reserve(3)), duration::zero());
  EXPECT_EQ(b.wait_of(b.reserve()), milliseconds(100));
  EXPECT_EQ(b.wait_of(b.reserve(2)), milliseconds(300));
  b.clock.advance(milliseconds(50));
  EXPECT_EQ(b.wait_of(b.reserve()), milliseconds(350));
  EXPECT_FALSE(b.bucket.try_take());
  b.clock.advance(milliseconds(450));
  EXPECT_TRUE(b.bucket.try_take()) << "a takers' token comes after them";
}

TEST(TokenReservations, AreRefusedBeyondTheLongestWait) {
  reserved_bucket b;
  (void)b.reserve(3);
  const result<reservation> refused = b.book.reserve(2, milliseconds(199));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, refusal_reason::rate_limited);
  EXPECT_EQ(refused.error().retry_after, milliseconds(200));
  EXPECT_EQ(refused.error().limit, 3);
  EXPECT_TRUE(b.book.reserve(2, milliseconds(200))) << "and nothing had happened";
}

TEST(TokenReservations, ImpossibleNumbersAreNamed) {
  reserved_bucket b;
  EXPECT_EQ(b.book.reserve(0, for_ever).error().reason, refusal_reason::invalid);
  EXPECT_EQ(b.book.reserve(-5, for_ever).error().reason, refusal_reason::invalid);
  EXPECT_EQ(b.book.reserve(4, for_ever).error().reason, refusal_reason::too_heavy);
  EXPECT_EQ(b.book.reserve(1, duration::min())->tokens(), 1) << "it is there";
  (void)b.reserve(2);
  EXPECT_FALSE(b.book.reserve(1, duration::min()));
}

TEST(TokenReservations, TheLastOneIsTakenBack) {
  reserved_bucket b;
  (void)b.reserve(3);
  const reservation first = b.reserve();
  const reservation second = b.reserve();
  b.book.cancel(second);
  EXPECT_EQ(b.wait_of(b.reserve()), milliseconds(200)) << "as if it had not been";
  b.book.cancel(first);
  EXPECT_EQ(b.wait_of(b.reserve()), milliseconds(100)) << "a hole is had again at its time";
}

TEST(TokenReservations, WhatWasCancelledBeforeTheLastGoesWithIt) {
  reserved_bucket b;
  (void)b.reserve(3);
  const reservation first = b.reserve();
  const reservation second = b.reserve(2);
  const reservation third = b.reserve();
  b.book.cancel(first);
  b.book.cancel(second);
  b.book.cancel(third);
  EXPECT_EQ(b.bucket.wait_for(1, b.clock.now()), milliseconds(100)) << "nothing is reserved";
}

// Given back at once, it would let two have the time of one.
TEST(TokenReservations, AHoleIsOfNoUseToOthersThanAtItsTime) {
  reserved_bucket b;
  (void)b.reserve(3);
  const reservation first = b.reserve();
  (void)b.reserve();
  b.book.cancel(first);
  EXPECT_EQ(b.wait_of(b.reserve(2)), milliseconds(400)) << "too many for the hole";
  b.clock.advance(milliseconds(100));
  EXPECT_EQ(b.wait_of(b.reserve()), duration::zero()) << "at its time";
  b.book.cancel(first);
  b.clock.advance(milliseconds(1));
  EXPECT_EQ(b.wait_of(b.reserve()), milliseconds(399)) << "later there is none";
}

TEST(TokenReservations, TheLastOneIsTakenBackAfterItsTimeToo) {
  reserved_bucket b;
  (void)b.reserve(3);
  const reservation last = b.reserve();
  b.clock.advance(milliseconds(150));
  b.book.cancel(last);
  EXPECT_TRUE(b.bucket.try_take());
  EXPECT_EQ(b.bucket.wait_for(1, b.clock.now()), milliseconds(50));
}

TEST(TokenReservations, AHoleIsSharedOut) {
  reserved_bucket b;
  (void)b.reserve(3);
  const reservation three = b.reserve(3);
  (void)b.reserve();
  b.book.cancel(three);
  EXPECT_EQ(b.wait_of(b.reserve(2)), milliseconds(300));
  EXPECT_EQ(b.wait_of(b.reserve(1)), milliseconds(300));
  EXPECT_EQ(b.wait_of(b.reserve(1)), milliseconds(500));
}

TEST(TokenReservations, ThereAreOnlySoManyHoles) {
  reserved_bucket b;
  (void)b.reserve(3);
  std::vector<reservation> made;
  for (std::size_t i = 0; i < token_reservations::most_holes + 2; ++i) made.push_back(b.reserve());
  for (std::size_t i = 0; i + 1 < made.size(); ++i) b.book.cancel(made[i]);
  for (std::size_t i = 0; i < token_reservations::most_holes; ++i) {
    EXPECT_EQ(b.reserve().ready_at(), made[i].ready_at());
  }
  EXPECT_GT(b.reserve().ready_at(), made.back().ready_at()) << "the last one cancelled was lost";
}

TEST(TokenReservations, AChangeOfTheRateKeepsTheirTimesAndForgetsTheHoles) {
  reserved_bucket b;
  (void)b.reserve(3);
  const reservation first = b.reserve();
  (void)b.reserve();
  b.book.cancel(first);
  b.bucket.set_rate(per_second(10), 3);
  EXPECT_GE(b.wait_of(b.reserve()), milliseconds(300));
  b.book.cancel(first);
}

TEST(TokenReservations, OfAnUnlimitedBucketComeAtOnce) {
  manual_clock clock;
  token_bucket bucket(unlimited, 0, clock);
  token_reservations book(bucket);
  const reservation r = *book.reserve(std::numeric_limits<std::int64_t>::max(), duration::zero());
  EXPECT_EQ(r.ready_at(), clock.now());
  book.cancel(r);
  book.cancel(reservation());
}

// A refund moves the arrival back, and what is granted after that may bring it to where a reservation left it.
TEST(TokenReservations, TheLastOneIsNotTakenBackWhenOthersStandWhereItStood) {
  manual_clock clock;
  token_bucket bucket(per_second(1), 100, clock);
  token_reservations book(bucket);
  const time_point start = clock.now();
  ASSERT_TRUE(bucket.try_take(50));
  const reservation last = *book.reserve(50, for_ever);
  ASSERT_EQ(last.ready_at(), start);
  ASSERT_TRUE(bucket.refund(50, start));
  clock.advance(seconds(49));
  ASSERT_TRUE(bucket.try_take(50));
  book.cancel(last);
  EXPECT_EQ(bucket.approx_available(clock.now()), 49) << "149 would be used within 49 s";
}

TEST(TokenReservations, ArePromisedForFourHundredDaysAtMost) {
  manual_clock clock;
  token_bucket bucket(per(1, std::chrono::hours(24 * 100)), 1, clock);
  token_reservations book(bucket);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(book.reserve(1, for_ever)->ready_at() - clock.now(), i * std::chrono::hours(2400));
  const result<reservation> beyond = book.reserve(1, for_ever);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().reason, refusal_reason::rate_limited);
  EXPECT_EQ(beyond.error().retry_after, 5 * std::chrono::hours(2400));
}

TEST(TokenReservations, BehindATimeBeyondTheHorizonThereAreNone) {
  manual_clock clock;
  token_bucket bucket(per_second(10), 3, clock);
  token_reservations book(bucket);
  ASSERT_TRUE(bucket.try_take(1, clock.now() + std::chrono::hours(24 * 500)));
  EXPECT_EQ(book.reserve(1, for_ever).error().reason, refusal_reason::rate_limited);
}

// 3003003.0 ns and a third apart: each is ready at a whole nanosecond, and the next one is reckoned from there.
TEST(TokenReservations, AreNotNearerThanTheIntervalThatIsRoundedUp) {
  manual_clock clock;
  token_bucket bucket(per_second(333), 1, clock);
  token_reservations book(bucket);
  const time_point first = book.reserve(1, for_ever)->ready_at();
  time_point last = first;
  for (int i = 0; i < 333; ++i) last = book.reserve(1, for_ever)->ready_at();
  EXPECT_GE(last - first, seconds(1));
}

TEST(TokenReservations, OnesThatWereCancelledHoldUpNoChange) {
  reserved_bucket b;
  std::vector<reservation> all;
  for (int i = 0; i < 12; ++i) all.push_back(b.reserve(3));
  while (!all.empty()) {
    b.book.cancel(all.back());
    all.pop_back();
  }
  EXPECT_EQ(b.bucket.approx_available(b.clock.now()), 3);
  b.bucket.set_rate(per_second(20), 3);
  EXPECT_TRUE(b.bucket.try_take(3));
}

struct reserving_step {
  int what;  // 0 to 2: reserve, 3 and 4: take, 5 to 7: cancel, 8: take and give back
  std::int64_t passes;
  std::int64_t tokens;
  std::size_t pick;
};

std::ostream& operator<<(std::ostream& out, const reserving_step& s) {
  return out << '{' << s.what << ", " << s.passes << " pass, " << s.tokens << " tokens, " << s.pick << '}';
}

RC_GTEST_PROP(TokenReservationsProperty, AllWindowsOfWhatWasNotCancelledHold, ()) {
  const auto burst = *rc::gen::inRange<std::int64_t>(1, 5);
  const auto steps = *rc::gen::container<std::vector<reserving_step>>(
      rc::gen::construct<reserving_step>(rc::gen::inRange(0, 9), rc::gen::inRange<std::int64_t>(0, 250'000'000),
                                         rc::gen::inRange<std::int64_t>(1, 5), rc::gen::inRange<std::size_t>(0, 30)));
  manual_clock clock;
  token_bucket bucket(per_second(10), burst, clock);
  token_reservations book(bucket);
  std::vector<reservation> kept;
  testing::bucket_oracle told(per_second(10), burst);
  for (const reserving_step& s : steps) {
    clock.advance(nanoseconds(s.passes));
    const std::int64_t tokens = std::min(s.tokens, burst);
    if (s.what <= 2) {
      if (const auto made = book.reserve(tokens, seconds(3))) kept.push_back(*made);
    } else if (s.what <= 4) {
      if (bucket.try_take(tokens)) told.took(tokens, clock.now());
    } else if (s.what == 8) {
      if (bucket.try_take(tokens)) (void)bucket.refund(tokens, clock.now());
    } else if (!kept.empty()) {
      const auto one = kept.begin() + static_cast<std::ptrdiff_t>(s.pick % kept.size());
      book.cancel(*one);
      kept.erase(one);
    }
    RC_ASSERT(!bucket.rebase());
  }
  for (const reservation& r : kept) told.took(r.tokens(), r.ready_at());
  RC_ASSERT(told.all_windows_hold());
}

}  // namespace
}  // namespace weir
