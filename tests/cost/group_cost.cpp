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

}  // namespace
