// A door whose givers keep units for children, under threads: children that start at one giver and end at another or
// outside, newcomers, a line, and closes at any moment; with an account of its own of what is held.
#include <weir/admission/detail/gate.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <iostream>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <weir/admission/detail/thread_waiter.hpp>

#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir::units_stress {
namespace {

using detail::child_stock;
using detail::gate;
using detail::memory_order_acquire;
using detail::memory_order_relaxed;
using detail::memory_order_release;
using std::chrono::steady_clock;

constexpr std::size_t workers = 3;
constexpr std::size_t outside = workers;  // who ends it is none of them
constexpr int newcomers = 2;

/// Where weights are counted, there is one word and no returns.
enum class form { returns, weights };
constexpr form forms[] = {form::returns, form::weights};

struct counts {
  std::int64_t granted = 0;
  std::int64_t contended = 0;
  std::int64_t full = 0;
  counts& operator+=(const counts& other) {
    granted += other.granted;
    contended += other.contended;
    full += other.full;
    return *this;
  }
};

struct door {
  door(form kind, std::int64_t most_tasks, child_stock::rule stocks)
      : at({.max_tasks = most_tasks,
            .max_weight = kind == form::weights ? std::int64_t{1'000'000} : unlimited,
            .max_waiters = newcomers},
           steady_clock_source(), nullptr, workers, stocks),
        most(most_tasks) {}

  gate at;
  std::int64_t most;
  // By an account of its own: raised after a grant, lowered before the end; relaxed, a number alone.
  detail::atomic<std::int64_t> inside{0};
  // Children that anybody may end. (1) release by who started it -> acquire by who ends it: no data, but the order of a
  // task, which ends after it has begun.
  detail::atomic<std::int64_t> running{0};
  // Children that may be there, those that are about to start too; relaxed, a number alone.
  detail::atomic<std::int64_t> children{0};
  detail::atomic<bool> no_more{false};  // relaxed: to be seen in the end

  void is_inside() {
    EXPECT_LE(inside.fetch_add(1, memory_order_relaxed) + 1, most);
    const std::int64_t seen = at.tasks_in_use();
    EXPECT_GE(seen, 0);
    EXPECT_LE(seen, most);
  }

  bool start(std::size_t by) {
    if (!(by == outside ? at.try_add_child() : at.try_add_child(by))) return false;
    is_inside();
    running.fetch_add(1, memory_order_release);  // (1)
    return true;
  }

  bool end_one(std::size_t by) {
    std::int64_t n = running.load(memory_order_relaxed);
    while (n > 0) {
      if (!running.compare_exchange_weak(n, n - 1, memory_order_acquire, memory_order_relaxed)) continue;  // (1)
      inside.fetch_sub(1, memory_order_relaxed);
      by == outside ? at.end_child() : at.end_child(by);
      children.fetch_sub(1, memory_order_relaxed);
      return true;
    }
    return false;
  }

  void leave() {
    inside.fetch_sub(1, memory_order_relaxed);
    at.release(1);
  }

  // Nobody is inside, and everything is there.
  void expect_whole() {
    EXPECT_EQ(inside.load(memory_order_relaxed), 0);
    EXPECT_EQ(at.tasks_in_use(), 0);
    for (std::int64_t i = 0; i < most; ++i) ASSERT_TRUE(at.try_admit({}, {}).granted) << i;
    EXPECT_EQ(at.try_admit({}, {}).why, refusal_reason::tasks_full);
    for (std::int64_t i = 0; i < most; ++i) at.release(1);
  }
};

// Starts and ends children, at most `most_children` of all workers, in stretches: stocks get full and empty.
counts work(door& d, std::size_t by, std::uint64_t seed, std::int64_t most_children) {
  std::mt19937_64 random(seed);
  counts c;
  while (!d.no_more.load(memory_order_relaxed)) {
    const bool starts = random() % 2 == 0;
    for (std::uint64_t n = random() % 40; n > 0; --n) {
      if (!starts) {
        if (!d.end_one(by)) break;
      } else if (d.children.fetch_add(1, memory_order_relaxed) >= most_children) {
        d.children.fetch_sub(1, memory_order_relaxed);
        break;
      } else if (d.start(by)) {
        ++c.granted;
      } else {
        ++c.full;
        d.children.fetch_sub(1, memory_order_relaxed);
      }
    }
  }
  while (d.end_one(by)) {
  }
  return c;
}

// Comes without waiting, and sometimes stays for a while.
counts visit(door& d, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  counts c;
  while (!d.no_more.load(memory_order_relaxed)) {
    const gate::verdict v = d.at.try_admit({}, {});
    if (v.granted) {
      ++c.granted;
      d.is_inside();
      if (random() % 256 == 0) std::this_thread::yield();
      d.leave();
    } else {
      ++(v.why == refusal_reason::contended ? c.contended : c.full);
    }
  }
  return c;
}

struct outcome {
  counts of_children;
  counts of_newcomers;
};

outcome run(door& d, std::uint64_t seed, std::int64_t most_children) {
  std::mt19937_64 random(seed);
  std::vector<std::future<counts>> at_work, coming;
  for (std::size_t i = 0; i < workers; ++i) {
    at_work.push_back(
        testing::in_background([&d, i, most_children, s = random()] { return work(d, i, s, most_children); }));
  }
  for (int i = 0; i < newcomers; ++i) {
    coming.push_back(testing::in_background([&d, s = random()] { return visit(d, s); }));
  }
  const auto end = steady_clock::now() + testing::stress_time() / 2;
  while (steady_clock::now() < end) {
    if (!d.end_one(outside)) std::this_thread::yield();
  }
  d.no_more.store(true, memory_order_relaxed);
  outcome all;
  for (auto& w : at_work) all.of_children += testing::get(w, "a worker");
  for (auto& c : coming) all.of_newcomers += testing::get(c, "a newcomer");
  while (d.end_one(outside)) {
  }
  std::cout << all.of_children.granted << " children, " << all.of_children.full << " inline; "
            << all.of_newcomers.granted << " newcomers admitted, " << all.of_newcomers.contended << " contended, "
            << all.of_newcomers.full << " told tasks_full\n";
  EXPECT_GT(all.of_children.granted, 0);
  EXPECT_GT(all.of_newcomers.granted, 0);
  d.expect_whole();
  return all;
}

// All that is free fits into the stocks, and does go there; but there is always one more than may be held.
TEST(UnitsStress, NobodyIsToldFullWhileMoreIsFreeThanInAllHands) {
  std::mt19937_64 random(testing::seed());
  for (const form kind : forms) {
    constexpr std::int64_t most_children = 6;
    door d(kind, most_children + static_cast<std::int64_t>(workers) + newcomers + 1,
           {.block = 3, .tasks_per_giver = 1});
    EXPECT_EQ(run(d, random(), most_children).of_newcomers.full, 0);
  }
}

// The same as it ships, where besides no child is run inline: half of all is in no stock.
TEST(UnitsStress, NoChildIsRefusedWhileMoreIsFreeThanInAllStocks) {
  std::mt19937_64 random(testing::seed());
  for (const form kind : forms) {
    constexpr std::int64_t in_stocks = 3 * 16 * static_cast<std::int64_t>(workers);
    constexpr std::int64_t most_children = 40;
    door d(kind, in_stocks + most_children + static_cast<std::int64_t>(workers) + newcomers, {});
    const outcome all = run(d, random(), most_children);
    EXPECT_EQ(all.of_newcomers.full, 0);
    EXPECT_EQ(all.of_children.full, 0);
  }
}

// At the limit: more children than there are units.
TEST(UnitsStress, NeverMoreThanTheLimit) {
  std::mt19937_64 random(testing::seed());
  for (const form kind : forms) {
    door d(kind, 8, {.block = 2, .tasks_per_giver = 1});
    EXPECT_GT(run(d, random(), 20).of_children.full, 0);
  }
}

// Comes and waits, while children start without end.
std::int64_t wait_and_leave(door& d) {
  std::int64_t admitted = 0;
  while (!d.no_more.load(memory_order_relaxed)) {
    EXPECT_TRUE(detail::acquire(d.at, {}).has_value());
    d.is_inside();
    ++admitted;
    d.leave();
  }
  return admitted;
}

TEST(UnitsStress, WhoWaitsIsLetInWhileChildrenStartWithoutEnd) {
  std::mt19937_64 random(testing::seed());
  for (const form kind : forms) {
    door d(kind, 6, {.block = 2, .tasks_per_giver = 1});
    std::vector<std::future<std::int64_t>> waiting;
    for (int i = 0; i < newcomers; ++i) waiting.push_back(testing::in_background([&d] { return wait_and_leave(d); }));
    std::vector<std::future<counts>> at_work;
    for (std::size_t i = 0; i < workers; ++i) {
      at_work.push_back(testing::in_background([&d, i, s = random()] { return work(d, i, s, 12); }));
    }
    const auto end = steady_clock::now() + testing::stress_time() / 2;
    while (steady_clock::now() < end) std::this_thread::yield();
    d.no_more.store(true, memory_order_relaxed);
    counts of_children;
    std::int64_t admitted = 0;
    for (auto& w : at_work) of_children += testing::get(w, "a worker");
    for (auto& w : waiting) admitted += testing::get(w, "who waits for a task");
    while (d.end_one(outside)) {
    }
    std::cout << admitted << " admitted from the line, " << of_children.granted << " children\n";
    EXPECT_GT(admitted, 0);
    EXPECT_GT(of_children.granted, 0);
    d.expect_whole();
  }
}

// A root of which each child has one more, on another worker; all of it is in somebody's hands when the door closes.
TEST(UnitsStress, AClosedDoorIsEmptyWhenTheLastChildHasEnded) {
  std::mt19937_64 random(testing::seed());
  const int rounds = testing::scaled(300);
  for (int round = 0; round < rounds; ++round) {
    door d(forms[round % 2], 12, {.block = 2, .tasks_per_giver = 1});
    std::vector<std::future<void>> at_work;
    for (std::size_t i = 0; i < workers; ++i) {
      ASSERT_TRUE(d.start(i));
      at_work.push_back(testing::in_background([&d, i, left = 1 + random() % 60, s = random()] {
        std::mt19937_64 mine(s);
        for (std::uint64_t n = left; n > 0; --n) {
          if (!d.start(i)) continue;
          EXPECT_TRUE(d.end_one(mine() % 4 == 0 ? outside : i));
        }
        EXPECT_TRUE(d.end_one(i));
      }));
    }
    for (std::uint64_t n = random() % 30; n > 0; --n) {
      if (d.at.try_admit({}, {}).granted) d.at.release(1);
    }
    d.at.close();
    auto empty = testing::in_background([&d] { return d.at.wait_until_empty(time_point::max()); });
    EXPECT_TRUE(testing::get(empty, "the end of the last child"));
    EXPECT_EQ(d.inside.load(memory_order_relaxed), 0);
    for (auto& w : at_work) testing::get(w, "a worker");
    EXPECT_EQ(d.at.tasks_in_use(), 0);
  }
}

}  // namespace
}  // namespace weir::units_stress
