// The event count under load: real threads, seeded delays, a fixed number of rounds. A lost wake-up ends the program.
#include <chrono>
#include <cstdint>
#include <future>
#include <gtest/gtest.h>
#include <random>
#include <vector>
#include <weir/queues/event_count.hpp>
#include <weir/queues/sync.hpp>

#include "support/eventually.hpp"
#include "support/seed.hpp"

namespace {

using namespace std::chrono_literals;
using weir::detail::atomic;
using weir::detail::event_count;
using weir::detail::memory_order_acq_rel;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::testing::get;
using weir::testing::in_background;

/// Loses a random, mostly very short time, so that the two sides meet at different points.
class jitter {
 public:
  explicit jitter(std::uint64_t seed) : random_(seed) {}

  void operator()() {
    const std::uint64_t drawn = random_();
    if (drawn % 16 == 0) weir::detail::thread_yield();
    for (std::uint64_t i = drawn >> 32 & 63; i > 0; --i) weir::detail::cpu_pause();
  }

  bool one_in(std::uint64_t n) { return random_() % n == 0; }

 private:
  std::mt19937_64 random_;
};

TEST(EventCountStress, PingPongLosesNoTurn) {
  constexpr int turns = 40'000;
  const std::uint64_t seed = weir::testing::seed();
  struct alignas(weir::detail::cache_line) side {
    event_count idle{0xffff'ff00U};  // wraps on the way
  };
  side sides[2];
  atomic<int> turn{0};
  const auto play = [&](int me) {
    jitter delay(seed + static_cast<std::uint64_t>(me));
    for (int i = me; i < turns; i += 2) {
      while (turn.load(memory_order_acquire) != i) {
        const auto key = sides[me].idle.prepare_wait();
        delay();
        if (turn.load(memory_order_relaxed) == i) {
          sides[me].idle.cancel_wait();
        } else {
          delay();
          sides[me].idle.wait(key);
        }
      }
      delay();
      turn.store(i + 1, memory_order_release);
      sides[1 - me].idle.notify_one();
    }
  };
  auto other = in_background([&] { play(1); });
  auto one = in_background([&] { play(0); });
  get(one, "a side of ping-pong");
  get(other, "the other side of ping-pong");
  EXPECT_EQ(turn.load(memory_order_acquire), turns);
}

/// Producers and workers as in the pool: a count of what is pending, one notification for each item.
struct idle_pool {
  event_count idle;
  alignas(weir::detail::cache_line) atomic<int> pending{0};
  alignas(weir::detail::cache_line) atomic<int> left;
  atomic<std::int64_t> taken{0};

  explicit idle_pool(int items) : left(items) {}

  bool take() {
    int seen = pending.load(memory_order_relaxed);
    while (seen > 0) {
      if (!pending.compare_exchange_weak(seen, seen - 1, memory_order_acq_rel, memory_order_relaxed)) continue;
      taken.fetch_add(1, memory_order_relaxed);
      if (left.fetch_sub(1, memory_order_acq_rel) == 1)
        idle.notify_all();  // only then: an earlier one would hide a loss
      return true;
    }
    return false;
  }

  bool done() const { return left.load(memory_order_acquire) == 0; }

  void work(jitter delay) {
    while (!done()) {
      if (take()) continue;
      const auto key = idle.prepare_wait();
      delay();
      if (pending.load(memory_order_relaxed) > 0 || done()) {
        idle.cancel_wait();
      } else if (delay.one_in(64)) {
        idle.wait(key, 1us);  // a timeout that meets a notification takes nothing away from the others
      } else {
        idle.wait(key);
      }
    }
  }

  void produce(int items, jitter delay) {
    for (int i = 0; i < items; ++i) {
      delay();
      pending.fetch_add(1, memory_order_release);
      idle.notify_one();
    }
  }
};

TEST(EventCountStress, ManyProducersAndWorkersLoseNoItem) {
  constexpr int rounds = 150;
  constexpr int items_each = 100;
  std::mt19937_64 random(weir::testing::seed());
  for (int round = 0; round < rounds; ++round) {
    const int producers = 1 + static_cast<int>(random() % 4);
    const int workers = 1 + static_cast<int>(random() % 6);
    idle_pool pool(producers * items_each);
    std::vector<std::future<void>> all;
    for (int w = 0; w < workers; ++w) {
      all.push_back(in_background([&pool, seed = random()] { pool.work(jitter(seed)); }));
    }
    for (int p = 0; p < producers; ++p) {
      all.push_back(in_background([&pool, seed = random()] { pool.produce(items_each, jitter(seed)); }));
    }
    for (auto& one : all) get(one, "a producer or a worker");
    ASSERT_EQ(pool.taken.load(memory_order_relaxed), producers * items_each) << "round " << round;
    ASSERT_EQ(pool.idle.approx_waiters(), 0u) << "round " << round;
  }
}

}  // namespace
