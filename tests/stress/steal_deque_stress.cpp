// The deque under one owner and several thieves, growing from 2: every item comes out exactly once, with what was
// written into it.
#include <weir/queues/steal_deque.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include <weir/queues/sync.hpp>

#include "support/event.hpp"
#include "support/seed.hpp"

namespace {

using weir::detail::atomic;
using weir::detail::steal_deque;
using weir::detail::steal_deque_owner;
using weir::detail::steal_deque_thief;

struct item {
  std::uint64_t payload = 0;  // plain: the deque publishes it
  int taken = 0;              // plain: whoever took the item is its only owner
};

constexpr int few = 7;

void run(int thieves, int count, std::uint64_t seed) {
  steal_deque<item> deque(2);
  std::vector<item> items(static_cast<std::size_t>(count));
  atomic<bool> over{false};
  const auto take = [](item& i, std::size_t index) {
    EXPECT_EQ(i.payload, index * 3 + 1);
    ++i.taken;
  };

  weir::testing::tally ended;
  std::vector<std::thread> threads;
  for (int t = 0; t < thieves; ++t) {
    threads.emplace_back([&] {
      steal_deque_thief<item> thief(deque);
      while (!over.load(weir::detail::memory_order_acquire) || !thief.looks_empty()) {
        if (item* const i = thief.steal().item) {
          take(*i, static_cast<std::size_t>(i - items.data()));
        } else if (thieves > few) {
          std::this_thread::yield();  // else the owner hardly has a turn
        }
      }
      ended.add();
    });
  }
  std::mt19937_64 random(seed);
  steal_deque_owner<item> owner(deque);
  int next = 0;
  while (next < count) {
    for (auto n = random() % 40; n > 0 && next < count; --n, ++next) {
      items[static_cast<std::size_t>(next)].payload = static_cast<std::uint64_t>(next) * 3 + 1;
      ASSERT_TRUE(owner.push(&items[static_cast<std::size_t>(next)]));
    }
    for (auto n = random() % 40; n > 0; --n) {
      if (item* const i = owner.pop()) take(*i, static_cast<std::size_t>(i - items.data()));
    }
  }
  over.store(true, weir::detail::memory_order_release);
  ended.await(static_cast<std::uint32_t>(thieves), "thieves that see the deque empty");
  for (std::thread& t : threads) t.join();
  while (item* const i = owner.pop()) take(*i, static_cast<std::size_t>(i - items.data()));
  for (const item& i : items) ASSERT_EQ(i.taken, 1) << "item " << &i - items.data();
}

TEST(StealDequeStress, EachItemComesOutOnce) {
  const std::uint64_t seed = weir::testing::seed();
  SCOPED_TRACE(seed);
  for (const int thieves : {1, 2, 3, few, 63}) {
    run(thieves, thieves > few ? 100'000 : 300'000, seed + static_cast<std::uint64_t>(thieves));
  }
}

}  // namespace
