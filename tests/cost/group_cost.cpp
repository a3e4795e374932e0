// Groups: made in a task, their children spawned, run by who waits, and taken by another worker.
#include <cstdint>
#include <gtest/gtest.h>

#include "measure.hpp"

namespace {

using namespace weir::cost;

counts cost_of_children(weir::pool& pool, std::uint64_t n) {
  weir::task_group group(pool);
  return cost_of([&] {
    for (std::uint64_t i = 0; i < n; ++i) group.spawn([] {});
    group.wait();
  });
}

TEST(GroupCost, OfASpawnAndItsRunByWhoWaits) {
  resting_pool pool(1);
  counts c;
  run_in_a_task(*pool, [&] {
    (void)cost_of_children(*pool, spawn_and_wait.times);  // the worker has frames in its cache from here on
    c = cost_of_children(*pool, spawn_and_wait.times);
  });
  expect(spawn_and_wait, c);
}

TEST(GroupCost, OfAGroupInATask) {
  resting_pool pool(1);
  counts c;
  run_in_a_task(*pool, [&] {
    const weir::task_group first(*pool);
    c = cost_of([&] {
      for (std::uint64_t i = 0; i < group_in_task.times; ++i) {
        weir::task_group group(*pool);
        group.wait();
      }
    });
  });
  expect(group_in_task, c);
}

// From the begin of the first child of a steal to that of the next steal's. The owner of the queue leaves it alone, and
// the other one is let in when all are there.
TEST(GroupCost, OfAStealOfChildren) {
  constexpr std::uint64_t n = stolen_children.times;
  resting_pool pool(2);
  weir::testing::tally busy;
  event go, done, ended;
  counts before, c;
  std::uint64_t ran = 0;
  const auto begin = [&] {
    (void)cost_of_children(*pool, 1);  // the worker has frames in its cache, and a ring for children, from here on
    busy.add();
    busy.await(2, "the other worker");
  };
  pool->post({},
             [&] {
               begin();
               weir::task_group group(*pool);
               for (std::uint64_t i = 0; i < 4 * n; ++i) {  // half of what is there is the most that one steal takes
                 group.spawn([&] {
                   if (done.is_set()) return;
                   if (ran == 0) before = so_far();
                   if (ran == n) c = so_far() - before;
                   if (ran++ == n) done.set();  // from here on others run, too
                 });
               }
               go.set();
               done.await("the second steal");
               group.wait();
               ended.set();
             })
      .value();
  pool->post({},
             [&] {
               begin();
               go.await("the children to steal");
             })
      .value();
  ended.await("the group");
  expect(stolen_children, c);
}

}  // namespace
