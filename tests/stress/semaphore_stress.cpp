// The weighted semaphore under threads that try, wait, time out, are cancelled and resize it, as fast as they can.
#include <weir/admission/weighted_semaphore.hpp>

#include <gtest/gtest.h>

#include <barrier>
#include <chrono>
#include <cstdint>
#include <future>
#include <iostream>
#include <map>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include <weir/queues/mutex.hpp>

#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using detail::memory_order_relaxed;
using std::chrono::microseconds;
using std::chrono::steady_clock;

// What is inside by an account of its own: raised after a grant, lowered before a release, and so never above the
// truth. Writers and readers: all threads; relaxed, a number alone.
struct account {
  void enter(std::int64_t weight) {
    const std::int64_t now = inside.fetch_add(weight, memory_order_relaxed) + weight;
    std::int64_t seen = most.load(memory_order_relaxed);
    while (seen < now && !most.compare_exchange_weak(seen, now, memory_order_relaxed)) {
    }
  }
  void leave(std::int64_t weight) { inside.fetch_sub(weight, memory_order_relaxed); }

  detail::atomic<std::int64_t> inside{0};
  detail::atomic<std::int64_t> most{0};
};

// The stop of the wait that a thread is in, for another thread to request.
class stop_slot {
 public:
  std::stop_token renew() {
    const detail::lock_guard held(mutex_);
    source_ = std::stop_source();
    return source_.get_token();
  }
  void request() {
    std::stop_source source{std::nostopstate};
    {
      const detail::lock_guard held(mutex_);
      source = source_;
    }
    source.request_stop();  // runs the waiter's callback here, outside the lock
  }

 private:
  detail::mutex mutex_;
  std::stop_source source_ WEIR_GUARDED_BY(mutex_);
};

using tally = std::map<std::string, std::int64_t>;

// One thread's visits until `end`: each ends in exactly one outcome.
tally visit(weighted_semaphore& door, account& book, stop_slot& slot, std::int64_t heaviest, std::uint64_t seed,
            steady_clock::time_point end) {
  std::mt19937_64 random(seed);
  const auto up_to = [&](std::int64_t most) { return std::uniform_int_distribution<std::int64_t>(0, most)(random); };
  tally outcomes;
  while (steady_clock::now() < end) {
    const std::int64_t weight = 1 + up_to(heaviest - 1);
    result<permit> got = [&] {
      switch (up_to(3)) {
        case 0:
          return door.try_acquire(weight);
        case 1:
          return door.acquire(weight, within(microseconds(up_to(200))));
        default:
          return door.acquire(weight, {}, slot.renew());
      }
    }();
    ++outcomes[got ? "granted" : std::string(to_string(got.error().reason))];
    if (!got) continue;
    book.enter(weight);
    if (up_to(7) == 0) std::this_thread::yield();
    book.leave(weight);
  }
  return outcomes;
}

void run(std::int64_t capacity, bool resize) {
  constexpr int threads = 5;
  std::mt19937_64 random(testing::seed());
  weighted_semaphore door(capacity, 3);
  account book;
  std::vector<stop_slot> slots(threads);
  const auto end = steady_clock::now() + weir::testing::stress_time();
  std::vector<std::future<tally>> visitors;
  for (std::size_t i = 0; i < threads; ++i) {
    visitors.push_back(
        testing::in_background([&, i, seed = random()] { return visit(door, book, slots[i], capacity, seed, end); }));
  }
  auto canceller = testing::in_background([&, seed = random()] {
    std::mt19937_64 own(seed);
    while (steady_clock::now() < end) {
      slots[own() % threads].request();
      if (resize) door.set_capacity(1 + static_cast<std::int64_t>(own() % static_cast<std::uint64_t>(capacity)));
      std::this_thread::yield();
    }
    door.set_capacity(capacity);
    // Whoever waits for more than is there is let in by the releases of the others; all are gone soon.
  });
  testing::get(canceller, "the canceller");
  tally sum;
  for (auto& v : visitors) {
    for (const auto& [name, count] : testing::get(v, "a visitor: a grant was lost")) sum[name] += count;
  }
  for (const auto& [name, count] : sum) std::cout << name << ' ' << count << '\n';
  EXPECT_GT(sum["granted"], 0);
  EXPECT_LE(book.most.load(memory_order_relaxed), capacity);
  EXPECT_EQ(book.inside.load(memory_order_relaxed), 0);
  EXPECT_EQ(door.in_use(), 0);
  EXPECT_EQ(door.waiting(), 0);
  EXPECT_TRUE(door.try_acquire(capacity)) << "all of it is there again";
}

TEST(WeightedSemaphoreStress, NeverHoldsMoreThanItsCapacity) { run(7, false); }

TEST(WeightedSemaphoreStress, NeverHoldsMoreThanItsLargestCapacityWhileItIsResized) { run(7, true); }

// A waiter, its release and, in half of the rounds, its cancellation meet again and again: the waiter hears one
// outcome, the permit is not lost, and where nobody cancels it is granted.
TEST(WeightedSemaphoreStress, AReleaseAndACancelNeverLoseThePermitBetweenThem) {
  weighted_semaphore door(1);
  permit held = *door.try_acquire();
  std::mt19937_64 random(testing::seed());
  const auto a_while = [](std::mt19937_64& own) {
    for (std::uint64_t spins = own() % 256; spins > 0; --spins) detail::cpu_pause();
  };
  // Written between two meetings by the one thread that counts the rounds.
  std::stop_source stop;
  bool cancel = true;
  bool last = false;
  std::barrier meet(3);
  std::int64_t granted = 0;
  std::int64_t cancelled = 0;

  auto waiter = testing::in_background([&] {
    for (;;) {
      meet.arrive_and_wait();
      if (last) return;
      {
        const result<permit> got = door.acquire(1, {}, stop.get_token());
        ++(got ? granted : cancelled);
        EXPECT_TRUE(got || (cancel && got.error().reason == refusal_reason::cancelled));
      }
      meet.arrive_and_wait();
    }
  });
  auto canceller = testing::in_background([&, own = std::mt19937_64(random())]() mutable {
    for (;;) {
      meet.arrive_and_wait();
      if (last) return;
      a_while(own);
      if (cancel) stop.request_stop();
      meet.arrive_and_wait();
    }
  });
  auto rounds = testing::in_background([&, own = std::mt19937_64(random())]() mutable {
    const auto end = steady_clock::now() + weir::testing::stress_time();
    std::int64_t count = 0;
    while (!last) {
      meet.arrive_and_wait();
      a_while(own);
      held.release();
      meet.arrive_and_wait();
      ++count;
      EXPECT_EQ(door.in_use(), 0) << "round " << count;
      result<permit> again = door.try_acquire();
      EXPECT_TRUE(again) << "round " << count;
      last = !again || steady_clock::now() >= end;
      if (again) held = *std::move(again);
      stop = std::stop_source();
      cancel = own() % 2 == 0;
    }
    meet.arrive_and_wait();
    return count;
  });
  const std::int64_t count = testing::get(rounds, "a round: the waiter was never told");
  testing::get(waiter);
  testing::get(canceller);
  std::cout << count << " rounds, granted " << granted << ", cancelled " << cancelled << '\n';
  EXPECT_EQ(count, granted + cancelled);
}

}  // namespace
}  // namespace weir
