// Groups that end in the wrong place: the program ends with a word, in every build, instead of going on with children
// of what is over.
#include <gtest/gtest.h>

#include <memory>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"

namespace {

using weir::testing::event;

TEST(TaskGroupDeathTest, ATaskDoesNotEndBeforeItsGroup) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        weir::pool pool({.workers = 1});
        std::unique_ptr<weir::task_group> group;
        (void)pool.run({}, [&] { group = std::make_unique<weir::task_group>(pool); });
      },
      "task_group_death_test.cpp:.* has ended before a task group that it made");
}

TEST(TaskGroupDeathTest, AGroupDoesNotEndInOneOfItsChildren) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        event never;
        weir::pool pool({.workers = 1});
        std::unique_ptr<weir::task_group> group(new weir::task_group(pool));  // the place that is told is this one
        group->spawn([&] { group.reset(); });
        never.await("the end of the program");
      },
      "a task group \\(.*task_group_death_test.cpp:.*was destroyed where a wait for its children would never end");
}

}  // namespace
