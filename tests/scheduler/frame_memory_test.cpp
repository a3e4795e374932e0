// The caches of the threads before the heaps of the frames. In a build with a sanitizer there are none.
#include "support/sanitizers.hpp"

#if !WEIR_WITH_ASAN && !WEIR_WITH_TSAN

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "../../scheduler/src/frame_memory.hpp"

namespace {

using weir::detail::frame_memory_in_use;
using weir::detail::give_frame_memory;
using weir::detail::take_frame_memory;

TEST(FrameMemory, IsAlignedAndOfTheSizeAskedFor) {
  for (std::size_t bytes = 1; bytes <= 300; ++bytes) {
    const std::size_t alignment = (bytes + 7) / 8 % 2 == 0 ? 16 : 8;  // the most that a type of that size can ask for
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) {
      void* const b = take_frame_memory(bytes);
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(b) % alignment, 0u);
      std::fill_n(static_cast<unsigned char*>(b), bytes, static_cast<unsigned char>(i));
      blocks.push_back(b);
    }
    for (int i = 0; i < 100; ++i) {
      const auto* const b = static_cast<unsigned char*>(blocks[static_cast<std::size_t>(i)]);
      ASSERT_TRUE(std::all_of(b, b + bytes, [i](unsigned char c) { return c == i; })) << bytes << " bytes, block " << i;
      give_frame_memory(blocks[static_cast<std::size_t>(i)], bytes);
    }
  }
}

TEST(FrameMemory, AFrameTakesWholeLinesWhereItCan) {
  void* const b = take_frame_memory(64);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b) % 64, 0u);
  give_frame_memory(b, 64);
}

TEST(FrameMemory, WhatWasFreedLastIsTakenFirst) {
  void* const first = take_frame_memory(100);
  void* const second = take_frame_memory(100);
  give_frame_memory(first, 100);
  give_frame_memory(second, 100);
  EXPECT_EQ(take_frame_memory(97), second);
  EXPECT_EQ(take_frame_memory(104), first);
  give_frame_memory(first, 104);
  give_frame_memory(second, 104);
}

// What one thread takes and another gives back, again and again, does not pile up with either, but for a cache of 64.
TEST(FrameMemory, GoesRoundBetweenThreads) {
  std::int64_t after_first_round = 0;
  for (int round = 0; round < 50; ++round) {
    std::vector<void*> blocks(1'000);
    std::thread([&] {
      for (void*& b : blocks) b = take_frame_memory(64);
    }).join();
    for (void* const b : blocks) give_frame_memory(b, 64);
    if (round == 0) after_first_round = frame_memory_in_use().blocks_out;
  }
  EXPECT_LE(frame_memory_in_use().blocks_out, after_first_round + 64);
}

// Else a burst of one size would leave all others without any that are kept, for ever.
TEST(FrameMemory, WhatABurstOfOneSizeHasLeftIsThereForAnother) {
  const auto all_slabs = [] { return frame_memory_in_use().slabs + frame_memory_in_use().kept; };
  const auto burst = [&](std::size_t bytes, std::size_t count) {
    std::vector<void*> blocks(count);
    for (void*& b : blocks) b = take_frame_memory(bytes);
    const std::int64_t slabs = all_slabs();
    for (void* const b : blocks) give_frame_memory(b, bytes);
    return slabs;
  };
  (void)burst(64, 200'000);  // 196 slabs, of which 128 are kept
  const std::int64_t before = all_slabs();
  EXPECT_GE(before, weir::detail::kept_slabs);
  EXPECT_LE(burst(256, 20'000), before + 1) << "79 slabs";
  EXPECT_LE(all_slabs(), before + 1) << "the one more is of what the cache has";
}

TEST(FrameMemory, AThreadGivesItsCacheBackWhenItEnds) {
  const std::int64_t before = frame_memory_in_use().blocks_out;
  std::thread([] { give_frame_memory(take_frame_memory(224), 224); }).join();
  EXPECT_EQ(frame_memory_in_use().blocks_out, before);
}

TEST(FrameMemory, MayBeUsedAfterTheThreadsCacheHasGone) {
  const std::int64_t before = frame_memory_in_use().blocks_out;
  std::thread([] {
    // Destroyed after the cache, which is made after it.
    struct late {
      ~late() {
        give_frame_memory(block, 64);
        give_frame_memory(take_frame_memory(64), 64);
      }
      void* block = nullptr;
    };
    thread_local late last;
    last.block = take_frame_memory(64);
  }).join();
  EXPECT_EQ(frame_memory_in_use().blocks_out, before);
}

TEST(FrameMemory, AForkedChildCanUseItWhateverOthersDid) {
  weir::detail::atomic<bool> is_over{false};
  std::thread other([&] {
    std::vector<void*> blocks(800);  // three slabs and more, each of which is emptied and kept again and again
    while (!is_over.load(weir::detail::memory_order_relaxed)) {
      for (void*& b : blocks) b = take_frame_memory(256);
      for (void* const b : blocks) give_frame_memory(b, 256);
    }
  });
  for (int i = 0; i < 60; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);  // a child that hangs is seen as one that was killed
      std::vector<void*> blocks(800);
      for (void*& b : blocks) b = take_frame_memory(256);
      for (void* const b : blocks) give_frame_memory(b, 256);
      _exit(0);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  is_over.store(true, weir::detail::memory_order_relaxed);
  other.join();
}

}  // namespace

#endif
