// Stop callbacks beside groups: those of a child concern what it is part of, and nobody else.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using weir::testing::event;
using weir::testing::refusal_thrown_by;
using weir::testing::tally;

// The word of the maker says that there are callbacks below it, and it has none itself.
TEST(TaskGroupCallbacks, TheEndOfAMakerLeavesThoseOfOtherTasks) {
  weir::pool pool({.workers = 2});
  event registered, called;
  auto other = pool.try_submit({}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] { called.set(); });
    registered.set();
    called.await("the callback of a task that was asked to stop");
  });
  registered.await("a callback");
  ASSERT_TRUE(pool.run({}, [&] {
    weir::task_group group(pool);
    group.spawn([](weir::stop_token stop) { const weir::stop_callback on_stop(stop, [] {}); });
    group.wait();
  }));
  other->request_stop();
  other->wait();
  EXPECT_TRUE(called.is_set());
}

TEST(TaskGroupCallbacks, AWaitInAChildIsRefusedBeforeItRunsAnother) {
  weir::pool pool({.workers = 1});
  ASSERT_TRUE(pool.run({}, [&] {
    weir::task_group group(pool);
    tally others;
    group.spawn([&] { others.add(); });
    group.spawn([&] {  // the newest, and so the first
      EXPECT_EQ(refusal_thrown_by([&] { group.wait(); }).reason, weir::refusal_reason::would_deadlock);
      EXPECT_EQ(others.count(), 0u);
    });
    group.wait();
    EXPECT_EQ(others.count(), 1u);
  }));
}

// A waiter that comes while the errors are taken is the second one, too.
TEST(TaskGroupCallbacks, TwoWaitsAtTheEndTakeEachErrorOnce) {
  weir::pool pool({.workers = 2});
  for (int round = 0; round < 300; ++round) {
    weir::task_group group(pool, {.on_error = weir::on_error::keep_going});
    for (int i = 0; i < 20; ++i) {
      group.spawn([] { throw std::runtime_error("x"); });
    }
    const auto wait = [&] {
      try {
        group.wait();
      } catch (const weir::group_error& e) {
        return static_cast<int>(e.errors().size());
      } catch (const std::logic_error&) {
        return -1;
      }
      return 0;
    };
    auto other = weir::testing::in_background(wait);
    const int mine = wait();
    const int others = weir::testing::get(other);
    EXPECT_TRUE((mine == 20 && others <= 0) || (others == 20 && mine <= 0)) << mine << ' ' << others;
  }
}

TEST(TaskGroupCallbacks, ARootThatFailedIsCountedSoAlsoIfItsErrorWasTold) {
  weir::pool pool({.workers = 1});
  {
    weir::task_group group(pool);
    group.spawn([] { throw 1; });
    EXPECT_THROW(group.wait(), int);
  }
  EXPECT_EQ(pool.metrics().failed, 2u) << "the child and the root";
}

}  // namespace
