// Coroutines, callables and threads at one limiter: granted, stopped, late, shed and closed at once, on whatever
// thread. Each hears one outcome, and no capacity is lost.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <iostream>
#include <memory>
#include <random>
#include <stop_token>
#include <utility>
#include <vector>

#include "support/eager.hpp"
#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using detail::memory_order_acq_rel;
using detail::memory_order_acquire;
using detail::memory_order_relaxed;
using std::chrono::microseconds;

// What became of all that asked. Relaxed, numbers alone, but the open ones: whoever waits for none sees the ends of
// all.
struct async_account {
  detail::atomic<std::int64_t> open{0};
  detail::atomic<std::int64_t> inside{0};
  detail::atomic<std::int64_t> granted{0};
  detail::atomic<std::int64_t> refused{0};

  detail::mutex lock;
  std::vector<permit> kept WEIR_GUARDED_BY(lock);  // given back later, by whoever comes

  void begin() { open.fetch_add(1, memory_order_relaxed); }
  void keep(result<permit> got, std::int64_t most) {
    if (!got) {
      refused.fetch_add(1, memory_order_relaxed);
      return;
    }
    EXPECT_LE(inside.fetch_add(got->weight(), memory_order_relaxed) + got->weight(), most);
    granted.fetch_add(1, memory_order_relaxed);
    const detail::lock_guard held(lock);
    kept.push_back(*std::move(got));
  }
  // What is let in then comes here again. False: there was none.
  bool give_one_back() {
    permit last;
    {
      const detail::lock_guard held(lock);
      if (kept.empty()) return false;
      last = std::move(kept.back());
      kept.pop_back();
    }
    inside.fetch_sub(last.weight(), memory_order_relaxed);
    return true;
  }
  void end() { open.fetch_sub(1, memory_order_acq_rel); }
};

struct async_crowd {
  limiter& door;
  async_account& all;
  std::int64_t most;

  // Its account is closed when all of the wait is over.
  testing::eager ask(acquire_options asked) {
    all.begin();
    all.keep(co_await door.async_acquire(std::move(asked)), most);
    all.end();
  }

  void enqueue(const acquire_options& asked) {
    all.begin();
    const result<void> accepted = door.enqueue(asked, [this](result<permit> got) {
      all.keep(std::move(got), most);
      all.end();
    });
    if (!accepted) all.end();
  }

  void run(std::uint64_t seed, int turns) {
    std::mt19937_64 random(seed);
    auto stop = std::make_unique<std::stop_source>();
    for (int i = 0; i < turns; ++i) {
      acquire_options asked{.weight = static_cast<std::int64_t>(1 + random() % 3),
                            .priority = static_cast<priority>(random() % 3)};
      if (random() % 2 == 0) asked.until = within(microseconds(static_cast<std::int64_t>(random() % 50)));
      if (random() % 2 == 0) asked.stop = stop->get_token();
      const std::uint64_t kind = random() % 8;
      if (kind < 4) {
        (void)ask(std::move(asked));
      } else if (kind < 6) {
        enqueue(asked);
      } else {
        asked.until = std::min(asked.until, within(microseconds(50)));  // it may hold all that there is
        all.begin();
        all.keep(door.acquire(asked), most);
        all.end();
      }
      if (random() % 4 != 0) (void)all.give_one_back();
      if (random() % 16 == 0) {
        stop->request_stop();
        stop = std::make_unique<std::stop_source>();
      }
    }
    stop->request_stop();
  }
};

// Rounds with a limiter of their own, so that each has an end, too.
void run_rounds(const limits& configured, int rounds, bool closes) {
  std::mt19937_64 random(testing::seed());
  async_account all;
  for (int round = 0; round < rounds; ++round) {
    limiter door(configured);
    async_crowd crowd{door, all, configured.max_weight};
    std::vector<std::future<void>> threads;
    for (int i = 0; i < 3; ++i) {
      threads.push_back(testing::in_background([&crowd, seed = random()] { crowd.run(seed, 300); }));
    }
    if (closes) {
      threads.push_back(testing::in_background([&door, pause = random() % 300] {
        for (std::uint64_t i = 0; i < pause; ++i) detail::thread_yield();
        door.close();
      }));
    }
    for (auto& one : threads) testing::get(one, "a thread of the crowd");
    testing::eventually("all that wait are through", [&] {
      (void)all.give_one_back();
      return all.open.load(memory_order_acquire) == 0;
    });
    while (all.give_one_back()) {
    }
    EXPECT_EQ(door.weight_in_use(), 0);
    EXPECT_EQ(door.tasks_in_use(), 0);
    EXPECT_EQ(door.waiting(), 0);
  }
  std::cout << all.granted.load(memory_order_relaxed) << " granted, " << all.refused.load(memory_order_relaxed)
            << " refused\n";
  EXPECT_GT(all.granted.load(memory_order_relaxed), 0);
  EXPECT_GT(all.refused.load(memory_order_relaxed), 0);
}

TEST(AsyncAcquireStress, EachHearsOneOutcomeAndNoCapacityIsLost) {
  run_rounds({.max_tasks = 3, .max_weight = 5, .max_waiters = 20}, testing::scaled(100), false);
}

TEST(AsyncAcquireStress, WithARateAndBypassToo) {
  run_rounds({.max_tasks = 3,
              .max_weight = 5,
              .rate = per_second(200'000),
              .burst = 40,
              .max_waiters = 20,
              .overflow = overflow::drop_oldest,
              .max_bypass = 2},
             testing::scaled(50), false);
}

TEST(AsyncAcquireStress, AgainstAClose) {
  run_rounds({.max_tasks = 3, .max_weight = 5, .max_waiters = 20}, testing::scaled(100), true);
}

}  // namespace
}  // namespace weir
