// A limiter says that it is nearly full, once, and once that it no longer is.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/seed.hpp"

namespace weir {
namespace {

class Pressure : public ::testing::Test {
 protected:
  pressure_handler note() {
    return [this](const pressure& p) { told_.push_back(p); };
  }
  // What was told since: "high", "low high", "".
  std::string told() {
    std::string text;
    for (const pressure& p : std::exchange(told_, {})) {
      text += (text.empty() ? "" : " ") + std::string(p.is_high ? "high" : "low");
    }
    return text;
  }
  permit take(limiter& door, std::int64_t weight = 1) { return door.try_acquire(weight).value(); }

  manual_clock clock_;
  std::vector<pressure> told_;
};

TEST_F(Pressure, IsToldAtTheMarkAndAnEighthBelowIt) {
  limiter door({.max_tasks = 100}, clock_, note());  // 80, and 70
  std::vector<permit> held;
  while (held.size() < 79) held.push_back(take(door));
  EXPECT_EQ(told(), "");
  held.push_back(take(door));
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].tasks, 80);
  EXPECT_EQ(told_[0].max_tasks, 100);
  EXPECT_EQ(told_[0].weight, 0);
  EXPECT_EQ(told_[0].max_weight, unlimited);
  EXPECT_EQ(told_[0].waiting, 0);
  EXPECT_EQ(told_[0].max_waiters, 1'024);
  EXPECT_EQ(told(), "high");
  while (held.size() < 100) held.push_back(take(door));
  EXPECT_FALSE(door.try_acquire());
  while (held.size() > 71) held.pop_back();
  EXPECT_EQ(told(), "") << "between the two it stays as it was";
  held.pop_back();
  EXPECT_EQ(told(), "low");
  while (held.size() < 79) held.push_back(take(door));
  EXPECT_EQ(told(), "");
  held.push_back(take(door));
  EXPECT_EQ(told(), "high");
  held.clear();
  EXPECT_EQ(told(), "low");
}

// The mark and the relief of one limit, as they are told one task after the other.
std::pair<int, int> marks_of(std::int64_t limit, double warn_at) {
  std::optional<int> mark, relief;
  int held = 0;
  const manual_clock clock;
  limiter door({.max_tasks = limit, .warn_at = warn_at}, clock,
               [&](const pressure& p) { (p.is_high ? mark : relief) = held; });
  std::vector<permit> permits;
  while (held < limit) {
    ++held;
    permits.push_back(door.try_acquire().value());
  }
  while (held > 0) {
    --held;
    permits.pop_back();
  }
  return {mark.value(), relief.value()};
}

TEST_F(Pressure, MarksAreRoundedUpAndReliefIsBelowThem) {
  using marks = std::pair<int, int>;
  EXPECT_EQ(marks_of(1, 0.8), marks(1, 0));
  EXPECT_EQ(marks_of(2, 0.8), marks(2, 1));
  EXPECT_EQ(marks_of(10, 0.8), marks(8, 7));
  EXPECT_EQ(marks_of(100, 0.07), marks(7, 6)) << "0.07 * 100 is a little more than 7 as a double";
  EXPECT_EQ(marks_of(100, 0.071), marks(8, 7));
  EXPECT_EQ(marks_of(100, 1), marks(100, 88));
  EXPECT_EQ(marks_of(100, 1e-300), marks(1, 0));
  EXPECT_EQ(marks_of(1'000, std::nextafter(1, 0)), marks(1'000, 875));
}

TEST_F(Pressure, AnyOfTheLimitsMakesItAndAllHaveToBeRelieved) {
  limiter door({.max_tasks = 10, .max_weight = 100, .max_waiters = 2}, clock_, note());
  permit heavy = take(door, 80);
  EXPECT_EQ(told(), "high");
  std::vector<permit> light;
  for (int i = 0; i < 8; ++i) light.push_back(take(door, 1));
  heavy.release();
  EXPECT_EQ(told(), "") << "there are eight tasks";
  light.pop_back();
  EXPECT_EQ(told(), "low");
  light.clear();

  permit most = take(door, 79);
  const auto let_go = [](const result<permit>&) {};
  ASSERT_TRUE(door.enqueue({.weight = 30}, let_go));
  EXPECT_EQ(told(), "");
  ASSERT_TRUE(door.enqueue({.weight = 30}, let_go));
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].waiting, 2);
  EXPECT_EQ(told_[0].max_waiters, 2);
  EXPECT_EQ(told(), "high") << "the line is full";
  most.shrink_to(10);
  EXPECT_EQ(told(), "low") << "both are let in";
}

TEST_F(Pressure, FollowsLimitsThatChange) {
  limits configured{.max_tasks = 10};
  limiter door(configured, clock_, note());
  std::vector<permit> held;
  for (int i = 0; i < 4; ++i) held.push_back(take(door));
  configured.max_tasks = 5;
  door.set_limits(configured);
  EXPECT_EQ(told(), "high");
  configured.max_tasks = 2;
  door.set_limits(configured);
  EXPECT_EQ(told(), "") << "more is held than the limit is: it is high still";
  configured.max_tasks = 10;
  door.set_limits(configured);
  EXPECT_EQ(told(), "low");
  configured.warn_at = 0.4;
  door.set_limits(configured);
  EXPECT_EQ(told(), "high");
  EXPECT_EQ(door.configured().warn_at, 0.4);
  configured.max_tasks = unlimited;
  door.set_limits(configured);
  EXPECT_EQ(told(), "low");
}

TEST_F(Pressure, IsFollowedAtAClosedDoor) {
  limiter door({.max_tasks = 2}, clock_, note());
  permit one = take(door);
  permit other = take(door);
  EXPECT_EQ(told(), "high");
  door.close();
  one.release();
  EXPECT_EQ(told(), "low");
}

TEST_F(Pressure, PartsOfPermitsAndTokensThatAreGivenBackAreSeen) {
  limiter door({.max_weight = 10, .rate = per_second(1'000), .burst = 1'000}, clock_, note());
  permit all = take(door, 9);
  EXPECT_EQ(told(), "high");
  permit part = all.split(4);
  EXPECT_EQ(told(), "");
  part.release();
  EXPECT_EQ(told(), "low");
  permit more = take(door, 3);
  EXPECT_EQ(told(), "high");
  all.shrink_to(1);
  EXPECT_EQ(told(), "low");
  permit last = take(door, 5);
  EXPECT_EQ(told(), "high");
  last.release_unused();
  EXPECT_EQ(told(), "low");
}

TEST_F(Pressure, OfWhatIsNotLimitedThereIsNone) {
  limiter door({.max_tasks = unlimited, .max_weight = unlimited, .max_waiters = 0}, clock_, note());
  std::vector<permit> held;
  for (int i = 0; i < 100'000; ++i) held.push_back(take(door, largest_max_weight));
  EXPECT_EQ(told(), "");
}

TEST_F(Pressure, ARecorderMaySeeItAll) {
  limiter door({.max_tasks = 5, .flight_entries = 1'024}, clock_, note());
  {
    std::vector<permit> held;
    for (int i = 0; i < 4; ++i) held.push_back(take(door));
    EXPECT_EQ(told(), "high");
  }
  EXPECT_EQ(told(), "low");
  EXPECT_EQ(door.flight().entries.size(), 8u) << "what is told is no decision";
}

// ---- the handler

TEST_F(Pressure, TheHandlerMayUseTheDoorAndIsToldTheRestAfterIt) {
  std::vector<permit> held;
  std::string order;
  limiter* at = nullptr;
  limiter door({.max_tasks = 10}, clock_, [&](const pressure& p) {
    order += p.is_high ? "high(" : "low(";
    if (p.is_high) held.clear();
    if (!p.is_high && order.size() < 30) {
      for (int i = 0; i < 8; ++i) held.push_back(at->try_acquire().value());
    }
    order += ") ";
  });
  at = &door;
  for (int i = 0; i < 7; ++i) held.push_back(take(door));
  permit last = take(door);
  EXPECT_EQ(order, "high() low() high() low() high() low() ") << "none inside another one";
  held.clear();
}

TEST_F(Pressure, WhatTheHandlerThrowsIsDropped) {
  limiter door({.max_tasks = 1}, clock_, [](const pressure&) { throw std::runtime_error("not ready"); });
  EXPECT_TRUE(door.try_acquire());
  EXPECT_EQ(door.tasks_in_use(), 0);
}

TEST_F(Pressure, NoWaitIsPossibleInTheHandler) {
  std::optional<refusal_reason> why;
  limiter other({.max_tasks = 1}, clock_);
  limiter door({.max_tasks = 1}, clock_, [&](const pressure&) { why = other.acquire().error().reason; });
  const permit one = take(door);
  EXPECT_EQ(why, refusal_reason::would_deadlock);
  EXPECT_TRUE(other.acquire()) << "outside of it waits are what they were";
}

TEST_F(Pressure, AWarningOutOfItsRangeIsRefused) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double wrong : {0.0, -0.0, -0.5, std::nextafter(1.0, 2.0), 80.0, nan, infinity, -infinity}) {
    EXPECT_THROW(limiter({.warn_at = wrong}), std::invalid_argument) << wrong;
  }
  try {
    const limiter door({.warn_at = 80});
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ(e.what(), "weir: limits.warn_at is 80: it must be more than 0 and at most 1, of each limit");
  }
  for (const double right : {std::numeric_limits<double>::denorm_min(), 0.5, 1.0}) {
    EXPECT_NO_THROW(limiter({.warn_at = right}));
  }
}

// ---- beside a plain model: whatever is taken and given back, it is told in that call, with credits or without

struct model_of_pressure {
  std::int64_t mark;
  bool is_high = false;
  int changes = 0;

  void follow(std::int64_t held) {
    const bool next = is_high ? held > mark - mark / 8 : held >= mark;
    changes += next != is_high;
    is_high = next;
  }
};

struct marked_limit {
  std::int64_t limit;
  double warn_at;
  std::int64_t mark;
};

TEST_F(Pressure, IsThatOfAPlainModelAfterEachStep) {
  std::mt19937_64 random(testing::seed());
  // Of the last three, the first two have credits.
  for (const auto& [limit, warn_at, mark] :
       {marked_limit{10, 0.8, 8}, marked_limit{100, 0.8, 80}, marked_limit{100'000, 0.8, 80'000},
        marked_limit{100'000, 0.75, 75'000}, marked_limit{100'000, 0.1, 10'000}}) {
    limiter door({.max_tasks = unlimited, .max_weight = limit, .warn_at = warn_at}, clock_, note());
    model_of_pressure expected{.mark = mark};
    std::vector<permit> held;
    bool rises = true;
    for (int step = 0; step < 30'000; ++step) {
      if (door.weight_in_use() < mark / 2) rises = true;
      if (door.weight_in_use() > std::min(limit, 2 * mark) * 9 / 10 || random() % 100 == 0) rises = false;
      const bool takes = random() % 10 < (rises ? 7U : 3U);
      const auto weight = static_cast<std::int64_t>(1 + random() % static_cast<std::uint64_t>(mark / 8));
      if (takes) {
        if (auto got = door.try_acquire(weight)) held.push_back(*std::move(got));
      } else if (!held.empty()) {
        std::swap(held[random() % held.size()], held.back());
        held.pop_back();
      }
      expected.follow(door.weight_in_use());
      ASSERT_EQ(told_.size(), static_cast<std::size_t>(expected.changes)) << "step " << step << " of " << limit;
      ASSERT_TRUE(told_.empty() || told_.back().is_high == expected.is_high);
    }
    EXPECT_GT(expected.changes, 100);
    held.clear();
    told_.clear();
  }
}

// ---- steps that a limiter alone does not take

TEST_F(Pressure, ChildrenOneByOneAndPlacesThatAreGivenUpAreSeen) {
  detail::gate door({.max_tasks = 10, .max_waiters = 2}, clock_, nullptr, 0, {}, {}, note());
  for (int i = 0; i < 7; ++i) EXPECT_TRUE(door.try_add_child());
  EXPECT_EQ(told(), "");
  EXPECT_TRUE(door.try_add_child());
  EXPECT_EQ(told(), "high");
  door.end_child();
  EXPECT_EQ(told(), "low");
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(door.reserve({.weight = 1, .may_wait = true}));
  door.end_child();
  EXPECT_EQ(told(), "high") << "both places are promised";
  door.cancel_reservation(1);
  EXPECT_EQ(told(), "low");
  door.cancel_reservation(1);
  for (int i = 0; i < 6; ++i) door.end_child();
}

}  // namespace
}  // namespace weir
