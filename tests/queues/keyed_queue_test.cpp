#include <weir/queues/keyed_queue.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <random>
#include <vector>

#include "support/allocation_counts.hpp"
#include "support/seed.hpp"

namespace {

struct family {
  int number = 0;
  std::array<char, 60> other{};  // keys are objects of some size
};

struct child {
  family* of = nullptr;
  child* next = nullptr;
};

using queue = weir::detail::keyed_queue<child, family, &child::of, &child::next>;

std::vector<child> children_of(std::vector<family*> families) {
  std::vector<child> made;
  for (family* f : families) made.push_back({.of = f});
  return made;
}

TEST(KeyedQueue, GivesTheNewestToItsOwnerAndTheOldestToThieves) {
  family a;
  auto made = children_of({&a, &a, &a, &a});
  queue q;
  for (child& c : made) q.push(&c);
  EXPECT_EQ(q.take_newest(), &made[3]);
  EXPECT_EQ(q.try_take_oldest(), &made[0]);
  EXPECT_EQ(q.take_oldest(), &made[1]);
  EXPECT_EQ(q.take_newest(), &made[2]);
  EXPECT_EQ(q.take_newest(), nullptr);
  EXPECT_EQ(q.take_oldest(), nullptr);
  EXPECT_EQ(q.try_take_oldest(), nullptr);
}

TEST(KeyedQueue, GivesThievesTheOldestOfOneKeyUpToHalf) {
  family a, b;
  auto made = children_of({&a, &a, &a, &a, &b, &a, &a, &a, &a});
  queue q;
  for (child& c : made) q.push(&c);
  std::array<child*, 8> taken{};
  ASSERT_EQ(q.try_take_oldest(taken.data(), 3), 3) << "as many as may be";
  EXPECT_EQ(taken[0], &made[0]);
  EXPECT_EQ(taken[2], &made[2]);
  ASSERT_EQ(q.try_take_oldest(taken.data(), 8), 1) << "the next one has another key";
  EXPECT_EQ(taken[0], &made[3]);
  ASSERT_EQ(q.try_take_oldest(taken.data(), 8), 1);
  EXPECT_EQ(taken[0], &made[4]);
  ASSERT_EQ(q.try_take_oldest(taken.data(), 8), 2) << "half";
  queue other;
  other.push_all(taken.data(), 2);
  EXPECT_EQ(other.take_newest(), &made[6]);
  EXPECT_EQ(other.take_newest(), &made[5]);
  EXPECT_EQ(q.take_oldest(), &made[7]);
}

TEST(KeyedQueue, FindsThoseOfOneKeyWhereverTheyLie) {
  family a, b;
  auto made = children_of({&a, &b, &a, &b, &b});
  queue q;
  queue::cursor from;
  EXPECT_EQ(q.take_of(a, from), nullptr);
  for (child& c : made) q.push(&c);
  EXPECT_TRUE(q.holds(a));
  EXPECT_EQ(q.take_of(a, from), &made[2]);
  EXPECT_EQ(q.take_of(a, from), &made[0]);
  EXPECT_EQ(q.take_of(a, from), nullptr);
  EXPECT_FALSE(q.holds(a));
  EXPECT_TRUE(q.may_hold(b));
  EXPECT_EQ(q.take_oldest(), &made[1]);  // the holes are passed
  EXPECT_EQ(q.take_newest(), &made[4]);
  EXPECT_EQ(q.take_of(b, from), &made[3]);
  EXPECT_TRUE(q.looks_empty());
  EXPECT_FALSE(q.may_hold(b));
}

TEST(KeyedQueue, ASearchTakesWhatIsNewestBeforeItGoesOnWhereItWas) {
  family a, b;
  auto below = children_of({&a, &a, &b, &b});
  auto above = children_of({&a, &b});
  queue q;
  for (child& c : below) q.push(&c);
  queue::cursor from;
  EXPECT_EQ(q.take_of(a, from), &below[1]);
  q.push(&above[0]);
  EXPECT_EQ(q.take_of(a, from), &above[0]);
  q.push(&above[0]);
  q.push(&above[1]);
  EXPECT_EQ(q.take_of(a, from), &below[0]);
  EXPECT_EQ(q.take_of(a, from), &above[0]);
}

TEST(KeyedQueue, TakesByARuleForKeys) {
  family a{.number = 1}, b{.number = 2};
  auto made = children_of({&a, &b, &a});
  queue q;
  for (child& c : made) q.push(&c);
  queue::cursor from;
  EXPECT_EQ(q.take_if([](const family& f) { return f.number == 2; }, from), &made[1]);
  EXPECT_EQ(q.take_if([](const family& f) { return f.number == 2; }, from), nullptr);
}

TEST(KeyedQueue, LosesNothingWithoutMemory) {
  family a, b;
  auto made = children_of({&a, &b, &a, &b});
  queue q;
  weir::testing::allocations_until_failure = 1;
  q.push(&made[0]);
  q.push(&made[1]);  // there is memory again: it goes into the ring
  weir::testing::allocations_until_failure = 1;
  q.push(&made[2]);
  weir::testing::allocations_until_failure = 0;
  q.push(&made[3]);
  queue::cursor from;
  EXPECT_TRUE(q.holds(a));
  EXPECT_NE(q.take_of(a, from), nullptr);
  EXPECT_NE(q.take_of(a, from), nullptr);
  EXPECT_EQ(q.take_of(a, from), nullptr);
  EXPECT_NE(q.take_newest(), nullptr);
  EXPECT_NE(q.take_oldest(), nullptr);
  EXPECT_TRUE(q.looks_empty());
}

// Against a plain list: with few keys and many holes, over every size at which the ring grows, closes its holes or is
// given back.
TEST(KeyedQueue, IsAListUnderAnySequenceOfCalls) {
  std::mt19937_64 random(weir::testing::seed());
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int round = 0; round < 50; ++round) {
    std::array<family, 3> families;
    std::vector<child> made(3'000);
    std::deque<child*> expected;
    std::array<queue::cursor, 3> cursors;
    queue q;
    std::size_t next = 0;
    const std::size_t pushes_of_ten = 3 + below(5);
    while (next < made.size() || !expected.empty()) {
      const bool pushes = next < made.size() && below(10) < pushes_of_ten;
      child* taken = nullptr;
      if (pushes) {
        made[next].of = &families[below(3)];
        q.push(&made[next]);
        expected.push_back(&made[next++]);
      } else if (const std::size_t how = below(5); how == 0) {
        taken = q.take_newest();
        ASSERT_EQ(taken, expected.empty() ? nullptr : expected.back());
      } else if (how == 1) {
        taken = below(2) == 0 ? q.take_oldest() : q.try_take_oldest();
        ASSERT_EQ(taken, expected.empty() ? nullptr : expected.front());
      } else if (how == 2) {
        q.trim();
      } else {
        const std::size_t which = below(3);
        const family& key = families[which];
        const bool is_there = std::any_of(expected.begin(), expected.end(), [&](child* c) { return c->of == &key; });
        ASSERT_EQ(q.holds(key), is_there);
        taken = q.take_of(key, cursors[which]);
        ASSERT_EQ(taken != nullptr, is_there);
        if (taken != nullptr) {
          ASSERT_EQ(taken->of, &key);
          if (expected.back()->of == &key) {
            ASSERT_EQ(taken, expected.back());
          }
        }
      }
      if (taken != nullptr) {
        const auto at = std::find(expected.begin(), expected.end(), taken);
        ASSERT_NE(at, expected.end()) << "taken twice";
        expected.erase(at);
      }
      ASSERT_EQ(q.looks_empty(), expected.empty());
    }
  }
}

}  // namespace
