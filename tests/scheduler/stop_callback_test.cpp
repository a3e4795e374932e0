// stop_callback: where it is called, how often, and what it may do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::stop_cause;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::tally;

TEST(StopCallback, IsCalledOnceOnTheThreadThatAsks) {
  weir::pool pool({.workers = 1});
  event running;
  tally calls;
  std::thread::id called_on;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      called_on = std::this_thread::get_id();
      calls.add();
    });
    running.set();
    calls.await(1, "the callback");
    weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
  });
  running.await("the task");
  job->request_stop();
  EXPECT_EQ(calls.count(), 1u) << "before request_stop returns";
  EXPECT_EQ(called_on, std::this_thread::get_id());
  job->request_stop();
  job->get();
  EXPECT_EQ(calls.count(), 1u);
}

TEST(StopCallback, IsCalledInItsConstructorIfTheStopCameBefore) {
  weir::pool pool({.workers = 1});
  event running, asked;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    running.set();
    asked.await("the stop");
    int calls = 0;
    const weir::stop_callback one(stop, [&] { ++calls; });
    EXPECT_EQ(calls, 1);
    const weir::stop_callback two(stop, [&] { ++calls; });
    return calls;
  });
  running.await("the task");
  job->request_stop();
  asked.set();
  EXPECT_EQ(job->get(), 2);
}

TEST(StopCallback, IsNotCalledAfterItsDestructor) {
  weir::pool pool({.workers = 1});
  event running;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    {
      const weir::stop_callback on_stop(stop, [] { ADD_FAILURE() << "called after its end"; });
    }
    running.set();
    weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
  });
  running.await("the task");
  job->request_stop();
  job->get();
}

TEST(StopCallback, ItsDestructorWaitsForACallOnAnotherThread) {
  weir::pool pool({.workers = 1});
  event running, in_call, finish_call;
  bool call_over = false;  // plain: the destructor's wait is what orders it
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    {
      const weir::stop_callback on_stop(stop, [&] {
        in_call.set();
        finish_call.await("the end of the call");
        call_over = true;
      });
      running.set();
      in_call.await("the call");
      EXPECT_FALSE(call_over);
      finish_call.set();
    }
    return call_over;
  });
  running.await("the task");
  job->request_stop();
  EXPECT_TRUE(job->get());
}

TEST(StopCallback, MayEndItselfAndOthers) {
  weir::pool pool({.workers = 1});
  event running, called;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    std::optional<weir::stop_callback<std::function<void()>>> first, second, third;
    int calls = 0;
    first.emplace(stop, [&] { ++calls; });
    second.emplace(stop, [&] {
      ++calls;
      event& over = called;  // the callable and all that it has captured ends with its stop_callback
      first.reset();
      second.reset();
      over.set();
    });
    running.set();
    called.await("the callback");
    weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
    return calls;
  });
  running.await("the task");
  job->request_stop();
  EXPECT_EQ(job->get(), 1) << "the newest first, which ends the older one";
}

TEST(StopCallback, MayRegisterAnother) {
  weir::pool pool({.workers = 1});
  event running, inner;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] { const weir::stop_callback again(stop, [&] { inner.set(); }); });
    running.set();
    inner.await("a callback that was registered in a callback");
  });
  running.await("the task");
  job->request_stop();
  job->get();
}

TEST(StopCallback, MayUseThePoolAndOtherJobs) {
  weir::pool pool({.workers = 2});
  event other_running, running, done;
  auto other = pool.try_submit({}, [&](weir::stop_token stop) {
    other_running.set();
    weir::testing::eventually("the stop from a callback", [&] { return stop.stop_requested(); });
    return 4;
  });
  int result = 0;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      other->request_stop();
      result = other->get();
      result += *pool.run({}, [] { return 5; });
      done.set();
    });
    running.set();
    done.await("the callback");
  });
  other_running.await("the other task");
  running.await("the task");
  job->request_stop();
  job->get();
  EXPECT_EQ(result, 9);
}

TEST(StopCallback, WhatItThrowsFailsTheTaskAndNothingElse) {
  weir::pool pool({.workers = 1});
  event running;
  tally calls;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    const weir::stop_callback one(stop, [&] {
      calls.add();
      throw std::out_of_range("first");
    });
    const weir::stop_callback two(stop, [&] {
      calls.add();
      throw std::runtime_error("second");
    });
    running.set();
    calls.await(2, "both callbacks");
    return 5;
  });
  running.await("the task");
  job->request_stop();
  job->wait();
  EXPECT_EQ(job->outcome(), weir::task_outcome::failed);
  EXPECT_THROW((void)job->get(), std::runtime_error) << "the first that was thrown";
  EXPECT_EQ(pool.try_submit({}, [] { return 1; })->get(), 1);
  expect_conservation(pool);
}

TEST(StopCallback, WhatTheTaskThrowsGoesBeforeWhatItsCallbackThrows) {
  weir::pool pool({.workers = 1});
  event running, called;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      called.set();
      throw std::out_of_range("callback");
    });
    running.set();
    called.await("the callback");
    throw std::runtime_error("task");
  });
  running.await("the task");
  job->request_stop();
  EXPECT_THROW(job->get(), std::runtime_error);
}

TEST(StopCallback, ThrownInTheConstructorItGoesThroughTheTask) {
  weir::pool pool({.workers = 1});
  event running, asked;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    running.set();
    asked.await("the stop");
    try {
      const weir::stop_callback on_stop(stop, [] { throw std::out_of_range("at once"); });
    } catch (const std::out_of_range&) {
      return 6;
    }
    return 0;
  });
  running.await("the task");
  job->request_stop();
  asked.set();
  EXPECT_EQ(job->get(), 6);
}

TEST(StopCallback, OfADeadlineItRunsOnTheClockThread) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  event running, called;
  std::thread::id called_on;
  auto job = pool.try_submit({.deadline = weir::within(5ms, clock)}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      called_on = std::this_thread::get_id();
      EXPECT_EQ(stop.cause(), stop_cause::deadline);
      called.set();
    });
    running.set();
    called.await("the callback");
    return std::this_thread::get_id();
  });
  running.await("the task");
  clock.await_sleepers(1);
  clock.advance(5ms);
  const auto worker = job->get();
  EXPECT_NE(called_on, worker);
  EXPECT_NE(called_on, std::this_thread::get_id());
}

TEST(StopCallback, OfAChildIsCalledWhenTheParentIsStopped) {
  weir::pool pool({.workers = 1});
  event running, called;
  auto job = pool.try_submit({}, [&] {
    pool.run({},
             [&](weir::stop_token stop) {
               const weir::stop_callback on_stop(stop, [&] { called.set(); });
               running.set();
               called.await("the callback of a child");
             })
        .value();
  });
  running.await("the child");
  job->request_stop();
  EXPECT_TRUE(called.is_set());
  job->get();
}

TEST(StopCallback, OnADefaultTokenIsNeverCalled) {
  const weir::stop_callback on_stop(weir::stop_token{}, [] { FAIL(); });
}

TEST(StopCallback, ManyAreAllCalled) {
  weir::pool pool({.workers = 1});
  event running;
  tally calls;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    const auto count = [&] { calls.add(); };
    std::vector<std::unique_ptr<weir::stop_callback<decltype(count)>>> all;
    for (int i = 0; i < 100; ++i) all.push_back(std::make_unique<weir::stop_callback<decltype(count)>>(stop, count));
    for (int i = 0; i < 100; i += 3) all[static_cast<std::size_t>(i)].reset();
    running.set();
    calls.await(66, "all callbacks that are left");
  });
  running.await("the task");
  job->request_stop();
  job->get();
  EXPECT_EQ(calls.count(), 66u);
}

TEST(StopCallback, WhatItThrowsOutOfAPostedTaskGoesToTheHandlerWithNameTraceAndPlace) {
  weir::testing::watched_clock clock;
  std::vector<weir::task_failure> told;
  tally times;
  weir::pool_options options{.workers = 1, .clock = &clock};
  options.on_failure = [&](const weir::task_failure& failed) {
    told.push_back(failed);
    times.add();
  };
  weir::pool pool(options);
  event running, called;
  const auto listens = [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      called.set();
      throw std::out_of_range("from the callback");
    });
    running.set();
    called.await("the callback");
  };
  const weir::deadline soon = weir::within(5ms, clock);
  EXPECT_TRUE(pool.post({.deadline = soon, .name = "listens", .trace = {7, 8}}, listens));
  const unsigned line = __LINE__ - 1;
  running.await("the task");
  clock.await_sleepers(1);
  clock.advance(5ms);
  times.await(1, "the handler");
  expect_conservation(pool);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].name.view(), "listens");
  EXPECT_EQ(told[0].trace, (weir::trace_id{7, 8}));
  EXPECT_EQ(told[0].where.line(), line);
  EXPECT_THAT(told[0].where.file_name(), ::testing::EndsWith("stop_callback_test.cpp"));
  EXPECT_THROW(std::rethrow_exception(told[0].error), std::out_of_range);
  EXPECT_EQ(pool.metrics().failed, 1u);
  EXPECT_EQ(pool.try_submit({}, [] { return 1; })->get(), 1);
}

TEST(StopCallback, WhatItThrowsAtAShutdownFailsItsPostedTaskAndKeepsNoOtherFromBeingAsked) {
  tally told, running, called;
  weir::pool_options options{.workers = 2, .stop_grace = 30s};
  options.on_failure = [&](const weir::task_failure& failed) {
    EXPECT_THROW(std::rethrow_exception(failed.error), std::out_of_range);
    told.add();
  };
  weir::pool pool(options);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(pool.post({}, [&](weir::stop_token stop) {
      const weir::stop_callback on_stop(stop, [&] {
        called.add();
        throw std::out_of_range("from the callback");
      });
      running.add();
      called.await(2, "both callbacks");
    }));
  }
  running.await(2, "both tasks");
  EXPECT_EQ(pool.shutdown(weir::within(0s)).how, weir::shutdown_report::status::stopped);
  EXPECT_EQ(told.count(), 2u) << "before the shutdown returns";
  EXPECT_EQ(pool.metrics().failed, 2u);
  expect_conservation(pool);
}

}  // namespace
