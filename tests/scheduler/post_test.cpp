// post: fire and forget, and whom it tells what went wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/pools.hpp"

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::tally;

TEST(PoolPost, RunsTheCallableAndDropsWhatItReturns) {
  weir::pool pool({.workers = 1});
  event ran;
  EXPECT_TRUE(pool.post({}, [&] {
    ran.set();
    return 5;
  }));
  ran.await("a posted task");
  expect_conservation(pool);
  EXPECT_EQ(pool.metrics().completed, 1u);
}

TEST(PoolPost, TakesMoveOnlyCallablesAndStopTokens) {
  weir::pool pool({.workers = 1});
  tally ran;
  EXPECT_TRUE(pool.post({}, [&, p = std::make_unique<int>(1)] { ran.add(); }));
  EXPECT_TRUE(pool.post({}, [&](weir::stop_token stop) {
    if (!stop.stop_requested()) ran.add();
  }));
  EXPECT_TRUE(pool.post({}, [&](std::stop_token stop) {
    if (stop.stop_possible() && !stop.stop_requested()) ran.add();
  }));
  ran.await(3, "three posted tasks");
}

TEST(PoolPost, DestroysTheCallableBeforeThePermitIsBack) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  for (int i = 0; i < 300; ++i) {
    auto captured = std::make_shared<int>(0);
    ASSERT_TRUE(pool.post({}, [captured] {}));
    weir::testing::await_rest(pool);
    ASSERT_EQ(captured.use_count(), 1) << "round " << i;
  }
}

TEST(PoolPost, TellsItsHandlerWhatFailedWithNameTraceAndPlace) {
  std::optional<weir::task_failure> told;
  std::string text;
  weir::pool_options options{.workers = 1};
  options.on_failure = [&](const weir::task_failure& failed) {
    told = failed;
    try {
      std::rethrow_exception(failed.error);
    } catch (const std::runtime_error& e) {
      text = e.what();
    }
  };
  weir::pool pool(options);
  EXPECT_TRUE(pool.post({.name = "thrower", .trace = {7, 8}}, [] { throw std::runtime_error("boom"); }));
  const unsigned line = __LINE__ - 1;
  expect_conservation(pool);
  ASSERT_TRUE(told);
  EXPECT_EQ(text, "boom");
  EXPECT_EQ(told->name.view(), "thrower");
  EXPECT_EQ(told->trace, (weir::trace_id{7, 8}));
  EXPECT_EQ(told->where.line(), line);
  EXPECT_THAT(told->where.file_name(), HasSubstr("post_test.cpp"));
  EXPECT_EQ(pool.metrics().failed, 1u);
}

TEST(PoolPost, TellsItsHandlerBeforeTheFailureCounts) {
  // What has come to rest has been reported.
  int told = 0;
  weir::pool_options options{.workers = 1, .limits = {.max_tasks = 1}};
  options.on_failure = [&](const weir::task_failure&) { ++told; };
  weir::pool pool(options);
  for (int i = 1; i <= 200; ++i) {
    ASSERT_TRUE(pool.post({}, [] { throw 1; }));
    weir::testing::await_rest(pool);
    ASSERT_EQ(told, i);
  }
}

TEST(PoolPost, WithoutAHandlerAFailureIsOneLineOnTheStandardError) {
  ::testing::internal::CaptureStderr();
  {
    weir::pool pool({.workers = 1});
    EXPECT_TRUE(pool.post({.name = "scan"}, [] { throw std::out_of_range("index 7"); }));
    EXPECT_TRUE(pool.post({}, [] { throw 5; }));
  }
  const std::string printed = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(printed, AllOf(HasSubstr("scan"), HasSubstr("std::out_of_range: index 7"), HasSubstr("post_test.cpp:"),
                             HasSubstr("on_failure"), HasSubstr("something that is no std::exception")));
  EXPECT_EQ(std::count(printed.begin(), printed.end(), '\n'), 2);
}

TEST(PoolPost, SurvivesAHandlerThatThrows) {
  ::testing::internal::CaptureStderr();
  weir::pool_options options{.workers = 1};
  options.on_failure = [](const weir::task_failure&) { throw std::logic_error("worse"); };
  {
    weir::pool pool(options);
    EXPECT_TRUE(pool.post({}, [] { throw 1; }));
    expect_conservation(pool);
    EXPECT_EQ(pool.try_submit({}, [] { return 2; })->get(), 2);
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("on_failure threw"));
}

TEST(PoolPost, HandlersMayUseThePoolButNotWaitForIt) {
  weir::pool* of = nullptr;
  int inner = 0;
  tally ran;
  weir::pool_options options{.workers = 1};
  options.on_failure = [&](const weir::task_failure&) {
    inner = *of->run({}, [] { return 5; });
    EXPECT_TRUE(of->post({}, [&] { ran.add(); }));
    auto job = of->try_submit({}, [&] { ran.add(); });
    EXPECT_EQ(weir::testing::refusal_thrown_by([&] { job->get(); }).reason, weir::refusal_reason::would_deadlock);
    EXPECT_EQ(of->submit({}, [] {}).error().reason, weir::refusal_reason::would_deadlock);
    std::move(*job).detach();
  };
  weir::pool pool(options);
  of = &pool;
  EXPECT_TRUE(pool.post({}, [] { throw 1; }));
  ran.await(2, "what a handler submitted");
  expect_conservation(pool);
  EXPECT_EQ(inner, 5);
}

TEST(PoolPost, ATaskThatLeavesByCancelledIsNoFailure) {
  weir::pool_options options{.workers = 1};
  options.on_failure = [](const weir::task_failure&) { FAIL() << "cancelled is no failure"; };
  weir::pool pool(options);
  EXPECT_TRUE(pool.post({}, [] { throw weir::cancelled(); }));
  expect_conservation(pool);
  EXPECT_EQ(pool.metrics().cancelled, 1u);
}

}  // namespace
