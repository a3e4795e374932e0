#include <weir/admission/token_bucket.hpp>

#include <cstdint>
#include <tuple>
#include <vector>

#include "admission/bucket_oracle.hpp"
#include "support/property.hpp"

namespace weir {
namespace {

using std::chrono::nanoseconds;

struct call {
  std::int64_t step;  // of time before it, forward or back
  std::int64_t tokens;
};

std::ostream& operator<<(std::ostream& out, const call& c) {
  return out << "{step " << c.step << ", tokens " << c.tokens << '}';
}

rc::Gen<call> calls_of(std::int64_t interval, std::int64_t burst) {
  return rc::gen::construct<call>(rc::gen::inRange<std::int64_t>(-3 * interval, 4 * interval + 2),
                                  rc::gen::inRange<std::int64_t>(1, burst + 2));
}

RC_GTEST_PROP(TokenBucketProperty, GrantsWhatTheWholeHistoryAllowsAndNothingElse, ()) {
  const rate refill = per(*rc::gen::inRange<std::int64_t>(1, 2'000'000),
                          nanoseconds(*rc::gen::inRange<std::int64_t>(50'000, 5'000'000'000)));
  const auto burst = *rc::gen::inRange<std::int64_t>(1, 12);
  const std::int64_t interval = std::max<std::int64_t>(refill.period().count() / refill.events(), 1);
  const auto calls = *rc::gen::container<std::vector<call>>(calls_of(interval, burst));
  constexpr time_point start{std::chrono::hours(1)};
  const manual_clock clock(start);
  token_bucket bucket(refill, burst, clock);
  testing::bucket_oracle oracle(refill, burst);
  time_point now = start;
  for (const call& c : calls) {
    now = std::max(start, now + nanoseconds(c.step));
    const bool granted = bucket.try_take(c.tokens, now).has_value();
    RC_ASSERT(granted == oracle.may_take(c.tokens, now));
    if (granted) oracle.took(c.tokens, now);
    RC_ASSERT(now + bucket.wait_for(3, now) == oracle.earliest(3, now));
  }
  RC_ASSERT(oracle.all_windows_hold());
}

// One attempt of a caller that reads its times wherever it likes.
struct mixed_call {
  std::int64_t passes;  // of the clock, before it
  std::int64_t off;     // of the time passed from the clock; or no time is passed
  bool own;
  std::int64_t tokens;
};

std::ostream& operator<<(std::ostream& out, const mixed_call& c) {
  out << "{" << c.passes << " pass, ";
  return (c.own ? out << "no time" : out << c.off << " off") << ", tokens " << c.tokens << '}';
}

RC_GTEST_PROP(TokenBucketProperty, WhateverTimesArePassedBesideAMonotoneClockEveryWindowHolds, ()) {
  constexpr std::int64_t interval = 100'000'000;
  const rate refill = per_second(10);
  const auto burst = *rc::gen::inRange<std::int64_t>(1, 6);
  const auto near = rc::gen::inRange<std::int64_t>(-8 * interval, 8 * interval);
  const auto ages = rc::gen::inRange<std::int64_t>(-1, 100);  // years: at most one behind the clock
  const auto calls = *rc::gen::container<std::vector<mixed_call>>(rc::gen::construct<mixed_call>(
      rc::gen::inRange<std::int64_t>(0, 3 * interval),
      rc::gen::oneOf(near, rc::gen::map(ages, [](std::int64_t y) { return y * 365 * 24 * 3'600 * 1'000'000'000; })),
      rc::gen::arbitrary<bool>(), rc::gen::inRange<std::int64_t>(1, burst + 1)));
  manual_clock clock(time_point{std::chrono::hours(1)});
  token_bucket bucket(refill, burst, clock);
  testing::bucket_oracle oracle(refill, burst);
  for (int again = 0; again < 3; ++again) {
    for (const mixed_call& c : calls) {
      clock.advance(nanoseconds(c.passes));
      const time_point now = c.own ? clock.now() : clock.now() + nanoseconds(c.off);
      if (c.own ? bucket.try_take(c.tokens) : bucket.try_take(c.tokens, now)) oracle.took(c.tokens, now);
      RC_ASSERT(!bucket.rebase());
    }
  }
  RC_ASSERT(oracle.all_windows_hold());
}

}  // namespace
}  // namespace weir
