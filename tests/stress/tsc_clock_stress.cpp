// The clock by the counter under threads: what is handed over is never later than what who took it reads.
#include <weir/admission/tsc_clock.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <future>
#include <iostream>
#include <random>
#include <vector>

#include <weir/queues/cache_line.hpp>

#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using detail::memory_order_acquire;
using detail::memory_order_release;
using std::chrono::steady_clock;

constexpr int clock_readers = 4;

// A time that somebody has read.
// (1) handed over: release store by who has read it -> acquire load by who reads after that.
struct alignas(detail::cache_line) handed_time {
  detail::atomic<std::int64_t> at{0};
};

struct reader_counts {
  std::int64_t readings = 0;
  std::int64_t earlier = 0;
  std::int64_t worst = 0;  // ns
};

// With lines that CPUs write in turn, most loads take long, and a counter that were read before they are over would
// show. Some readings come after pauses, so that lines end, and others begin.
reader_counts read_and_hand_over(const clock_source& clock, std::array<handed_time, 16>& words, std::uint64_t seed,
                                 steady_clock::time_point end) {
  std::mt19937_64 random(seed);
  reader_counts c;
  while (steady_clock::now() < end) {
    const bool is_sparse = random() % 64 == 0;
    const std::int64_t pause = is_sparse ? static_cast<std::int64_t>(random() % 3'000'000) : 0;
    const auto resume = steady_clock::now() + std::chrono::nanoseconds(pause);
    while (steady_clock::now() < resume) detail::thread_yield();
    for (int i = 0; i < 4'000; ++i) {
      const std::uint64_t chosen = random();
      const std::int64_t handed = words[chosen % words.size()].at.load(memory_order_acquire);  // (1)
      const std::int64_t now = clock.now().time_since_epoch().count();
      if (now < handed) {
        ++c.earlier;
        c.worst = std::max(c.worst, handed - now);
      }
      words[chosen / words.size() % words.size()].at.store(now, memory_order_release);  // (1)
      ++c.readings;
    }
  }
  return c;
}

void run_readers(const clock_source& clock) {
  std::mt19937_64 random(testing::seed());
  std::array<handed_time, 16> words;
  const auto end = steady_clock::now() + 3 * testing::stress_time();
  std::vector<std::future<reader_counts>> readers;
  for (int i = 0; i < clock_readers; ++i) {
    readers.push_back(
        testing::in_background([&, seed = random()] { return read_and_hand_over(clock, words, seed, end); }));
  }
  reader_counts all;
  for (auto& reader : readers) {
    const reader_counts c = testing::get(reader, "a reader of the clock");
    all = {all.readings + c.readings, all.earlier + c.earlier, std::max(all.worst, c.worst)};
  }
  std::cout << all.readings << " readings\n";
  EXPECT_EQ(all.earlier, 0) << "by up to " << all.worst << " ns";
}

TEST(TscClockStress, NeverGoesBackFromThreadToThread) {
  const tsc_clock& clock = tsc_clock_source();
  if (!clock.is_tsc()) std::cout << clock.why_steady() << '\n';
  run_readers(clock);
}

}  // namespace
}  // namespace weir
