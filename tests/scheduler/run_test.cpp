// run: one root from outside, an inline child inside.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::stop_cause;
using weir::testing::busy_workers;
using weir::testing::cancelled_thrown_by;
using weir::testing::event;
using weir::testing::expect_conservation;

TEST(PoolRun, EntersAsOneRootAndReturnsTheResult) {
  weir::pool pool({.workers = 1});
  const auto here = std::this_thread::get_id();
  EXPECT_EQ(*pool.run({}, [] { return 6; }), 6);
  EXPECT_NE(*pool.run({}, [] { return std::this_thread::get_id(); }), here);
  EXPECT_EQ(**pool.run({}, [] { return std::make_unique<int>(3); }), 3);
  EXPECT_TRUE(pool.run({}, [] {}));
  EXPECT_EQ(pool.metrics().submitted, 4u);
  expect_conservation(pool);
}

TEST(PoolRun, ThrowsWhatTheCallableThrows) {
  weir::pool pool({.workers = 1});
  EXPECT_THROW((void)pool.run({}, [] { throw std::out_of_range("7"); }), std::out_of_range);
  EXPECT_THROW((void)pool.run({}, []() -> int { throw 5; }), int);
  pool.run({}, [&] { EXPECT_THROW((void)pool.run({}, []() -> int { throw 5; }), int); }).value();
  EXPECT_EQ(pool.metrics().failed, 2u) << "the child is no root";
  expect_conservation(pool);
}

TEST(PoolRun, ReturnsTheRefusal) {
  weir::pool pool({.workers = 1, .limits = {.max_weight = 3}});
  EXPECT_EQ(pool.run({.weight = 4}, [] { return 1; }).error().reason, weir::refusal_reason::too_heavy);
}

TEST(PoolRun, OnAWorkerItIsAChildOnTheSameThreadUnderTheParentsPermit) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_weight = 1}});
  pool.run({},
           [&] {
             const auto here = std::this_thread::get_id();
             EXPECT_EQ(*pool.run({.weight = 1'000}, [] { return std::this_thread::get_id(); }), here)
                 << "never refused";
             EXPECT_EQ(pool.metrics().live, 1);
             EXPECT_EQ(pool.metrics().weight_in_use, 1);
             EXPECT_EQ(pool.metrics().submitted, 1u);
           })
      .value();
  expect_conservation(pool);
}

TEST(PoolRun, AChildInheritsDeadlineTraceAndStamp) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  const weir::deadline parents = weir::within(1h, clock);
  pool.run({.deadline = parents, .name = "parent", .trace = {3, 4}},
           [&] {
             const weir::time_point stamp = weir::this_task::admitted_at();
             pool.run({},
                      [&] {
                        EXPECT_EQ(weir::this_task::deadline(), parents);
                        EXPECT_EQ(weir::this_task::trace(), (weir::trace_id{3, 4}));
                        EXPECT_EQ(weir::this_task::admitted_at(), stamp);
                        EXPECT_TRUE(weir::this_task::name().empty()) << "its own";
                      })
                 .value();
             const weir::deadline sooner = weir::within(1min, clock);
             pool.run({.deadline = sooner, .name = "child", .trace = {5, 6}},
                      [&] {
                        EXPECT_EQ(weir::this_task::deadline(), sooner);
                        EXPECT_EQ(weir::this_task::trace(), (weir::trace_id{5, 6}));
                        EXPECT_EQ(weir::this_task::name().view(), "child");
                      })
                 .value();
             pool.run({.deadline = weir::within(2h, clock)},
                      [&] { EXPECT_EQ(weir::this_task::deadline(), parents) << "the earlier of the two"; })
                 .value();
             EXPECT_EQ(weir::this_task::name().view(), "parent") << "back in the parent";
             EXPECT_EQ(weir::this_task::deadline(), parents);
           })
      .value();
}

TEST(PoolRun, AStopOfTheParentReachesTheChildWithItsCause) {
  weir::pool pool({.workers = 1});
  event running;
  auto parent = pool.submit({}, [&] {
    pool.run({},
             [&] {
               pool.run({},
                        [&](weir::stop_token stop) {
                          running.set();
                          weir::testing::eventually("the stop in a grandchild", [&] { return stop.stop_requested(); });
                          stop.throw_if_stopped();
                        })
                   .value();
             })
        .value();
  });
  running.await("the grandchild");
  parent->request_stop();
  EXPECT_EQ(cancelled_thrown_by([&] { parent->get(); }), stop_cause::requested);
  EXPECT_EQ(pool.metrics().cancelled, 1u);
}

TEST(PoolRun, AChildOfAStoppedTaskDoesNotStart) {
  weir::pool pool({.workers = 1});
  event running;
  auto parent = pool.submit({}, [&](weir::stop_token stop) {
    running.set();
    weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
    const auto cause =
        cancelled_thrown_by([&] { (void)pool.run({}, [] { ADD_FAILURE() << "started after the stop"; }); });
    return cause;
  });
  running.await("the parent");
  parent->request_stop();
  EXPECT_EQ(parent->get(), stop_cause::requested);
  expect_conservation(pool);
}

TEST(PoolRun, AChildsOwnDeadlineFiresAndLeavesTheParentAlone) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  event running;
  auto parent = pool.submit({}, [&](weir::stop_token outer) {
    const auto cause = cancelled_thrown_by([&] {
      (void)pool.run({.deadline = weir::within(10ms, clock)}, [&](weir::stop_token stop) {
        running.set();
        weir::testing::eventually("the deadline of a child", [&] { return stop.stop_requested(); });
        stop.throw_if_stopped();
      });
    });
    return cause == stop_cause::deadline && !outer.stop_requested();
  });
  running.await("the child");
  clock.await_sleepers(1);
  clock.advance(10ms);
  EXPECT_TRUE(parent->get());
}

TEST(PoolRun, AChildWhoseDeadlineHasPassedDoesNotStart) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  const auto cause = pool.run({}, [&] {
    return cancelled_thrown_by([&] {
      (void)pool.run({.deadline = weir::deadline(clock.now())}, [] { ADD_FAILURE() << "started too late"; });
    });
  });
  EXPECT_EQ(*cause, stop_cause::deadline);
  expect_conservation(pool);
}

TEST(PoolRun, AChildWhoseMoveThrowsLeavesNothingBehind) {
  struct bomb {
    bomb() = default;
    bomb(const bomb&) { throw 5; }
    void operator()() const {}
  };
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  const bomb callable;
  pool.run({},
           [&] {
             for (int i = 0; i < 100; ++i) {
               EXPECT_THROW((void)pool.run({.deadline = weir::within(1h, clock)}, callable), int);
             }
           })
      .value();
  EXPECT_THROW((void)pool.run({}, callable), int) << "from outside, too";
  expect_conservation(pool);
}

TEST(PoolRun, ADeepNestOfChildrenWorks) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  struct nest {
    weir::pool& pool;
    int operator()(int depth) const {
      return depth == 0 ? 0 : 1 + *pool.run({}, [this, depth] { return (*this)(depth - 1); });
    }
  } const nest{pool};
  EXPECT_EQ(*pool.run({}, [&] { return nest(100); }), 100);
}

TEST(PoolRun, OnAWorkerOfAnotherPoolItEntersAsARoot) {
  weir::pool one({.workers = 1});
  weir::pool two({.workers = 1});
  EXPECT_EQ(*one.run({}, [&] { return *two.run({}, [] { return 4; }); }), 4);
  EXPECT_EQ(two.metrics().completed, 1u);
}

}  // namespace
