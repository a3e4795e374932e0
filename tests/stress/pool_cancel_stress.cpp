// A stop against everything it can meet: a grant at the door, a start, an end, a deadline, another stop. One of the two
// wins, and nothing is lost: neither a permit nor a callable.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
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

// With a way in for the other side, which may have to share this CPU.
void spin(std::uint64_t n) {
  for (; n > 0; --n) {
    weir::detail::cpu_pause();
    if (n % 512 == 0) std::this_thread::yield();
  }
}

// One thread that does what it is told in each round, without the cost of a new one.
class partner {
 public:
  template <typename F>
  explicit partner(F act)
      : thread_([this, act] {
          for (std::uint32_t round = 1;; ++round) {
            begin_.await(round, "the next round");
            if (over_.is_set()) return;
            act();
            end_.add();
          }
        }) {}
  ~partner() {
    over_.set();
    begin_.add();
    thread_.join();
  }

  void begin() {
    ++rounds_;
    begin_.add();
  }
  void await_end() { end_.await(rounds_, "the partner"); }

 private:
  weir::testing::tally begin_;
  weir::testing::tally end_;
  event over_;
  std::uint32_t rounds_ = 0;
  std::thread thread_;
};

// How long each side of a race holds back. It follows who won, so that each side wins about half of the rounds: on a
// machine of any speed, however busy, and under any sanitizer.
class balance {
 public:
  explicit balance(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] std::uint64_t first() {
    return jitter() + static_cast<std::uint64_t>(std::max<std::int64_t>(lead_, 0));
  }
  [[nodiscard]] std::uint64_t second() {
    return jitter() + static_cast<std::uint64_t>(std::max<std::int64_t>(-lead_, 0));
  }
  void tell(bool first_won) { lead_ += first_won ? 16 : -16; }

 private:
  std::uint64_t jitter() { return random_() % 300; }

  std::mt19937_64 random_;
  std::int64_t lead_ = 0;
};

// The rounds of a race: as many as asked for, or fewer on a machine so busy that they take long, and then more until it
// was seen to end in each way. Ends the program if it never does.
class contest {
 public:
  explicit contest(int rounds) : left_(scaled(rounds)) {}

  [[nodiscard]] bool goes_on(bool seen_in_each_way) {
    const auto taken = std::chrono::steady_clock::now() - begin_;
    const auto enough = 10s * weir::testing::stress_factor();
    if (seen_in_each_way) return left_-- > 0 && taken < enough;
    if (taken > enough + weir::testing::patience) weir::testing::give_up("a race that ends in each way");
    --left_;
    return true;
  }

 private:
  int left_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

TEST(PoolCancelStress, AgainstAGrant) {
  balance delays(weir::testing::seed());
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 1, .max_waiters = 2}});
  std::array<int, 5> seen{};
  weir::job<void>* waiting = nullptr;
  std::uint64_t delay = 0;
  partner canceller([&] {
    spin(delay);
    waiting->request_stop();
  });
  for (contest rounds(15'000); rounds.goes_on(seen[0] + seen[2] != 0 && seen[4] != 0);) {
    auto captured = std::make_shared<int>(0);
    event go;
    auto holds = pool.try_submit({}, [&] { go.await("the release"); });
    ASSERT_TRUE(holds) << "a permit was lost: " << to_string(holds.error());
    auto job = pool.enqueue({}, [captured] {});
    ASSERT_TRUE(job);
    waiting = &*job;
    delay = delays.first();
    canceller.begin();
    spin(delays.second());
    go.set();
    job->wait();
    canceller.await_end();
    holds->wait();
    ++seen[static_cast<std::size_t>(job->outcome())];
    delays.tell(job->outcome() == task_outcome::refused);
    ASSERT_EQ(captured.use_count(), 1) << "the callable is gone before the end is seen";
  }
  weir::testing::expect_conservation(pool);
  std::cout << seen[0] << " completed, " << seen[2] << " cancelled after the grant, " << seen[4]
            << " refused at the door\n";
}

TEST(PoolCancelStress, AgainstTheStartAndTheEnd) {
  const std::uint64_t seed = weir::testing::seed();
  std::mt19937_64 random(seed);
  balance delays(seed);
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}});
  int never_started = 0;
  int stopped = 0;
  int too_late = 0;
  std::uint64_t longest = 200;
  weir::job<int>* target = nullptr;
  std::uint64_t delay = 0;
  partner canceller([&] {
    spin(delay);
    target->request_stop();
  });
  for (contest rounds(20'000); rounds.goes_on(never_started != 0 && stopped != 0 && too_late != 0);) {
    int runs = 0;
    auto before = pool.try_submit({}, [n = delays.second()] { spin(n); });  // holds up the start
    auto job = pool.try_submit({}, [&runs, n = random() % longest](weir::stop_token stop) {
      ++runs;
      int calls = 0;
      {
        const weir::stop_callback on_stop(stop, [&] { ++calls; });
        spin(n);
      }
      EXPECT_LE(calls, stop.stop_requested() ? 1 : 0);
      return calls;
    });
    ASSERT_TRUE(before && job);
    target = &*job;
    delay = delays.first();
    canceller.begin();
    job->wait();
    canceller.await_end();
    before->wait();
    const bool started = job->outcome() == task_outcome::completed;
    ASSERT_EQ(runs, started ? 1 : 0);
    delays.tell(!started);
    if (!started) {
      ++never_started;
    } else if (job->get() == 1) {
      ++stopped;
      longest = std::max<std::uint64_t>(longest - 16, 200);
    } else {
      ++too_late;
      longest += 16;
    }
  }
  weir::testing::expect_conservation(pool);
  EXPECT_EQ(pool.metrics().cancelled, static_cast<std::uint64_t>(never_started));
  std::cout << never_started << " never started, " << stopped << " stopped while they ran, " << too_late
            << " too late\n";
}

// By the number of workers.
class PoolDeadlineStress : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Workers, PoolDeadlineStress, testing::Values(1, 2, 3, 8, 64));

TEST_P(PoolDeadlineStress, AgainstEverything) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = GetParam(), .limits = {.max_tasks = 8, .max_waiters = 8}});
  std::array<int, 5> seen{};
  int refused = 0;
  std::int64_t reach = 200;  // microseconds; follows the outcomes, so that about half of the tasks are in time
  const auto seen_all = [&] { return seen[0] != 0 && seen[2] != 0 && seen[3] != 0 && seen[4] != 0; };
  for (contest rounds(4'000); rounds.goes_on(seen_all());) {
    std::vector<weir::job<void>> jobs;
    for (int i = 0; i < 12; ++i) {
      const auto until = weir::within(std::chrono::microseconds(random() % static_cast<std::uint64_t>(reach)));
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
    const int in_time_before = seen[0];
    for (auto& job : jobs) {
      job.wait();
      ++seen[static_cast<std::size_t>(job.outcome())];
    }
    reach = std::max<std::int64_t>(reach + (seen[0] - in_time_before < 6 ? 2 : -2), 2);
  }
  weir::testing::expect_conservation(pool);
  const auto m = pool.metrics();
  EXPECT_EQ(m.completed, static_cast<std::uint64_t>(seen[0]));
  EXPECT_EQ(m.cancelled, static_cast<std::uint64_t>(seen[2]));
  EXPECT_EQ(m.expired, static_cast<std::uint64_t>(seen[3]));
  EXPECT_EQ(m.refused_in_all(), static_cast<std::uint64_t>(seen[4] + refused));
  std::cout << seen[0] << " completed, " << seen[2] << " cancelled, " << seen[3] << " expired, " << seen[4]
            << " refused while they waited, " << refused << " on return\n";
}

TEST(PoolCancelStress, CallbacksAgainstTheirEnd) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = 2});
  int called_here = 0;   // by request_stop
  int called_there = 0;  // in the constructor: the stop came between two turns
  int over = 0;          // the stop came after the last turn
  std::uint64_t most = 100;
  for (contest rounds(8'000); rounds.goes_on(called_here != 0 && called_there != 0 && over != 0);) {
    event running;
    auto job = pool.try_submit({}, [&, n = random() % most](weir::stop_token stop) {
      const auto own_thread = std::this_thread::get_id();
      std::array<int, 2> calls{};  // on the thread of request_stop, and on this one
      running.set();
      for (std::uint64_t i = 0; i < n; ++i) {
        int first = 0;  // plain, and gone after each turn: a late call is a race or a fault
        int second = 0;
        const auto call = [&](int& of) {
          ++of;
          ++calls[std::this_thread::get_id() == own_thread ? 1 : 0];
        };
        {
          const weir::stop_callback one(stop, [&] { call(first); });
          const weir::stop_callback two(stop, [&] { call(second); });
          if (i % 64 == 21) std::this_thread::yield();
        }
        if (i % 64 == 53) std::this_thread::yield();
        EXPECT_TRUE(first <= 1 && second <= 1);
      }
      return calls;
    });
    running.await("the task");
    spin(random() % 500);
    job->request_stop();
    const auto [by_request, by_constructor] = job->get();
    called_here += by_request != 0;
    called_there += by_request == 0 && by_constructor != 0;
    over += by_request == 0 && by_constructor == 0;
    most = std::max<std::uint64_t>(by_request + by_constructor == 0 ? most + 10 : most - 10, 100);
  }
  weir::testing::expect_conservation(pool);
  std::cout << called_here << " called by the request, " << called_there << " in a constructor, " << over
            << " too late\n";
}

}  // namespace
