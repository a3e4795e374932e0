// current_worker: which worker's thread this is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/this_thread.hpp"
#include "support/watched_clock.hpp"

namespace {

using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::tally;

TEST(CurrentWorker, OutsideThereIsNone) {
  EXPECT_EQ(weir::current_worker(), -1);
  weir::pool pool({.workers = 1});
  EXPECT_EQ(pool.run({}, [] { return weir::current_worker(); }).value(), 0);
  EXPECT_EQ(weir::current_worker(), -1);
}

// Calls `f` on each worker, on all at once.
template <typename F>
void on_each_worker(weir::pool& pool, const F& f) {
  const auto all = static_cast<std::uint32_t>(pool.workers());
  tally met;
  for (std::uint32_t i = 0; i < all; ++i) {
    EXPECT_TRUE(pool.post({}, [&] {
      met.add();
      met.await(all, "a task on each worker");
      f();
    }));
  }
  weir::testing::await_rest(pool);
}

TEST(CurrentWorker, IsTheIndexOfTheWorkersThread) {
  weir::pool pool({.workers = 3});
  std::vector<int> calls(3);
  on_each_worker(pool, [&] {
    const int worker = weir::current_worker();
    EXPECT_EQ(weir::testing::name_of_this_thread(), "weir-w0" + std::to_string(worker));
    ++calls.at(static_cast<std::size_t>(worker));  // no other task has this index
  });
  EXPECT_EQ(calls, (std::vector<int>{1, 1, 1}));
}

TEST(CurrentWorker, IsThatOfTheThreadInCodeOfAnotherPoolToo) {
  weir::pool other({.workers = 1});
  weir::pool pool({.workers = 3});
  event running, stopped;
  int called_on = -2;
  auto job = other.try_submit({}, [&](weir::stop_token stop) {
    EXPECT_EQ(weir::current_worker(), 0);
    const weir::stop_callback on_stop(stop, [&] {
      called_on = weir::current_worker();
      stopped.set();
    });
    running.set();
    stopped.await("the stop");
  });
  running.await("the task of the other pool");
  on_each_worker(pool, [&] {
    if (weir::current_worker() == 2) job->request_stop();
  });
  job->wait();
  EXPECT_EQ(called_on, 2);
}

TEST(CurrentWorker, ATaskThatItsSubmitterRunsHasNone) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 1, .max_waiters = 0, .overflow = weir::overflow::caller_runs},
                   .clock = &clock});
  busy_workers busy(pool);
  int seen = -2;
  auto submitting =
      weir::testing::in_background([&] { return pool.post({}, [&] { seen = weir::current_worker(); }).has_value(); });
  clock.await_sleepers(1);
  busy.release();
  EXPECT_TRUE(weir::testing::get(submitting));
  EXPECT_EQ(seen, -1);
}

}  // namespace
