// Work conservation: what is queued is run while a worker is free, and no source of work starves another.
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using weir::priority;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::expect_conservation;

// A task that goes on as a new root of its worker's deque until it is told to stop, and counts.
struct chain {
  weir::pool& pool;
  const event& over;
  int& links;
  weir::priority lane = priority::normal;
  void operator()() const {
    ++links;
    if (!over.is_set()) pool.post({.priority = lane}, chain{*this}).value();
  }
};

TEST(PoolFairness, AChainOfTasksDoesNotStarveTheInjector) {
  weir::pool pool({.workers = 1});
  event over;
  int links = 0;
  busy_workers busy(pool);
  EXPECT_TRUE(pool.post({}, [&] { chain{pool, over, links}(); }));
  int links_before = -1;
  EXPECT_TRUE(pool.post({}, [&] {
    links_before = links;
    over.set();
  }));
  busy.release();
  over.await("a task in the injector beside a chain");
  expect_conservation(pool);
  EXPECT_LE(links_before, 61);
}

TEST(PoolFairness, TheLowestPriorityIsServedWithin488Tasks) {
  weir::pool pool({.workers = 1});
  event over;
  int links = 0;
  busy_workers busy(pool);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(pool.post({.priority = priority::high}, chain{pool, over, links, priority::high}));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool.post({}, chain{pool, over, links}));
  int links_before = -1;
  EXPECT_TRUE(pool.post({.priority = priority::low}, [&] {
    links_before = links;
    over.set();
  }));
  busy.release();
  over.await("the lowest priority");
  expect_conservation(pool);
  EXPECT_LE(links_before, 61 * 8);
}

TEST(PoolFairness, WhatLiesBelowAChainInTheSameDequeIsServedToo) {
  weir::pool pool({.workers = 1});
  event over;
  int links = 0;
  int links_before = -1;
  pool.run({},
           [&] {
             EXPECT_TRUE(pool.post({}, [&] {
               links_before = links;
               over.set();
             }));
             EXPECT_TRUE(pool.post({}, chain{pool, over, links}));
           })
      .value();
  over.await("the task below the chain");
  expect_conservation(pool);
  EXPECT_LE(links_before, 2 * 61);
}

TEST(PoolFairness, TheHigherPriorityEntersFirst) {
  weir::pool pool({.workers = 1});
  std::vector<priority> order;
  busy_workers busy(pool);
  for (const priority p : {priority::low, priority::normal, priority::high}) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool.post({.priority = p}, [&order, p] { order.push_back(p); }));
  }
  busy.release();
  expect_conservation(pool);
  ASSERT_EQ(order.size(), 9u);
  // Of 8 looks two start below, so that two tasks may be out of their place.
  int inversions = 0;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) inversions += order[i] < order[i + 1] ? 1 : 0;
  EXPECT_LE(inversions, 2);
}

TEST(PoolFairness, WhatOneThreadPostsIsRunInItsOrderByOneWorker) {
  weir::pool pool({.workers = 1});
  std::vector<int> order;
  {
    busy_workers busy(pool);
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(pool.post({}, [&order, i] { order.push_back(i); }));
    busy.release();
  }
  weir::testing::await_rest(pool);
  EXPECT_EQ(order.size(), 1'000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

// A worker takes several tasks at a time from the injector.
TEST(PoolFairness, WhatIsUrgentGoesBeforeTasksThatAWorkerHasTakenAlready) {
  weir::pool pool({.workers = 1});
  std::vector<std::string> order;
  {
    busy_workers busy(pool);
    EXPECT_TRUE(pool.post({}, [&] {
      order.push_back("first");
      EXPECT_TRUE(pool.post({.priority = priority::high}, [&] { order.push_back("urgent"); }));
    }));
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(pool.post({}, [&] { order.push_back("normal"); }));
    busy.release();
  }
  weir::testing::await_rest(pool);
  ASSERT_EQ(order.size(), 22u);
  EXPECT_LE(std::find(order.begin(), order.end(), "urgent") - order.begin(), 2);
}

TEST(PoolFairness, WhatIsUrgentDoesNotStarveTasksThatAWorkerHasTakenAlready) {
  weir::pool pool({.workers = 1});
  event over;
  int links = 0;
  int normal = 0;
  int links_before = -1;
  {
    busy_workers busy(pool);
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(pool.post({}, [&, i] {
        // The stream of urgent tasks begins when the others lie in the worker's deque.
        if (i == 0) {
          EXPECT_TRUE(pool.post({.priority = priority::high}, chain{pool, over, links, priority::high}));
        }
        if (++normal < 20) return;
        links_before = links;
        over.set();
      }));
    }
    busy.release();
  }
  over.await("the last of the normal tasks beside a stream of urgent ones");
  expect_conservation(pool);
  EXPECT_LE(links_before, 40);
}

TEST(PoolFairness, OthersHaveWhatOneWorkerHasTakenAtATime) {
  weir::pool pool({.workers = 2});
  weir::testing::tally ran;
  busy_workers busy(pool, 2);
  // The first one of each batch ends only when all others have run, which is for the other worker to do.
  EXPECT_TRUE(pool.post({}, [&] { ran.await(47, "all tasks but one"); }));
  for (int i = 0; i < 47; ++i) EXPECT_TRUE(pool.post({}, [&] { ran.add(); }));
  busy.release();
  ran.await(47, "what lies in the deque of a worker that waits");
  expect_conservation(pool);
}

TEST(PoolFairness, AQueuedTaskWakesAParkedWorker) {
  weir::pool pool({.workers = 2});
  busy_workers busy(pool);
  for (int i = 0; i < 500; ++i) {
    event ran;
    EXPECT_TRUE(pool.post({}, [&] { ran.set(); }));
    ran.await("a task beside a busy worker");
  }
}

TEST(PoolFairness, WhatABusyWorkerQueuesIsTakenByAParkedOne) {
  weir::pool pool({.workers = 2});
  pool.run({},
           [&] {
             for (int i = 0; i < 500; ++i) {
               event ran;
               EXPECT_TRUE(pool.post({}, [&] { ran.set(); }));
               ran.await("a task in the deque of a busy worker");
             }
           })
      .value();
}

TEST(PoolFairness, WhatIsLetInWakesAParkedWorker) {
  weir::pool pool({.workers = 3, .limits = {.max_tasks = 2}});
  busy_workers stays(pool);
  for (int i = 0; i < 300; ++i) {
    event ran;
    busy_workers leaves(pool);
    EXPECT_TRUE(pool.post({}, [&] { ran.set(); }));
    leaves.release();
    ran.await("a task that was let in");
    weir::testing::eventually("its end", [&] { return pool.metrics().live == 1; });
  }
}

}  // namespace
