// The real token bucket under every schedule within a bound: whatever times its takers bring, all windows of those
// times hold, and a taker's own old time is never mistaken for a clock that went back.
#include <weir/admission/token_bucket.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "explorer.hpp"

namespace token_bucket_model {

using std::chrono::seconds;
using weir::time_point;

constexpr std::int64_t burst = 2;

struct shared_bucket {
  explicit shared_bucket(seconds interval_of_tokens = seconds(1)) : interval(interval_of_tokens) {}

  seconds interval;
  weir::token_bucket bucket{weir::per(1, interval), burst, weir::steady_clock_source()};
  std::vector<time_point> grants;
  int rebased = 0;

  void take(int times) {
    for (int i = 0; i < times; ++i) {
      const time_point now = weir::steady_clock_source().now();
      if (bucket.try_take(1, now)) {
        grants.push_back(now);
      } else {
        rebased += bucket.rebase() ? 1 : 0;
      }
    }
  }

  // All tokens, which are not used.
  void take_and_give_back() {
    const time_point now = weir::steady_clock_source().now();
    if (!bucket.try_take(burst, now)) return;
    model::check(bucket.refund(burst, now).has_value(), "they were granted");
  }

  // At times that the clock has not reached.
  void take_ahead(int times) {
    const time_point ahead = weir::steady_clock_source().now() + seconds(10);
    for (int i = 0; i < times; ++i) {
      if (bucket.try_take(1, ahead)) grants.push_back(ahead);
    }
  }

  // At most burst + 1 an interval, in every window of the stamps.
  void check_windows() {
    std::sort(grants.begin(), grants.end());
    for (std::size_t first = 0; first < grants.size(); ++first) {
      for (std::size_t last = first; last < grants.size(); ++last) {
        const std::int64_t earned = (grants[last] - grants[first]) / interval;
        model::check(static_cast<std::int64_t>(last - first) + 1 <= burst + earned, "every window holds");
      }
    }
    model::check(rebased == 0, "the clock never went back");
  }
};

TEST(TokenBucketModel, EveryWindowOfTheStampsHoldsWhileTimePasses) {
  const model::result r =
      model::explore({.name = "takers", .preemptions = 2, .missed_stores = 1}, [](model::scenario& s) {
        auto shared = std::make_shared<shared_bucket>();
        s.thread("one", [shared] { shared->take(2); });
        s.thread("two", [shared] { shared->take(2); });
        s.thread("time", [shared] {
          model::advance_clock(seconds(3));
          shared->take(2);
          model::advance_clock(seconds(1));
        });
        s.finally([shared] { shared->check_windows(); });
      });
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

// It is noted before the grant at it can be seen, so that who sees the grant does not mistake it for a clock gone back.
TEST(TokenBucketModel, ATimeAheadOfTheClockIsNotMistakenForAClockThatWentBack) {
  const model::result r =
      model::explore({.name = "ahead of the clock", .preemptions = 2, .missed_stores = 2}, [](model::scenario& s) {
        auto shared = std::make_shared<shared_bucket>();
        s.thread("ahead", [shared] { shared->take_ahead(2); });
        s.thread("ahead too", [shared] { shared->take_ahead(2); });
        s.thread("now", [shared] {
          shared->rebased += shared->bucket.rebase() ? 1 : 0;
          shared->take(1);
        });
        s.finally([shared] { shared->check_windows(); });
      });
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

// The windows of what was used. A refund that read the clock before the bucket would give back what others use already.
TEST(TokenBucketModel, WhatIsGivenBackHasNotComeBackByItself) {
  const model::result r =
      model::explore({.name = "refund", .preemptions = 2, .missed_stores = 1}, [](model::scenario& s) {
        // Much longer than the second by which the latest of the takers' times may be too late.
        auto shared = std::make_shared<shared_bucket>(seconds(10));
        s.thread("gives back", [shared] { shared->take_and_give_back(); });
        s.thread("takes", [shared] { shared->take(1); });
        s.thread("time", [shared] {
          model::advance_clock(seconds(20));
          shared->take(burst);
        });
        s.finally([shared] { shared->check_windows(); });
      });
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(TokenBucketModel, TheLastTokenGoesToOneTaker) {
  const model::result r = model::explore(
      {.name = "last token", .preemptions = 2, .weak_failures = 1, .missed_stores = 1}, [](model::scenario& s) {
        auto shared = std::make_shared<shared_bucket>();
        for (const char* const name : {"one", "two", "three"}) s.thread(name, [shared] { shared->take(1); });
        s.finally([shared] {
          model::check(shared->grants.size() == burst, "no token more, and none is lost");
          shared->check_windows();
        });
      });
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

}  // namespace token_bucket_model
