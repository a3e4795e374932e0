// A coroutine that waits until what is held fits lowered limits again.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "support/eager.hpp"
#include "support/eventually.hpp"
#include "support/watched_clock.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;

// Written by the thread that it goes on on.
struct kept_within {
  std::optional<result<void>> got;
  detail::atomic<int> times{0};  // release addition behind `got` -> acquire load by the test

  [[nodiscard]] int goes() const { return times.load(detail::memory_order_acquire); }
  [[nodiscard]] bool fits() const { return goes() == 1 && got->has_value(); }
  [[nodiscard]] std::optional<refusal_reason> why() const {
    return goes() == 1 && !*got ? std::optional(got->error().reason) : std::nullopt;
  }
};

testing::eager wait_within(limiter& door, kept_within& out, deadline until, std::stop_token stop) {
  out.got.emplace(co_await door.async_wait_until_within(until, std::move(stop)));
  out.times.fetch_add(1, detail::memory_order_release);
}

class AsyncWithin : public ::testing::Test {
 protected:
  kept_within& begin(deadline until = {}, std::stop_token stop = {}) {
    all_.push_back(std::make_unique<kept_within>());
    (void)wait_within(door_, *all_.back(), until, std::move(stop));
    return *all_.back();
  }
  void set(std::int64_t max_tasks) { door_.set_limits({.max_tasks = max_tasks}); }
  void hold(int count) {
    for (int i = 0; i < count; ++i) held_.push_back(door_.try_acquire().value());
  }
  void give_back(int count) {
    for (int i = 0; i < count; ++i) held_.pop_back();
  }

  std::vector<std::unique_ptr<kept_within>> all_;
  testing::watched_clock clock_;
  limiter door_{{.max_tasks = 5}, clock_};
  std::vector<permit> held_;
};

TEST_F(AsyncWithin, GoesOnAtOnceWhereItFits) {
  hold(5);
  EXPECT_TRUE(begin().fits());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(begin({}, stop.get_token()).fits()) << "nothing is to be waited for";
  door_.close();
  EXPECT_EQ(begin().why(), refusal_reason::closed);
}

TEST_F(AsyncWithin, GoesOnWithTheReleaseAfterWhichItFits) {
  hold(5);
  set(3);
  const kept_within& first = begin();
  const kept_within& second = begin();
  give_back(1);
  EXPECT_EQ(first.goes(), 0);
  give_back(1);
  EXPECT_TRUE(first.fits());
  EXPECT_TRUE(second.fits());
  give_back(1);
  hold(1);
  EXPECT_EQ(first.goes(), 1);
}

TEST_F(AsyncWithin, GoesOnWhenTheLimitsAreRaised) {
  hold(5);
  set(3);
  const kept_within& one = begin();
  set(4);
  EXPECT_EQ(one.goes(), 0);
  set(5);
  EXPECT_TRUE(one.fits());
}

TEST_F(AsyncWithin, IsToldOfAClose) {
  hold(5);
  set(3);
  const kept_within& one = begin();
  door_.close();
  EXPECT_EQ(one.why(), refusal_reason::closed);
}

TEST_F(AsyncWithin, GoesAwayAtItsTime) {
  hold(5);
  set(3);
  const kept_within& one = begin(deadline(clock_.now() + milliseconds(10)));
  const kept_within& other = begin();
  clock_.advance(milliseconds(10));
  testing::eventually("the end of its time", [&] { return one.goes() == 1; });
  EXPECT_EQ(one.why(), refusal_reason::timed_out);
  EXPECT_EQ(other.goes(), 0);
  give_back(2);
  EXPECT_TRUE(other.fits());
  EXPECT_EQ(one.goes(), 1);
}

TEST_F(AsyncWithin, GoesAwayByAStop) {
  hold(5);
  set(3);
  std::stop_source stop;
  const kept_within& one = begin({}, stop.get_token());
  stop.request_stop();
  EXPECT_EQ(one.why(), refusal_reason::cancelled);
  EXPECT_EQ(begin({}, stop.get_token()).why(), refusal_reason::cancelled);
  give_back(2);
}

TEST_F(AsyncWithin, TakesNoPlaceAndHoldsUpNobodyInLine) {
  door_.set_limits({.max_tasks = 5, .max_waiters = 1});
  hold(5);
  door_.set_limits({.max_tasks = 3, .max_waiters = 1});
  const kept_within& one = begin();
  EXPECT_EQ(door_.waiting(), 0);
  int let_in = 0;
  ASSERT_TRUE(door_.enqueue({}, [&](const result<permit>& got) { let_in += got ? 1 : 0; }));
  give_back(2);
  EXPECT_TRUE(one.fits());
  EXPECT_EQ(let_in, 0) << "three of three are held";
  give_back(1);
  EXPECT_EQ(let_in, 1);
}

}  // namespace
}  // namespace weir
