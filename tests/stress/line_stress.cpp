// The line of a limiter under threads of all priorities and weights, some of which give up: what is inside and what
// waits stays within its bounds, and a heavy one of low priority comes in beside a flood of light urgent ones.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <iostream>
#include <random>
#include <vector>

#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using detail::memory_order_relaxed;
using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr limits crowded_line{.max_tasks = unlimited,
                              .max_weight = 8,
                              .max_waiters = 5,
                              .max_waiting_weight = 14,
                              .overflow = overflow::drop_lowest,
                              .priority_ageing = 2,
                              .max_bypass = 2};

// By an account of its own; relaxed, numbers alone.
struct crowd_account {
  detail::atomic<std::int64_t> inside{0};
  detail::atomic<std::int64_t> admitted{0};
  detail::atomic<std::int64_t> refused{0};

  void stay(limiter& door, const acquire_options& asked) {
    const result<permit> got = door.acquire(asked);
    if (!got) {
      refused.fetch_add(1, memory_order_relaxed);
      return;
    }
    EXPECT_LE(inside.fetch_add(asked.weight, memory_order_relaxed) + asked.weight, crowded_line.max_weight);
    EXPECT_LE(door.waiting_weight(), crowded_line.max_waiting_weight);
    EXPECT_LE(door.waiting(), crowded_line.max_waiters);
    inside.fetch_sub(asked.weight, memory_order_relaxed);
    admitted.fetch_add(1, memory_order_relaxed);
  }
};

void expect_empty(const limiter& door) {
  EXPECT_EQ(door.weight_in_use(), 0);
  EXPECT_EQ(door.waiting(), 0);
  EXPECT_EQ(door.waiting_weight(), 0);
}

TEST(LineStress, BoundsHoldWhoeverPassesOvertakesOrLeaves) {
  std::mt19937_64 random(testing::seed());
  limiter door(crowded_line);
  crowd_account all;
  const auto end = steady_clock::now() + testing::stress_time();
  std::vector<std::future<void>> threads;
  for (int i = 0; i < 8; ++i) {
    threads.push_back(testing::in_background([&, seed = random()] {
      std::mt19937_64 own(seed);
      while (steady_clock::now() < end) {
        acquire_options asked{.weight = static_cast<std::int64_t>(1 + own() % 8),
                              .priority = static_cast<priority>(own() % 3)};
        if (own() % 2 == 0) asked.until = within(microseconds(static_cast<std::int64_t>(own() % 200)));
        all.stay(door, asked);
      }
    }));
  }
  for (auto& one : threads) testing::get(one, "a thread at the door");
  expect_empty(door);
  std::cout << all.admitted.load(memory_order_relaxed) << " admitted, " << all.refused.load(memory_order_relaxed)
            << " refused\n";
  EXPECT_GT(all.admitted.load(memory_order_relaxed), 0);
  EXPECT_GT(all.refused.load(memory_order_relaxed), 0);
}

TEST(LineStress, AHeavyOneOfLowPriorityComesInBesideAFlood) {
  limits configured = crowded_line;
  configured.max_waiters = 100;
  configured.max_waiting_weight = unlimited;
  limiter door(configured);
  crowd_account all;
  detail::atomic<bool> is_over{false};  // relaxed: a flag alone
  std::vector<std::future<void>> flood;
  for (int i = 0; i < 4; ++i) {
    flood.push_back(testing::in_background([&] {
      while (!is_over.load(memory_order_relaxed)) {
        const permit got = *door.acquire({.weight = 3, .priority = priority::high});
        all.admitted.fetch_add(1, memory_order_relaxed);
      }
    }));
  }
  auto heavy = testing::in_background([&] {
    for (int i = 0; i < testing::scaled(2'000); ++i)
      (void)door.acquire({.weight = 8, .priority = priority::low}).value();
  });
  testing::get(heavy, "the heavy one");
  is_over.store(true, memory_order_relaxed);
  for (auto& one : flood) testing::get(one, "one of the flood");
  expect_empty(door);
  std::cout << all.admitted.load(memory_order_relaxed) << " light ones came in beside\n";
}

}  // namespace
}  // namespace weir
