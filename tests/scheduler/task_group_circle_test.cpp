// Waits for groups that can never end are refused, and those that can are not: circles of waits, and the end of the
// stack.
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using weir::refusal_reason;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::refusal_thrown_by;
using weir::testing::tally;

// Each circle under several numbers of workers, with help and without.
class TaskGroupCircle : public testing::TestWithParam<std::tuple<int, int>> {
 protected:
  [[nodiscard]] static weir::pool_options options() {
    const auto [workers, help_depth] = GetParam();
    return {.workers = workers, .help_depth = help_depth};
  }
  static constexpr int rounds = 50;
};

INSTANTIATE_TEST_SUITE_P(Workers, TaskGroupCircle, testing::Combine(testing::Values(1, 2, 3, 8), testing::Values(0, 2)),
                         [](const auto& i) {
                           return std::to_string(std::get<0>(i.param)) + (std::get<1>(i.param) != 0 ? "_helping" : "");
                         });

// Waits, or counts the refusal.
template <typename Wait>
void wait_or_count(Wait&& wait, tally& refused) {
  try {
    wait();
  } catch (const weir::refused& e) {
    EXPECT_EQ(e.why().reason, refusal_reason::would_deadlock);
    refused.add();
  }
}

// It is told so at once, however deep it is: not after it has run what else there is of the group.
TEST(TaskGroupCircles, OfAWaitWithinTheGroupAreRefusedBeforeItRunsAnything) {
  weir::pool pool({.workers = 1});
  pool.run({},
           [&] {
             weir::task_group group(pool);
             int others = 0;
             for (int i = 0; i < 3; ++i) group.spawn([&] { ++others; });
             group.spawn([&] {
               weir::task_group nested(pool);
               nested.spawn([&] {
                 weir::task_group nested_twice(pool);
                 nested_twice.spawn([&] {
                   EXPECT_EQ(refusal_thrown_by([&] { group.wait(); }).reason, refusal_reason::would_deadlock);
                   EXPECT_EQ(refusal_thrown_by([&] { nested.wait(); }).reason, refusal_reason::would_deadlock);
                   EXPECT_EQ(others, 0);
                 });
                 nested_twice.wait();
               });
               nested.wait();
             });
             group.wait();
             EXPECT_EQ(others, 3);
           })
      .value();
  expect_conservation(pool);
}

TEST_P(TaskGroupCircle, AChildMayNotWaitForItsOwnGroup) {
  weir::pool pool(options());
  for (int round = 0; round < rounds; ++round) {
    tally refused;
    const auto spawn_and_wait = [&](weir::task_group& group) {
      group.spawn([&] {
        weir::task_group nested(pool);
        nested.spawn([&] { wait_or_count([&] { group.wait(); }, refused); });
        nested.wait();
        wait_or_count([&] { group.wait(); }, refused);
        pool.run({}, [&] { wait_or_count([&] { group.wait(); }, refused); }).value();
      });
    };
    {
      weir::task_group outside(pool);
      spawn_and_wait(outside);
      refused.await(3, "the refusals");
      outside.wait();
    }
    pool.run({},
             [&] {
               weir::task_group group(pool, {.max_running = 1});
               spawn_and_wait(group);
               while (refused.count() < 6 && pool.workers() > 1) std::this_thread::yield();
               while (refused.count() < 6) (void)pool.try_run_one();
               group.wait();
             })
        .value();
    EXPECT_EQ(refused.count(), 6u);
  }
  expect_conservation(pool);
}

TEST_P(TaskGroupCircle, AChildMayNotWaitForTheTaskThatMadeItsGroup) {
  weir::pool pool(options());
  for (int round = 0; round < rounds; ++round) {
    tally refused;
    std::optional<weir::job<void>> job;
    event is_known;
    job.emplace(std::move(*pool.try_submit({}, [&] {
      is_known.await("the job");
      weir::task_group group(pool);
      for (int i = 0; i < 5; ++i) {
        group.spawn([&] {
          wait_or_count([&] { job->wait(); }, refused);
          weir::task_group nested(pool);
          nested.spawn([&] { wait_or_count([&] { job->wait(); }, refused); });
          nested.wait();
        });
      }
      group.wait();
    })));
    is_known.set();
    job->get();
    EXPECT_EQ(refused.count(), 10u);
  }
  expect_conservation(pool);
}

// Two tasks, of whose groups each has a child that waits for the other task. In pools that may be the same.
void expect_refusals(weir::pool& here, weir::pool& there, std::uint32_t most) {
  tally refused;
  std::optional<weir::job<void>> one, two;
  event are_known;
  const auto make = [&](weir::pool& pool, std::optional<weir::job<void>>& other) {
    return [&pool, &other, &are_known, &refused] {
      are_known.await("both jobs");
      weir::task_group group(pool);
      group.spawn([] {});
      group.spawn([&] { wait_or_count([&] { other->wait(); }, refused); });
      group.spawn([] {});
      group.wait();
    };
  };
  one.emplace(std::move(*here.try_submit({}, make(here, two))));
  two.emplace(std::move(*there.try_submit({}, make(there, one))));
  are_known.set();
  one->wait();  // the result is taken when nobody waits for it any more
  two->wait();
  one->get();
  two->get();
  EXPECT_GE(refused.count(), 1u);
  EXPECT_LE(refused.count(), most);
}

TEST_P(TaskGroupCircle, OverTwoGroupsAndTwoJobsIsOpenedByOneRefusal) {
  weir::pool pool(options());
  // With help one of the tasks may lie on the other, and then both children wait for what is below them.
  const std::uint32_t most = options().help_depth == 0 ? 1 : 2;
  for (int round = 0; round < rounds; ++round) expect_refusals(pool, pool, most);
  expect_conservation(pool);
}

TEST_P(TaskGroupCircle, OverTwoPoolsIsOpenedByOneRefusal) {
  weir::pool here(options());
  weir::pool there({.workers = 1});
  for (int round = 0; round < rounds; ++round) expect_refusals(here, there, 1);
  expect_conservation(here);
  expect_conservation(there);
}

TEST_P(TaskGroupCircle, OfTwoGroupsThatWaitForEachOtherIsOpenedByOneRefusal) {
  weir::pool pool(options());
  for (int round = 0; round < rounds; ++round) {
    tally refused;
    weir::task_group one(pool);
    weir::task_group two(pool);
    event both;
    const auto wait_for = [&](weir::task_group& other) {
      return [&both, &other, &refused] {
        both.await("both children");
        wait_or_count([&] { other.wait(); }, refused);
      };
    };
    one.spawn(wait_for(two));
    two.spawn(wait_for(one));
    both.set();
    refused.await(1, "the refusal that opens the circle");
    weir::testing::eventually("the end of both children", [&] {
      const weir::pool_metrics m = pool.metrics();
      return m.live == 2;
    });
    one.wait();
    two.wait();
    EXPECT_EQ(refused.count(), 1u);
  }
  expect_conservation(pool);
}

TEST_P(TaskGroupCircle, WhatMakesNoneIsNotRefused) {
  // Children wait for jobs that their maker has submitted, for a group beside theirs, and for one above.
  weir::pool pool({.workers = options().workers});  // without help, which may make one
  for (int round = 0; round < rounds; ++round) {
    tally runs;
    pool.run({},
             [&] {
               auto job = pool.try_submit({}, [&] {
                 weir::task_group own(pool);
                 for (int i = 0; i < 3; ++i) own.spawn([&] { runs.add(); });
                 own.wait();
               });
               weir::task_group beside(pool);
               for (int i = 0; i < 3; ++i) beside.spawn([&] { runs.add(); });
               weir::task_group group(pool);
               group.spawn([&] { job->wait(); });
               group.spawn([&] { beside.wait(); });
               group.wait();
             })
        .value();
    EXPECT_EQ(runs.count(), 6u);
  }
  expect_conservation(pool);
}

// Part of each level, so that the stack ends before the 65,536 calls that ThreadSanitizer keeps.
struct padding {
  volatile char bytes[8192];
  explicit padding(std::uint32_t level) { bytes[level % sizeof bytes] = 0; }  // any: all of them stay
};

struct deep_groups {
  weir::pool& pool;
  tally& refused;
  tally& levels;
  void operator()() const {
    levels.add();
    const padding fills_the_stack(levels.count());
    weir::task_group group(pool);
    try {
      group.spawn(*this);
      group.wait();
    } catch (const weir::refused& e) {
      const auto why = e.why().reason;
      EXPECT_TRUE(why == refusal_reason::would_deadlock || why == refusal_reason::tasks_full) << to_string(e.why());
      refused.add();
    }
  }
};

TEST(TaskGroupStack, NearItsEndAWaitIsRefusedAndTheDestructorEndsWhatIsQueued) {
  for (const int help_depth : {0, 2}) {
    weir::pool pool({.workers = 1, .limits = {.max_tasks = weir::unlimited}, .help_depth = help_depth});
    tally refused, levels;
    pool.run({}, deep_groups{pool, refused, levels}).value();
    EXPECT_EQ(refused.count(), 1u);
    EXPECT_GT(levels.count(), 100u);
    EXPECT_EQ(pool.metrics().cancelled, 1u) << "the child that was not waited for";
    EXPECT_EQ(pool.metrics().children, levels.count());
    expect_conservation(pool);
  }
}

// Between a refusal and the stop that follows it another worker, on whose stack there is room, may take the child, and
// go on until that is full, too: so there may be one refusal for each stack.
TEST(TaskGroupStack, OfAllWorkersEndsInARefusalForEachAtMost) {
  for (const std::int64_t workers : {2, 3}) {
    weir::pool pool({.workers = workers, .limits = {.max_tasks = weir::unlimited}});
    tally refused, levels;
    pool.run({}, deep_groups{pool, refused, levels}).value();
    EXPECT_GE(refused.count(), 1u);
    EXPECT_LE(refused.count(), static_cast<std::uint64_t>(workers));
    expect_conservation(pool);
  }
}

TEST(TaskGroupStack, NearItsEndASpawnThatWouldRunTheChildIsRefused) {
  for (const std::int64_t max_tasks : {1, 2, 3}) {
    weir::pool pool({.workers = 1, .limits = {.max_tasks = max_tasks}});
    tally refused, levels;
    pool.run({}, deep_groups{pool, refused, levels}).value();
    EXPECT_EQ(refused.count(), 1u);
    EXPECT_GT(levels.count(), 100u);
    EXPECT_LE(pool.metrics().live, 1);
    expect_conservation(pool);
  }
}

struct deep_spawns {
  weir::task_group& group;
  tally& refused;
  tally& levels;
  void operator()() const {
    levels.add();
    const padding fills_the_stack(levels.count());
    try {
      group.spawn(*this);
    } catch (const weir::refused& e) {
      EXPECT_EQ(e.why().reason, refusal_reason::tasks_full);
      refused.add();
      throw;
    }
  }
};

TEST(TaskGroupStack, ASpawnThatIsRefusedThereFailsItsChildAndNoOther) {
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 1}});
  tally refused, levels;
  weir::task_group group(pool);  // the only task: its children run on this thread
  group.spawn(deep_spawns{group, refused, levels});
  EXPECT_EQ(refusal_thrown_by([&] { group.wait(); }).reason, refusal_reason::tasks_full);
  EXPECT_EQ(refused.count(), 1u);
  EXPECT_GT(levels.count(), 100u);
  EXPECT_EQ(pool.metrics().failed, 1u);
  EXPECT_EQ(pool.metrics().completed, levels.count() - 1);
}

}  // namespace
