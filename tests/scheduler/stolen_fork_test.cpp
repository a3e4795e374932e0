// Forks that another worker takes: who runs them, what they see, and how their owner waits.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using namespace std::chrono_literals;
using weir::fork_join;
using weir::testing::event;

std::thread::id this_thread_id() { return std::this_thread::get_id(); }

// Calls both at once: the first one ends only when the second one has begun, on another worker.
template <typename F, typename G>
auto with_the_second_stolen(F&& f, G&& g) {
  event begun;
  return fork_join(
      [&] {
        begun.await("a thief");
        return f();
      },
      [&] {
        begun.set();
        return g();
      });
}

// With two workers, of which one runs a fork of the other one's task.
void await_a_sleeping_owner(const weir::pool& pool, const event& stolen) {
  stolen.await("the stolen fork");
  weir::testing::eventually("the owner sleeps", [&] { return pool.metrics().asleep == 1; });
}

TEST(StolenFork, IsRunByAWorkerThatSlept) {
  weir::pool pool({.workers = 2});
  for (int i = 0; i < 200; ++i) {
    const auto [a, b] = *pool.run({}, [] { return with_the_second_stolen(this_thread_id, this_thread_id); });
    EXPECT_NE(a, b);
  }
}

TEST(StolenFork, IsOneAlsoOfATaskThatHasRunOthersMeanwhile) {
  weir::pool pool({.workers = 2});
  const auto forks_in_parallel = [] { with_the_second_stolen([] { return 0; }, [] { return 0; }); };
  (void)pool.run({}, [&] {
    forks_in_parallel();
    (void)pool.run({}, [] {});
    forks_in_parallel();
    pool.enqueue({}, forks_in_parallel)->get();
    forks_in_parallel();
    weir::task_group group(pool);
    group.spawn(forks_in_parallel);
    group.wait();
    forks_in_parallel();
    while (pool.try_run_one()) continue;
    forks_in_parallel();
  });
}

TEST(StolenFork, IsCounted) {
  weir::pool pool({.workers = 2});
  (void)pool.run({}, [] { return with_the_second_stolen([] { return 0; }, [] { return 0; }); });
  std::uint64_t stolen = 0;
  for (const auto& w : pool.metrics().workers) stolen += w.forks_stolen;
  EXPECT_EQ(stolen, 1u);
  EXPECT_EQ(pool.metrics().completed, 1u) << "a fork is no task";
}

TEST(StolenFork, IsWaitedForByAnOwnerThatSleeps) {
  weir::pool pool({.workers = 2});
  event stolen, go;
  auto job = pool.try_submit({}, [&] {
    return with_the_second_stolen([] { return 1; },
                                  [&] {
                                    stolen.set();
                                    go.await("the release");
                                    return 2;
                                  });
  });
  await_a_sleeping_owner(pool, stolen);
  go.set();
  EXPECT_EQ(job->get(), std::make_tuple(1, 2));
}

TEST(StolenFork, LetsItsOwnerRunWhatWasForkedForIt) {
  weir::pool pool({.workers = 2});
  const auto [owner, forked_for_it] = *pool.run({}, [] {
    return with_the_second_stolen(this_thread_id, [] {
      // The owner has nothing to do but to wait for this one. The second of these ends only on another worker.
      return std::get<1>(with_the_second_stolen([] { return 0; }, this_thread_id));
    });
  });
  EXPECT_EQ(owner, forked_for_it);
}

TEST(StolenFork, LetsItsOwnerRunWhatIsForkedWhileThatSleeps) {
  weir::pool pool({.workers = 2});
  event stolen, asleep;
  auto job = pool.try_submit({}, [&] {
    return with_the_second_stolen(this_thread_id, [&] {
      stolen.set();
      asleep.await("the owner to sleep");
      return std::get<1>(with_the_second_stolen([] { return 0; }, this_thread_id));
    });
  });
  await_a_sleeping_owner(pool, stolen);
  asleep.set();
  const auto [owner, forked_for_it] = job->get();
  EXPECT_EQ(owner, forked_for_it);
}

TEST(StolenFork, LeavesItsOwnerFreeOfOtherWork) {
  // The owner of a stolen fork waits. A task of another root, though it lies in its own deque, is not put on top.
  weir::pool pool({.workers = 2});
  event stolen, go;
  weir::testing::tally others;
  auto job = pool.try_submit({}, [&] {
    with_the_second_stolen([&] { EXPECT_TRUE(pool.post({}, [&] { others.add(); })); },
                           [&] {
                             stolen.set();
                             go.await("the owner to sleep");
                             EXPECT_EQ(others.count(), 0u);
                           });
  });
  await_a_sleeping_owner(pool, stolen);
  go.set();
  job->get();
  others.await(1, "the other task, now that a worker is free");
}

TEST(StolenFork, IsTakenWhileItsOwnerWaitsForAJob) {
  // Two forks lie below the join of a job: the older one is public, the newer one was private.
  weir::pool pool({.workers = 3});
  event go;
  auto job = pool.try_submit({}, [&] {
    auto slow = pool.try_submit({}, [&] { go.await("the newest fork"); });
    weir::testing::eventually("another worker runs the slow job", [&] { return pool.metrics().asleep <= 1; });
    fork_join([&] { fork_join([&] { fork_join([&] { slow->get(); }, [] {}); }, [&] { go.set(); }); }, [] {});
  });
  job->get();
}

// ---- what it sees

TEST(StolenFork, IsTheTaskThatMadeIt) {
  weir::pool pool({.workers = 2});
  const weir::deadline until = weir::within(1h);
  const weir::trace_id trace{1, 2};
  auto job = pool.try_submit({.deadline = until, .name = "outer", .trace = trace}, [&] {
    const auto admitted = weir::this_task::admitted_at();
    with_the_second_stolen([] {},
                           [&] {
                             EXPECT_EQ(weir::this_task::name().view(), "outer");
                             EXPECT_EQ(weir::this_task::deadline(), until);
                             EXPECT_EQ(weir::this_task::trace(), trace);
                             EXPECT_EQ(weir::this_task::admitted_at(), admitted);
                           });
  });
  job->get();
}

TEST(StolenFork, SeesTheStopOfItsTask) {
  weir::pool pool({.workers = 2});
  event stolen;
  auto job = pool.try_submit({}, [&] {
    with_the_second_stolen([] {},
                           [&] {
                             stolen.set();
                             while (!weir::this_task::stop().stop_requested()) std::this_thread::yield();
                             fork_join([] { ADD_FAILURE(); }, [] { ADD_FAILURE(); });
                           });
  });
  stolen.await("the stolen fork");
  job->request_stop();
  EXPECT_EQ(weir::testing::cancelled_thrown_by([&] { job->get(); }), weir::stop_cause::requested);
}

// Stopped between its push and its steal: the look of the thief is the only one that can tell.
TEST(StolenFork, OfATaskThatWasStoppedMeanwhileIsNotBegun) {
  weir::pool pool({.workers = 2});
  const auto stolen = [&pool] {
    const auto workers = pool.metrics().workers;
    return workers[0].forks_stolen + workers[1].forks_stolen;
  };
  weir::testing::busy_workers busy(pool);
  event forked;
  bool has_begun = false;
  auto job = pool.try_submit({}, [&] {
    fork_join(
        [&] {
          forked.set();
          weir::testing::eventually("the thief", [&] { return stolen() == 1; });
        },
        [&] { has_begun = true; });
  });
  forked.await("the fork");
  job->request_stop();
  busy.release();
  EXPECT_EQ(weir::testing::cancelled_thrown_by([&] { job->get(); }), weir::stop_cause::requested);
  EXPECT_FALSE(has_begun);
}

TEST(StolenFork, HasStopCallbacksOfItsTask) {
  weir::pool pool({.workers = 2});
  event registered, called;
  auto job = pool.try_submit({}, [&] {
    with_the_second_stolen([] {},
                           [&] {
                             const weir::stop_callback on_stop(weir::this_task::stop(), [&] { called.set(); });
                             registered.set();
                             called.await("the stop callback");
                           });
  });
  registered.await("the stop callback to be there");
  job->request_stop();
  job->wait();
}

TEST(StolenFork, CannotWaitForATaskThatItHoldsUp) {
  weir::pool pool({.workers = 2});
  weir::testing::busy_workers busy(pool);
  std::optional<weir::job<void>> outer;
  event known;
  outer.emplace(std::move(*pool.try_submit({}, [&] {
    known.await("the job of the outer task");
    // With the other worker busy, what this waits for runs on this stack. Its fork, on another, holds both up.
    auto inner = pool.try_submit({}, [&] {
      busy.release();
      with_the_second_stolen([] {},
                             [&] {
                               EXPECT_EQ(weir::testing::refusal_thrown_by([&] { outer->wait(); }).reason,
                                         weir::refusal_reason::would_deadlock);
                             });
    });
    inner->get();
  })));
  known.set();
  outer->get();
}

// ---- how it ends

TEST(StolenFork, CarriesItsException) {
  weir::pool pool({.workers = 2});
  EXPECT_THROW(
      (void)pool.run(
          {},
          [] { return with_the_second_stolen([] { return 0; }, []() -> int { throw std::runtime_error("right"); }); }),
      std::runtime_error);
}

TEST(StolenFork, IsJoinedWhenTheOtherSideThrowsAndIsNotTheError) {
  weir::pool pool({.workers = 2});
  for (const bool both : {false, true}) {
    event thrown;
    bool ended = false;
    const auto run = [&] {
      return with_the_second_stolen(
          [&]() -> int {
            thrown.set();
            throw std::logic_error("left");
          },
          [&]() -> int {
            thrown.await("the other side's error");
            for (int i = 0; i < 100; ++i) std::this_thread::yield();
            ended = true;
            if (both) throw std::runtime_error("right");
            return 1;
          });
    };
    EXPECT_THROW((void)pool.run({}, run), std::logic_error);
    EXPECT_TRUE(ended);
  }
}

TEST(StolenFork, LeavesNoResultBehind) {
  weir::pool pool({.workers = 2});
  const auto alive = std::make_shared<int>(0);
  const auto copy = [&] { return alive; };
  (void)pool.run({}, [&] { return with_the_second_stolen(copy, copy); });
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_THROW(
      (void)pool.run({}, [&] { return with_the_second_stolen([]() -> int { throw std::logic_error("left"); }, copy); }),
      std::logic_error);
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(StolenFork, IsNamedAsItsTaskInAShutdownReport) {
  weir::pool pool({.workers = 2});
  event stuck, go;
  auto job = pool.try_submit({.name = "forker"}, [&] {
    with_the_second_stolen([] {},
                           [&] {
                             stuck.set();
                             go.await("the release");
                           });
  });
  stuck.await("the stolen fork");
  const weir::shutdown_report report = pool.shutdown(weir::within(0ms));
  EXPECT_EQ(report.stragglers.size(), 2u) << to_string(report);
  for (const auto& s : report.stragglers) EXPECT_EQ(s.name.view(), "forker");
  go.set();
  job->wait();
}

}  // namespace
