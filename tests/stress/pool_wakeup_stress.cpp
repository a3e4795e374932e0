// No wake-up is lost: a task that is queued while workers go to sleep, join, or push back what they took, is run at
// once. A stall ends the program.
#include <gtest/gtest.h>
#include <random>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using weir::testing::event;
using weir::testing::scaled;
using weir::testing::tally;

// Loses a random, mostly very short time.
class jitter {
 public:
  explicit jitter(std::uint64_t seed) : random_(seed) {}
  void operator()(std::uint64_t most = 256) {
    for (std::uint64_t i = random_() % most; i > 0; --i) weir::detail::cpu_pause();
  }

 private:
  std::mt19937_64 random_;
};

constexpr auto sleep_at_once = weir::duration::zero();
constexpr auto search_first = std::chrono::microseconds(20);

// By the number of workers.
class PoolWakeupStress : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Workers, PoolWakeupStress, testing::Values(1, 2, 3, 8, 64));

// For what stalls with a single worker.
class PoolHandOverStress : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Workers, PoolHandOverStress, testing::Values(2, 3, 8, 64));

// With WEIR_STRESS=100 a million rounds each.
void post_one_and_go_idle(std::int64_t workers, weir::duration search_time) {
  constexpr int rounds = 10'000;
  jitter delay(weir::testing::seed());
  weir::pool pool({.workers = workers, .search_time = search_time});
  tally ran;
  for (int i = 1; i <= scaled(rounds); ++i) {
    ASSERT_TRUE(pool.post({}, [&] { ran.add(); }));
    ran.await(static_cast<std::uint32_t>(i), "a task that was posted to an idle pool");
    delay(2'000);  // about as long as a worker takes from its last task to its sleep
  }
}

TEST_P(PoolWakeupStress, PostOneAndGoIdle) { post_one_and_go_idle(GetParam(), sleep_at_once); }
TEST_P(PoolWakeupStress, PostOneAndGoIdleAfterASearch) { post_one_and_go_idle(GetParam(), search_first); }

TEST_P(PoolWakeupStress, ManyPostersLoseNothing) {
  weir::pool pool({.workers = GetParam()});
  const int rounds = scaled(25'000);
  tally ran;
  std::mt19937_64 random(weir::testing::seed());
  std::vector<std::future<void>> posters;
  for (int i = 0; i < 3; ++i) {
    posters.push_back(weir::testing::in_background([&, seed = random()] {
      jitter delay(seed);
      for (int k = 0; k < rounds; ++k) {
        pool.submit({}, [&] { ran.add(); })->get();
        delay();
      }
    }));
  }
  for (auto& one : posters) weir::testing::get(one, "a poster");
  EXPECT_EQ(ran.count(), 3u * static_cast<std::uint32_t>(rounds));
}

// A worker wakes up from a join, perhaps by a call that was meant for new work, and goes on with its own task, which
// waits for that work to be done by another one.
TEST_P(PoolHandOverStress, AJoinHandsOnTheWakeUpOfNewWork) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = GetParam(), .help_depth = 4});
  for (int round = 0; round < scaled(8'000); ++round) {
    event go, done;
    auto awaited = pool.try_submit({}, [&] { go.await("the release"); });
    auto joiner = pool.try_submit({}, [&] {
      awaited->wait();
      done.await("new work beside a worker that has joined");
    });
    jitter delay(random());
    delay(3'000);
    go.set();
    delay();
    ASSERT_TRUE(pool.post({}, [&] { done.set(); }));
    joiner->get();
  }
}

// A worker that joins looks at the newest of its own deque and puts it back: whoever looked for work in between must
// look again.
TEST_P(PoolHandOverStress, WhatAJoinPutsBackIsNotOverlooked) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = GetParam(), .help_depth = 1});
  for (int round = 0; round < scaled(10'000); ++round) {
    pool.run({},
             [&, seed = random()] {
               jitter delay(seed);
               event done;
               auto needs_it = pool.try_submit({}, [&] { done.await("a task that a join has put back"); });
               EXPECT_TRUE(pool.post({}, [&] { done.set(); }));
               delay(1'000);
               needs_it->get();
             })
        .value();
  }
}

// A cancelled task leaves a husk, and many of them are swept out by whoever cancels: what else is queued stays in
// sight.
TEST_P(PoolHandOverStress, ASweepOfHusksHidesNothing) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = GetParam(), .limits = {.max_tasks = 4}});
  for (int round = 0; round < scaled(8'000); ++round) {
    pool.run({},
             [&, seed = random()] {
               jitter delay(seed);
               event done;
               EXPECT_TRUE(pool.post({}, [&] { done.set(); }));
               for (int i = 0; i < 12; ++i) {
                 if (auto job = pool.try_submit({}, [] {})) job->request_stop();
                 delay(64);
               }
               done.await("a task beside many that were cancelled");
             })
        .value();
  }
}

}  // namespace
