// Every time and every length of time that can be passed to a door, from the first moment to the last: as a deadline,
// as the time of an admission, and as what the clock says.
#include <weir/admission/limiter.hpp>

#include <chrono>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <ratio>
#include <stop_token>
#include <utility>
#include <vector>

#include <weir/admission/token_reservations.hpp>
#include <weir/admission/weighted_semaphore.hpp>

#include "support/eventually.hpp"

namespace weir {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr time_point this_hour{hours(1)};
const std::vector<time_point> all_times = {
    time_point::min(), time_point::min() + duration(1), time_point{} - duration(1),
    time_point{},      time_point{} + duration(1),      this_hour - duration(1),
    this_hour,         this_hour + duration(1),         time_point::max() - duration(1),
    time_point::max()};

const limits small_and_rated{.max_tasks = 3, .max_weight = 3, .rate = per_second(1), .burst = 3, .max_waiters = 2};

TEST(TimeNumbers, OfADeadlineWhereThereIsRoom) {
  for (const time_point until : all_times) {
    const manual_clock clock(this_hour);
    weighted_semaphore semaphore(1, 1, clock);
    limiter door(small_and_rated, clock);
    EXPECT_TRUE(semaphore.acquire(1, deadline(until)));
    EXPECT_TRUE(semaphore.wait_until_within(deadline(until)));
    EXPECT_TRUE(door.acquire(1, deadline(until)));
    EXPECT_TRUE(door.wait_until_within(deadline(until)));
  }
}

TEST(TimeNumbers, OfADeadlineThatHasPassedWhereThereIsNone) {
  for (const time_point until : all_times) {
    if (until > this_hour) continue;
    const manual_clock clock(this_hour);
    weighted_semaphore semaphore(2, 1, clock);
    limiter door(small_and_rated, clock);
    const permit held = *semaphore.try_acquire(2);
    const permit held_too = *door.try_acquire(3);
    EXPECT_EQ(semaphore.acquire(1, deadline(until)).error().reason, refusal_reason::timed_out);
    EXPECT_EQ(door.acquire(1, deadline(until)).error().reason, refusal_reason::timed_out);
    semaphore.set_capacity(1);
    EXPECT_FALSE(semaphore.wait_until_within(deadline(until)));
    EXPECT_EQ(semaphore.waiting() + door.waiting(), 0);
  }
}

// By the system's clock too, to which the length of a wait is told.
TEST(TimeNumbers, OfADeadlineThatIsFarAhead) {
  for (const time_point until : {time_point::max() - duration(1), time_point::max()}) {
    weighted_semaphore door(2);
    permit held = *door.try_acquire(2);
    std::stop_source stop;
    auto waiting = testing::in_background([&] { return door.acquire(1, deadline(until), stop.get_token()); });
    testing::eventually("a waiter", [&] { return door.waiting() == 1; });
    stop.request_stop();
    const result<permit> got = testing::get(waiting, "one who was cancelled");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().reason, refusal_reason::cancelled) << "it is never, or as good as that";
    door.set_capacity(1);
    auto fits = testing::in_background([&] { return door.wait_until_within(deadline(until)); });
    held.release();
    EXPECT_TRUE(testing::get(fits, "one who waits until it fits"));
  }
}

TEST(TimeNumbers, OfAnAdmission) {
  for (const bool is_strict : {false, true}) {
    for (const time_point now : all_times) {
      const manual_clock clock(this_hour);
      limits configured = small_and_rated;
      configured.strict_window = is_strict;
      limiter door(configured, clock);
      std::vector<permit> held;
      for (int i = 0; i < 4; ++i) {
        result<permit> got = door.try_acquire(1, now);
        if (got) held.push_back(*std::move(got));
      }
      EXPECT_LE(held.size(), 3U);
      for (const permit& p : held) EXPECT_LE(p.admitted_at(), is_strict ? this_hour : now);
      // At the time at which the door was made, and for two years after it, there is a burst at any time.
      if (now >= this_hour && now < this_hour + hours(2 * 365 * 24)) {
        EXPECT_EQ(held.size(), 3U) << now.time_since_epoch().count();
      }
      // Whatever was passed, the present has no more than a burst.
      held.clear();
      int more = 0;
      while (door.try_acquire() && more < 10) ++more;
      EXPECT_LE(more, 3) << now.time_since_epoch().count();
    }
  }
}

TEST(TimeNumbers, OfATokenThatIsTaken) {
  for (const time_point now : all_times) {
    const manual_clock clock(this_hour);
    token_bucket bucket(per_second(1), 3, clock);
    int taken = 0;
    while (bucket.try_take(1, now) && taken < 10) ++taken;
    EXPECT_LE(taken, 3) << now.time_since_epoch().count();
    EXPECT_LE(bucket.approx_available(now), 3);
    EXPECT_GE(bucket.approx_available(now), 0);
    EXPECT_GE(bucket.wait_for(std::numeric_limits<std::int64_t>::max(), now), duration::zero());
    EXPECT_FALSE(bucket.rebase());
  }
}

// The clock stands at each of these times: each door opens, is full, and knows when there is more.
TEST(TimeNumbers, OfTheClock) {
  for (const time_point now : all_times) {
    manual_clock clock(now);
    limiter door(small_and_rated, clock);
    {
      std::vector<permit> held;
      for (int i = 0; i < 3; ++i) held.push_back(*door.try_acquire());
      EXPECT_EQ(door.try_acquire().error().reason, refusal_reason::rate_limited);
    }
    EXPECT_EQ(door.acquire(1, deadline(now)).has_value(), false);
    token_bucket bucket(per_second(1), 3, clock);
    token_reservations later(bucket);
    EXPECT_TRUE(bucket.try_take(3));
    EXPECT_EQ(bucket.try_take(1).error().retry_after, seconds(1));
    EXPECT_EQ(*bucket.charge(10), 3);
    EXPECT_EQ(bucket.try_take(1).error().retry_after, seconds(4));
    bucket.set_rate(per_second(2), 3);
    const result<reservation> far = later.reserve(1, duration::max());
    ASSERT_TRUE(far);
    EXPECT_EQ(far->ready_at(), now > time_point::max() - seconds(2) ? time_point::max() : now + seconds(2));
    later.cancel(*far);
    clock.advance(duration::max());
    clock.advance(duration::min());
  }
}

TEST(TimeNumbers, OfALengthFromNow) {
  const manual_clock clock(this_hour);
  using real = std::chrono::duration<double>;
  constexpr double infinite = std::numeric_limits<double>::infinity();
  EXPECT_EQ(within(duration::max(), clock).at(), time_point::max());
  EXPECT_EQ(within(duration::min(), clock).at(), time_point{} + (duration::min() + this_hour.time_since_epoch()));
  EXPECT_EQ(within(duration(0), clock).at(), this_hour);
  EXPECT_EQ(within(duration(-1), clock).at(), this_hour - duration(1));
  EXPECT_EQ(within(hours::max(), clock).at(), time_point::max());
  EXPECT_TRUE(within(hours::min(), clock).has_passed(this_hour));
  EXPECT_EQ(within(real(infinite), clock).at(), time_point::max());
  EXPECT_TRUE(within(real(-infinite), clock).has_passed(this_hour));
  EXPECT_EQ(within(real(1e300), clock).at(), time_point::max());
  EXPECT_EQ(within(real(0.5), clock).at(), this_hour + std::chrono::milliseconds(500));
  EXPECT_THROW((void)within(real(std::numeric_limits<double>::quiet_NaN()), clock), std::invalid_argument);
}

}  // namespace
}  // namespace weir
