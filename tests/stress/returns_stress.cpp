// A door with givers under threads: those who are admitted hand what they hold to givers, or give it back themselves,
// near the limit, where every return is looked for; with an account of its own of how many are inside.
#include <weir/admission/detail/gate.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <iostream>
#include <random>
#include <thread>
#include <vector>

#include <weir/admission/detail/thread_waiter.hpp>

#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using detail::gate;
using detail::memory_order_acquire;
using detail::memory_order_relaxed;
using detail::memory_order_release;
using std::chrono::steady_clock;

constexpr std::size_t givers = 3;
constexpr int takers = 3;

struct door {
  door(std::int64_t most_tasks, std::int64_t max_waiters)
      : at({.max_tasks = most_tasks, .max_waiters = max_waiters}, steady_clock_source(), nullptr, givers),
        most(most_tasks) {}

  gate at;
  std::int64_t most;
  // By an account of its own: raised after a grant, lowered before a return; relaxed, a number alone.
  detail::atomic<std::int64_t> inside{0};
  // Admitted, and on the way to a giver. (1) release by the taker -> acquire by the giver: no data, but the order of a
  // task, which ends after it was admitted.
  detail::atomic<std::int64_t> on_the_way{0};
  detail::atomic<bool> no_more{false};  // (1) as well: after the last of the takers

  void is_inside() { EXPECT_LE(inside.fetch_add(1, memory_order_relaxed) + 1, most); }

  // One of those on the way; false if there is none.
  bool take_over() {
    std::int64_t n = on_the_way.load(memory_order_relaxed);
    while (n > 0) {
      if (on_the_way.compare_exchange_weak(n, n - 1, memory_order_acquire, memory_order_relaxed)) return true;  // (1)
    }
    return false;
  }
};

// Ends what others were admitted for, as a giver, until there is no more.
std::int64_t give(door& d, std::size_t giver) {
  std::int64_t given = 0;
  for (;;) {
    const bool last_look = d.no_more.load(memory_order_acquire);  // (1)
    if (d.take_over()) {
      d.inside.fetch_sub(1, memory_order_relaxed);
      d.at.release(1, giver);
      ++given;
      EXPECT_LE(d.at.tasks_in_use(), d.most);
      EXPECT_GE(d.at.tasks_in_use(), 0);
    } else if (last_look) {
      return given;
    } else {
      std::this_thread::yield();
    }
  }
}

// Comes, waits or does not wait, and hands on what it holds or gives it back itself.
std::int64_t take(door& d, std::uint64_t seed, bool waits, steady_clock::time_point end) {
  std::mt19937_64 random(seed);
  std::int64_t admitted = 0;
  while (steady_clock::now() < end) {
    const bool granted =
        waits && random() % 2 == 0 ? detail::acquire(d.at, {}).has_value() : d.at.try_admit({}, {}).granted;
    if (!granted) {
      std::this_thread::yield();
      continue;
    }
    d.is_inside();
    ++admitted;
    if (random() % 4 != 0) {
      d.on_the_way.fetch_add(1, memory_order_release);  // (1)
    } else {
      d.inside.fetch_sub(1, memory_order_relaxed);
      d.at.release(1);
    }
  }
  return admitted;
}

void give_and_take(std::int64_t most, bool waits) {
  std::mt19937_64 random(testing::seed());
  door d(most, waits ? takers : 0);
  const auto end = steady_clock::now() + weir::testing::stress_time();
  std::vector<std::future<std::int64_t>> comers, goers;
  for (std::size_t i = 0; i < givers; ++i) goers.push_back(testing::in_background([&d, i] { return give(d, i); }));
  for (int i = 0; i < takers; ++i) {
    comers.push_back(testing::in_background([&d, waits, end, seed = random()] { return take(d, seed, waits, end); }));
  }
  std::int64_t admitted = 0, given = 0;
  for (auto& c : comers) admitted += testing::get(c, "a thread that comes");
  d.no_more.store(true, memory_order_release);  // (1)
  d.at.close();
  EXPECT_TRUE(d.at.wait_until_empty(time_point::max()));
  for (auto& g : goers) given += testing::get(g, "a giver");
  std::cout << admitted << " admitted, " << given << " given back by givers\n";
  EXPECT_GT(given, 0);
  EXPECT_EQ(d.inside.load(memory_order_relaxed), 0);
  EXPECT_EQ(d.at.tasks_in_use(), 0);
  EXPECT_EQ(d.at.waiting(), 0);
}

TEST(ReturnsStress, NeverMoreThanTheLimitWhereNobodyWaits) { give_and_take(2, false); }

TEST(ReturnsStress, NobodyWhoWaitsForAReturnIsForgotten) { give_and_take(1, true); }

TEST(ReturnsStress, NobodyWhoWaitsForOneOfManyIsForgotten) { give_and_take(5, true); }

}  // namespace
}  // namespace weir
