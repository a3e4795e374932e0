// Every number that can be passed to a semaphore, a limiter or a permit, at its ends and one beyond: what is documented
// comes of it, and nothing has changed where it was refused. Times are in time_numbers_test.cpp, the bucket's numbers
// in bucket_numbers_test.cpp. Sanitizers look on: nothing may overflow on the way.
#include <weir/admission/limiter.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/admission/weighted_semaphore.hpp>

#include "admission/bucket_oracle.hpp"

namespace weir {
namespace {

constexpr std::int64_t int64_min = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t int64_max = std::numeric_limits<std::int64_t>::max();
// Would be 1 and 10 if it were cut to 32 bits.
constexpr std::int64_t beyond_32_bits = std::int64_t{1} << 32;
constexpr deadline no_patience_at_all{time_point{}};

using why_not = std::optional<refusal_reason>;
constexpr why_not is_granted{};

struct weight_case {
  std::int64_t weight;
  why_not of_ten;        // at a door of 10
  why_not of_unlimited;  // at one that does not count weights
};

const std::vector<weight_case> all_weights = {
    {int64_min, refusal_reason::invalid, refusal_reason::invalid},
    {-beyond_32_bits + 1, refusal_reason::invalid, refusal_reason::invalid},
    {-1, refusal_reason::invalid, refusal_reason::invalid},
    {0, refusal_reason::invalid, refusal_reason::invalid},
    {1, is_granted, is_granted},
    {9, is_granted, is_granted},
    {10, is_granted, is_granted},
    {11, refusal_reason::too_heavy, is_granted},
    {largest_max_weight, refusal_reason::too_heavy, is_granted},
    {largest_max_weight + 1, refusal_reason::too_heavy, refusal_reason::too_heavy},
    {beyond_32_bits + 1, refusal_reason::too_heavy, refusal_reason::too_heavy},
    {beyond_32_bits + 10, refusal_reason::too_heavy, refusal_reason::too_heavy},
    {int64_max, refusal_reason::too_heavy, refusal_reason::too_heavy},
};

void expect_outcome(const result<permit>& got, std::int64_t weight, const why_not& expected) {
  ASSERT_EQ(got.has_value(), !expected) << weight;
  if (got) {
    EXPECT_EQ(got->weight(), weight);
  } else {
    EXPECT_EQ(got.error().reason, *expected) << weight;
    EXPECT_EQ(got.error().asked, weight);
  }
}

TEST(Numbers, OfAWeightAtASemaphore) {
  weighted_semaphore door(10);
  for (const weight_case& c : all_weights) {
    expect_outcome(door.try_acquire(c.weight), c.weight, c.of_ten);
    expect_outcome(door.acquire(c.weight, no_patience_at_all), c.weight, c.of_ten);
    expect_outcome(door.acquire(c.weight), c.weight, c.of_ten);
    EXPECT_EQ(door.in_use(), 0) << c.weight;
  }
  EXPECT_TRUE(door.try_acquire(10));
}

TEST(Numbers, OfAWeightAtALimiter) {
  const manual_clock clock;
  for (const bool is_rated : {false, true}) {
    limits of_ten{.max_tasks = 1, .max_weight = 10, .max_waiters = 0};
    if (is_rated) {
      of_ten.rate = per_second(1);
      of_ten.burst = 100;
    }
    limits of_unlimited = of_ten;
    of_unlimited.max_weight = unlimited;
    limiter ten(of_ten, clock);
    limiter any(of_unlimited, clock);
    for (const weight_case& c : all_weights) {
      for (limiter* door : {&ten, &any}) {
        const why_not& expected = door == &ten ? c.of_ten : c.of_unlimited;
        expect_outcome(door->try_acquire(c.weight), c.weight, expected);
        expect_outcome(door->try_acquire(c.weight, clock.now()), c.weight, expected);
        expect_outcome(door->acquire(c.weight, no_patience_at_all), c.weight, expected);
        EXPECT_EQ(door->tasks_in_use(), 0);
        EXPECT_EQ(door->weight_in_use(), 0);
      }
    }
  }
}

// ---- parts

TEST(Numbers, OfThePartsOfAPermit) {
  struct part_case {
    std::int64_t weight;
    bool may_shrink;
    bool may_split;
  };
  for (const part_case& c : std::vector<part_case>{{int64_min, false, false},
                                                   {-1, false, false},
                                                   {0, false, false},
                                                   {1, true, true},
                                                   {9, true, true},
                                                   {10, true, false},
                                                   {11, false, false},
                                                   {largest_max_weight, false, false},
                                                   {beyond_32_bits + 1, false, false},
                                                   {int64_max, false, false}}) {
    weighted_semaphore door(100);
    permit shrunk = *door.try_acquire(10);
    permit split = *door.try_acquire(10);
    permit part;
    if (c.may_shrink) {
      EXPECT_NO_THROW(shrunk.shrink_to(c.weight)) << c.weight;
    } else {
      EXPECT_THROW(shrunk.shrink_to(c.weight), std::invalid_argument) << c.weight;
    }
    if (c.may_split) {
      EXPECT_NO_THROW(part = split.split(c.weight)) << c.weight;
    } else {
      EXPECT_THROW(part = split.split(c.weight), std::invalid_argument) << c.weight;
    }
    const std::int64_t kept = c.may_shrink ? c.weight : 10;
    EXPECT_EQ(shrunk.weight(), kept);
    EXPECT_EQ(split.weight() + part.weight(), 10);
    EXPECT_EQ(part.weight(), c.may_split ? c.weight : 0);
    EXPECT_EQ(door.in_use(), kept + 10);
  }
}

// ---- limits

TEST(Numbers, OfTheCapacityOfASemaphore) {
  for (const auto& [capacity, is_possible] : std::vector<std::pair<std::int64_t, bool>>{{int64_min, false},
                                                                                        {-1, false},
                                                                                        {0, false},
                                                                                        {1, true},
                                                                                        {10, true},
                                                                                        {largest_max_weight, true},
                                                                                        {largest_max_weight + 1, false},
                                                                                        {beyond_32_bits + 1, false},
                                                                                        {int64_max, false}}) {
    weighted_semaphore door(10);
    const permit held = *door.try_acquire(10);
    if (is_possible) {
      EXPECT_NO_THROW(weighted_semaphore{capacity}) << capacity;
      EXPECT_NO_THROW(door.set_capacity(capacity)) << capacity;
    } else {
      EXPECT_THROW(weighted_semaphore{capacity}, std::invalid_argument) << capacity;
      EXPECT_THROW(door.set_capacity(capacity), std::invalid_argument) << capacity;
    }
    const std::int64_t in_force = is_possible ? capacity : 10;
    EXPECT_EQ(door.in_use(), 10);
    EXPECT_EQ(door.wait_until_within(no_patience_at_all), in_force >= 10);
    const std::int64_t free = std::max<std::int64_t>(in_force - 10, 0);
    EXPECT_EQ(door.try_acquire(free).has_value(), free != 0) << capacity;
    EXPECT_FALSE(door.try_acquire(free + 1)) << capacity;
  }
  for (const auto& [waiters, is_possible] : std::vector<std::pair<std::int64_t, bool>>{{int64_min, false},
                                                                                       {-1, false},
                                                                                       {0, true},
                                                                                       {1, true},
                                                                                       {largest_max_tasks, true},
                                                                                       {largest_max_tasks + 1, false},
                                                                                       {int64_max, false}}) {
    if (is_possible) {
      EXPECT_NO_THROW((weighted_semaphore{1, waiters})) << waiters;
    } else {
      EXPECT_THROW((weighted_semaphore{1, waiters}), std::invalid_argument) << waiters;
    }
  }
}

struct limits_case {
  const char* what;
  limits tried;
  bool is_possible;
  bool is_possible_later = true;  // by set_limits; where it is possible at all
};

limits with_rate(const rate& refill, std::int64_t burst) {
  return {.max_weight = 10, .rate = refill, .burst = burst, .max_waiters = 0};
}

std::vector<limits_case> all_limits() {
  std::vector<limits_case> all;
  for (const auto& [number, possible] : std::vector<std::pair<std::int64_t, bool>>{{int64_min, false},
                                                                                   {-1, false},
                                                                                   {0, false},
                                                                                   {1, true},
                                                                                   {largest_max_tasks, true},
                                                                                   {largest_max_tasks + 1, false},
                                                                                   {int64_max - 1, false},
                                                                                   {int64_max, true}}) {
    all.push_back({"max_tasks", {.max_tasks = number, .max_weight = 10}, possible});
    const bool is_zero = number == 0;
    all.push_back(
        {"max_waiters", {.max_weight = 10, .max_waiters = number}, is_zero || (possible && number != int64_max)});
  }
  for (const auto& [number, possible] : std::vector<std::pair<std::int64_t, bool>>{{int64_min, false},
                                                                                   {-1, false},
                                                                                   {0, false},
                                                                                   {1, true},
                                                                                   {largest_max_weight, true},
                                                                                   {largest_max_weight + 1, false},
                                                                                   {int64_max - 1, false},
                                                                                   {int64_max, true}}) {
    // Weights that are counted stay counted.
    all.push_back({"max_weight", {.max_weight = number}, possible, number != int64_max});
  }
  // 200 days in seconds, the longest that a burst may take.
  constexpr std::int64_t most = std::int64_t{200} * 24 * 3'600;
  for (const auto& [number, possible] : std::vector<std::pair<std::int64_t, bool>>{{int64_min, false},
                                                                                   {-1, false},
                                                                                   {0, false},
                                                                                   {1, true},
                                                                                   {most, true},
                                                                                   {most + 1, false},
                                                                                   {int64_max, false}}) {
    all.push_back({"burst", with_rate(per_second(1), number), possible});
    all.push_back({"burst without a rate", with_rate(unlimited, number), number == 0});
  }
  for (const std::int64_t events : {int64_min, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, std::int64_t{64},
                                    std::int64_t{65}, int64_max - 1}) {
    for (const duration period :
         {duration::min(), duration(-1), duration(0), duration(1), duration(2), duration::max()}) {
      const testing::exact ticks = testing::exact{64} * period.count();
      const bool possible =
          events >= 1 && ticks >= events && (ticks + events - 1) / events <= testing::exact{most} * 64 * 1'000'000'000;
      all.push_back({"rate", with_rate(per(events, period), 1), possible});
    }
  }
  return all;
}

std::string text_of(const limits& of) {
  return to_string(of.rate) + ", burst " + std::to_string(of.burst) + ", tasks " + std::to_string(of.max_tasks) +
         ", weight " + std::to_string(of.max_weight) + ", waiters " + std::to_string(of.max_waiters);
}

std::string failure_of(const std::function<void()>& act) {
  try {
    act();
    return {};
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
}

TEST(Numbers, OfAllLimits) {
  for (const limits_case& c : all_limits()) {
    const std::string text = std::string(c.what) + ": " + text_of(c.tried);
    const std::string refused = failure_of([&] { const limiter made(c.tried); });
    EXPECT_EQ(refused.empty(), c.is_possible) << text << '\n' << refused;

    const limits before{.max_tasks = 5, .max_weight = 10, .rate = per_second(7), .burst = 3, .max_waiters = 0};
    limiter door(before);
    const permit held = *door.try_acquire(10);
    const std::string later = failure_of([&] { door.set_limits(c.tried); });
    EXPECT_EQ(later.empty(), c.is_possible && c.is_possible_later) << text << '\n' << later;
    if (!refused.empty()) {
      EXPECT_EQ(later, refused);
    }
    limits in_force = later.empty() ? c.tried : before;
    if (in_force.max_tasks == unlimited) in_force.max_tasks = largest_max_tasks;  // counted ones stay counted
    EXPECT_EQ(text_of(door.configured()), text_of(in_force)) << text;
    EXPECT_EQ(door.tasks_in_use(), 1);
    EXPECT_EQ(door.weight_in_use(), 10);
  }
}

// A fraction is no number of anything here, and is not cut to one.
template <typename Number>
concept gives_a_rate = requires(Number n) {
  per_second(n);
};
template <typename Number>
concept makes_a_limit = requires(Number n) {
  limits{.max_tasks = n};
};
template <typename Number>
concept weighs = requires(Number n, limiter& door, weighted_semaphore& semaphore, permit& held, token_bucket& bucket) {
  requires(
      requires { door.try_acquire(n); } || requires { door.try_acquire(n, time_point{}); } ||
      requires { door.acquire(n); } || requires { door.acquire(n, deadline()); } ||
      requires { door.async_acquire(n); } || requires { semaphore.try_acquire(n); } ||
      requires { semaphore.acquire(n); } || requires { semaphore.async_acquire(n); } || requires { held.split(n); } ||
      requires { held.shrink_to(n); } || requires { bucket.try_take(n); } ||
      requires { bucket.try_take(n, time_point{}); } || requires { bucket.charge(n); } ||
      requires { per(n, duration(1)); });
};
static_assert(gives_a_rate<std::int64_t> && makes_a_limit<std::int64_t> && weighs<std::int64_t> && weighs<int>);
static_assert(!weighs<double> && !weighs<float>);
static_assert(!gives_a_rate<double> && !gives_a_rate<float>);
static_assert(!makes_a_limit<double> && !makes_a_limit<float>);

}  // namespace
}  // namespace weir
