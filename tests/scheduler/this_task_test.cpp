// this_task: what code inside a task can ask, and what it hears outside.
#include <gtest/gtest.h>
#include <optional>
#include <weir/weir.hpp>

#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::testing::watched_clock;

TEST(ThisTask, OutsideOfTasksThereIsNothing) {
  EXPECT_FALSE(weir::this_task::stop().stop_requested());
  EXPECT_TRUE(weir::this_task::deadline().is_never());
  EXPECT_TRUE(weir::this_task::name().empty());
  EXPECT_FALSE(weir::this_task::trace());
  EXPECT_EQ(weir::this_task::admitted_at(), weir::time_point{});
}

TEST(ThisTask, KnowsWhatWasSubmitted) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  const weir::deadline until = weir::within(1h, clock);
  const weir::time_point now = clock.now();
  auto job = pool.try_submit({.deadline = until, .name = "asker", .trace = {1, 2}}, [&] {
    EXPECT_EQ(weir::this_task::deadline(), until);
    EXPECT_EQ(weir::this_task::name().view(), "asker");
    EXPECT_EQ(weir::this_task::trace(), (weir::trace_id{1, 2}));
    EXPECT_EQ(weir::this_task::admitted_at(), now);
  });
  job->get();
  EXPECT_TRUE(pool.post({.name = "poster"}, [&] {
    EXPECT_TRUE(weir::this_task::deadline().is_never());
    EXPECT_EQ(weir::this_task::name().view(), "poster");
    EXPECT_FALSE(weir::this_task::trace());
    EXPECT_EQ(weir::this_task::admitted_at(), weir::time_point{}) << "not kept";
  }));
  EXPECT_TRUE(pool.post({.trace = {1, 2}}, [&] { EXPECT_EQ(weir::this_task::admitted_at(), now); }));
  weir::testing::await_rest(pool);
}

TEST(ThisTask, AWaitersStampIsThatOfItsAdmission) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}, .clock = &clock});
  weir::testing::busy_workers busy(pool);
  auto job = pool.enqueue({}, [] { return weir::this_task::admitted_at(); });
  clock.advance(5ms);
  const weir::time_point then = clock.now();
  busy.release();
  EXPECT_EQ(job->get(), then);
}

TEST(ThisTask, HelpedTasksHaveTheirOwn) {
  weir::pool pool({.workers = 1});
  pool.run({.name = "outer", .trace = {1, 1}},
           [&] {
             auto inner = pool.try_submit({.name = "inner"}, [] {
               EXPECT_EQ(weir::this_task::trace(), (weir::trace_id{1, 1})) << "inherited by what a task submits";
               return weir::this_task::name();
             });
             EXPECT_EQ(inner->get().view(), "inner");
             EXPECT_EQ(weir::this_task::name().view(), "outer");
             auto traced = pool.try_submit({.trace = {2, 2}}, [] { return weir::this_task::trace(); });
             EXPECT_EQ(traced->get(), (weir::trace_id{2, 2}));
           })
      .value();
}

TEST(ThisTask, APostInheritsTheTraceToo) {
  weir::pool pool({.workers = 1});
  weir::testing::event ran;
  pool.run({.trace = {3, 3}},
           [&] {
             EXPECT_TRUE(pool.post({}, [&] {
               EXPECT_EQ(weir::this_task::trace(), (weir::trace_id{3, 3}));
               ran.set();
             }));
           })
      .value();
  ran.await("the posted task");
}

TEST(ThisTask, TheDestructorOfACallableIsPartOfItsTask) {
  struct asks_at_its_end {
    weir::task_name* seen;
    bool whole = true;
    explicit asks_at_its_end(weir::task_name* to) : seen(to) {}
    asks_at_its_end(asks_at_its_end&& other) noexcept : seen(other.seen) { other.whole = false; }
    ~asks_at_its_end() {
      if (whole) *seen = weir::this_task::name();
    }
    void operator()() const {}
  };
  weir::pool pool({.workers = 1});
  weir::task_name seen;
  pool.try_submit({.name = "ender"}, asks_at_its_end(&seen))->get();
  EXPECT_EQ(seen.view(), "ender");
}

}  // namespace
