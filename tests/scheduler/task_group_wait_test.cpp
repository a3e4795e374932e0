// Waits for groups: whoever waits, wherever the children are and whoever spawns them, a wait ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::tally;

// Under every number of workers, with room for all children and with one task more than workers, with help and without.
class TaskGroupWait : public testing::TestWithParam<std::tuple<int, bool, int>> {
 protected:
  [[nodiscard]] static weir::pool_options options() {
    const auto [workers, is_tight, help_depth] = GetParam();
    return {.workers = workers, .limits = {.max_tasks = is_tight ? workers + 1 : 65'536}, .help_depth = help_depth};
  }
};

INSTANTIATE_TEST_SUITE_P(Pools, TaskGroupWait,
                         testing::Combine(testing::Values(1, 2, 3, 8, 64), testing::Bool(), testing::Values(0, 2)),
                         [](const auto& i) {
                           return std::to_string(std::get<0>(i.param)) + (std::get<1>(i.param) ? "_tight" : "_roomy") +
                                  (std::get<2>(i.param) != 0 ? "_helping" : "");
                         });

struct spawning_chain {
  weir::task_group& group;
  tally& links;
  void operator()(int left) const {
    links.add();
    if (left > 0) group.spawn([self = *this, left] { self(left - 1); });
  }
};

TEST_P(TaskGroupWait, LastsForWhatTheChildrenSpawnMeanwhile) {
  weir::pool pool(options());
  tally links;
  pool.run({},
           [&] {
             weir::task_group group(pool);
             group.spawn([&] { spawning_chain{group, links}(99); });
             group.wait();
             EXPECT_EQ(links.count(), 100u);
             spawning_chain{group, links}(99);
             group.wait();
             EXPECT_EQ(links.count(), 200u);
           })
      .value();
  expect_conservation(pool);
}

TEST_P(TaskGroupWait, EndsBesidePostsThatAreQueuedBelow) {
  weir::pool pool(options());
  tally posts;
  for (int round = 0; round < 50; ++round) {
    pool.run({},
             [&] {
               for (int i = 0; i < 2; ++i) {
                 // Full, it waits at the door.
                 if (!pool.post({}, [&] { posts.add(); })) posts.add();
               }
               weir::task_group group(pool);
               (void)pool.try_run_one();
               int runs = 0;
               group.spawn([&] { ++runs; });
               group.wait();
               EXPECT_EQ(runs, 1);
             })
        .value();
  }
  expect_conservation(pool);
  EXPECT_EQ(posts.count(), 100u);
}

TEST_P(TaskGroupWait, EndsAfterASweepOfAllQueues) {
  weir::pool_options small = options();
  small.limits.max_tasks = std::min<std::int64_t>(small.limits.max_tasks, 8 + *small.workers);
  weir::pool pool(small);
  pool.run({},
           [&] {
             weir::task_group group(pool);
             tally runs;
             group.spawn([&] { runs.add(); });
             for (std::int64_t i = 0; i < 2 * (small.limits.max_tasks + 1); ++i) {
               auto job = pool.try_submit({}, [] {});
               if (job) job->request_stop();
             }
             group.spawn([&] { runs.add(); });
             group.wait();
             EXPECT_EQ(runs.count(), 2u);
           })
      .value();
  expect_conservation(pool);
}

TEST_P(TaskGroupWait, OfTwoGroupsEndInBothOrders) {
  weir::pool pool(options());
  for (const bool is_first_first : {true, false}) {
    for (int round = 0; round < 20; ++round) {
      tally runs;
      pool.run({},
               [&] {
                 weir::task_group first(pool);
                 weir::task_group second(pool);
                 for (int i = 0; i < 10; ++i) {
                   first.spawn([&] { second.spawn([&] { runs.add(); }); });
                   second.spawn([&] { runs.add(); });
                 }
                 (is_first_first ? first : second).wait();
                 (is_first_first ? second : first).wait();
                 second.wait();
               })
          .value();
      EXPECT_EQ(runs.count(), 20u);
    }
  }
  expect_conservation(pool);
}

TEST_P(TaskGroupWait, OutsideOfTasksIsForAnyThread) {
  weir::pool pool(options());
  for (int round = 0; round < 10; ++round) {
    tally runs;
    std::optional<weir::task_group> group(std::in_place, pool);
    for (int i = 0; i < 20; ++i) {
      group->spawn([&] { group->spawn([&] { runs.add(); }); });
    }
    auto other = weir::testing::in_background([&] { group->wait(); });
    weir::testing::get(other, "a wait by a thread that did not make the group");
    EXPECT_EQ(runs.count(), 20u);
    auto third = weir::testing::in_background([&] { group.reset(); });
    weir::testing::get(third, "the end of a group by a thread that did not make it");
  }
  expect_conservation(pool);
}

TEST(TaskGroupWaits, OneInAForkThatIsHeldUntilItIsStolenEnds) {
  for (const int help_depth : {0, 2}) {
    for (const std::int64_t workers : {2, 3, 8}) {
      weir::pool pool({.workers = workers, .help_depth = help_depth});
      for (int round = 0; round < 30; ++round) {
        tally runs;
        pool.run({},
                 [&] {
                   weir::task_group group(pool);
                   event stolen;
                   for (int i = 0; i < 5; ++i) group.spawn([&] { runs.add(); });
                   weir::fork_join([&] { stolen.await("a thief"); },
                                   [&] {
                                     stolen.set();
                                     for (int i = 0; i < 5; ++i) group.spawn([&] { runs.add(); });
                                     group.wait();
                                     EXPECT_EQ(runs.count(), 10u);
                                   });
                 })
            .value();
      }
      expect_conservation(pool);
    }
  }
}

TEST(TaskGroupWaits, OneInAStolenForkFindsWhatIsQueuedWhereThatIsJoined) {
  // The thief of f makes the group; who joins f meanwhile runs f's own fork, which spawns, and sleeps on.
  for (const int help_depth : {0, 2}) {
    weir::pool pool({.workers = 2, .help_depth = help_depth});
    for (int round = 0; round < 200; ++round) {
      int runs = 0;
      pool.run({},
               [&] {
                 event stolen;
                 weir::fork_join([&] { stolen.await("a thief"); },
                                 [&] {
                                   stolen.set();
                                   event spawned;
                                   weir::task_group group(pool);
                                   weir::fork_join([&] { spawned.await("who joins"); },
                                                   [&] {
                                                     group.spawn([&] { ++runs; });
                                                     spawned.set();
                                                   });
                                   group.wait();
                                   EXPECT_EQ(runs, 1);
                                 });
               })
          .value();
    }
    expect_conservation(pool);
  }
}

TEST(TaskGroupWaits, AChildMayWaitForWhatItHasSpawned) {
  // By an event, that is: either the waiter or the other worker is free for the second one.
  for (const int help_depth : {0, 2}) {
    weir::pool pool({.workers = 2, .help_depth = help_depth});
    for (int round = 0; round < 300; ++round) {
      pool.run({},
               [&] {
                 weir::task_group group(pool);
                 event set;
                 group.spawn([&] {
                   group.spawn([&] { set.set(); });
                   set.await("the child that a child has spawned");
                 });
                 group.wait();
               })
          .value();
    }
    expect_conservation(pool);
  }
}

TEST(TaskGroupWaits, RunsNoChildOfAnotherGroupWithoutHelp) {
  for (const std::int64_t workers : {1, 2, 3}) {
    weir::pool pool({.workers = workers, .help_depth = 0});
    for (int round = 0; round < 100; ++round) {
      pool.run({},
               [&] {
                 weir::task_group consumers(pool);
                 weir::task_group producers(pool);
                 event produced;
                 consumers.spawn([&] { produced.await("the end of the other wait"); });
                 producers.spawn([] {});
                 producers.wait();
                 produced.set();
                 consumers.wait();
               })
          .value();
    }
    expect_conservation(pool);
  }
}

}  // namespace
