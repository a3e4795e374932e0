// What each worker counts: its tasks, forks, steals and sleeps, and its time.
#include "../../scheduler/src/stopwatch.hpp"

#include <chrono>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using namespace std::chrono_literals;
using weir::detail::stopwatch;
using weir::testing::busy_workers;
using weir::testing::eventually;

weir::worker_metrics of_worker(const weir::pool& pool, std::size_t i = 0) { return pool.metrics().workers[i]; }

void await_sleepers(const weir::pool& pool, int count) {
  eventually("workers that sleep", [&] { return pool.metrics().asleep == count; });
}

TEST(Stopwatch, AddsUpItsStretchesAndTheOneThatLasts) {
  const stopwatch::instant start{1h};
  stopwatch watch;
  EXPECT_EQ(watch.read(start), 0ns);
  watch.start(start);
  EXPECT_EQ(watch.read(start + 3ns), 3ns);
  watch.stop(start + 5ns);
  EXPECT_EQ(watch.read(start + 7ns), 5ns);
  watch.start(start + 10ns);
  EXPECT_EQ(watch.read(start + 10ns), 5ns);
  EXPECT_EQ(watch.read(start + 11ns), 6ns);
  watch.stop(start + 12ns);
  EXPECT_EQ(watch.read(start + 20ns), 7ns);
}

TEST(Stopwatch, WithAReadingFromBeforeItsStartShowsNothingNegative) {
  const stopwatch::instant start{1h};
  stopwatch watch;
  watch.start(start);
  EXPECT_EQ(watch.read(start - 1ms), 0ns);
}

TEST(WorkerCounters, TellWhatATaskHasSpawned) {
  weir::pool pool({.workers = 1});
  pool.run({},
           [&] {
             for (int i = 0; i < 10; ++i) EXPECT_TRUE(pool.post({}, [] {}));
             EXPECT_TRUE(pool.post({.priority = weir::priority::high}, [] {})) << "by the injector, not in the deque";
           })
      .value();
  weir::testing::await_rest(pool);
  EXPECT_EQ(of_worker(pool).spawned, 10u);
  EXPECT_EQ(of_worker(pool).executed, 12u);
  EXPECT_TRUE(pool.post({}, [] {}));
  EXPECT_EQ(of_worker(pool).spawned, 10u) << "that came from outside";
}

TEST(WorkerCounters, TellWhichForksOthersCouldSteal) {
  weir::pool pool({.workers = 1});
  const auto published_by = [&](auto task) {
    const auto before = of_worker(pool).forks_published;
    pool.run({}, task).value();
    return of_worker(pool).forks_published - before;
  };
  EXPECT_EQ(published_by([] {}), 0u);
  EXPECT_EQ(published_by([] { weir::fork_join([] {}, [] {}); }), 1u);
  EXPECT_EQ(published_by([] {
              const auto many = [] {
                for (int i = 0; i < 100; ++i) weir::fork_join([] {}, [] {});
              };
              weir::fork_join(many, [] {});
            }),
            1u)
      << "while one can be stolen the others stay private";
  EXPECT_EQ(published_by([&] {
              const auto waits = [&] { pool.try_submit({}, [] {})->get(); };
              const auto third = [&] { weir::fork_join(waits, [] {}); };
              const auto second = [&] { weir::fork_join(third, [] {}); };
              const auto first = [&] { weir::fork_join(second, [] {}); };
              weir::fork_join(first, [] {});
            }),
            4u)
      << "before a wait those three are made public at once";
}

// What comes from outside is taken in batches; the first one of them finds the rest in the deque.
TEST(WorkerCounters, TellHowOftenTheInjectorWasLookedAt) {
  constexpr std::size_t batch = 20;
  weir::pool pool({.workers = 1});
  std::vector<std::uint64_t> seen;
  for (int round = 1; round <= 3; ++round) {
    busy_workers busy(pool);
    const std::uint64_t before = of_worker(pool).injector_polls;
    seen.clear();
    weir::testing::tally ran;
    for (std::size_t i = 0; i < batch; ++i) {
      EXPECT_TRUE(pool.post({}, [&] {
        seen.push_back(of_worker(pool).injector_polls);
        ran.add();
      }));
    }
    busy.release();
    ran.await(batch, "the tasks from outside");
    EXPECT_EQ(seen, std::vector<std::uint64_t>(batch, before + 1)) << "round " << round;
  }
}

TEST(WorkerCounters, TellOfSleepsAndOfThoseThatOthersEnded) {
  weir::pool pool({.workers = 1, .search_time = 0ns});
  await_sleepers(pool, 1);
  const auto before = of_worker(pool);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(pool.post({}, [] {}));
    weir::testing::await_rest(pool);
    await_sleepers(pool, 1);
  }
  EXPECT_EQ(of_worker(pool).parks - before.parks, 5u);
  EXPECT_EQ(of_worker(pool).wakes - before.wakes, 5u);
}

TEST(WorkerCounters, ASleepInAJoinCountsAsParked) {
  weir::pool pool({.workers = 2});
  weir::testing::event joins, go;
  auto other = pool.try_submit({}, [&] { go.await("the sleep in the join"); });
  eventually("the other task runs", [&] { return of_worker(pool, 0).executed + of_worker(pool, 1).executed == 1; });
  std::size_t waiting = 0;
  auto joining = pool.try_submit({}, [&] {
    waiting = static_cast<std::size_t>(weir::current_worker());
    joins.set();
    other->wait();
  });
  joins.await("the task that waits for the other one");
  const auto before = of_worker(pool, waiting);
  eventually("time in the join", [&] { return of_worker(pool, waiting).parked > before.parked; });
  go.set();
  joining->wait();
}

TEST(WorkerCounters, StealsAreAmongTheAttempts) {
  weir::pool pool({.workers = 2});
  pool.run({},
           [&] {
             weir::testing::event stolen;
             EXPECT_TRUE(pool.post({}, [&] { stolen.set(); }));
             stolen.await("the other worker takes it");
           })
      .value();
  const auto m = pool.metrics();
  EXPECT_EQ(m.workers[0].steals + m.workers[1].steals, 1u);
  EXPECT_EQ(m.workers[0].tasks_stolen + m.workers[1].tasks_stolen, 1u);
  for (const auto& w : m.workers) EXPECT_GE(w.steal_attempts, w.steals + w.forks_stolen);
}

TEST(WorkerCounters, OneStealTakesSeveralChildren) {
  weir::pool pool({.workers = 2});
  pool.run({},
           [&] {
             busy_workers busy(pool);
             weir::testing::tally begun;
             weir::testing::event go;
             weir::task_group group(pool);
             for (int i = 0; i < 16; ++i) {
               group.spawn([&] {
                 begun.add();
                 go.await("the numbers");
               });
             }
             const auto thief = static_cast<std::size_t>(1 - weir::current_worker());
             const auto before = of_worker(pool, thief);
             busy.release();
             begun.await(1, "the other worker takes some");
             const auto after = of_worker(pool, thief);
             EXPECT_EQ(after.steals - before.steals, 1u);
             EXPECT_EQ(after.tasks_stolen - before.tasks_stolen, 8u);
             go.set();
             group.wait();
           })
      .value();
}

// The owner of a stolen fork takes, while it waits, what the thief has forked.
TEST(WorkerCounters, AForkThatIsTakenInAJoinIsAmongTheAttempts) {
  weir::pool pool({.workers = 2});
  weir::worker_metrics before, after;
  pool.run({},
           [&] {
             const auto me = static_cast<std::size_t>(weir::current_worker());
             weir::testing::event outer_is_stolen, inner_is_stolen;
             weir::fork_join(
                 [&] {
                   outer_is_stolen.await("the thief of the outer fork");
                   before = of_worker(pool, me);
                 },
                 [&] {
                   outer_is_stolen.set();
                   weir::fork_join([&] { inner_is_stolen.await("the owner, which waits"); },
                                   [&] { inner_is_stolen.set(); });
                 });
             after = of_worker(pool, me);
           })
      .value();
  EXPECT_EQ(after.forks_stolen - before.forks_stolen, 1u);
  EXPECT_GE(after.steal_attempts - before.steal_attempts, 1u);
}

// Whether the sleep was ended by the thief, or not begun, since the fork was done by then, is a race: so several times.
TEST(WorkerCounters, TheEndOfAStolenForkEndsASleep) {
  weir::pool pool({.workers = 2});
  std::uint64_t wakes = 0;
  for (int round = 0; round < 100 && wakes == 0; ++round) {
    pool.run({},
             [&] {
               const auto me = static_cast<std::size_t>(weir::current_worker());
               weir::testing::event stolen;
               weir::worker_metrics before;
               weir::fork_join(
                   [&] {
                     stolen.await("a thief");
                     before = of_worker(pool, me);
                   },
                   [&] {
                     stolen.set();
                     await_sleepers(pool, 1);
                   });
               wakes = of_worker(pool, me).wakes - before.wakes;
             })
        .value();
  }
  EXPECT_EQ(wakes, 1u);
}

TEST(WorkerCounters, ByDefaultAWorkerSearchesOnlyWhereThereAreFourCpusOrMore) {
  weir::pool pool({.workers = 1});
  await_sleepers(pool, 1);
  EXPECT_EQ(of_worker(pool).searching != 0ns, pool.metrics().cpus.usable >= 4) << to_string(pool.metrics().cpus);
}

// Each of the times goes on while the worker is in that state, and the two others do not.
TEST(WorkerCounters, TellWhereTheTimeHasGone) {
  weir::pool pool({.workers = 1, .search_time = 1ms});
  await_sleepers(pool, 1);
  const auto asleep = of_worker(pool);
  eventually("time asleep", [&] { return of_worker(pool).parked > asleep.parked; });
  EXPECT_GT(asleep.searching, 0ns) << "before its first sleep";
  EXPECT_EQ(of_worker(pool).searching, asleep.searching);
  {
    busy_workers busy(pool);
    const auto working = of_worker(pool);
    eventually("time busy", [&] { return of_worker(pool).busy > working.busy; });
    EXPECT_EQ(of_worker(pool).parked, working.parked);
    EXPECT_EQ(of_worker(pool).searching, working.searching);
    busy.release();
  }
  await_sleepers(pool, 1);
  EXPECT_GT(of_worker(pool).searching, asleep.searching) << "before its second sleep";
}

}  // namespace
