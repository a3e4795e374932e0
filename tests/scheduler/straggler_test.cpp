// What a shutdown report names: every task that did not stop, wherever it runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <source_location>
#include <string>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using weir::testing::event;
using weir::testing::expect_conservation;

TEST(Straggler, ARootIsNamedThatRunsAChild) {
  weir::pool pool({.workers = 1, .stop_grace = 0ms});
  event running, go;
  auto root = pool.try_submit({.name = "root"}, [&] {
    pool.run({.name = "child"},
             [&] {
               running.set();
               go.await("the release");
             })
        .value();
  });
  running.await("the child");
  const auto report = pool.shutdown(weir::within(0s));
  EXPECT_EQ(report.live, 1);
  ASSERT_EQ(report.stragglers.size(), 2u);
  EXPECT_EQ(report.stragglers[0].name.view(), "root");
  EXPECT_EQ(report.stragglers[0].depth, 0);
  EXPECT_EQ(report.stragglers[1].name.view(), "child");
  EXPECT_EQ(report.stragglers[1].depth, 1);
  EXPECT_THAT(to_string(report), HasSubstr("'root' (worker 0, submitted at "));
  EXPECT_THAT(to_string(report), HasSubstr(", which runs 'child' (submitted at "));
  go.set();
}

TEST(Straggler, ATaskIsNamedThatItsSubmitterRuns) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 1, .max_waiters = 0, .overflow = weir::overflow::caller_runs},
                   .clock = &clock,
                   .stop_grace = 0ms});
  weir::testing::busy_workers busy(pool);
  event running, go;
  auto submitting = weir::testing::in_background([&] {
    return pool
        .post({.name = "on a caller"},
              [&] {
                running.set();
                go.await("the release");
              })
        .has_value();
  });
  clock.await_sleepers(1);
  busy.release();
  running.await("the task on its submitter");
  const auto report = pool.shutdown(weir::within(0s, clock));
  EXPECT_EQ(report.live, 1);
  ASSERT_EQ(report.stragglers.size(), 1u);
  EXPECT_EQ(report.stragglers[0].name.view(), "on a caller");
  EXPECT_EQ(report.stragglers[0].worker, -1);
  EXPECT_THAT(to_string(report), HasSubstr("'on a caller' (on no worker, submitted at "));
  go.set();
  EXPECT_TRUE(weir::testing::get(submitting));
  expect_conservation(pool);
}

TEST(Straggler, WhatLiesTooDeepIsCountedByItsRoot) {
  weir::pool pool({.workers = 1, .stop_grace = 0ms});
  event running, go;
  struct nested {
    weir::pool& pool;
    event& running;
    event& go;
    int left;
    void operator()() const {
      if (left > 0) {
        pool.run({.name = "nested"}, nested{pool, running, go, left - 1}).value();
      } else {
        running.set();
        go.await("the release");
      }
    }
  };
  auto root = pool.try_submit({.name = "root"}, nested{pool, running, go, 40});
  running.await("the innermost");
  const auto report = pool.shutdown(weir::within(0s));
  EXPECT_EQ(report.stragglers.size(), 32u) << "as documented";
  EXPECT_EQ(report.stragglers[0].name.view(), "root");
  go.set();
}

}  // namespace
