// The histograms of queue and run times: what they tell by a clock that the test moves, which tasks they are of, and
// that without them nothing is read.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::latency_histogram;
using weir::testing::await_rest;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::watched_clock;

latency_histogram of(const std::vector<weir::duration>& times) {
  latency_histogram all;
  for (const weir::duration time : times) all.record(time);
  return all;
}

/// What has been measured, of tasks that have all ended.
weir::pool_metrics at_rest(const weir::pool& pool) {
  await_rest(pool);
  return pool.metrics();
}

TEST(TaskTiming, TellsOfAJobHowLongItWasQueuedAndHowLongItRan) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 1});
  std::optional<busy_workers> busy(std::in_place, pool);
  auto job = pool.try_submit({}, [&] { clock.advance(3ms); });
  clock.advance(5ms);
  busy.reset();
  job->get();
  const auto m = pool.metrics();
  EXPECT_EQ(m.queue_time, of({0ms, 5ms})) << "of the one that kept the worker busy, and of the job";
  EXPECT_EQ(m.run_time, of({5ms, 3ms}));
}

TEST(TaskTiming, TellsOfAPostWithoutADeadlineTheSame) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 1});
  std::optional<busy_workers> busy(std::in_place, pool);
  EXPECT_TRUE(pool.post({}, [&] { clock.advance(3ms); }));
  EXPECT_TRUE(pool.post({.deadline = weir::within(1h, clock)}, [&] { clock.advance(2ms); }));
  clock.advance(5ms);
  busy.reset();
  const auto m = at_rest(pool);
  EXPECT_EQ(m.queue_time, of({0ms, 5ms, 8ms}));
  EXPECT_EQ(m.run_time, of({5ms, 3ms, 2ms}));
}

TEST(TaskTiming, OfARangeOfPostsEachIsTimed) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 1});
  auto task = [&] { clock.advance(1ms); };
  EXPECT_TRUE(pool.post_all({}, std::vector<decltype(task)>(50, task)));
  const auto m = at_rest(pool);
  EXPECT_EQ(m.queue_time.count(), 50u);
  EXPECT_EQ(m.run_time, of(std::vector<weir::duration>(50, 1ms)));
}

TEST(TaskTiming, TheWaitAtTheDoorIsNoPartOfTheQueueTime) {
  watched_clock clock;
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 1}, .clock = &clock, .time_one_in = 1});
  std::optional<busy_workers> busy(std::in_place, pool);
  auto waits = pool.enqueue({}, [] {});
  EXPECT_TRUE(pool.post({}, [] {}));
  clock.advance(5ms);
  busy.reset();
  waits->get();
  const auto m = at_rest(pool);
  EXPECT_EQ(m.queue_time, of({0ms, 0ms, 0ms}));
  EXPECT_EQ(m.run_time, of({5ms, 0ms, 0ms}));
}

struct slow_to_end {
  watched_clock* clock;
  slow_to_end(watched_clock& moved) : clock(&moved) {}
  slow_to_end(slow_to_end&& other) noexcept : clock(std::exchange(other.clock, nullptr)) {}
  ~slow_to_end() {
    if (clock != nullptr) clock->advance(4ms);
  }
  void operator()() const { clock->advance(2ms); }
};

TEST(TaskTiming, TheRunLastsToTheEndOfTheCallablesDestruction) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 1});
  pool.try_submit({}, slow_to_end(clock))->get();
  EXPECT_EQ(pool.metrics().run_time, of({6ms}));
}

TEST(TaskTiming, ARunThatFailsOrIsLeftIsARun) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 1});
  EXPECT_ANY_THROW(pool.try_submit({},
                                   [&] {
                                     clock.advance(1ms);
                                     throw 1;
                                   })
                       ->get());
  EXPECT_ANY_THROW(pool.try_submit({},
                                   [&] {
                                     clock.advance(2ms);
                                     throw weir::cancelled();
                                   })
                       ->get());
  EXPECT_EQ(pool.metrics().run_time, of({1ms, 2ms}));
}

TEST(TaskTiming, ATaskThatNeverStartsIsInNeither) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 3}, .clock = &clock, .time_one_in = 1});
  std::optional<busy_workers> busy(std::in_place, pool);
  auto stopped = pool.try_submit({}, [] {});
  auto expired = pool.try_submit({.deadline = weir::within(1ms, clock)}, [] {});
  auto refused = pool.enqueue({}, [] {});
  EXPECT_FALSE(pool.try_submit({}, [] {}));
  refused->request_stop();
  stopped->request_stop();
  clock.await_sleepers(1);
  clock.advance(1ms);
  expired->wait();
  busy.reset();
  const auto m = at_rest(pool);
  EXPECT_EQ(m.submitted, 5u);
  EXPECT_EQ(m.queue_time, of({0ms}));
  EXPECT_EQ(m.run_time, of({1ms}));
}

TEST(TaskTiming, AStartIsCountedBeforeTheEnd) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 1});
  const busy_workers busy(pool);
  const auto m = pool.metrics();
  EXPECT_EQ(m.queue_time.count(), 1u);
  EXPECT_TRUE(m.run_time.is_empty());
}

TEST(TaskTiming, CountsBeforeTheResultIsSeen) {
  weir::pool pool({.workers = 2, .time_one_in = 1});
  for (std::uint64_t i = 1; i <= 300; ++i) {
    pool.try_submit({}, [] {})->get();
    const auto m = pool.metrics();
    ASSERT_EQ(m.queue_time.count(), i);
    ASSERT_EQ(m.run_time.count(), i);
  }
}

TEST(TaskTiming, ATaskThatItsJoinerRunsIsTimedWithinTheOther) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 1});
  pool.run({},
           [&] {
             auto first = pool.try_submit({}, [&] { clock.advance(1ms); });
             auto second = pool.try_submit({.priority = weir::priority::low}, [&] { clock.advance(2ms); });
             clock.advance(4ms);
             first->get();   // the newest of its own deque
             second->get();  // claimed, where it is queued
           })
      .value();
  const auto m = at_rest(pool);
  EXPECT_EQ(m.queue_time, of({0ms, 4ms, 5ms}));
  EXPECT_EQ(m.run_time, of({1ms, 2ms, 7ms}));
}

TEST(TaskTiming, ChildrenAreNotTimed) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 1});
  pool.run({},
           [&] {
             pool.run({}, [&] { clock.advance(1ms); }).value();
             clock.advance(1ms);
           })
      .value();
  const auto m = at_rest(pool);
  EXPECT_EQ(m.queue_time, of({0ms}));
  EXPECT_EQ(m.run_time, of({2ms}));
}

TEST(TaskTiming, GroupsAndTheirChildrenAreNotTimedAndTakeNobodysTurn) {
  weir::pool pool({.workers = 1, .time_one_in = 2});
  for (int i = 0; i < 50; ++i) {
    {
      weir::task_group group(pool);
      group.spawn([] {});
      group.wait();
    }
    EXPECT_TRUE(pool.post({}, [&pool] {
      weir::task_group group(pool, {.trace = {1, 2}});
      group.spawn([] { EXPECT_EQ(weir::this_task::admitted_at(), weir::time_point{}); });
      group.wait();
    }));
  }
  EXPECT_EQ(at_rest(pool).run_time.count(), 25u);
}

TEST(TaskTiming, WhatAThreadRunsThatIsNoWorkerIsTimedToo) {
  watched_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 2, .max_waiters = 0, .overflow = weir::overflow::caller_runs},
                   .clock = &clock,
                   .time_one_in = 1});
  std::optional<busy_workers> busy(std::in_place, pool);
  EXPECT_TRUE(pool.post({}, [&] { clock.advance(1ms); }));
  clock.advance(2ms);
  EXPECT_TRUE(pool.try_run_one());
  EXPECT_EQ(pool.metrics().queue_time, of({0ms, 2ms}));
  EXPECT_EQ(pool.metrics().run_time, of({1ms}));

  auto queued = pool.try_submit({}, [] {});
  event called;
  std::thread caller([&] {
    EXPECT_TRUE(pool.post({}, [&] {
      EXPECT_EQ(weir::current_worker(), -1);
      called.set();
      clock.advance(8ms);
    }));
  });
  weir::testing::eventually("a caller that waits for its turn", [&] { return pool.metrics().submitted == 4; });
  queued->request_stop();
  called.await("the caller's own run");
  caller.join();
  busy.reset();
  const auto m = at_rest(pool);
  EXPECT_EQ(m.queue_time, of({0ms, 2ms, 0ms}));
  EXPECT_EQ(m.run_time, of({1ms, 8ms, 11ms}));
}

TEST(TaskTiming, ByAClockThatGoesBackNothingIsNegative) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 1});
  std::optional<busy_workers> busy(std::in_place, pool);
  auto job = pool.try_submit({}, [&] { clock.advance(-1ms); });
  clock.set(weir::time_point::min());
  busy.reset();
  job->get();
  EXPECT_EQ(pool.metrics().queue_time, of({0ms, 0ms}));
  EXPECT_EQ(pool.metrics().run_time, of({0ms, 0ms}));
  pool.try_submit({}, [&] { clock.set(weir::time_point::max()); })->get();
  EXPECT_EQ(pool.metrics().run_time, of({0ms, 0ms, weir::duration::max()}));
}

// ---- which of them

TEST(TaskTiming, OfEachStretchOfSubmissionsOneIsTimed) {
  constexpr std::uint64_t one_in = 8;
  weir::pool pool({.workers = 1, .time_one_in = one_in});
  std::vector<int> places(one_in);
  for (std::uint64_t stretch = 0; stretch < 500; ++stretch) {
    for (std::uint64_t i = 0; i < one_in; ++i) {
      pool.try_submit({}, [] {})->get();
      const auto timed = pool.metrics().run_time.count();
      ASSERT_GE(timed, stretch);
      ASSERT_LE(timed, stretch + 1);
      if (timed == stretch + 1) {
        ++places[i];
        for (++i; i < one_in; ++i) pool.try_submit({}, [] {})->get();
      }
    }
    ASSERT_EQ(pool.metrics().run_time.count(), stretch + 1);
  }
  for (const int times : places) EXPECT_GT(times, 20) << "each place has its turn: 62 times on average";
}

TEST(TaskTiming, WhatComesAtRegularIntervalsIsTimedAsOftenAsAllElse) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 4});
  for (int i = 0; i < 4'000; ++i) {
    pool.try_submit({}, [&, i] { clock.advance(i % 4 == 0 ? 9ns : 1ns); })->get();
  }
  const auto m = pool.metrics();
  ASSERT_EQ(m.run_time.count(), 1'000u);
  const latency_histogram::bucket longest = *std::next(m.run_time.begin());
  EXPECT_EQ(longest.last, 9ns);
  EXPECT_GT(longest.count, 150u) << "a quarter of them: 250 on average";
  EXPECT_LT(longest.count, 350u);
}

// With a count for each thread alone, every timed submission could go to the same pool.
TEST(TaskTiming, AThreadThatSubmitsToTwoPoolsInTurnHasTasksOfBothTimed) {
  weir::pool one({.workers = 1, .time_one_in = 8}), other({.workers = 1, .time_one_in = 8});
  for (int i = 0; i < 4'000; ++i) {
    one.try_submit({}, [] {})->get();
    other.try_submit({}, [] {})->get();
  }
  for (const weir::pool* pool : {&one, &other}) {
    const auto timed = pool->metrics().run_time.count();
    EXPECT_GT(timed, 350u) << "500 on average";
    EXPECT_LT(timed, 650u);
  }
}

TEST(TaskTiming, EachThreadHasItsOwnStretches) {
  weir::pool pool({.workers = 2, .time_one_in = 16});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 160; ++k) EXPECT_TRUE(pool.post({}, [] {}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(at_rest(pool).queue_time.count(), 40u);
}

TEST(TaskTiming, OfABillionSubmissionsOneIsAllowed) {
  weir::pool pool({.workers = 1, .time_one_in = 1'000'000'000});
  for (int i = 0; i < 100; ++i) pool.try_submit({}, [] {})->get();
  EXPECT_LE(pool.metrics().run_time.count(), 1u);
}

// ---- what is not timed

TEST(TaskTiming, OffReadsNoClockAndKeepsNothing) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 0});
  const std::int64_t before = clock.reads();
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(pool.post({}, [] {}));
  const auto m = at_rest(pool);
  EXPECT_EQ(clock.reads(), before);
  EXPECT_TRUE(m.queue_time.is_empty());
  EXPECT_TRUE(m.run_time.is_empty());
}

TEST(TaskTiming, ReadsTheClockThriceForATaskThatIsTimedAndNotForOthers) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock, .time_one_in = 10});
  const std::int64_t before = clock.reads();
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(pool.post({}, [] {}));
  EXPECT_EQ(at_rest(pool).run_time.count(), 20u);
  EXPECT_EQ(clock.reads(), before + 60);
}

TEST(TaskTiming, APostIsNotToldItsAdmissionBecauseItIsTimed) {
  weir::pool pool({.workers = 1, .time_one_in = 2});
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(pool.post({}, [] { EXPECT_EQ(weir::this_task::admitted_at(), weir::time_point{}); }));
  }
  await_rest(pool);
}

// ---- while tasks run

TEST(TaskTiming, CanBeReadWhileTasksRun) {
  constexpr std::uint64_t posts = 20'000;
  weir::pool pool({.workers = 3, .time_one_in = 1});
  event done;
  std::thread reader([&] {
    auto before = pool.metrics();
    while (!done.is_set()) {
      auto now = pool.metrics();
      EXPECT_GE(now.queue_time.count(), before.queue_time.count()) << "nothing that was counted is lost";
      EXPECT_GE(now.run_time.count(), before.run_time.count());
      before = std::move(now);
    }
  });
  for (std::uint64_t i = 0; i < posts; ++i) {
    while (!pool.post({}, [] {})) std::this_thread::yield();
    if (i % 4 == 0) (void)pool.try_run_one();
  }
  await_rest(pool);
  done.set();
  reader.join();
  EXPECT_EQ(pool.metrics().queue_time.count(), posts);
  EXPECT_EQ(pool.metrics().run_time.count(), posts);
  EXPECT_GT(pool.metrics().run_time.sum(), 0ns);
}

}  // namespace
