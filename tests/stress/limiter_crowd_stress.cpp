// A limiter with a rate and a crowd of 64 to 1,000 threads at it, more of them than CPUs by far.
//
// Asserted are two things, of which neither needs the machine to be quick: - From above: no window of stamps
// (permit::admitted_at), of any length, has more than burst + rate * T. - From below: nothing that the rate allowed was
// withheld. Before the crowd comes and after it has gone one thread takes what is there until it is refused; between
// these two refusals as many were admitted as the rate gave, to the token. Tokens can be lost in one way only: the
// bucket was full, since nobody came to take for as long as a burst takes. The stamps tell whether it can have been
// (the margin below): then a machine that did not run the threads is to blame, and nothing is asserted. What the crowd
// reached of the bound by its last stamp is printed and not asserted. The 10 s for each that the promise of 0.99 to
// 1.000 is about are WEIR_STRESS=15.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <iostream>
#include <thread>
#include <vector>

#include "admission/bucket_oracle.hpp"
#include "support/eventually.hpp"
#include "support/recorded_histories.hpp"
#include "support/rounds.hpp"

namespace weir {
namespace {

using std::chrono::steady_clock;

struct crowd {
  std::size_t threads;
  std::int64_t per_s;
  std::int64_t burst;
  bool waits;  // by acquire; else it tries again and again
};

// One thread of it: its stamps.
std::vector<time_point> come_again_until(time_point end, limiter& door, bool waits) {
  std::vector<time_point> stamps;
  while (steady_clock::now() < end) {
    const result<permit> got = waits ? door.acquire(1, deadline(end)) : door.try_acquire();
    if (got) {
      stamps.push_back(got->admitted_at());
      continue;
    }
    const refusal_reason why = got.error().reason;
    EXPECT_TRUE(why == refusal_reason::rate_limited || why == refusal_reason::contended ||
                (waits && why == refusal_reason::timed_out))
        << to_string(got.error());
    std::this_thread::yield();
  }
  return stamps;
}

// A refusal: when, and when the next token comes.
struct shut {
  time_point at;
  time_point next_token;
};

shut take_the_rest(limiter& door, std::vector<time_point>& stamps) {
  for (;;) {
    testing::noting_clock::forget();
    const result<permit> got = door.try_acquire();
    if (!got) {
      EXPECT_EQ(got.error().reason, refusal_reason::rate_limited);
      const time_point at = testing::noting_clock::of_this_thread().first;
      return {at, at + got.error().retry_after};
    }
    stamps.push_back(got->admitted_at());
  }
}

// How near the bucket came to being full, in tokens: the least that it lacked before a grant, by the order of the
// stamps. By the order of the grants it may have been less, by what those take that are between stamp and grant.
std::int64_t least_lack(const std::vector<time_point>& sorted, const crowd& of, time_point next_token) {
  const duration interval(1'000'000'000 / of.per_s);
  std::int64_t least = of.burst;
  for (const time_point at : sorted) {
    const std::int64_t there = at < next_token ? 0 : (at - next_token) / interval + 1;
    least = std::min(least, of.burst - there);
    next_token += interval;
  }
  return least;
}

void expect_exact_under(const crowd& of) {
  const rate refill = per_second(of.per_s);
  const testing::noting_clock clock(steady_clock_source());
  limiter door({.rate = refill, .burst = of.burst, .max_waiters = 1'024}, clock);
  testing::bucket_oracle oracle(refill, of.burst);
  std::vector<time_point> stamps;
  const shut before = take_the_rest(door, stamps);
  for (const time_point at : stamps) oracle.took(1, at);
  const time_point first = stamps.front();
  auto admitted = static_cast<std::int64_t>(stamps.size());
  stamps.clear();

  const time_point end = steady_clock::now() + weir::testing::stress_time();
  std::vector<std::future<std::vector<time_point>>> all;
  for (std::size_t i = 0; i < of.threads; ++i) {
    all.push_back(testing::in_background([&] { return come_again_until(end, door, of.waits); }));
  }
  for (auto& one : all) {
    const std::vector<time_point> of_one = testing::get(one, "one of the crowd");
    stamps.insert(stamps.end(), of_one.begin(), of_one.end());
  }
  ASSERT_FALSE(stamps.empty());
  const time_point last = *std::max_element(stamps.begin(), stamps.end());
  admitted += static_cast<std::int64_t>(stamps.size());
  const double bound = static_cast<double>(of.burst) +
                       static_cast<double>(of.per_s) * std::chrono::duration<double>(last - first).count();
  const shut after = take_the_rest(door, stamps);
  std::sort(stamps.begin(), stamps.end());
  for (const time_point at : stamps) oracle.took(1, at);
  EXPECT_TRUE(oracle.all_windows_hold());

  const std::int64_t interval = 1'000'000'000 / of.per_s;
  const std::int64_t given = (after.next_token - before.next_token).count() / interval;
  const std::int64_t margin = least_lack(stamps, of, before.next_token);
  std::cout << of.threads << " threads, " << to_string(refill) << ": " << admitted << " admitted by the last stamp, "
            << static_cast<double>(admitted) / bound << " of the bound; " << stamps.size()
            << " between the refusals of " << given << " given; the bucket always lacked " << margin << '\n';
  EXPECT_GT(after.next_token, after.at);
  EXPECT_LE(after.next_token - after.at, duration(interval)) << "refused although a token was there";
  if (margin > static_cast<std::int64_t>(of.threads)) {
    EXPECT_EQ(static_cast<std::int64_t>(stamps.size()), given) << "tokens were lost, or made";
  } else {
    std::cout << "the machine held the crowd up for most of a burst: nothing is said of the lower bound\n";
  }
}

TEST(LimiterCrowdStress, SixtyFourThreadsThatTryGetTenThousandASecond) {
  expect_exact_under({.threads = 64, .per_s = 10'000, .burst = 400, .waits = false});
}

TEST(LimiterCrowdStress, SixtyFourThreadsThatWaitGetAHundredThousandASecond) {
  expect_exact_under({.threads = 64, .per_s = 100'000, .burst = 2'000, .waits = true});
}

TEST(LimiterCrowdStress, AThousandThreadsThatTryGetAHundredThousandASecond) {
  expect_exact_under({.threads = 1'000, .per_s = 100'000, .burst = 4'000, .waits = false});
}

TEST(LimiterCrowdStress, AThousandThreadsThatWaitGetTenThousandASecond) {
  expect_exact_under({.threads = 1'000, .per_s = 10'000, .burst = 4'000, .waits = true});
}

}  // namespace
}  // namespace weir
