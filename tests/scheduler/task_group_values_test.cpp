// What a child knows of itself, and what it may do: values, other verbs, forks, and a fork of the process.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::refusal_reason;
using weir::trace_id;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::tally;
using weir::testing::watched_clock;

struct seen_values {
  weir::deadline deadline;
  trace_id trace;
  std::string_view name;
  weir::time_point admitted_at;

  static seen_values here() {
    return {weir::this_task::deadline(), weir::this_task::trace(), weir::this_task::name().view(),
            weir::this_task::admitted_at()};
  }
  friend bool operator==(const seen_values&, const seen_values&) = default;
};

// As a child of `group` sees them, and what is forked and nested in it.
seen_values seen_in(weir::pool& pool, weir::task_group& group) {
  std::optional<seen_values> seen;
  group.spawn([&] {
    seen = seen_values::here();
    auto [left, right] = weir::fork_join([] { return seen_values::here(); }, [] { return seen_values::here(); });
    EXPECT_EQ(left, *seen);
    EXPECT_EQ(right, *seen);
    std::optional<seen_values> nested;
    weir::task_group inner(pool, {.name = weir::task_name("inner")});
    inner.spawn([&] { nested = seen_values::here(); });
    inner.wait();
    EXPECT_EQ(nested->name, "inner");
    nested->name = seen->name;
    EXPECT_EQ(nested, seen) << "the rest is inherited";
  });
  group.wait();
  return *seen;
}

TEST(TaskGroupValues, ARootGivesItsOwn) {
  watched_clock clock;
  for (const std::int64_t workers : {1, 3}) {
    weir::pool pool({.workers = workers, .clock = &clock});
    const auto until = weir::within(1h, clock);
    weir::task_group group(pool, {.deadline = until, .name = "root", .trace = {3, 4}});
    EXPECT_EQ(seen_in(pool, group), (seen_values{until, {3, 4}, "root", clock.now()}));
    weir::task_group plain(pool);
    EXPECT_EQ(seen_in(pool, plain), (seen_values{{}, {}, "", clock.now()}));
  }
}

TEST(TaskGroupValues, InATaskTheyAreItsOwnButForWhatTheGroupSays) {
  watched_clock clock;
  for (const std::int64_t workers : {1, 3}) {
    weir::pool pool({.workers = workers, .clock = &clock});
    const auto early = weir::within(1h, clock);
    const auto late = weir::within(2h, clock);
    const auto admitted = clock.now();
    auto job = pool.try_submit({.deadline = late, .name = "task", .trace = {5, 6}}, [&] {
      clock.advance(1min);
      weir::task_group plain(pool);
      EXPECT_EQ(seen_in(pool, plain), (seen_values{late, {5, 6}, "", admitted}));
      weir::task_group earlier(pool, {.deadline = early, .name = "earlier"});
      EXPECT_EQ(seen_in(pool, earlier), (seen_values{early, {5, 6}, "earlier", admitted}));
      weir::task_group later(pool, {.deadline = weir::within(3h, clock)});
      EXPECT_EQ(seen_in(pool, later), (seen_values{late, {5, 6}, "", admitted}));
      weir::task_group traced(pool, {.trace = {7, 8}});
      EXPECT_EQ(seen_in(pool, traced), (seen_values{late, {7, 8}, "", admitted}));
      EXPECT_EQ(seen_values::here(), (seen_values{late, {5, 6}, "task", admitted}));
    });
    job->wait();
    EXPECT_EQ(job->outcome(), weir::task_outcome::completed);
    expect_conservation(pool);
  }
}

TEST(TaskGroupValues, WhatAChildHandsInHasItsTrace) {
  for (const std::int64_t workers : {1, 3}) {
    weir::pool pool({.workers = workers});
    weir::task_group group(pool, {.deadline = weir::within(1h), .name = "group", .trace = {9, 1}});
    tally posted;
    group.spawn([&] {
      auto job = pool.try_submit({}, [] { return seen_values::here(); });
      const seen_values root = job->get();
      EXPECT_EQ(root.trace, (trace_id{9, 1}));
      EXPECT_TRUE(root.deadline.is_never()) << "a new root has a deadline of its own";
      EXPECT_TRUE(pool.post({}, [&] {
        EXPECT_EQ(weir::this_task::trace(), (trace_id{9, 1}));
        posted.add();
      }));
      const seen_values child = *pool.run({.name = "run"}, [] { return seen_values::here(); });
      EXPECT_EQ(child.trace, (trace_id{9, 1}));
      EXPECT_EQ(child.deadline, weir::this_task::deadline());
      EXPECT_EQ(child.name, "run");
      EXPECT_EQ(child.admitted_at, weir::this_task::admitted_at());
    });
    group.wait();
    posted.await(1, "the post");
  }
}

TEST(TaskGroupChildren, ForkAndLoop) {
  for (const std::int64_t workers : {1, 2, 3, 8}) {
    weir::pool pool({.workers = workers, .limits = {.max_tasks = workers + 1}});
    weir::task_group group(pool);
    constexpr int children = 8;
    tally right;
    for (int i = 0; i < children; ++i) {
      group.spawn([&] {
        std::vector<int> squares(1'000);
        weir::parallel_for(0, 1'000, [&](int k) { squares[static_cast<std::size_t>(k)] = k * k; });
        struct fib {
          int operator()(int n) const {
            if (n < 2) return n;
            auto [a, b] = weir::fork_join([&] { return (*this)(n - 1); }, [&] { return (*this)(n - 2); });
            return a + b;
          }
        };
        if (squares[999] == 998'001 && fib()(12) == 144) right.add();
      });
    }
    group.wait();
    EXPECT_EQ(right.count(), static_cast<std::uint32_t>(children));
  }
}

TEST(TaskGroupChildren, TakeEitherKindOfToken) {
  weir::pool pool({.workers = 2});
  weir::task_group group(pool);
  tally running, stopped;
  group.spawn([&](std::stop_token stop) {
    running.add();
    weir::testing::eventually("the stop of a std::stop_token", [&] { return stop.stop_requested(); });
    stopped.add();
  });
  group.spawn([&](weir::stop_token stop) {
    running.add();
    weir::testing::eventually("the stop of a weir::stop_token", [&] { return stop.stop_requested(); });
    stopped.add();
  });
  running.await(2, "both children");
  EXPECT_EQ(stopped.count(), 0u);
  group.request_stop();
  group.wait();  // both have seen it, and returned
  EXPECT_EQ(stopped.count(), 2u);
}

// In the child process: the number of the check that failed, 0 for none.
int failed_check_after_fork(weir::pool& pool, weir::task_group& group) {
  const auto is_refused = [](auto&& call) {
    try {
      call();
    } catch (const weir::refused& e) {
      return e.why().reason == refusal_reason::forked;
    }
    return false;
  };
  if (!is_refused([&] { group.spawn([] {}); })) return 1;
  if (const auto tried = group.try_spawn([] {}); tried || tried.error().reason != refusal_reason::forked) return 2;
  if (!is_refused([&] { group.wait(); })) return 3;
  if (!is_refused([&] { weir::task_group other(pool); })) return 4;
  group.request_stop();
  return 0;
}

int status_of(pid_t child) {
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  return WEXITSTATUS(status);
}

TEST(TaskGroupAfterFork, EveryCallInTheChildProcessIsRefused) {
  weir::pool pool({.workers = 2});
  std::optional<weir::task_group> group(std::in_place, pool);
  event release;
  group->spawn([&] { release.await("the release"); });
  const pid_t child = fork();
  if (child == 0) {
    alarm(40);
    const int failed = failed_check_after_fork(pool, *group);
    group.reset();  // waits for nobody
    _exit(failed);
  }
  EXPECT_EQ(status_of(child), 0);
  release.set();
  group->wait();
}

TEST(TaskGroupAfterFork, AWaitThatRanTheForkingChildIsRefusedAndTheGroupCanEnd) {
  for (const std::int64_t max_tasks : {1, 65'536}) {  // run by `spawn`, and by the wait
    weir::pool pool({.workers = 1, .limits = {.max_tasks = max_tasks}});
    const int status = *pool.run({}, [&] {
      pid_t child = -1;
      int failed = 9;
      {
        weir::task_group group(pool);
        group.spawn([&] {
          child = fork();
          if (child == 0) alarm(40);
        });
        if (child == 0) {  // the spawn has run it
          failed = failed_check_after_fork(pool, group);
        } else {
          try {
            group.wait();
          } catch (const weir::refused& e) {
            failed = e.why().reason == refusal_reason::forked ? failed_check_after_fork(pool, group) : 8;
          }
        }
      }
      if (child == 0) _exit(failed);
      return status_of(child);
    });
    EXPECT_EQ(status, 0);
    expect_conservation(pool);
  }
}

}  // namespace
