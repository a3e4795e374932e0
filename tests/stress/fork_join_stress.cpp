// fork_join on random trees of calls: what a tree returns or throws is what it does without workers, with any number of
// these; a task that is stopped meanwhile has called nothing twice and has left nothing behind.
#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>
#include <weir/weir.hpp>

#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using weir::detail::atomic;

struct thrown_by_a_leaf {
  std::uint64_t seed;
  friend bool operator==(const thrown_by_a_leaf&, const thrown_by_a_leaf&) = default;
};

// What the leaves have done, whoever called them.
struct leaf_ledger {
  atomic<std::int64_t> alive{0};  // results; relaxed: read when all has ended
  std::size_t size = 0;
};

// A result that counts itself.
class leaf_sum {
 public:
  leaf_sum(leaf_ledger& in, std::uint64_t value) : in_(&in), value_(value) { change(1); }
  leaf_sum(leaf_sum&& other) noexcept : in_(other.in_), value_(other.value_) { change(1); }
  ~leaf_sum() { change(-1); }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  void change(std::int64_t by) const noexcept { in_->alive.fetch_add(by, weir::detail::memory_order_relaxed); }
  leaf_ledger* in_;
  std::uint64_t value_;
};

std::uint64_t scramble(std::uint64_t x) {
  x ^= x >> 31;
  x *= 0x9E3779B97F4A7C15u;
  return x ^ (x >> 29);
}

// A tree that its seed decides: two to four sides, some of which end early, throw, or catch what is thrown below.
leaf_sum tree(leaf_ledger& in, std::uint64_t seed, int depth, int throws_in_a_thousand) {
  seed = scramble(seed + 1);
  if (depth == 0 || seed % 16 == 0) {
    if (static_cast<int>(seed / 16 % 1000) < throws_in_a_thousand) throw thrown_by_a_leaf{seed};
    return {in, seed};
  }
  const auto side = [&in, seed, depth, throws_in_a_thousand](std::uint64_t i) {
    return [&in, seed, depth, throws_in_a_thousand, i] { return tree(in, seed + i, depth - 1, throws_in_a_thousand); };
  };
  const auto fork = [&]() -> std::uint64_t {
    if (seed % 3 == 0) {
      auto [a, b, c, d] = weir::fork_join(side(1), side(2), side(3), side(4));
      return a.value() + 2 * b.value() + 3 * c.value() + 4 * d.value();
    }
    auto [a, b] = weir::fork_join(side(1), side(2));
    return a.value() + 2 * b.value();
  };
  if (seed % 5 != 0) return {in, fork()};
  try {
    return {in, fork()};
  } catch (const thrown_by_a_leaf& e) {
    return {in, ~e.seed};
  }
}

// The value, or what was thrown, as one number.
std::uint64_t outcome_of(leaf_ledger& in, std::uint64_t seed, int throws_in_a_thousand) {
  try {
    return tree(in, seed, 9, throws_in_a_thousand).value();
  } catch (const thrown_by_a_leaf& e) {
    return e.seed ^ 1;
  }
}

class ForkJoinStress : public testing::TestWithParam<int> {};

TEST_P(ForkJoinStress, DoesWhatIsDoneWithoutWorkers) {
  const std::uint64_t seed = weir::testing::seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  leaf_ledger serial, forked;
  weir::pool pool({.workers = GetParam()});
  for (int round = weir::testing::scaled(60); round > 0; --round) {
    std::vector<weir::job<std::uint64_t>> jobs;
    std::vector<std::uint64_t> expected;
    for (auto n = 1 + random() % 4; n > 0; --n) {
      const std::uint64_t of = random();
      const int throws = random() % 2 == 0 ? 0 : 3;
      expected.push_back(outcome_of(serial, of, throws));
      jobs.push_back(std::move(*pool.try_submit({}, [&forked, of, throws] { return outcome_of(forked, of, throws); })));
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(jobs[i].get(), expected[i]);
  }
  EXPECT_EQ(forked.alive.load(weir::detail::memory_order_relaxed), 0);
}

TEST_P(ForkJoinStress, LeavesNothingBehindWhenItIsStopped) {
  const std::uint64_t seed = weir::testing::seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  leaf_ledger forked;
  weir::pool pool({.workers = GetParam()});
  int stopped = 0;
  for (int round = weir::testing::scaled(300); round > 0; --round) {
    const std::uint64_t of = random();
    auto job = pool.try_submit({}, [&forked, of] {
      std::uint64_t sum = 0;
      for (std::uint64_t i = 0; i < 50; ++i) sum += outcome_of(forked, of + i, 1);
      return sum;
    });
    for (auto n = random() % 50; n > 0; --n) std::this_thread::yield();
    job->request_stop();
    try {
      (void)job->get();
    } catch (const weir::cancelled&) {
      ++stopped;
    }
    EXPECT_EQ(forked.alive.load(weir::detail::memory_order_relaxed), 0);
  }
  EXPECT_GT(stopped, 0);
  weir::testing::expect_conservation(pool);
}

TEST_P(ForkJoinStress, WakesAPoolThatSleepsBetweenTheForks) {
  weir::pool pool({.workers = GetParam()});
  leaf_ledger forked;
  const std::uint64_t expected = outcome_of(forked, 7, 0);
  for (int round = weir::testing::scaled(1'000); round > 0; --round) {
    EXPECT_EQ(*pool.run({}, [&] { return outcome_of(forked, 7, 0); }), expected);
    if (round % 10 == 0) {
      weir::testing::eventually("a pool that sleeps", [&] { return pool.metrics().asleep == pool.workers(); });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, ForkJoinStress, testing::Values(1, 2, 3, 8, 64));

}  // namespace
