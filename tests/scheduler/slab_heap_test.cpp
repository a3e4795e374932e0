// The heap of the frames: blocks that do not overlap, and slabs that go back.
#include "../../scheduler/src/slab_heap.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "support/seed.hpp"

namespace {

using weir::detail::slab_heap;

constexpr int kept_slabs = 16;

std::vector<void*> take_all_of(slab_heap& heap, std::size_t n) {
  std::vector<void*> blocks(n);
  for (std::size_t got = 0; got < n;) {
    got += static_cast<std::size_t>(heap.take(blocks.data() + got, static_cast<int>(n - got)));
  }
  return blocks;
}

void give_all(slab_heap& heap, const std::vector<void*>& blocks) {
  heap.give(blocks.data(), static_cast<int>(blocks.size()));
}

class SlabHeap : public testing::TestWithParam<std::uint32_t> {
 protected:
  std::uint32_t size() const { return GetParam(); }
  // A heap of blocks is never destroyed; one of a test may be, once it has all of its blocks.
  weir::detail::slab_reserve reserve{kept_slabs};
  slab_heap heap{GetParam(), reserve};
};

TEST_P(SlabHeap, BlocksDoNotOverlapAndAreAligned) {
  const std::vector<void*> blocks = take_all_of(heap, 3'000);
  std::set<std::uintptr_t> places;
  for (void* const b : blocks) {
    places.insert(reinterpret_cast<std::uintptr_t>(b));
    std::memset(b, 0x5a, size());  // what lies beyond a slab, or in its head, would not bear this
  }
  ASSERT_EQ(places.size(), blocks.size());
  for (auto at = places.begin(), next = std::next(at); next != places.end(); ++at, ++next) {
    ASSERT_GE(*next - *at, size());
  }
  for (const std::uintptr_t p : places) ASSERT_EQ(p % (size() % 64 == 0 ? 64 : 16), 0u);
  EXPECT_EQ(heap.blocks_out(), 3'000);
  give_all(heap, blocks);
  EXPECT_EQ(heap.blocks_out(), 0);
}

TEST_P(SlabHeap, SlabsGoBackButForAFew) {
  const std::vector<void*> blocks = take_all_of(heap, 100'000);
  const std::int64_t slab_size = weir::detail::slab_size;
  const std::int64_t bytes = heap.slabs() * slab_size;
  const std::int64_t waste = size() / 2 + 192;  // at the end of a slab, on average, and its head
  EXPECT_LE(bytes, 100'000 * static_cast<std::int64_t>(size()) * (slab_size + 2 * waste) / slab_size + slab_size);
  give_all(heap, blocks);
  EXPECT_EQ(heap.slabs(), 0);
  EXPECT_EQ(reserve.count(), kept_slabs);
  const std::vector<void*> again = take_all_of(heap, 200);
  EXPECT_EQ(reserve.count(), kept_slabs - heap.slabs()) << "what was kept is used again";
  give_all(heap, again);
  EXPECT_EQ(reserve.count(), kept_slabs);
}

TEST_P(SlabHeap, ASlabWithABlockOutStays) {
  std::vector<void*> blocks = take_all_of(heap, 100'000);
  std::shuffle(blocks.begin(), blocks.end(), std::minstd_rand(weir::testing::seed()));
  void* const last = blocks.back();
  std::memset(last, 7, size());
  blocks.pop_back();
  give_all(heap, blocks);
  EXPECT_EQ(heap.slabs(), 1);
  EXPECT_EQ(reserve.count(), kept_slabs);
  const auto* const bytes = static_cast<unsigned char*>(last);
  EXPECT_TRUE(std::all_of(bytes, bytes + size(), [](unsigned char c) { return c == 7; }));
  heap.give(&last, 1);
  EXPECT_EQ(heap.slabs(), 0);
  EXPECT_EQ(reserve.count(), kept_slabs);
}

TEST_P(SlabHeap, HandsNoBlockOutTwice) {
  // Each thread marks what it has; what another one has carries another mark.
  const auto work = [this](std::uint32_t mark) {
    std::minstd_rand random(weir::testing::seed() + mark);
    std::vector<void*> mine;
    for (int round = 0; round < 20'000; ++round) {
      if (mine.size() < 200 && random() % 2 == 0) {
        void* got[16];
        const int n = heap.take(got, 1 + static_cast<int>(random() % 16));
        for (int i = 0; i < n; ++i) {
          *static_cast<std::uint32_t*>(got[i]) = mark;
          mine.push_back(got[i]);
        }
      } else if (!mine.empty()) {
        const std::size_t at = random() % mine.size();
        ASSERT_EQ(*static_cast<std::uint32_t*>(mine[at]), mark);
        heap.give(&mine[at], 1);
        mine[at] = mine.back();
        mine.pop_back();
      }
    }
    give_all(heap, mine);
  };
  std::vector<std::thread> threads;
  for (std::uint32_t mark = 1; mark <= 3; ++mark) threads.emplace_back(work, mark);
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(heap.blocks_out(), 0);
}

// What one has emptied, full of what its blocks held, is the other's.
TEST_P(SlabHeap, TwoShareOneReserve) {
  slab_heap other(size() == 1024 ? 64 : 1024, reserve);
  const std::vector<void*> blocks = take_all_of(heap, 20'000);
  for (void* const b : blocks) std::memset(b, 0xff, size());
  give_all(heap, blocks);
  ASSERT_EQ(reserve.count(), kept_slabs);
  const std::vector<void*> others = take_all_of(other, 500);
  EXPECT_EQ(reserve.count(), kept_slabs - other.slabs());
  EXPECT_EQ(std::set<void*>(others.begin(), others.end()).size(), others.size());
  const std::vector<void*> more = take_all_of(heap, 20'000);
  EXPECT_EQ(reserve.count(), 0) << "what the system has given besides is used with it";
  give_all(other, others);
  give_all(heap, more);
  EXPECT_EQ(reserve.count(), kept_slabs) << "of both together";
  EXPECT_EQ(heap.slabs() + other.slabs(), 0);
}

// Slabs go to and fro between two sizes, each block of which has its thread's mark.
TEST_P(SlabHeap, TwoThatShareOneReserveHandNoBlockOutTwice) {
  slab_heap other(size() == 1024 ? 64 : 1024, reserve);
  const auto work = [this](slab_heap& from, std::uint32_t mark) {
    std::minstd_rand random(weir::testing::seed() + mark);
    for (int round = 0; round < 60; ++round) {
      const std::vector<void*> mine = take_all_of(from, random() % 3'000);
      for (void* const b : mine) *static_cast<std::uint32_t*>(b) = mark;
      for (void* const b : mine) ASSERT_EQ(*static_cast<std::uint32_t*>(b), mark);
      give_all(from, mine);
      ASSERT_LE(reserve.count(), kept_slabs);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t mark = 1; mark <= 4; ++mark) {
    threads.emplace_back(work, std::ref(mark % 2 == 0 ? heap : other), mark);
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(heap.blocks_out() + other.blocks_out(), 0);
  EXPECT_EQ(heap.slabs() + other.slabs(), 0);
  EXPECT_LE(reserve.count(), kept_slabs);
}

INSTANTIATE_TEST_SUITE_P(Sizes, SlabHeap, testing::Values(64u, 80u, 144u, 256u, 1024u));

}  // namespace
