// What a worker runs while it waits: what others make of the job or the group that it waits for, and nothing else.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using weir::testing::event;
using weir::testing::eventually;
using weir::testing::expect_conservation;
using weir::testing::tally;

std::uint64_t all_parks(const weir::pool& pool) {
  std::uint64_t all = 0;
  for (const auto& w : pool.metrics().workers) all += w.parks;
  return all;
}

// Two workers. One waits, and the other one makes something that nobody else can run: while the first one looks, or
// after it has gone to sleep.
class JoinParts : public testing::TestWithParam<bool> {
 protected:
  // By the other worker, in what is waited for.
  void await_the_waiter() {
    waits_.await("the one who waits");
    if (!GetParam()) return;
    eventually("the sleep of the one who waits", [&] { return all_parks(pool_) > parks_before_; });
  }
  // By the one who waits, when the other one has begun.
  void begin_to_wait() {
    begun_.await("the other worker");
    parks_before_ = all_parks(pool_);
    waits_.set();
  }
  void begin() {
    begun_.set();
    here_ = weir::current_worker();
    await_the_waiter();
  }
  // The second one must run elsewhere, while the first one runs.
  void fork_in_two() {
    event second;
    weir::fork_join([&] { second.await("a run of the fork elsewhere"); }, [&] { second.set(); });
  }
  // Run elsewhere, before this goes on.
  void spawn_and_await(weir::task_group& group) {
    event ran;
    group.spawn([&] {
      EXPECT_NE(weir::current_worker(), here_);
      ran.set();
    });
    ran.await("a run of the child elsewhere");
  }

  // A fork that is made public where `hide` calls what it is given, and that must run elsewhere afterwards.
  template <typename Hide>
  void fork_what_is_hidden(Hide&& hide) {
    event older, hidden;
    const auto makes_public = [this] {
      const std::uint64_t parks_before = all_parks(pool_);
      weir::fork_join(
          [&] {
            eventually("the sleep of the one who found nothing", [&] { return all_parks(pool_) > parks_before; });
          },
          [] {});
    };
    const auto hides = [&] {
      older.await("a run of the older fork elsewhere");
      hide(makes_public);
      hidden.await("a run of the hidden fork elsewhere");
    };
    weir::fork_join([&] { weir::fork_join(hides, [&] { hidden.set(); }); }, [&] { older.set(); });
  }

  template <typename F>
  void wait_for_a_job_that(F&& f) {
    pool_
        .run({},
             [&] {
               auto job = pool_.enqueue({}, [&] {
                 begin();
                 f();
               });
               begin_to_wait();
               job->get();
             })
        .value();
    expect_conservation(pool_);
  }
  template <typename F>
  void wait_for_a_child_that(F&& f) {
    pool_
        .run({},
             [&] {
               weir::task_group group(pool_);
               group.spawn([&] {
                 begin();
                 f();
               });
               begin_to_wait();
               group.wait();
             })
        .value();
    expect_conservation(pool_);
  }

  weir::pool pool_{{.workers = 2, .limits = {.max_tasks = 12}}};

 private:
  event begun_;
  event waits_;
  int here_ = -1;
  std::uint64_t parks_before_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Waiters, JoinParts, testing::Bool(),
                         [](const auto& i) { return i.param ? "asleep" : "looking"; });

TEST_P(JoinParts, OfAJobAreItsForks) {
  wait_for_a_job_that([this] { fork_in_two(); });
}

TEST_P(JoinParts, OfAJobAreTheChildrenOfItsGroups) {
  wait_for_a_job_that([this] {
    weir::task_group group(pool_);
    spawn_and_await(group);
    group.wait();
  });
}

TEST_P(JoinParts, OfAJobAreForksAndChildrenOfItsChildren) {
  wait_for_a_job_that([this] {
    weir::task_group group(pool_);
    // At once, since no other worker takes it: the one who waits is told of it, but it may be run here first.
    group.spawn([this] {
      fork_in_two();
      weir::task_group nested(pool_);
      event ran;
      nested.spawn([&] { ran.set(); });
      ran.await("a run of the nested child elsewhere");
      nested.wait();
    });
    group.wait();
  });
}

TEST_P(JoinParts, OfAGroupAreTheForksOfItsChildren) {
  wait_for_a_child_that([this] { fork_in_two(); });
}

TEST_P(JoinParts, OfAGroupAreTheChildrenOfItsChildren) {
  wait_for_a_child_that([this] {
    weir::task_group nested(pool_);
    spawn_and_await(nested);
    nested.wait();
  });
}

TEST_P(JoinParts, OfAGroupAreChildrenAtAnyDepth) {
  wait_for_a_child_that([this] {
    weir::task_group first(pool_);
    weir::task_group second(pool_);
    spawn_and_await(second);
    spawn_and_await(first);
    second.wait();
    first.wait();
  });
}

// Told at the end of what has hidden it.
TEST_P(JoinParts, AreForksBelowAnUnrelatedTaskThatHasEnded) {
  wait_for_a_job_that([this] {
    fork_what_is_hidden([this](const auto& makes_public) {
      pool_.post({}, makes_public).value();
      EXPECT_TRUE(pool_.try_run_one());
    });
  });
}

// There the task below is not the one that the thread would fork for.
TEST_P(JoinParts, AreForksBelowATaskThatAStopCallbackHasRun) {
  weir::pool other({.workers = 1});
  wait_for_a_job_that([&] {
    fork_what_is_hidden([&](const auto& makes_public) {
      event runs, asked;
      auto job = other.enqueue({}, [&] {
        const weir::stop_callback helps(weir::this_task::stop(), [&] {
          pool_.post({}, makes_public).value();
          EXPECT_TRUE(pool_.try_run_one());
        });
        runs.set();
        asked.await("the stop");
      });
      runs.await("the task that is asked to stop");
      job->request_stop();
      asked.set();
    });
  });
}

// Who waits sees 32 runs on a stack.
TEST_P(JoinParts, AreForksBelowMoreRunsThanAreSeen) {
  wait_for_a_job_that([this] {
    fork_what_is_hidden([this](const auto& makes_public) {
      while (pool_.post({}, [] {}).has_value()) continue;  // so that children run where they are spawned
      std::function<void(int)> nest = [&](int levels) {
        if (levels == 0) return makes_public();
        weir::task_group one(pool_);
        one.spawn([&] { nest(levels - 1); });
        one.wait();
      };
      nest(40);
    });
  });
}

TEST_P(JoinParts, AreWhatIsolatedCodeRunsToo) {
  pool_
      .run({},
           [&] {
             weir::isolate([&] {
               auto job = pool_.enqueue({}, [&] {
                 begin();
                 fork_in_two();
               });
               begin_to_wait();
               job->get();
             });
           })
      .value();
}

// What is queued beside it stays, whoever made it.
TEST_P(JoinParts, AreNoOtherTasks) {
  tally others;
  std::optional<weir::task_group> beside;
  wait_for_a_job_that([&] {
    beside.emplace(pool_);
    for (int i = 0; i < 10; ++i) (void)pool_.post({}, [&] { others.add(); }).value();
    fork_in_two();
    EXPECT_EQ(others.count(), 0u);
    beside.reset();
  });
  EXPECT_EQ(others.count(), 10u);
}

TEST(JoinPartsOfOthers, AreLeftToThem) {
  weir::pool pool({.workers = 3});
  event busy, forked, end;
  tally ran;
  // One worker forks, and one waits for a job of the third one, which makes nothing.
  pool.post({},
            [&] {
              busy.await("both others");
              weir::fork_join(
                  [&] {
                    forked.set();
                    end.await("the end of the wait");
                  },
                  [&] { ran.add(); });
            })
      .value();
  pool.run({},
           [&] {
             event begun;
             std::uint64_t parks_before = 0;
             auto job = pool.enqueue({}, [&] {
               begun.set();
               forked.await("the fork");
               eventually("the sleep of the one who waits", [&] { return all_parks(pool) > parks_before; });
               EXPECT_EQ(ran.count(), 0u);
             });
             begun.await("the third worker");
             parks_before = all_parks(pool);
             busy.set();
             job->get();
             end.set();
           })
      .value();
  expect_conservation(pool);
  EXPECT_EQ(ran.count(), 1u);
}

}  // namespace
