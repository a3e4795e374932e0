// Groups: that all children run once and are joined, and what becomes of their errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using namespace std::chrono_literals;
using weir::stop_cause;
using weir::testing::cancelled_thrown_by;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::tally;

// Under every number of workers, with room for all children and with one task for each worker.
class TaskGroup : public testing::TestWithParam<std::tuple<int, bool>> {
 protected:
  [[nodiscard]] static weir::pool_options options(int help_depth = 0) {
    const auto [workers, is_tight] = GetParam();
    return {.workers = workers,
            .limits = {.max_tasks = is_tight ? std::max(workers, 2) : 65'536},
            .help_depth = help_depth};
  }
};

INSTANTIATE_TEST_SUITE_P(Workers, TaskGroup, testing::Combine(testing::Values(1, 2, 3, 8, 64), testing::Bool()),
                         [](const auto& i) {
                           return std::to_string(std::get<0>(i.param)) + (std::get<1>(i.param) ? "_tight" : "_roomy");
                         });

TEST_P(TaskGroup, RunsEachChildOnceBeforeTheWaitReturns) {
  weir::pool pool(options());
  for (int round = 0; round < 20; ++round) {
    weir::task_group group(pool);
    std::vector<int> runs(300);  // each written by one child; the wait publishes them
    for (int& r : runs) group.spawn([&r] { ++r; });
    group.wait();
    EXPECT_THAT(runs, testing::Each(1));
    for (int& r : runs) group.spawn([&r] { ++r; });  // it can be used again
    group.wait();
    EXPECT_THAT(runs, testing::Each(2));
  }
  expect_conservation(pool);
}

TEST_P(TaskGroup, IsPartOfTheTaskThatMakesIt) {
  weir::pool pool(options());
  const int sum = *pool.run({}, [&] {
    weir::task_group group(pool);
    std::vector<int> squares(100);
    for (int i = 0; i < 100; ++i) {
      group.spawn([&squares, i] { squares[static_cast<std::size_t>(i)] = i * i; });
    }
    group.wait();
    int all = 0;
    for (const int s : squares) all += s;
    return all;
  });
  EXPECT_EQ(sum, 328'350);
  EXPECT_EQ(pool.metrics().admitted, 1u) << "one root";
  EXPECT_EQ(pool.metrics().children, 100u);
  expect_conservation(pool);
}

struct tree {
  weir::task_group& group;
  tally& leaves;
  void operator()(int depth) const {
    if (depth == 0) return leaves.add();
    for (int i = 0; i < 2; ++i) {
      group.spawn([self = *this, depth] { self(depth - 1); });
    }
  }
};

TEST_P(TaskGroup, ChildrenSpawnIntoTheirOwnGroup) {
  weir::pool pool(options());
  tally leaves;
  ASSERT_TRUE(pool.run({}, [&] {
    weir::task_group group(pool);
    tree{group, leaves}(10);
    group.wait();
  }));
  EXPECT_EQ(leaves.count(), 1024u);
  weir::task_group outside(pool);
  tree{outside, leaves}(10);
  outside.wait();
  EXPECT_EQ(leaves.count(), 2048u);
}

TEST_P(TaskGroup, GroupsNest) {
  for (const int help_depth : {0, 2}) {
    weir::pool pool(options(help_depth));
    struct nested {
      weir::pool& pool;
      int operator()(int depth) const {
        if (depth == 0) return 1;
        std::array<int, 3> below{};
        weir::task_group group(pool);
        for (int& b : below) group.spawn([this, depth, &b] { b = (*this)(depth - 1); });
        group.wait();
        return below[0] + below[1] + below[2];
      }
    };
    EXPECT_EQ(*pool.run({}, [&] { return nested{pool}(6); }), 729);
    EXPECT_EQ(nested{pool}(4), 81);  // each wait outside of the pool's tasks
    expect_conservation(pool);
  }
}

TEST_P(TaskGroup, ThreadsOutsideSpawnIntoOneGroup) {
  weir::pool pool(options());
  tally runs;
  {
    weir::task_group group(pool);
    std::vector<std::thread> spawners;
    for (int t = 0; t < 4; ++t) {
      spawners.emplace_back([&] {
        for (int i = 0; i < 200; ++i) group.spawn([&] { runs.add(); });
      });
    }
    for (std::thread& t : spawners) t.join();
    group.wait();
    EXPECT_EQ(runs.count(), 800u);
  }
  expect_conservation(pool);
}

TEST_P(TaskGroup, TheFirstErrorStopsTheRestAndIsThrown) {
  weir::pool pool(options());
  weir::task_group group(pool);
  tally ended;
  group.spawn([&](weir::stop_token stop) {
    while (!stop.stop_requested()) {
      if (pool.workers() == 1) break;  // nobody else would run the one that fails
      std::this_thread::yield();
    }
    ended.add();
  });
  for (int i = 0; i < 10; ++i) {
    group.spawn([] { throw std::runtime_error("first"); });
  }
  EXPECT_THROW(group.wait(), std::runtime_error);
  EXPECT_TRUE(group.stop_requested());
  EXPECT_NO_THROW(group.wait()) << "an error is thrown once";
  group.spawn([] { ADD_FAILURE() << "spawned after the stop"; });
  EXPECT_EQ(cancelled_thrown_by([&] { group.wait(); }), stop_cause::requested);
}

TEST_P(TaskGroup, KeepsGoingAndThrowsAllErrors) {
  weir::pool pool(options());
  weir::task_group group(pool, {.on_error = weir::on_error::keep_going});
  tally completed;
  for (int i = 0; i < 100; ++i) {
    group.spawn([i, &completed] {
      if (i % 2 == 0) throw std::out_of_range(std::to_string(i));
      completed.add();
    });
  }
  try {
    group.wait();
    FAIL() << "threw nothing";
  } catch (const weir::group_error& e) {
    EXPECT_THAT(e.what(), testing::StartsWith("weir: 50 tasks of a group failed; the first: "));
    ASSERT_EQ(e.errors().size(), 50u);
    int sum = 0;
    for (const std::exception_ptr& error : e.errors()) {
      try {
        std::rethrow_exception(error);
      } catch (const std::out_of_range& each) {
        sum += std::stoi(each.what());
      }
    }
    EXPECT_EQ(sum, 2450) << "each once";
  }
  EXPECT_EQ(completed.count(), 50u);
  EXPECT_NO_THROW(group.wait());
  EXPECT_FALSE(group.stop_requested());
  EXPECT_EQ(pool.metrics().failed, 50u);
}

TEST_P(TaskGroup, RunsNoMoreAtOnceThanItMay) {
  weir::pool pool(options());
  for (const int most : {1, 2, 5}) {
    weir::task_group group(pool, {.max_running = most});
    weir::detail::atomic<int> running{0};
    weir::detail::atomic<int> highest{0};
    constexpr auto relaxed = weir::detail::memory_order_relaxed;
    tally runs;
    for (int i = 0; i < 60; ++i) {
      group.spawn([&] {
        const int now = running.fetch_add(1, relaxed) + 1;
        for (int seen = highest.load(relaxed); seen < now;) {
          if (highest.compare_exchange_weak(seen, now, relaxed, relaxed)) break;
        }
        std::this_thread::yield();
        running.fetch_sub(1, relaxed);
        runs.add();
      });
    }
    group.wait();
    EXPECT_EQ(runs.count(), 60u);
    EXPECT_LE(highest.load(relaxed), most);
  }
  expect_conservation(pool);
}

struct throws_when_moved {
  throws_when_moved() = default;
  throws_when_moved(const throws_when_moved&) { throw std::length_error("no"); }
  void operator()() const { ADD_FAILURE() << "ran"; }
};

TEST(TaskGroupErrors, ACallableThatCannotBeMovedInChangesNothing) {
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 3}});
  weir::task_group group(pool);
  const throws_when_moved f;
  for (int i = 0; i < 10; ++i) EXPECT_THROW(group.spawn(f), std::length_error);
  EXPECT_EQ(pool.metrics().live, 1);
  EXPECT_EQ(pool.metrics().children, 0u);
  EXPECT_NO_THROW(group.wait());
}

TEST(TaskGroupErrors, TheDestructorStopsTheChildrenAndWaits) {
  weir::pool pool({.workers = 2});
  auto captured = std::make_shared<int>(0);
  {
    weir::task_group group(pool);
    group.spawn([captured](weir::stop_token stop) {
      while (!stop.stop_requested()) std::this_thread::yield();
    });
    for (int i = 0; i < 100; ++i) {
      group.spawn([captured] { throw 1; });
    }
  }
  EXPECT_EQ(captured.use_count(), 1);
  expect_conservation(pool);
}

TEST(TaskGroupErrors, AChildThatLeavesEarlyIsCancelled) {
  weir::pool pool({.workers = 2});
  {
    weir::task_group group(pool);
    group.spawn([] { throw weir::cancelled(); });
    EXPECT_EQ(cancelled_thrown_by([&] { group.wait(); }), stop_cause::requested);
    EXPECT_FALSE(group.stop_requested());
    group.spawn([](weir::stop_token) {});
    group.wait();
  }
  EXPECT_EQ(pool.metrics().cancelled, 1u);
  expect_conservation(pool);
}

TEST(TaskGroupErrors, OnlyOneThreadWaits) {
  weir::pool pool({.workers = 2});
  weir::task_group group(pool);
  event release;
  group.spawn([&] { release.await("the release of a child"); });
  const auto wait = [&] {
    try {
      group.wait();
      return true;
    } catch (const std::logic_error&) {
      return false;
    }
  };
  auto one = weir::testing::in_background(wait);
  auto two = weir::testing::in_background(wait);
  weir::testing::eventually("the refusal of one wait",
                            [&] { return weir::testing::is_ready(one) || weir::testing::is_ready(two); });
  EXPECT_FALSE(weir::testing::is_ready(one) ? one.get() : two.get());
  release.set();
  EXPECT_TRUE(weir::testing::get(one.valid() ? one : two));
}

}  // namespace
