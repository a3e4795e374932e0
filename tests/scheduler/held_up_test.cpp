// Waits by a thread that holds up what it would wait for: in a stop callback, across pools, at the end of the stack.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::refusal_reason;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::refusal_thrown_by;

// A task on one worker, which has a stop callback and stays until that has been called.
class watched_task {
 public:
  template <typename F>
  watched_task(weir::pool& pool, F on_stop)
      : job_(std::move(*pool.try_submit({}, [this, on_stop](weir::stop_token stop) {
          const weir::stop_callback called(stop, [&] {
            on_stop();
            called_.set();
          });
          running_.set();
          called_.await("the stop callback");
        }))) {
    running_.await("the task with a stop callback");
  }
  weir::job<void>& job() { return job_; }

 private:
  event running_, called_;
  weir::job<void> job_;
};

TEST(HeldUp, ATaskIsByItsStopCallback) {
  weir::pool pool({.workers = 1});
  watched_task* self = nullptr;
  watched_task task(pool, [&] {
    EXPECT_EQ(refusal_thrown_by([&] { self->job().wait(); }).reason, refusal_reason::would_deadlock);
    EXPECT_EQ(pool.submit({}, [] {}).error().reason, refusal_reason::would_deadlock);
    EXPECT_EQ(pool.shutdown().how, weir::shutdown_report::status::would_deadlock);
  });
  self = &task;
  task.job().request_stop();
  task.job().get();
  expect_conservation(pool);
}

TEST(HeldUp, AStopCallbackRunsWhatItWaitsForWhileTheOnlyWorkerWaitsForIt) {
  weir::pool pool({.workers = 1});
  std::optional<weir::job<int>> queued;
  int result = 0;
  watched_task task(pool, [&] { result = queued->get() + *pool.run({}, [] { return 5; }); });
  queued.emplace(std::move(*pool.try_submit({}, [] { return 4; })));
  task.job().request_stop();
  task.job().get();
  EXPECT_EQ(result, 9);
  expect_conservation(pool);
}

// The wait that closes the circle is refused: mostly the callback's. The stop changes the word on which the waiter is
// about to sleep, so that this one may have to come back, and then closes it.
TEST(HeldUp, AStopCallbackMayNotWaitForWhoWaitsForItsTask) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 2, .clock = &clock});
  weir::testing::tally refused;
  const auto wait_for = [&](weir::job<void>& job) {
    try {
      job.wait();
    } catch (const weir::refused& e) {
      EXPECT_EQ(e.why().reason, refusal_reason::would_deadlock);
      refused.add();
    }
  };
  std::optional<weir::job<void>> waiter;
  watched_task task(pool, [&] { wait_for(*waiter); });
  waiter.emplace(std::move(*pool.try_submit({}, [&] { wait_for(task.job()); })));
  clock.await_sleepers(1);  // the waiter, or it is just about to
  task.job().request_stop();
  waiter->get();
  task.job().wait();
  EXPECT_EQ(refused.count(), 1u);
  expect_conservation(pool);
}

TEST(HeldUp, ACircleOverTwoPoolsIsRefused) {
  weir::pool here({.workers = 1}), there({.workers = 1});
  std::optional<weir::job<int>> one, two;
  weir::testing::tally refused;
  busy_workers busy_here(here), busy_there(there);
  const auto wait_for = [&](std::optional<weir::job<int>>& other) {
    try {
      return other->get();
    } catch (const weir::refused& e) {
      EXPECT_EQ(e.why().reason, refusal_reason::would_deadlock);
      refused.add();
      return 1;
    }
  };
  one.emplace(std::move(*here.try_submit({}, [&] { return wait_for(two); })));
  two.emplace(std::move(*there.try_submit({}, [&] { return wait_for(one); })));
  busy_here.release();
  busy_there.release();
  refused.await(1, "the refusal that opens the circle");
  weir::testing::await_rest(here);
  weir::testing::await_rest(there);
  EXPECT_EQ(refused.count(), 1u);
}

TEST(HeldUp, ATaskThatItsSubmitterRunsMayNotBlockAtADoor) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 1, .max_waiters = 0, .overflow = weir::overflow::caller_runs},
                   .clock = &clock});
  busy_workers busy(pool);
  bool ran = false;
  auto submitting = weir::testing::in_background([&] {
    const auto posted = pool.post({}, [&] {
      weir::limiter limiter({.max_tasks = 1});
      EXPECT_EQ(limiter.acquire().error().reason, refusal_reason::would_deadlock);
      ran = true;
    });
    weir::limiter limiter({.max_tasks = 1});
    EXPECT_TRUE(limiter.acquire()) << "this thread may again";
    return posted.has_value();
  });
  clock.await_sleepers(1);
  busy.release();
  EXPECT_TRUE(weir::testing::get(submitting));
  EXPECT_TRUE(ran);
  expect_conservation(pool);
}

// Joins that run what they wait for until there is no stack left for more; `at_the_end` is called there.
template <typename F>
struct to_the_end_of_the_stack {
  weir::pool& pool;
  F& at_the_end;
  void operator()() const {
    auto next = pool.try_submit({}, *this);
    try {
      next->get();
    } catch (const weir::refused& e) {
      EXPECT_EQ(e.why().reason, refusal_reason::would_deadlock);
      next->request_stop();
      at_the_end();
    }
  }
};

TEST(HeldUp, NearTheEndOfTheStackATaskThatRunsIsStillAwaited) {
  weir::pool pool({.workers = 2, .limits = {.max_tasks = weir::unlimited}});
  event other_is_free, occupied;
  EXPECT_TRUE(pool.post({}, [&] {
    occupied.set();
    other_is_free.await("the end of the stack");
  }));
  occupied.await("the other worker");
  bool was_alive = false;
  auto at_the_end = [&] {
    other_is_free.set();
    auto alive = std::make_shared<int>(1);
    {
      event started;
      auto job = pool.try_submit({.priority = weir::priority::high},
                                 [&started, &was_alive, seen = std::weak_ptr(alive)](weir::stop_token stop) {
                                   started.set();
                                   weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
                                   was_alive = !seen.expired();
                                 });
      started.await("a task on the other worker");
    }  // asks it to stop, and waits
    alive.reset();
  };
  pool.run({}, to_the_end_of_the_stack<decltype(at_the_end)>{pool, at_the_end}).value();
  EXPECT_TRUE(was_alive);
  expect_conservation(pool);
}

}  // namespace
