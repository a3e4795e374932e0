// An exception ends its own task, wherever it comes from, and is carried to whoever joins.
#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/pools.hpp"

namespace {

using weir::task_outcome;
using weir::testing::busy_workers;
using weir::testing::expect_conservation;

struct throws_on_copy {
  throws_on_copy() = default;
  throws_on_copy(const throws_on_copy&) { throw std::out_of_range("copy"); }
  int operator()() const { return 1; }
};

struct throws_on_move {
  throws_on_move() = default;
  throws_on_move(throws_on_move&&) { throw std::length_error("move"); }
  int operator()() const { return 1; }
};

struct result_that_throws_on_move {
  result_that_throws_on_move() = default;
  result_that_throws_on_move(result_that_throws_on_move&&) { throw std::length_error("result"); }
};

TEST(PoolException, IsCarriedToWhoeverJoins) {
  weir::pool pool({.workers = 1});
  auto job = pool.try_submit({}, []() -> int { throw std::runtime_error("boom"); });
  job->wait();
  EXPECT_EQ(job->outcome(), task_outcome::failed);
  try {
    (void)job->get();
    FAIL() << "threw nothing";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "boom");
  }
  EXPECT_FALSE(*job);
  EXPECT_EQ(pool.metrics().failed, 1u);
  expect_conservation(pool);
}

TEST(PoolException, EndsThatTaskOnly) {
  weir::pool pool({.workers = 2});
  std::vector<weir::job<int>> jobs;
  for (int i = 0; i < 100; ++i) {
    jobs.push_back(std::move(*pool.try_submit({}, [i] { return i % 2 == 0 ? throw i : i; })));
  }
  for (int i = 0; i < 100; ++i) {
    auto& job = jobs[static_cast<std::size_t>(i)];
    if (i % 2 == 0) {
      EXPECT_THROW((void)job.get(), int);
    } else {
      EXPECT_EQ(job.get(), i);
    }
  }
  EXPECT_EQ(pool.metrics().failed, 50u);
  EXPECT_EQ(pool.metrics().completed, 50u);
  expect_conservation(pool);
}

TEST(PoolException, OfTheCopyOrMoveOfTheCallableFailsTheTask) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_weight = 5}});
  const throws_on_copy copied;
  for (int i = 0; i < 10; ++i) {
    auto one = pool.try_submit({.weight = 5}, copied);
    ASSERT_TRUE(one) << "it was admitted, and failed";
    EXPECT_TRUE(one->is_done());
    EXPECT_EQ(one->outcome(), task_outcome::failed);
    EXPECT_THROW((void)one->get(), std::out_of_range);
    auto two = pool.submit({.weight = 5, .deadline = weir::within(std::chrono::hours(1))}, throws_on_move());
    EXPECT_THROW((void)two->get(), std::length_error);
  }
  EXPECT_EQ(pool.metrics().failed, 20u);
  expect_conservation(pool);
}

TEST(PoolException, OfTheMoveOfAPostedCallableGoesToTheHandler) {
  int told = 0;
  weir::pool_options options{.workers = 1, .limits = {.max_tasks = 1}};
  options.on_failure = [&](const weir::task_failure& failed) {
    ++told;
    EXPECT_EQ(failed.name.view(), "mover");
    EXPECT_THROW(std::rethrow_exception(failed.error), std::length_error);
  };
  weir::pool pool(options);
  EXPECT_TRUE(pool.post({.name = "mover"}, throws_on_move()));
  EXPECT_EQ(told, 1);
  expect_conservation(pool);
}

TEST(PoolException, OfTheMoveIntoAPlaceAtTheDoorGivesThePlaceBack) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 1}});
  busy_workers busy(pool);
  for (int i = 0; i < 5; ++i) {
    auto job = pool.enqueue({.deadline = weir::within(std::chrono::hours(1))}, throws_on_move());
    ASSERT_TRUE(job) << to_string(job.error());
    EXPECT_THROW((void)job->get(), std::length_error);
    EXPECT_EQ(pool.metrics().waiting, 0);
  }
  busy.release();
  expect_conservation(pool);
}

TEST(PoolException, OfTheMoveOfAResultFailsTheTaskOrTheGet) {
  weir::pool pool({.workers = 1});
  auto in_task = pool.try_submit({}, [] {
    result_that_throws_on_move made;
    return made;
  });
  EXPECT_THROW((void)in_task->get(), std::length_error);
  auto in_get = pool.try_submit({}, [] { return result_that_throws_on_move(); });
  EXPECT_THROW((void)in_get->get(), std::length_error);
  EXPECT_FALSE(*in_get) << "and the result is gone";
  expect_conservation(pool);
}

TEST(PoolException, MayBeOfAnyType) {
  weir::pool pool({.workers = 1});
  EXPECT_THROW(pool.try_submit({}, [] { throw 5; })->get(), int);
  EXPECT_THROW(pool.try_submit({}, [] { throw std::make_unique<int>(5); })->get(), std::unique_ptr<int>);
  EXPECT_THROW(pool.try_submit({}, [] { throw "text"; })->get(), const char*);
}

TEST(PoolException, CancelledIsNoFailureEvenIfNobodyAsked) {
  weir::pool pool({.workers = 1});
  auto job = pool.try_submit({}, [] { throw weir::cancelled(); });
  EXPECT_EQ(weir::testing::cancelled_thrown_by([&] { job->get(); }), weir::stop_cause::none);
  EXPECT_EQ(pool.metrics().cancelled, 1u);
}

TEST(PoolException, PassesThroughNestedJoins) {
  weir::pool pool({.workers = 1});
  auto job = pool.try_submit({}, [&]() -> int {
    return pool.try_submit({}, [&]() -> int { return pool.try_submit({}, []() -> int { throw 5; })->get(); })->get();
  });
  EXPECT_THROW((void)job->get(), int);
  EXPECT_EQ(pool.metrics().failed, 3u);
}

TEST(PoolException, IsFreedWithItsJobAndSoIsAResult) {
  struct carrier {
    std::shared_ptr<int> counted;
  };
  weir::pool pool({.workers = 2});
  for (int i = 0; i < 300; ++i) {
    auto counted = std::make_shared<int>(0);
    {
      auto failed = pool.try_submit({}, [&] { throw carrier{counted}; });
      auto made = pool.try_submit({}, [&] { return carrier{counted}; });
      auto taken = pool.try_submit({}, [&] { return carrier{counted}; });
      failed->wait();
      made->wait();
      (void)taken->get();
      EXPECT_EQ(counted.use_count(), 3);
    }
    ASSERT_EQ(counted.use_count(), 1) << "round " << i;
  }
}

}  // namespace
