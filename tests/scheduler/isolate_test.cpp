// isolate: joins in it run nothing but what they wait for, where help_depth allows more.
#include <gtest/gtest.h>
#include <stdexcept>
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

TEST(Isolate, ReturnsAndThrowsWhatIsCalled) {
  weir::pool pool({.workers = 1});
  EXPECT_EQ(*pool.run({}, [] { return weir::isolate([] { return 7; }); }), 7);
  EXPECT_THROW((void)pool.run({}, [] { weir::isolate([] { throw std::logic_error("inside"); }); }), std::logic_error);
  int outside = 0;
  int& same = weir::isolate([&]() -> int& { return outside; });
  EXPECT_EQ(&same, &outside);
}

}  // namespace
