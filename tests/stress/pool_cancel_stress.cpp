// A stop against everything it can meet: a grant at the door, a start, an end, a deadline, another stop. One of the two
// wins, and nothing is lost: neither a permit nor a callable.
#include <array>
#include <gtest/gtest.h>
#include <iostream>
#include <memory>
#include <random>
#include <thread>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using namespace std::chrono_literals;
using weir::task_outcome;
using weir::testing::event;
using weir::testing::scaled;

void spin(std::uint64_t n) {
  for (; n > 0; --n) weir::detail::cpu_pause();
}

// One thread that does what it is told in each round, without the cost of a new one.
class partner {
 public:
  template <typename F>
  partner(int rounds, F act)
      : thread_([this, rounds, act] {
          for (int i = 0; i < rounds; ++i) {
            begin_.await(static_cast<std::uint32_t>(i + 1), "the next round");
            act();
            end_.add();
          }
        }) {}
  ~partner() { thread_.join(); }

  void begin() { begin_.add(); }
  void await_end(int round) { end_.await(static_cast<std::uint32_t>(round + 1), "the partner"); }

 private:
  weir::testing::tally begin_;
  weir::testing::tally end_;
  std::thread thread_;
};

TEST(PoolCancelStress, AgainstAGrant) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 1, .max_waiters = 2}});
  std::array<int, 5> seen{};
  weir::job<void>* waiting = nullptr;
  std::uint64_t delay = 0;
  const int rounds = scaled(15'000);
  partner canceller(rounds, [&] {
    spin(delay);
    waiting->request_stop();
  });
  for (int round = 0; round < rounds; ++round) {
    auto captured = std::make_shared<int>(0);
    event go;
    auto holds = pool.try_submit({}, [&] { go.await("the release"); });
    ASSERT_TRUE(holds) << "round " << round << ": a permit was lost: " << to_string(holds.error());
    auto job = pool.enqueue({}, [captured] {});
    ASSERT_TRUE(job);
    waiting = &*job;
    delay = random() % 1'500;
    canceller.begin();
    spin(random() % 300);
    go.set();
    job->wait();
    canceller.await_end(round);
    holds->wait();
    ++seen[static_cast<std::size_t>(job->outcome())];
    ASSERT_EQ(captured.use_count(), 1) << "the callable is gone before the end is seen";
  }
  weir::testing::expect_conservation(pool);
  std::cout << seen[0] << " completed, " << seen[2] << " cancelled after the grant, " << seen[4]
            << " refused at the door\n";
}

TEST(PoolCancelStress, AgainstTheStartAndTheEnd) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 2}});
  std::array<int, 5> seen{};
  weir::job<int>* target = nullptr;
  std::uint64_t delay = 0;
  const int rounds = scaled(20'000);
  partner canceller(rounds, [&] {
    spin(delay);
    target->request_stop();
  });
  for (int round = 0; round < rounds; ++round) {
    int runs = 0;
    auto job = pool.try_submit({}, [&runs, n = random() % 200](weir::stop_token stop) {
      ++runs;
      int calls = 0;
      {
        const weir::stop_callback on_stop(stop, [&] { ++calls; });
        spin(n);
      }
      EXPECT_LE(calls, stop.stop_requested() ? 1 : 0);
      return calls;
    });
    ASSERT_TRUE(job);
    target = &*job;
    delay = random() % 600;
    canceller.begin();
    job->wait();
    canceller.await_end(round);
    ++seen[static_cast<std::size_t>(job->outcome())];
    ASSERT_EQ(runs, job->outcome() == task_outcome::completed ? 1 : 0);
  }
  weir::testing::expect_conservation(pool);
  EXPECT_EQ(pool.metrics().completed, static_cast<std::uint64_t>(seen[0]));
  std::cout << seen[0] << " completed, " << seen[2] << " never started\n";
}

TEST(PoolCancelStress, DeadlinesAgainstEverything) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 8, .max_waiters = 8}});
  std::array<int, 5> seen{};
  int refused = 0;
  for (int round = 0; round < scaled(4'000); ++round) {
    std::vector<weir::job<void>> jobs;
    for (int i = 0; i < 12; ++i) {
      const auto until = weir::within(std::chrono::microseconds(random() % 200));
      auto job = pool.enqueue({.deadline = until}, [n = random() % 400](weir::stop_token stop) {
        for (std::uint64_t k = 0; k < n; ++k) {
          spin(1);
          stop.throw_if_stopped();
        }
      });
      if (job) {
        jobs.push_back(std::move(*job));
        if (random() % 5 == 0) jobs.back().request_stop();
      } else {
        ++refused;
      }
    }
    for (auto& job : jobs) {
      job.wait();
      ++seen[static_cast<std::size_t>(job.outcome())];
    }
  }
  weir::testing::expect_conservation(pool);
  const auto m = pool.metrics();
  EXPECT_EQ(m.completed, static_cast<std::uint64_t>(seen[0]));
  EXPECT_EQ(m.cancelled, static_cast<std::uint64_t>(seen[2]));
  EXPECT_EQ(m.expired, static_cast<std::uint64_t>(seen[3]));
  EXPECT_EQ(m.refused_in_all(), static_cast<std::uint64_t>(seen[4] + refused));
  std::cout << seen[0] << " completed, " << seen[2] << " cancelled, " << seen[3] << " expired, " << seen[4] + refused
            << " refused\n";
}

TEST(PoolCancelStress, CallbacksAgainstTheirEnd) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = 2});
  for (int round = 0; round < scaled(8'000); ++round) {
    event running;
    auto job = pool.try_submit({}, [&, n = random() % 100](weir::stop_token stop) {
      running.set();
      for (std::uint64_t i = 0; i < n; ++i) {
        int first = 0;  // plain, and gone after each turn: a late call is a race or a fault
        int second = 0;
        {
          const weir::stop_callback one(stop, [&] { ++first; });
          const weir::stop_callback two(stop, [&] { ++second; });
        }
        ASSERT_TRUE(first <= 1 && second <= 1);
      }
    });
    running.await("the task");
    spin(random() % 500);
    job->request_stop();
    job->get();
  }
  weir::testing::expect_conservation(pool);
}

}  // namespace
