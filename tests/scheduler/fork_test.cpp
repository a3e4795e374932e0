// fork(2): in the child every call refuses with `forked`, and nothing waits for workers that are not there.
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/pools.hpp"

// ThreadSanitizer ends a forked child that starts threads, unless it is told not to; nobody else reads this.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }

namespace {

using namespace std::chrono_literals;
using weir::refusal_reason;
using weir::testing::busy_workers;
using weir::testing::event;

// Runs `f` in a forked child, at most for the alarm's 40 s, and returns the number of the check in it that failed; 0
// for none.
int failed_check_in_child(const std::function<int()>& f) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(40);
    _exit(f());
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  return WEXITSTATUS(status);
}

template <typename T>
bool is_forked(const weir::result<T>& of) {
  return !of && of.error().reason == refusal_reason::forked;
}

template <typename F>
bool throws_forked(F&& f) {
  try {
    f();
  } catch (const weir::refused& e) {
    return e.why().reason == refusal_reason::forked;
  }
  return false;
}

TEST(PoolAfterFork, EveryCallInTheChildRefusesWithForked) {
  weir::pool pool({.workers = 2});
  std::optional<weir::job<int>> done, open;
  done.emplace(std::move(*pool.try_submit({}, [] { return 5; })));
  done->wait();
  busy_workers busy(pool, 2);
  open.emplace(std::move(*pool.try_submit({.deadline = weir::within(1h)}, [] { return 1; })));
  const int failed = failed_check_in_child([&] {
    if (!is_forked(pool.try_submit({}, [] {}))) return 1;
    if (!is_forked(pool.submit({}, [] {}))) return 2;
    if (!is_forked(pool.submit_until(weir::within(1h), {.deadline = weir::within(1h)}, [] {}))) return 3;
    if (!is_forked(pool.enqueue({}, [] {}))) return 4;
    if (!is_forked(pool.post({}, [] {}))) return 5;
    if (!is_forked(pool.run({}, [] {}))) return 6;
    if (pool.shutdown().how != weir::shutdown_report::status::forked) return 7;
    if (!throws_forked([&] { (void)open->get(); })) return 8;
    if (!throws_forked([&] { (void)open->wait_until(weir::within(1h)); })) return 9;
    if (done->get() != 5) return 10;  // what was over before the fork can be read
    open->request_stop();
    open.reset();
    if (pool.metrics().submitted != 4) return 11;
    return 0;
  });
  EXPECT_EQ(failed, 0);
  busy.release();
  EXPECT_EQ(open->get(), 1) << "the parent's pool goes on";
  EXPECT_EQ(to_string(weir::refusal{.reason = refusal_reason::forked}),
            "forked: this process was forked after the pool was made; make a pool of its own");
}

TEST(PoolAfterFork, InATaskToo) {
  weir::pool pool({.workers = 1});
  auto failed = pool.try_submit({}, [&] {
    return failed_check_in_child([&] {
      if (!is_forked(pool.run({}, [] {}))) return 1;
      if (!is_forked(pool.post({}, [] {}))) return 2;
      if (!is_forked(pool.submit({}, [] {}))) return 3;
      return 0;
    });
  });
  EXPECT_EQ(failed->get(), 0);
}

// In a task that forks its process while another worker has one side of a fork_join. The exit status of the child tells
// how that ended there: `ended` if it returned.
enum class child_side { returns, throws };
struct thrown_in_the_child {};
constexpr int ended = 1, refused_forked = 2, as_thrown = 3;

int end_of_a_join_in_a_child(child_side how) {
  weir::pool pool({.workers = 2});
  return *pool.run({}, [&] {
    event stolen, parent_is_through;
    pid_t child = -1;
    const auto leave_if_child = [&](int status) {
      if (child == 0) _exit(status);
    };
    try {
      weir::fork_join(
          [&] {
            stolen.await("a thief");
            child = fork();
            if (child == 0) {
              alarm(40);
              if (how == child_side::throws) throw thrown_in_the_child();
            } else {
              parent_is_through.set();
            }
          },
          [&] {
            stolen.set();
            parent_is_through.await("the parent after its fork");
          });
      leave_if_child(ended);
    } catch (const weir::refused& e) {
      leave_if_child(e.why().reason == refusal_reason::forked ? refused_forked : 0);
    } catch (const thrown_in_the_child&) {
      leave_if_child(as_thrown);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    return WEXITSTATUS(status);
  });
}

TEST(PoolAfterFork, AJoinDoesNotWaitForAThiefInTheParent) {
  EXPECT_EQ(end_of_a_join_in_a_child(child_side::returns), refused_forked);
  EXPECT_EQ(end_of_a_join_in_a_child(child_side::throws), as_thrown);
}

TEST(PoolAfterFork, AChildMayHaveAPoolOfItsOwn) {
  weir::pool pool({.workers = 1});
  pool.run({}, [] {}).value();
  EXPECT_EQ(failed_check_in_child([] {
              weir::pool own({.workers = 2});
              return *own.run({}, [] { return 7; }) == 7 && own.shutdown().clean() ? 0 : 1;
            }),
            0);
}

TEST(PoolAfterFork, ThePoolMayBeDestroyedInTheChild) {
  std::optional<weir::pool> pool;
  pool.emplace(weir::pool_options{.workers = 2});
  EXPECT_EQ(failed_check_in_child([&] {
              pool.reset();
              return 0;
            }),
            0);
  EXPECT_EQ(*pool->run({}, [] { return 3; }), 3);
}

}  // namespace
