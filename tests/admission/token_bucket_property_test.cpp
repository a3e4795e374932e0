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

}  // namespace
}  // namespace weir
