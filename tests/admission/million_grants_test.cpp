// A million grants and the refusals between them, at rates from one in three seconds to 100 million a second: every
// decision compared with exact integers, and then all windows of all stamps with the rate as it was configured.
#include <weir/admission/token_bucket.hpp>

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <ostream>
#include <random>
#include <vector>

#include <weir/admission/limiter.hpp>

#include "admission/bucket_oracle.hpp"
#include "support/sanitizers.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::exact;

constexpr std::int64_t grants_each = WEIR_WITH_ASAN || WEIR_WITH_TSAN ? 50'000 : 1'000'000;
constexpr time_point first_moment_of_grants{std::chrono::hours(1)};

struct granting_terms {
  rate refill;
  std::int64_t burst;
};

std::ostream& operator<<(std::ostream& out, const granting_terms& t) {
  return out << to_string(t.refill) << ", burst " << t.burst;
}

// The definition, in the one number that it comes to where decisions follow one another: the latest end of all runs of
// grants, each of which lasts an interval for each token. The interval is the one that is promised, rounded up to a
// tick, so that refusals and grants are exact by it in both directions.
class exact_rate {
 public:
  explicit exact_rate(const granting_terms& of) : burst_(of.burst) {
    const exact ticks = exact{64} * of.refill.period().count();
    interval_ = (ticks + of.refill.events() - 1) / of.refill.events();
    least_ = exact{64} * of.refill.period().count() / of.refill.events();
  }
  [[nodiscard]] bool may_take(std::int64_t tokens, time_point now) const {
    return std::max(end_, ticks_of(now)) + tokens * interval_ <= ticks_of(now) + burst_ * interval_;
  }
  void took(std::int64_t tokens, time_point now) { end_ = std::max(end_, ticks_of(now)) + tokens * interval_; }
  /// The interval is the configured one, or one tick above where that is no whole number of them.
  [[nodiscard]] bool is_rounded_by_a_tick_at_most() const { return interval_ - least_ <= 1; }

 private:
  static exact ticks_of(time_point at) { return exact{at.time_since_epoch().count()} * 64; }

  exact burst_;
  exact interval_;
  exact least_;
  exact end_ = 0;
};

// Steps of the clock: mostly about what one token takes, often none, now and then as long as several bursts.
class random_steps {
 public:
  random_steps(const granting_terms& of, std::uint64_t seed)
      : random_(seed), interval_(std::max<std::int64_t>(of.refill.period().count() / of.refill.events(), 1)), of_(of) {}

  duration next() {
    switch (random_() % 8) {
      case 0:
        return nanoseconds(0);
      case 1:
        return nanoseconds(1);
      case 2:
        return random_() % 64 == 0 ? nanoseconds(up_to(3 * interval_ * of_.burst)) : nanoseconds(interval_);
      default:
        return nanoseconds(up_to(2 * interval_));
    }
  }
  std::int64_t tokens() { return random_() % 4 == 0 ? 1 + up_to(of_.burst) : 1; }  // one more than there are, too
  // How far before the present the time is that is passed.
  duration staleness() { return random_() % 4 == 0 ? nanoseconds(up_to(4 * interval_)) : nanoseconds(0); }

 private:
  std::int64_t up_to(std::int64_t most) { return std::uniform_int_distribution<std::int64_t>(0, most)(random_); }

  std::mt19937_64 random_;
  std::int64_t interval_;
  granting_terms of_;
};

class AMillionGrants : public ::testing::TestWithParam<granting_terms> {};

TEST_P(AMillionGrants, OfATokenBucketAreExact) {
  const granting_terms of = GetParam();
  random_steps steps(of, testing::seed());
  const manual_clock before_all_times(time_point{});
  token_bucket bucket(of.refill, of.burst, before_all_times);
  testing::bucket_oracle windows(of.refill, of.burst);
  exact_rate oracle(of);
  EXPECT_TRUE(oracle.is_rounded_by_a_tick_at_most());
  time_point now = first_moment_of_grants;
  std::int64_t refused = 0;
  for (std::int64_t granted = 0; granted < grants_each;) {
    now += steps.next();
    const time_point at = now - steps.staleness();
    const std::int64_t tokens = steps.tokens();
    const bool may = tokens <= of.burst && oracle.may_take(tokens, at);
    ASSERT_EQ(bucket.try_take(tokens, at).has_value(), may) << "after " << granted << " grants";
    if (!may) {
      ++refused;
      continue;
    }
    ++granted;
    oracle.took(tokens, at);
    windows.took(tokens, at);
  }
  EXPECT_TRUE(windows.all_windows_hold());
  EXPECT_GT(refused, 0);
}

TEST_P(AMillionGrants, OfALimiterAreExact) {
  const granting_terms of = GetParam();
  random_steps steps(of, testing::seed());
  manual_clock clock(first_moment_of_grants);
  limiter door({.rate = of.refill, .burst = of.burst, .max_waiters = 0}, clock);
  testing::bucket_oracle windows(of.refill, of.burst);
  exact_rate oracle(of);
  std::int64_t refused = 0;
  for (std::int64_t granted = 0; granted < grants_each;) {
    clock.advance(steps.next());
    const time_point now = clock.now();
    const bool may = oracle.may_take(1, now);
    const result<permit> got = door.try_acquire();
    ASSERT_EQ(got.has_value(), may) << "after " << granted << " grants";
    if (!may) {
      ++refused;
      continue;
    }
    ASSERT_EQ(got->admitted_at(), now);
    ++granted;
    oracle.took(1, now);
    windows.took(1, now);
  }
  EXPECT_TRUE(windows.all_windows_hold());
  EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(Rates, AMillionGrants,
                         ::testing::Values(granting_terms{per(1, seconds(3)), 1}, granting_terms{per_second(7), 5},
                                           granting_terms{per(7, nanoseconds(3'000'017)), 20},
                                           granting_terms{per_second(300'007), 64},
                                           granting_terms{per_second(30'000'001), 3},
                                           granting_terms{per_second(100'000'000), 50}));

}  // namespace
}  // namespace weir
