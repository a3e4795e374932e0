// pool::try_run_one: a thread of the host's, or a task, runs what is queued.
#include <gtest/gtest.h>
#include <thread>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/pools.hpp"

namespace {

TEST(TryRunOne, RunsWhatIsQueuedOnAThreadOfTheHosts) {
  weir::pool pool({.workers = 1});
  weir::testing::busy_workers busy(pool);
  std::vector<std::thread::id> ran;
  const auto note = [&] {
    EXPECT_EQ(weir::current_worker(), -1);
    ran.push_back(std::this_thread::get_id());
  };
  auto job = pool.try_submit({.name = "job"}, note);
  ASSERT_TRUE(pool.post({}, note));
  EXPECT_TRUE(pool.try_run_one());
  EXPECT_TRUE(pool.try_run_one());
  EXPECT_FALSE(pool.try_run_one());
  EXPECT_EQ(ran, (std::vector{std::this_thread::get_id(), std::this_thread::get_id()}));
  job->get();
  busy.release();
  weir::testing::expect_conservation(pool);
}

TEST(TryRunOne, LetsATaskHelpWhileItWaitsForSomethingOfItsOwn) {
  weir::pool pool({.workers = 1});
  bool done = false;
  auto job = pool.try_submit({}, [&] {
    EXPECT_TRUE(pool.post({}, [&] { done = true; }));
    while (!done) EXPECT_TRUE(pool.try_run_one());
    EXPECT_FALSE(pool.try_run_one());
  });
  job->get();
  EXPECT_TRUE(done);
}

TEST(TryRunOne, RunsNothingInAHandler) {
  bool ran = false;
  bool other_ran = false;
  weir::pool* here = nullptr;
  weir::testing::event known;
  weir::pool pool({.workers = 1, .on_failure = [&](const weir::task_failure&) { ran = here->try_run_one(); }});
  here = &pool;
  ASSERT_TRUE(pool.post({}, [&] {
    known.await("the other task");
    throw 1;
  }));
  ASSERT_TRUE(pool.post({}, [&] { other_ran = true; }));
  known.set();
  weir::testing::await_rest(pool);
  EXPECT_FALSE(ran);
  EXPECT_TRUE(other_ran);
}

}  // namespace
