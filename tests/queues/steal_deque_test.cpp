// The deque from one thread: order, growth, and that nothing is lost or doubled. Threads:
// tests/stress/steal_deque_stress.cpp.
#include <weir/queues/steal_deque.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "support/sanitizers.hpp"

// Not under ThreadSanitizer, whose operator new cannot be replaced with clang.
#if !WEIR_WITH_TSAN
#include "support/allocations.hpp"
#endif

namespace {

#if !WEIR_WITH_TSAN
std::int64_t open_allocations() { return weir::testing::open_allocations.load(weir::detail::memory_order_relaxed); }
#endif

using weir::detail::steal_deque;
using weir::detail::steal_deque_owner;
using weir::detail::steal_deque_thief;
using outcome = weir::detail::steal_result<int>::outcome;

struct StealDeque : testing::Test {
  steal_deque<int> deque{2};
  steal_deque_owner<int> owner{deque};
  steal_deque_thief<int> thief{deque};
  std::array<int, 100> items{};
};

TEST_F(StealDeque, OwnerTakesTheNewestFirst) {
  for (std::size_t i = 0; i < 5; ++i) ASSERT_TRUE(owner.push(&items[i]));
  for (std::size_t i = 5; i-- > 0;) EXPECT_EQ(owner.pop(), &items[i]);
  EXPECT_EQ(owner.pop(), nullptr);
}

TEST_F(StealDeque, ThiefTakesTheOldestFirst) {
  for (std::size_t i = 0; i < 5; ++i) ASSERT_TRUE(owner.push(&items[i]));
  for (std::size_t i = 0; i < 5; ++i) {
    const auto taken = thief.steal();
    EXPECT_EQ(taken.how, outcome::stolen);
    EXPECT_EQ(taken.item, &items[i]);
  }
  EXPECT_EQ(thief.steal().how, outcome::empty);
  EXPECT_EQ(thief.steal().item, nullptr);
}

TEST_F(StealDeque, AnEmptyOneIsUsableAgain) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(thief.looks_empty());
    EXPECT_EQ(owner.pop(), nullptr);
    ASSERT_TRUE(owner.push(&items[0]));
    EXPECT_FALSE(thief.looks_empty());
    EXPECT_EQ(owner.pop(), &items[0]);
    ASSERT_TRUE(owner.push(&items[1]));
    EXPECT_EQ(thief.steal().item, &items[1]);
  }
}

TEST_F(StealDeque, GrowsFromBothEndsWithoutLosingAnything) {
  // The ring of 2 grows six times, with its start at every offset.
  std::size_t pushed = 0;
  std::size_t stolen = 0;
  for (std::size_t size = 1; pushed < 100; ++size) {
    for (std::size_t i = 0; i < size && pushed < 100; ++i) ASSERT_TRUE(owner.push(&items[pushed++]));
    EXPECT_EQ(thief.steal().item, &items[stolen++]);
  }
  for (std::size_t i = 100; i-- > stolen;) EXPECT_EQ(owner.pop(), &items[i]);
  EXPECT_TRUE(thief.looks_empty());
}

TEST_F(StealDeque, TheLastItemGoesToOneOfTheEnds) {
  ASSERT_TRUE(owner.push(&items[0]));
  EXPECT_EQ(thief.steal().item, &items[0]);
  EXPECT_EQ(owner.pop(), nullptr);
  ASSERT_TRUE(owner.push(&items[1]));
  EXPECT_EQ(owner.pop(), &items[1]);
  EXPECT_EQ(thief.steal().how, outcome::empty);
}

#if !WEIR_WITH_TSAN
TEST_F(StealDeque, FreesTheRingsThatItHasOutgrown) {
  const auto before = open_allocations();
  for (int& i : items) ASSERT_TRUE(owner.push(&i));  // from 2 to 128
  EXPECT_EQ(open_allocations(), before);
}

TEST_F(StealDeque, IsSmallAgainWhenItIsEmptyAndTrimmed) {
  for (int& i : items) ASSERT_TRUE(owner.push(&i));
  owner.trim();
  EXPECT_EQ(thief.steal().item, &items[0]) << "what is not empty stays";
  while (owner.pop() != nullptr) {
  }
  const auto before = open_allocations();
  owner.trim();
  EXPECT_EQ(open_allocations(), before);
  ASSERT_TRUE(owner.push(&items[0]));
  ASSERT_TRUE(owner.push(&items[1]));
  weir::testing::allocations_until_failure = 1;
  EXPECT_FALSE(owner.push(&items[2])) << "it has room for two, and must grow";
  weir::testing::allocations_until_failure = 0;
  EXPECT_TRUE(owner.push(&items[2]));
  EXPECT_EQ(thief.steal().item, &items[0]);
  EXPECT_EQ(owner.pop(), &items[2]);
  EXPECT_EQ(owner.pop(), &items[1]);
}
#endif

TEST(StealDequeTypes, OnlyTheOwnersEndCanPush) {
  const auto can_push = [](auto&& end) {
    return requires(int* item) { end.push(item); };
  };
  steal_deque<int> deque;
  EXPECT_TRUE(can_push(steal_deque_owner<int>(deque)));
  EXPECT_FALSE(can_push(steal_deque_thief<int>(deque)));
}

}  // namespace
