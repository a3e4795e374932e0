// The breaker at the door of a pool: tasks that come too late shut it.
#include <weir/scheduler/pool.hpp>

#include <gtest/gtest.h>

#include <chrono>

#include <weir/scheduler/this_task.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;

class PoolBreaker : public ::testing::Test {
 protected:
  manual_clock clock_;
  weir::pool pool_{{.workers = 1,
                    .limits = {.breaker = {.consecutive_expired = 2, .pause = std::chrono::hours(1)}},
                    .clock = &clock_}};

  deadline soon() const { return deadline(clock_.now() + milliseconds(10)); }
  // One that sees its deadline while it runs, and returns.
  void run_late() {
    testing::event runs;
    auto job = pool_.try_submit({.deadline = soon()}, [&runs](weir::stop_token stop) {
      runs.set();
      testing::eventually("the deadline of the task", [&] { return stop.stop_requested(); });
    });
    ASSERT_TRUE(job) << to_string(job.error());
    runs.await("the task");
    clock_.advance(milliseconds(10));
    testing::eventually("the task has returned", [&] { return pool_.metrics().live == 0; });
    EXPECT_NO_THROW(job->get());
  }
};

TEST_F(PoolBreaker, TasksThatComeTooLateShutIt) {
  run_late();
  pool_.run({}, [] {}).value();
  run_late();
  EXPECT_TRUE(pool_.run({}, [] {})) << "one came in time between";
  run_late();
  run_late();
  EXPECT_EQ(pool_.try_submit({}, [] {}).error().reason, refusal_reason::breaker_open);
  EXPECT_EQ(pool_.post({}, [] {}).error().reason, refusal_reason::breaker_open);
  EXPECT_EQ(pool_.door().pause_left(), std::chrono::hours(1));
  EXPECT_EQ(pool_.metrics().refused_for(refusal_reason::breaker_open), 2U);
  clock_.advance(std::chrono::hours(1));
  EXPECT_TRUE(pool_.run({}, [] {}));
}

TEST_F(PoolBreaker, CancelledOnesSayNothing) {
  for (int i = 0; i < 4; ++i) {
    auto job = pool_.try_submit({}, [](weir::stop_token stop) {
      testing::eventually("the stop", [&] { return stop.stop_requested(); });
      throw cancelled(stop_cause::requested);
    });
    job->request_stop();
    EXPECT_THROW(job->get(), cancelled);
  }
  EXPECT_TRUE(pool_.run({}, [] {}));
}

}  // namespace
}  // namespace weir
