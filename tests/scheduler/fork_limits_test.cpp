// Forks where a worker may not run what it sees: near the end of its stack, at its depth of help, its own ones. Then it
// sleeps, and keeps no wake-up from those who may. And what forks hold up, over many steals and over unrelated work.
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <optional>
#include <pthread.h>
#include <thread>
#include <utility>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using weir::fork_join;
using weir::refusal_reason;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::refusal_thrown_by;

const std::byte* lowest_of_this_stack() {
  pthread_attr_t attributes;
  void* lowest = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
  EXPECT_EQ(pthread_attr_getstack(&attributes, &lowest, &size), 0);
  pthread_attr_destroy(&attributes);
  return static_cast<const std::byte*>(lowest);
}

// Below 256 KiB a join runs nothing more on top. In one step, since a recursion is as deep as the compiler likes: its
// frames may be so small that ThreadSanitizer's own stack of calls overflows.
template <typename F>
[[gnu::noinline]] void near_the_end_of_this_stack(F f) {
  const auto left = static_cast<const std::byte*>(__builtin_frame_address(0)) - lowest_of_this_stack();
  ASSERT_GT(left, 256 * 1024);
  auto* const used = static_cast<volatile char*>(__builtin_alloca(static_cast<std::size_t>(left) - 200 * 1024));
  used[0] = 0;
  f();
  used[0] = 1;
}

std::uint64_t parks_of(const weir::pool& pool) {
  std::uint64_t sum = 0;
  for (const auto& w : pool.metrics().workers) sum += w.parks;
  return sum;
}

std::uint64_t forks_stolen_in(const weir::pool& pool) {
  std::uint64_t sum = 0;
  for (const auto& w : pool.metrics().workers) sum += w.forks_stolen;
  return sum;
}

void await_sleeping_workers(const weir::pool& pool, int count) {
  weir::testing::eventually("workers that sleep", [&] { return pool.metrics().asleep == count; });
}

// To be called when the others are awake, for as long as this takes. A worker that finds a reason not to sleep goes to
// sleep again and again, or never.
void expect_to_stay_asleep(const weir::pool& pool, int count) {
  await_sleeping_workers(pool, count);
  const std::uint64_t before = parks_of(pool);
  std::uint64_t now = before;
  for (int looks = 0; looks < 300 && now <= before + 1; ++looks) {
    std::this_thread::yield();
    now = parks_of(pool);
  }
  EXPECT_LE(now, before + 1) << "a park is counted before the sleep, and may show after it";
  EXPECT_EQ(pool.metrics().asleep, count);
}

void expect_to_end(weir::job<void>& job) {
  weir::testing::eventually("the end of a job", [&] { return job.is_done(); });
  EXPECT_NO_THROW(job.get());
}

// A fork that is stolen, and kept by its thief until `go`.
struct kept_fork {
  event stolen, go;
  int owner = -1;

  // Joins it last of all: when so many workers sleep already. The last one that slept is the first to be woken.
  void join(const weir::pool& pool, int asleep) {
    owner = weir::current_worker();
    fork_join(
        [&] {
          stolen.await("a thief");
          await_sleeping_workers(pool, asleep);
        },
        [&] {
          stolen.set();
          go.await("the release");
        });
  }
};

// With `asleep` workers that sleep: one that is free, and the owner of a fork that may run nothing.
void expect_posts_to_be_run_beside(const kept_fork& joined, weir::pool& pool, int asleep) {
  await_sleeping_workers(pool, asleep);
  for (int i = 0; i < 100; ++i) {
    event ran;
    int by = -1;
    EXPECT_TRUE(pool.post({}, [&] {
      by = weir::current_worker();
      ran.set();
    }));
    ran.await("a posted task, beside a worker that is free");
    EXPECT_NE(by, joined.owner);
    await_sleeping_workers(pool, asleep);
  }
}

TEST(ForkLimits, AJoinNearTheEndOfItsStackSleepsBesideForksThatItMayNotRun) {
  weir::pool pool({.workers = 2});
  event public_forks, go;
  auto job = pool.try_submit({}, [&] {
    near_the_end_of_this_stack([&] {
      fork_join([&] { public_forks.await("a thief, and its forks"); },
                [&] {
                  // The other side lies open to thieves: to the owner of this fork alone.
                  fork_join(
                      [&] {
                        public_forks.set();
                        go.await("the release");
                      },
                      [] {});
                });
    });
  });
  public_forks.await("the fork of a stolen fork");
  expect_to_stay_asleep(pool, 1);
  EXPECT_EQ(forks_stolen_in(pool), 1u) << "the owner has run something on top";
  go.set();
  expect_to_end(*job);
}

TEST(ForkLimits, AJoinNearTheEndOfItsStackTakesNoWakeUpFromOthers) {
  // It has help to give, by the options, and no room for it.
  weir::pool pool({.workers = 3, .help_depth = 1});
  kept_fork kept;
  auto job = pool.try_submit({}, [&] { near_the_end_of_this_stack([&] { kept.join(pool, 1); }); });
  kept.stolen.await("the stolen fork");
  expect_posts_to_be_run_beside(kept, pool, 2);
  kept.go.set();
  expect_to_end(*job);
}

TEST(ForkLimits, AJoinAtItsDepthOfHelpTakesNoWakeUpFromOthers) {
  weir::pool pool({.workers = 4, .help_depth = 1});
  event slow_runs, slow_may_end, waiter_runs, others_are_busy, helps, others_are_free;
  auto slow = pool.try_submit({}, [&] {
    slow_runs.set();
    slow_may_end.await("the end of the slow task");
  });
  slow_runs.await("the slow task");
  auto waiter = pool.try_submit({}, [&] {
    waiter_runs.set();
    others_are_busy.await("the others to be busy");
    slow->wait();
  });
  waiter_runs.await("the task that waits");
  kept_fork kept;
  std::optional<weir::job<void>> on_top;
  {
    busy_workers busy(pool, 2);
    others_are_busy.set();
    on_top.emplace(std::move(*pool.try_submit({}, [&] {
      helps.set();
      others_are_free.await("the others to be free");
      kept.join(pool, 1);
    })));
    helps.await("the worker that waits");
  }
  await_sleeping_workers(pool, 2);
  others_are_free.set();
  kept.stolen.await("the stolen fork");
  expect_posts_to_be_run_beside(kept, pool, 2);
  kept.go.set();
  expect_to_end(*on_top);
  slow_may_end.set();
  expect_to_end(*waiter);
}

TEST(ForkLimits, AJoinOfAJobThatMayHelpSleepsBesideItsOwnForks) {
  weir::pool pool({.workers = 2, .help_depth = 1});
  event running, waits, go;
  auto slow = pool.try_submit({}, [&] {
    running.set();
    go.await("the release");
  });
  running.await("the slow task");
  auto waiter = pool.try_submit({}, [&] {
    // The other side lies open to thieves, of whom there are none.
    fork_join(
        [&] {
          waits.set();
          slow->wait();
        },
        [] {});
  });
  waits.await("the task that waits");
  expect_to_stay_asleep(pool, 1);
  go.set();
  expect_to_end(*waiter);
}

// Two workers steal from each other, to and fro: each one's stack lies, fork by fork, on top of the other one's.
class to_and_fro {
 public:
  static constexpr std::uint32_t steals = 81;  // an odd number: the end is not on the stack of the beginning

  template <typename F>
  void operator()(F& at_the_end, std::uint32_t level = 0) {
    begun_.add();
    if (level == steals) {
      at_the_end();
      return;
    }
    fork_join([&] { begun_.await(level + 2, "the next thief"); }, [&] { (*this)(at_the_end, level + 1); });
  }

 private:
  weir::testing::tally begun_;
};

TEST(ForkLimits, AWaitAfterManyStealsGoesOverEachStackOnce) {
  // It looks through all that it holds up before it sleeps: some 2^50 contexts, were they gone over as a tree.
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 3, .clock = &clock});
  event running, go;
  auto awaited = pool.try_submit({}, [&] {
    running.set();
    go.await("the release");
  });
  running.await("the awaited task");
  to_and_fro stealing;
  auto job = pool.try_submit({}, [&] {
    auto at_the_end = [&] { awaited->wait(); };
    stealing(at_the_end);
  });
  clock.await_sleepers(1);  // the wait
  go.set();
  expect_to_end(*job);
  EXPECT_EQ(forks_stolen_in(pool), to_and_fro::steals);
}

TEST(ForkLimits, AWaitAfterManyStealsSeesWhatIsHeldUpBelowThemAll) {
  weir::pool pool({.workers = 2});
  busy_workers busy(pool, 2);
  std::optional<weir::job<void>> lowest;
  to_and_fro stealing;
  lowest.emplace(std::move(*pool.try_submit({}, [&] {
    auto at_the_end = [&] {
      EXPECT_EQ(refusal_thrown_by([&] { lowest->wait(); }).reason, refusal_reason::would_deadlock);
    };
    // A child is a task of its own: only the lowest context of all is of the one that is waited for.
    EXPECT_TRUE(pool.run({}, [&] { stealing(at_the_end); }));
  })));
  busy.release();
  expect_to_end(*lowest);
  EXPECT_EQ(forks_stolen_in(pool), to_and_fro::steals);
}

TEST(ForkLimits, AStopCallbackOfAStolenForkMayNotWaitForWhatThatLiesUpon) {
  // While `below` waits, its worker helps, and steals a fork of `forker`. So `below` cannot end before that fork, and
  // that one not before its stop callback has returned.
  weir::pool pool({.workers = 3, .help_depth = 1});
  event slow_runs, slow_may_end, forker_runs, below_runs, registered;
  auto slow = pool.try_submit({}, [&] {
    slow_runs.set();
    slow_may_end.await("the end of the slow task");
  });
  slow_runs.await("the slow task");
  std::optional<weir::job<void>> below;
  auto forker = pool.try_submit({}, [&] {
    forker_runs.set();
    below_runs.await("the task that waits");
    fork_join([&] { registered.await("a thief"); },
              [&] {
                event called;
                const weir::stop_callback on_stop(weir::this_task::stop(), [&] {
                  EXPECT_EQ(refusal_thrown_by([&] { below->wait(); }).reason, refusal_reason::would_deadlock);
                  called.set();
                });
                registered.set();
                called.await("the stop callback");
              });
  });
  forker_runs.await("the task that forks");
  below.emplace(std::move(*pool.try_submit({}, [&] {
    below_runs.set();
    slow->wait();
  })));
  registered.await("the callback to be there");
  forker->request_stop();
  expect_to_end(*forker);
  slow_may_end.set();
  expect_to_end(*below);
}

}  // namespace
