// fork_join as its callers see it: results, order, exceptions and stops, on one worker and where forks are stolen.
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::fork_join;
using weir::testing::event;

struct left_error {};
struct right_error {};

template <typename F>
auto on_workers(int workers, F&& f) {
  weir::pool pool({.workers = workers});
  return *pool.run({}, std::forward<F>(f));
}

long fib(int n) {
  if (n < 2) return n;
  auto [a, b] = fork_join([n] { return fib(n - 1); }, [n] { return fib(n - 2); });
  return a + b;
}

TEST(ForkJoin, ReturnsTheResultsInOrder) {
  const auto both = on_workers(2, [] { return fork_join([] { return 1; }, [] { return std::string("two"); }); });
  EXPECT_EQ(both, std::make_tuple(1, std::string("two")));
  const auto five = on_workers(2, [] {
    return fork_join([] { return 1; }, [] { return 2L; }, [] { return '3'; }, [] { return 4.0; }, [] { return 5u; });
  });
  EXPECT_EQ(five, std::make_tuple(1, 2L, '3', 4.0, 5u));
}

TEST(ForkJoin, ReturnsNothingWhereNothingIsReturned) {
  int calls = 0;
  const auto nothing = [&calls] { ++calls; };
  static_assert(std::is_void_v<decltype(fork_join(nothing, nothing))>);
  static_assert(std::is_void_v<decltype(fork_join(nothing, nothing, nothing))>);
  static_assert(std::is_same_v<decltype(fork_join(nothing, [] { return 1; })), std::tuple<std::monostate, int>>);
  fork_join(nothing, nothing);
  fork_join(nothing, nothing, nothing);
  EXPECT_EQ(calls, 5);
}

TEST(ForkJoin, ReturnsWhatCanOnlyBeMoved) {
  const auto [a, b] = on_workers(
      1, [] { return fork_join([] { return std::make_unique<int>(1); }, [] { return std::make_unique<int>(2); }); });
  EXPECT_EQ(*a + *b, 3);
}

TEST(ForkJoin, CallsTheCallersCallablesAndNoCopies) {
  struct once {
    int* calls;
    once(int& count) : calls(&count) {}
    once(const once&) = delete;
    void operator()() { ++*calls; }
  };
  int calls = 0;
  once f(calls), g(calls);
  on_workers(1, [&] {
    fork_join(f, std::ref(g));
    return 0;
  });
  EXPECT_EQ(calls, 2);
}

TEST(ForkJoin, ComputesARecursionWithAnyNumberOfWorkers) {
  for (const int workers : {1, 2, 3, 8, 64}) {
    EXPECT_EQ(on_workers(workers, [] { return fib(18); }), 2584) << workers << " workers";
  }
}

TEST(ForkJoin, CallsOneAfterTheOtherOutsideAWorker) {
  std::vector<int> order;
  const auto self = std::this_thread::get_id();
  const auto note = [&](int i) {
    return [&order, self, i] {
      EXPECT_EQ(std::this_thread::get_id(), self);
      order.push_back(i);
    };
  };
  fork_join(note(1), note(2), note(3));
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
  EXPECT_EQ(fib(10), 55);
}

TEST(ForkJoin, CallsOneAfterTheOtherInATaskThatACallerRuns) {
  const weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 1, .max_waiters = 1, .overflow = weir::overflow::caller_runs},
                   .clock = &clock});
  weir::testing::busy_workers busy(pool);
  ASSERT_TRUE(pool.post({}, [] {}));  // waits at the door
  std::vector<std::thread::id> callers;
  auto caller = weir::testing::in_background([&] {
    const auto note = [&] { callers.push_back(std::this_thread::get_id()); };
    (void)pool.post({}, [&] { fork_join(note, note); });
    return std::this_thread::get_id();
  });
  clock.await_sleepers(1);
  busy.release();
  const std::thread::id self = weir::testing::get(caller);
  EXPECT_EQ(callers, (std::vector{self, self}));
}

TEST(ForkJoin, RunsForksInOrderOnOneWorker) {
  std::vector<int> order;
  const auto note = [&](int i) { return [&order, i] { order.push_back(i); }; };
  on_workers(1, [&] {
    fork_join(note(1), note(2), note(3), note(4), note(5));
    return 0;
  });
  EXPECT_EQ(order, (std::vector{1, 2, 3, 4, 5}));
}

TEST(ForkJoin, NestsDeeperThanForksAreKept) {
  // Each level leaves one fork to be joined: more than 1,024 of them.
  const std::function<int(int)> nested = [&](int depth) -> int {
    if (depth == 0) return 0;
    auto [a, b] = fork_join([&] { return nested(depth - 1); }, [] { return 1; });
    return a + b;
  };
  for (const int workers : {1, 2}) {
    EXPECT_EQ(on_workers(workers, [&] { return nested(5'000); }), 5'000) << workers << " workers";
  }
}

// ---- exceptions, where nobody steals

TEST(ForkJoin, DropsWhatHasNotBegunWhenTheFirstThrows) {
  bool called = false;
  EXPECT_THROW(on_workers(1, [&] { return fork_join([]() -> int { throw left_error(); }, [&] { called = true; }); }),
               left_error);
  EXPECT_FALSE(called);
  EXPECT_THROW(fork_join([]() -> int { throw left_error(); }, [&] { called = true; }), left_error);
  EXPECT_FALSE(called) << "as outside a worker";
}

TEST(ForkJoin, CarriesWhatTheSecondThrows) {
  bool called = false;
  EXPECT_THROW(on_workers(1, [&] { return fork_join([&] { called = true; }, []() -> int { throw right_error(); }); }),
               right_error);
  EXPECT_TRUE(called);
}

TEST(ForkJoin, LeavesAWorkerThatForksOnAfterAnException) {
  weir::pool pool({.workers = 1});
  for (int i = 0; i < 2'000; ++i) {
    EXPECT_THROW((void)pool.run({}, [] { return fork_join([]() -> int { throw left_error(); }, [] { return 1; }); }),
                 left_error);
  }
  EXPECT_EQ(*pool.run({}, [] { return fib(12); }), 144);
}

// ---- stops

TEST(ForkJoin, LeavesATaskThatWasAskedToStop) {
  weir::pool pool({.workers = 1});
  event running, asked;
  int calls = 0;
  auto job = pool.try_submit({}, [&] {
    fork_join([] {}, [] {});
    running.set();
    asked.await("the stop");
    fork_join([&] { ++calls; }, [&] { ++calls; });
  });
  running.await("the task");
  job->request_stop();
  asked.set();
  EXPECT_EQ(weir::testing::cancelled_thrown_by([&] { job->get(); }), weir::stop_cause::requested);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(*pool.run({}, [] { return fib(5); }), 5) << "the next task is not asked";
}

TEST(ForkJoin, LeavesEveryForkOfATaskThatWasAskedToStop) {
  weir::pool pool({.workers = 1});
  int left = 0;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
    for (int i = 0; i < 3; ++i) {
      try {
        fork_join([] {}, [] {});
      } catch (const weir::cancelled&) {
        ++left;
      }
    }
  });
  job->request_stop();
  job->wait();
  EXPECT_TRUE(left == 3 || left == 0) << "0: it was stopped before it ran";
}

TEST(ForkJoin, LeavesATaskWhoseDeadlineHasPassed) {
  weir::pool pool({.workers = 1});
  auto job = pool.try_submit({.deadline = weir::within(10ms)}, [] {
    for (;;) fork_join([] {}, [] {});
  });
  EXPECT_EQ(weir::testing::cancelled_thrown_by([&] { job->get(); }), weir::stop_cause::deadline);
}

TEST(ForkJoin, LeavesATaskAtTheEndOfAShutdown) {
  weir::pool pool({.workers = 2});
  event running;
  auto job = pool.try_submit({}, [&] {
    running.set();
    for (;;) fork_join([] {}, [] {});
  });
  running.await("the task");
  EXPECT_EQ(pool.shutdown(weir::within(1ms)).how, weir::shutdown_report::status::stopped);
  EXPECT_EQ(weir::testing::cancelled_thrown_by([&] { job->get(); }), weir::stop_cause::shutdown);
}

TEST(ForkJoin, LeavesATaskWhoseInnerTaskHasSeenAStop) {
  // The inner one clears what it has looked at; the outer one must look again.
  weir::pool pool({.workers = 1});
  event running, asked;
  auto job = pool.try_submit({}, [&] {
    running.set();
    asked.await("the stop");
    auto inner = pool.try_submit({}, [] { return fib(5); });
    EXPECT_EQ(inner->get(), 5) << "a task of its own";
    fork_join([] {}, [] {});
  });
  running.await("the task");
  job->request_stop();
  asked.set();
  EXPECT_EQ(weir::testing::cancelled_thrown_by([&] { job->get(); }), weir::stop_cause::requested);
}

TEST(ForkJoin, LeavesALoopOfForksAtTheDeadline) {
  weir::pool pool({.workers = 1});
  EXPECT_EQ(weir::testing::cancelled_thrown_by([&] {
              pool.try_submit({.deadline = weir::within(10ms)},
                              [&] {
                                for (;;) fork_join([] {}, [] {});
                              })
                  ->get();
            }),
            weir::stop_cause::deadline);
}

TEST(ForkJoin, TakesResultsThatAreConstAndOperatorsThatAreStrange) {
  struct strange {
    void operator&() const = delete;
    const std::string operator()() const { return "1"; }
  };
  const strange f;
  EXPECT_EQ(on_workers(2, [&] { return fork_join(f, f); }), std::make_tuple(std::string("1"), std::string("1")));
}

// ---- where forks are run in place

TEST(ForkJoin, IsInPlaceInAStopCallback) {
  weir::pool pool({.workers = 2});
  event ready, called;
  std::vector<int> order;
  auto job = pool.try_submit({}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      // Not left by weir::cancelled, though the task that it runs in was asked to stop.
      fork_join([&] { order.push_back(1); }, [&] { order.push_back(2); });
      called.set();
    });
    ready.set();
    called.await("the stop callback");
  });
  ready.await("the callback to be there");
  auto stopper = pool.try_submit({}, [&] { job->request_stop(); });
  stopper->get();
  EXPECT_NO_THROW(job->get());
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(ForkJoin, IsInPlaceWhereACallableEndsThatNeverRan) {
  struct forks_at_its_end {
    explicit forks_at_its_end(std::vector<std::thread::id>& in) : callers(&in) {}
    forks_at_its_end(forks_at_its_end&& other) noexcept : callers(std::exchange(other.callers, nullptr)) {}
    ~forks_at_its_end() {
      if (callers == nullptr) return;
      const auto note = [this] { callers->push_back(std::this_thread::get_id()); };
      fork_join(note, note);
    }
    void operator()() const {}
    std::vector<std::thread::id>* callers;
  };
  weir::pool pool({.workers = 2});
  std::vector<std::thread::id> callers;
  weir::testing::busy_workers busy(pool, 1);
  const auto self = *pool.run({}, [&] {
    pool.try_submit({}, forks_at_its_end(callers))->request_stop();
    return std::this_thread::get_id();
  });
  EXPECT_EQ(callers, (std::vector{self, self}));
}

TEST(ForkJoin, HoldsTwoHundredNestedJoinsOnOneWorker) {
  weir::pool pool({.workers = 1});
  const std::function<int(int)> nested = [&](int depth) -> int {
    if (depth == 0) return 0;
    auto [a, b] = fork_join(
        [&] {
          auto job = pool.try_submit({}, [&] { return nested(depth - 1); });
          return job->get();
        },
        [] { return 1; });
    return a + b;
  };
  EXPECT_EQ(*pool.run({}, [&] { return nested(200); }), 200);
}

}  // namespace
