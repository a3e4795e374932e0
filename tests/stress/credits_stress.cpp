// A semaphore far from its limit, whose credits are opened, moved and swept all the time: light visitors on all CPUs,
// one that wants all of it, one that waits, and one that changes the capacity.
#include <weir/admission/weighted_semaphore.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <random>
#include <vector>

#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using detail::memory_order_relaxed;
using std::chrono::steady_clock;

constexpr std::int64_t credit_capacity = 100'000;

// What is inside by an account of its own, never above the truth. Writers and readers: all; relaxed, a number alone.
class credit_account {
 public:
  void enter(std::int64_t weight) {
    if (inside_.fetch_add(weight, memory_order_relaxed) + weight > credit_capacity) {
      too_many_.fetch_add(1, memory_order_relaxed);
    }
  }
  void leave(std::int64_t weight) { inside_.fetch_sub(weight, memory_order_relaxed); }
  [[nodiscard]] std::int64_t too_many() const { return too_many_.load(memory_order_relaxed); }

 private:
  detail::atomic<std::int64_t> inside_{0};
  detail::atomic<std::int64_t> too_many_{0};
};

void stay(weighted_semaphore& door, credit_account& book, std::int64_t weight, deadline patience) {
  const result<permit> got = patience.is_never() ? door.try_acquire(weight) : door.acquire(weight, patience);
  if (!got) return;
  book.enter(weight);
  book.leave(weight);
}

// Many small ones, kept for a while, so that what is taken on one CPU is given back on another; now and then so many
// that the room ends.
void come_and_go(weighted_semaphore& door, credit_account& book, std::uint64_t seed, steady_clock::time_point end) {
  std::mt19937_64 random(seed);
  std::vector<permit> kept;
  while (steady_clock::now() < end) {
    for (int i = 0; i < 64; ++i) {
      const auto weight = static_cast<std::int64_t>(1 + random() % (random() % 64 == 0 ? 20'000 : 40));
      result<permit> got = door.try_acquire(weight);
      if (!got) continue;
      book.enter(weight);
      kept.push_back(*std::move(got));
    }
    while (kept.size() > 40) {
      book.leave(kept.back().weight());
      kept.pop_back();
    }
  }
  for (permit& left : kept) book.leave(left.weight());
}

TEST(CreditsStress, NeverMoreThanTheCapacityAndAllOfItComesBack) {
  std::mt19937_64 random(testing::seed());
  weighted_semaphore door(credit_capacity);
  credit_account book;
  const auto end = steady_clock::now() + testing::stress_time();
  std::vector<std::future<void>> visitors;
  for (int i = 0; i < 3; ++i) {
    visitors.push_back(testing::in_background([&, seed = random()] { come_and_go(door, book, seed, end); }));
  }
  visitors.push_back(testing::in_background([&] {
    while (steady_clock::now() < end) stay(door, book, credit_capacity, {});
  }));
  visitors.push_back(testing::in_background([&] {
    while (steady_clock::now() < end) stay(door, book, credit_capacity / 2, within(std::chrono::microseconds(300)));
  }));
  visitors.push_back(testing::in_background([&, own = std::mt19937_64(random())]() mutable {
    while (steady_clock::now() < end) {
      door.set_capacity(static_cast<std::int64_t>(credit_capacity - own() % 60'000));
      for (std::uint64_t spins = own() % 20'000; spins > 0; --spins) detail::cpu_pause();
    }
    door.set_capacity(credit_capacity);
  }));
  for (auto& v : visitors) testing::get(v);
  EXPECT_EQ(book.too_many(), 0);
  EXPECT_EQ(door.in_use(), 0);
  EXPECT_TRUE(door.try_acquire(credit_capacity)) << "all of it is there again";
}

}  // namespace
}  // namespace weir
