// isolate: joins in it run nothing but what they wait for, where help_depth allows more.
#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using weir::testing::event;

// One worker is in a slow task. On the other, a task waits for that, with another task in its deque, which nobody else
// can run.
class waiter_with_other_work {
 public:
  // Returns whether the other task was run on top of `wait(slow)`.
  template <typename Wait>
  bool run(Wait wait) {
    auto slow = pool.try_submit({}, [&] {
      running_.set();
      go.await("the release of the slow task");
    });
    running_.await("the slow task");
    return *pool.run({}, [&] {
      auto other = pool.try_submit({}, [&, waiter = weir::current_worker()] {
        if (weir::current_worker() == waiter) other_has_run_ = true;
        go.set();
      });
      wait(*slow);
      const bool has_run = other_has_run_;
      other->get();
      return has_run;
    });
  }

  weir::testing::watched_clock clock;
  weir::pool pool{{.workers = 2, .clock = &clock, .help_depth = 4}};
  event go;

 private:
  event running_;
  bool other_has_run_ = false;
};

TEST(Isolate, IsNeededToKeepOtherTasksOffAJoinsStack) {
  waiter_with_other_work w;
  EXPECT_TRUE(w.run([](weir::job<void>& slow) { slow.get(); }));
}

TEST(Isolate, KeepsOtherTasksOffAJoinsStack) {
  waiter_with_other_work w;
  auto releaser = weir::testing::in_background([&] {
    w.clock.await_sleepers(2);  // the waiter, and the thread that called `run`
    w.go.set();
  });
  EXPECT_FALSE(w.run([&](weir::job<void>& slow) { weir::isolate([&] { slow.get(); }); }));
  weir::testing::get(releaser);
}

// Three workers: one is in a slow task, one in a task that forks, and the third one waits for that, isolated, and so
// runs the fork, which waits for the slow one.
TEST(Isolate, KeepsOtherTasksOffAForkThatAJoinRuns) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 3, .clock = &clock, .help_depth = 4});
  event slow_runs, forker_runs, waiter_runs, is_stolen, go;
  auto slow = pool.try_submit({}, [&] {
    slow_runs.set();
    go.await("the release of the slow task");
  });
  slow_runs.await("the slow task");
  auto forker = pool.try_submit({}, [&] {
    forker_runs.set();
    waiter_runs.await("the waiter");
    weir::fork_join([&] { go.await("the release of the forker"); },
                    [&] {
                      is_stolen.set();
                      slow->get();
                    });
  });
  forker_runs.await("the forker");
  int waiter = -1;
  weir::testing::tally waits_over;  // then it may run what it finds
  auto isolated = pool.try_submit({}, [&] {
    waiter = weir::current_worker();
    waiter_runs.set();
    weir::isolate([&] { forker->get(); });
    waits_over.add();
  });
  is_stolen.await("a waiter that runs the fork");
  auto other = pool.try_submit({}, [&] {
    EXPECT_FALSE(weir::current_worker() == waiter && waits_over.count() == 0) << "it runs on top of the fork";
    go.set();
  });
  auto releaser = weir::testing::in_background([&] {
    clock.await_sleepers(2);  // the fork's wait, and this test's for `isolated`
    go.set();
  });
  isolated->get();
  other->get();
  weir::testing::get(releaser);
}

// What is waited for runs another task, whose forks are nobody's but that one's.
TEST(Isolate, KeepsForksOfOtherTasksOffAJoinsStack) {
  weir::pool pool({.workers = 2});
  event runs, waits;
  bool has_run = false;
  auto one_that_runs_others = pool.try_submit({}, [&] {
    runs.set();
    waits.await("the waiter");
    while (!has_run) has_run = pool.try_run_one();
  });
  runs.await("the task");
  auto waiter = pool.try_submit({}, [&] {
    const int here = weir::current_worker();
    auto other = pool.try_submit({.priority = weir::priority::high}, [here] {
      for (int i = 0; i < 2'000; ++i) {
        weir::fork_join([] { std::this_thread::yield(); }, [here] { EXPECT_NE(weir::current_worker(), here); });
      }
    });
    waits.set();
    weir::isolate([&] { one_that_runs_others->get(); });
  });
  waiter->get();
}

TEST(Isolate, ReturnsAndThrowsWhatIsCalled) {
  weir::pool pool({.workers = 1});
  EXPECT_EQ(*pool.run({}, [] { return weir::isolate([] { return 7; }); }), 7);
  EXPECT_THROW((void)pool.run({}, [] { weir::isolate([] { throw std::logic_error("inside"); }); }), std::logic_error);
  int outside = 0;
  int& same = weir::isolate([&]() -> int& { return outside; });
  EXPECT_EQ(&same, &outside);
}

}  // namespace
