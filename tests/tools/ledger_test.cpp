#include "replay/ledger.hpp"

#include <gtest/gtest.h>
#include <optional>
#include <thread>
#include <vector>

#include "replay/probe.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;

const time_point run_start{1h};

entry request_of(std::uint32_t weight, std::chrono::nanoseconds due = 0ns) {
  return {.intended = run_start + due, .weight = weight};
}

TEST(Ledger, CountsWhatTheSubmitterSaw) {
  ledger books({.start = run_start});
  books.submitted(request_of(1));
  books.submitted({.intended = run_start, .weight = 9, .heavy = true});
  books.refused_on_return(refusal_reason::too_heavy);
  const outcome all = books.summary();
  EXPECT_EQ(all.submitted, 2U);
  EXPECT_EQ(all.heavy_submitted, 1U);
  EXPECT_EQ(all.refused_in_all(), 1U);
  EXPECT_EQ(all.refused[static_cast<std::size_t>(refusal_reason::too_heavy)], 1U);
}

TEST(Ledger, FinishedWithinTheDeadlineIsGoodput) {
  ledger books({.start = run_start, .arrivals = 3s, .deadline = 250ms});
  books.completed(request_of(3), run_start + 250ms, 2ms, 3ms);
  books.completed(request_of(1), run_start + 251ms, 2ms, 3ms);
  books.completed(request_of(5, 2900ms), run_start + 3000ms, 2ms, 2ms);
  const outcome all = books.summary();
  EXPECT_EQ(all.in_time, 2U);
  EXPECT_EQ(all.in_time_weight, 8U);
  EXPECT_EQ(all.work_asked, 6ms);
  EXPECT_EQ(all.work_took, 8ms);
  EXPECT_EQ(all.latency.max, 251ms);
  EXPECT_EQ(all.latency_by_third[1], 0ns);
  EXPECT_EQ(all.latency_by_third[2], 100ms);
}

TEST(Probe, LivesFromTheGrantToItsEndAcrossMoves) {
  ledger books({.start = run_start});
  {
    probe built(books, request_of(5));
    EXPECT_EQ(books.live_tasks(), 0);
    probe moved(std::move(built));
    EXPECT_EQ(books.live_tasks(), 0);
    moved.admit(run_start);
    EXPECT_EQ(books.live_tasks(), 1);
    EXPECT_EQ(books.live_weight(), 5);
    {
      probe again(std::move(moved));
      EXPECT_EQ(books.live_tasks(), 1);
      again.complete(1ms, again.start());
      EXPECT_EQ(books.live_tasks(), 1);
    }
    EXPECT_EQ(books.live_tasks(), 0);
    EXPECT_EQ(books.live_weight(), 0);
  }
  EXPECT_EQ(books.ended(ending::completed), 1U);
  EXPECT_EQ(books.summary().tasks_seen, 1);
  EXPECT_EQ(books.summary().weight_seen, 5);
  EXPECT_EQ(books.violations(), 0U);
}

TEST(Probe, EachEndHasItsName) {
  ledger books({.start = run_start});
  { probe dropped(books, request_of(1)); }
  {
    probe unstarted(books, request_of(1));
    unstarted.admit(run_start);
  }
  {
    probe failed(books, request_of(1));
    failed.admit(run_start);
    failed.start();
  }
  {
    probe stopped(books, request_of(1));
    stopped.admit(run_start);
    stopped.start();
    stopped.stop();
  }
  for (const ending how : {ending::dropped, ending::unstarted, ending::failed, ending::stopped})
    EXPECT_EQ(books.ended(how), 1U);
  EXPECT_EQ(books.ended(ending::completed), 0U);
}

TEST(Probe, RefusedOnReturnIsNoEndOfARequest) {
  ledger books({.start = run_start});
  {
    probe refused(books, request_of(1));
    refused.take_back(books, refusal_reason::tasks_full);
  }
  EXPECT_EQ(books.ended(ending::dropped), 0U);
  EXPECT_EQ(books.refusals_on_return(refusal_reason::tasks_full), 1U);
  EXPECT_EQ(books.violations(), 0U);
}

TEST(Probe, WhatMayNeverHappenIsCounted) {
  ledger books({.start = run_start});
  {
    probe twice(books, request_of(1));
    twice.admit(run_start);
    twice.admit(run_start);
    EXPECT_EQ(books.violations(), 1U);
    twice.start();
    twice.start();
    EXPECT_EQ(books.violations(), 2U);
  }
  {
    probe touched(books, request_of(1));
    probe taken(std::move(touched));
    touched.take_back(books, refusal_reason::tasks_full);  // moved from: the refusal touched the callable
    EXPECT_EQ(books.violations(), 3U);
  }
  {
    probe ungranted(books, request_of(1));
    ungranted.start();
    EXPECT_EQ(books.violations(), 4U);
    ungranted.stop();
  }
}

TEST(Probe, MaximaOfManyThreadsAreExactWhereAllLiveAtOnce) {
  ledger books({.start = run_start});
  constexpr int threads = 4;
  constexpr int each = 500;
  std::vector<std::vector<probe>> all(threads);
  std::vector<std::thread> running;
  for (auto& mine : all) {
    mine.reserve(each);
    running.emplace_back([&] {
      for (int i = 0; i < each; ++i) mine.emplace_back(books, request_of(3)).admit(run_start);
    });
  }
  for (std::thread& thread : running) thread.join();
  all.clear();
  EXPECT_EQ(books.summary().tasks_seen, threads * each);
  EXPECT_EQ(books.summary().weight_seen, threads * each * 3);
  EXPECT_EQ(books.live_tasks(), 0);
  EXPECT_EQ(books.live_weight(), 0);
}

TEST(StampLog, KeepsBothClocksSortedAndTheLargestSkew) {
  stamp_log log(4);
  log.add(5ns, 9ns);
  log.add(1ns, 20ns);
  log.add(3ns, 4ns);
  const auto limiter = log.sorted_limiter_stamps();
  const auto own = log.sorted_own_stamps();
  EXPECT_EQ((std::vector<std::int64_t>(limiter.begin(), limiter.end())), (std::vector<std::int64_t>{1, 3, 5}));
  EXPECT_EQ((std::vector<std::int64_t>(own.begin(), own.end())), (std::vector<std::int64_t>{4, 9, 20}));
  EXPECT_EQ(log.skew(), 19ns);
  EXPECT_EQ(log.lost(), 0U);
}

TEST(StampLog, BeyondItsCapacityItCounts) {
  stamp_log log(1);
  log.add(1ns, 1ns);
  log.add(2ns, 2ns);
  EXPECT_EQ(log.sorted_limiter_stamps().size(), 1U);
  EXPECT_EQ(log.lost(), 1U);
}

TEST(StampLog, ReservingFarMoreThanTheMemoryTakesNone) {
  stamp_log log(std::size_t{1} << 33U);
  log.add(1ns, 1ns);
  EXPECT_EQ(log.sorted_limiter_stamps().size(), 1U);
  EXPECT_THROW(stamp_log(std::size_t{1} << 50U), std::bad_alloc);
}

}  // namespace
}  // namespace weir::tools
