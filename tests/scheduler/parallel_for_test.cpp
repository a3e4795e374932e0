// parallel_for and pool::bulk: every index once, whatever the range; how they split; what they throw.
#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using weir::parallel_for;

// How often each of `n` indices was called.
class calls_of {
 public:
  explicit calls_of(std::size_t n) : times_(n) {}
  void note(std::size_t i) { times_.at(i).fetch_add(1, weir::detail::memory_order_relaxed); }
  void expect_once_each() const {
    for (std::size_t i = 0; i < times_.size(); ++i) {
      ASSERT_EQ(times_[i].load(weir::detail::memory_order_relaxed), 1) << "index " << i;
    }
  }

 private:
  std::vector<weir::detail::atomic<int>> times_;
};

TEST(ParallelFor, CallsEachIndexOnce) {
  for (const int workers : {1, 2, 8}) {
    weir::pool pool({.workers = workers});
    for (const std::size_t n : {0u, 1u, 2u, 3u, 17u, 1'000u, 50'000u}) {
      for (const std::int64_t grain : {0, 1, 7, 1'000'000}) {
        calls_of calls(n);
        (void)pool.run(
            {}, [&] { parallel_for(std::size_t{0}, n, {.grain = grain}, [&](std::size_t i) { calls.note(i); }); });
        calls.expect_once_each();
      }
    }
  }
}

TEST(ParallelFor, TakesRangesOfAnyIntegers) {
  std::vector<int> seen;
  parallel_for(-2, 2, [&](int i) { seen.push_back(i); });
  EXPECT_EQ(seen, (std::vector{-2, -1, 0, 1}));
  seen.clear();
  parallel_for<std::int8_t>(-128, 127, [&](int i) { seen.push_back(i); });
  EXPECT_EQ(seen.size(), 255u);
  EXPECT_EQ(seen.front(), -128);
  seen.clear();
  const auto last = std::numeric_limits<std::uint64_t>::max();
  parallel_for(last - 2, last, [&](std::uint64_t) { seen.push_back(1); });
  EXPECT_EQ(seen.size(), 2u);
  seen.clear();
  parallel_for(5, -5, [&](int) { ADD_FAILURE(); });
}

TEST(ParallelFor, SplitsAHugeRangeOnlyWhereItIsStolen) {
  // A range of 2^62, which nobody can split to the end. The stop is seen before the end, too: between blocks.
  weir::pool pool({.workers = 2});
  const auto huge = [](int workers_that_throw) {
    parallel_for(std::int64_t{0}, std::int64_t{1} << 62, {.grain = 1'000}, [&](std::int64_t i) {
      if (i % 1'000 == 0 && weir::current_worker() < workers_that_throw) throw std::runtime_error("at once");
    });
  };
  EXPECT_THROW((void)pool.run({}, [&] { huge(2); }), std::runtime_error);
}

TEST(ParallelFor, IsSharedByWorkersThatSlept) {
  weir::pool pool({.workers = 2});
  for (int round = 0; round < 100; ++round) {
    // Each of two iterations ends only when the other has begun.
    weir::testing::tally begun;
    (void)pool.run({}, [&] {
      parallel_for(0, 2, [&](int) {
        begun.add();
        begun.await(2, "the other iteration");
      });
    });
  }
}

TEST(ParallelFor, SharesWhatIsLeftOfALongIteration) {
  weir::pool pool({.workers = 2});
  // This iteration ends only when all others have been called but those of its own part, a 16th.
  weir::testing::tally others;
  (void)pool.run({}, [&] {
    parallel_for(0, 1'000, {.grain = 1},
                 [&](int i) { i == 500 ? others.await(999 - 1'000 / 16, "the others") : others.add(); });
  });
}

TEST(ParallelFor, DoesNotSplitAGrain) {
  weir::pool pool({.workers = 2});
  std::set<int> workers;
  (void)pool.run({},
                 [&] { parallel_for(0, 100, {.grain = 100}, [&](int) { workers.insert(weir::current_worker()); }); });
  EXPECT_EQ(workers.size(), 1u);
}

TEST(ParallelFor, ThrowsWhatTheLowestPartThrows) {
  for (const int workers : {1, 2, 8}) {
    weir::pool pool({.workers = workers});
    for (int round = 0; round < 50; ++round) {
      try {
        (void)pool.run({}, [&] {
          parallel_for(0, 1'000, {.grain = 1}, [](int i) {
            if (i % 100 == 99) throw std::runtime_error(std::to_string(i));
          });
        });
        FAIL() << "threw nothing";
      } catch (const std::runtime_error& e) {
        EXPECT_STREQ(e.what(), "99");
      }
    }
  }
}

TEST(ParallelFor, LeavesATaskThatWasAskedToStop) {
  weir::pool pool({.workers = 1});
  weir::testing::event begun, asked;
  weir::testing::tally calls;
  auto job = pool.try_submit({}, [&] {
    parallel_for(0, 1'000'000, {.grain = 1}, [&](int i) {
      calls.add();
      if (i != 0) return;
      begun.set();
      asked.await("the stop");
    });
  });
  begun.await("the loop");
  job->request_stop();
  asked.set();
  EXPECT_EQ(weir::testing::cancelled_thrown_by([&] { job->get(); }), weir::stop_cause::requested);
  EXPECT_EQ(calls.count(), 1u) << "the first block, which had begun";
}

TEST(ParallelFor, KeepsNoMoreThanA16thToItselfAtOnce) {
  // By how its iterations begin nobody can tell how the later ones are.
  weir::pool pool({.workers = 1});
  (void)pool.run({}, [] {
    std::uint64_t next = 0;
    auto block = [&next](std::uint64_t first, std::uint64_t count) {
      EXPECT_EQ(first, next);
      EXPECT_LE(count, 10'000u / 16);
      next = first + count;
    };
    const std::uint64_t done =
        weir::detail::run_alone_at_first(*weir::detail::forker::current(), std::uint64_t{0}, 10'000, 1, block);
    EXPECT_EQ(done, next);
    EXPECT_GE(done, 1u);
  });
}

TEST(ParallelFor, KeepsOneIterationOrAGrainToItselfUntilItKnowsHowLongTheyAre) {
  // A larger first block of long iterations would be all that 64 workers wait for.
  weir::pool pool({.workers = 1});
  for (const std::uint64_t grain : {1u, 7u}) {
    (void)pool.run({}, [grain] {
      std::vector<std::uint64_t> blocks;
      std::uint64_t done = 0;
      auto block = [&](std::uint64_t, std::uint64_t count) {
        EXPECT_LE(count, blocks.empty() ? grain : 8 * done);
        blocks.push_back(count);
        done += count;
      };
      (void)weir::detail::run_alone_at_first(*weir::detail::forker::current(), std::uint64_t{0}, 1'000'000, grain,
                                             block);
      EXPECT_EQ(blocks.front(), grain);
    });
  }
}

// On a thread of the caller's, and wherever else a task cannot fork.
TEST(ParallelFor, LeavesATaskThatWasAskedToStopWhereItIsSerial) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 1, .max_waiters = 1, .overflow = weir::overflow::caller_runs},
                   .clock = &clock});
  weir::testing::busy_workers busy(pool);
  auto waits = pool.enqueue({}, [] {});
  std::uint32_t calls = 0;
  weir::testing::event begun;
  auto caller = weir::testing::in_background([&] {
    auto job = pool.enqueue({}, [&](weir::stop_token stop) {
      parallel_for(0, 1'600, [&](int i) {
        ++calls;
        if (i != 0) return;
        begun.set();
        weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
      });
    });
    return weir::testing::cancelled_thrown_by([&] { job->get(); });
  });
  clock.await_sleepers(1);
  busy.release();
  begun.await("the loop");
  waits->wait();
  auto end = weir::testing::in_background([&] { return pool.shutdown(weir::deadline(clock.now())).live; });
  EXPECT_EQ(weir::testing::get(caller), weir::stop_cause::shutdown);
  EXPECT_LE(calls, 1'600u / 16) << "the first block, which had begun";
  (void)weir::testing::get(end);
}

TEST(ParallelFor, RefusesANegativeGrain) {
  EXPECT_THROW(parallel_for(0, 1, {.grain = -1}, [](int) { ADD_FAILURE(); }), std::invalid_argument);
}

TEST(PoolBulk, CallsEachIndexWithAWorker) {
  weir::pool pool({.workers = 3});
  calls_of calls(10'000);
  std::array<std::int64_t, 3> by_worker{};  // plain: each worker has its own
  EXPECT_TRUE(pool.bulk(10'000, [&](std::int64_t i, int worker) {
    calls.note(static_cast<std::size_t>(i));
    ++by_worker.at(static_cast<std::size_t>(worker));
  }));
  calls.expect_once_each();
  EXPECT_EQ(std::accumulate(by_worker.begin(), by_worker.end(), std::int64_t{0}), 10'000);
  EXPECT_EQ(pool.metrics().completed, 1u) << "it is one root";
}

TEST(PoolBulk, RunsNothingForNone) {
  weir::pool pool({.workers = 1});
  EXPECT_TRUE(pool.bulk(0, [](std::int64_t, int) { ADD_FAILURE(); }));
  EXPECT_THROW((void)pool.bulk(-1, [](std::int64_t, int) { ADD_FAILURE(); }), std::invalid_argument);
}

TEST(PoolBulk, IsRefusedAsRunIs) {
  weir::pool pool({.workers = 1, .limits = {.max_weight = 4}});
  const auto refused = pool.bulk({.weight = 5}, 10, [](std::int64_t, int) { ADD_FAILURE(); });
  EXPECT_EQ(refused.error().reason, weir::refusal_reason::too_heavy);
  EXPECT_THROW((void)pool.bulk(3, [](std::int64_t, int) { throw std::logic_error("inside"); }), std::logic_error);
}

}  // namespace
