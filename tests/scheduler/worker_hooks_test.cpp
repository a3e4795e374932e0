// What a worker's thread does for its host before its first task and after its last.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/this_thread.hpp"

namespace {

using namespace std::chrono_literals;
using weir::refusal_reason;
using weir::testing::await_no_threads_of_weir;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::name_of_this_thread;
using weir::testing::refusal_thrown_by;
using weir::testing::tally;

// What a pool's hooks have done, by worker.
struct hook_record {
  struct life {
    int starts = 0;
    int stops = 0;
    std::thread::id thread;
    std::string name;
    int current = -2;
  };
  std::vector<life> lives = std::vector<life>(8);

  // Without synchronisation of its own: what the constructor and the destructor of a pool order is enough.
  void start(int worker) {
    life& l = lives.at(static_cast<std::size_t>(worker));
    ++l.starts;
    l.thread = std::this_thread::get_id();
    l.name = name_of_this_thread();
    l.current = weir::current_worker();
  }
  void stop(int worker) {
    life& l = lives.at(static_cast<std::size_t>(worker));
    ++l.stops;
    EXPECT_EQ(l.thread, std::this_thread::get_id());
    EXPECT_EQ(weir::current_worker(), worker);
  }
  [[nodiscard]] int starts() const { return sum(&life::starts); }
  [[nodiscard]] int stops() const { return sum(&life::stops); }
  [[nodiscard]] weir::pool_options options(std::int64_t workers) {
    weir::pool_options all{.workers = workers};
    all.on_worker_start = [this](int worker) { start(worker); };
    all.on_worker_stop = [this](int worker) { stop(worker); };
    return all;
  }

 private:
  [[nodiscard]] int sum(int life::*of) const {
    int n = 0;
    for (const life& l : lives) n += l.*of;
    return n;
  }
};

TEST(WorkerHooks, StartHasRunOnEachWorkersThreadWhenThePoolIsThere) {
  hook_record seen;
  weir::pool pool(seen.options(3));
  ASSERT_EQ(seen.starts(), 3);
  std::set<std::thread::id> threads;
  for (int i = 0; i < 3; ++i) {
    const auto& life = seen.lives[static_cast<std::size_t>(i)];
    EXPECT_EQ(life.starts, 1);
    EXPECT_EQ(life.name, "weir-w0" + std::to_string(i));
    EXPECT_EQ(life.current, i);
    threads.insert(life.thread);
  }
  EXPECT_EQ(threads.size(), 3u);
  EXPECT_TRUE(threads.contains(pool.try_submit({}, [] { return std::this_thread::get_id(); })->get()));
}

TEST(WorkerHooks, TheConstructorWaitsForTheLastStart) {
  event go;
  tally begun;
  auto making = weir::testing::in_background([&] {
    weir::pool_options options{.workers = 3};
    options.on_worker_start = [&](int worker) {
      begun.add();
      if (worker == 1) go.await("the release of a hook");
    };
    return weir::pool(options).workers();
  });
  begun.await(3, "three starts");
  for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
  EXPECT_FALSE(weir::testing::is_ready(making));
  go.set();
  EXPECT_EQ(weir::testing::get(making), 3);
}

TEST(WorkerHooks, StopRunsOnEachWorkersThreadAfterItsLastTask) {
  hook_record seen;
  tally ran;
  {
    weir::pool_options options = seen.options(2);
    options.on_worker_stop = [&](int worker) {
      EXPECT_EQ(ran.count(), 100u);
      seen.stop(worker);
    };
    weir::pool pool(options);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(pool.post({}, [&] { ran.add(); }));
    EXPECT_TRUE(pool.shutdown().clean());
    EXPECT_EQ(seen.stops(), 0) << "the workers end with the pool, not with its shutdown";
  }
  EXPECT_EQ(seen.lives[0].stops, 1);
  EXPECT_EQ(seen.lives[1].stops, 1);
  EXPECT_EQ(seen.stops(), 2);
}

TEST(WorkerHooks, AStartThatThrowsEndsTheOthersAndIsThrownByTheConstructor) {
  for (const int bad : {0, 2, 3}) {
    hook_record seen;
    weir::pool_options options = seen.options(4);
    options.on_worker_start = [&](int worker) {
      if (worker == bad) throw std::runtime_error("no " + std::to_string(worker));
      seen.start(worker);
    };
    std::string thrown;
    try {
      const weir::pool pool(options);
    } catch (const std::runtime_error& e) {
      thrown = e.what();
    }
    EXPECT_EQ(thrown, "no " + std::to_string(bad));
    EXPECT_EQ(seen.starts(), 3);
    EXPECT_EQ(seen.stops(), 3) << "each start that returned has its stop";
    EXPECT_EQ(seen.lives[static_cast<std::size_t>(bad)].stops, 0);
    await_no_threads_of_weir();
  }
}

TEST(WorkerHooks, OfSeveralThatThrowTheLowestWorkersIsThrown) {
  weir::pool_options options{.workers = 4};
  options.on_worker_start = [](int worker) {
    if (worker != 0) throw worker;
  };
  try {
    const weir::pool pool(options);
    ADD_FAILURE() << "no exception";
  } catch (int worker) {
    EXPECT_EQ(worker, 1);
  }
}

TEST(WorkerHooks, AStopThatThrowsIsDroppedWithAWord) {
  ::testing::internal::CaptureStderr();
  {
    weir::pool_options options{.workers = 2};
    options.on_worker_stop = [](int) { throw 5; };
    EXPECT_EQ(*weir::pool(options).run({}, [] { return 1; }), 1);
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::HasSubstr("on_worker_stop threw"));
}

TEST(WorkerHooks, NoWaitIsPossibleInThem) {
  weir::pool other({.workers = 1});
  busy_workers busy(other);
  auto job = std::move(*other.try_submit({}, [] {}));
  int calls = 0;
  const auto hook = [&](int) {
    ++calls;
    EXPECT_EQ(other.submit({}, [] {}).error().reason, refusal_reason::would_deadlock);
    EXPECT_EQ(refusal_thrown_by([&] { job.wait(); }).reason, refusal_reason::would_deadlock);
    weir::limiter limiter({.max_tasks = 1});
    EXPECT_EQ(limiter.acquire().error().reason, refusal_reason::would_deadlock);
    EXPECT_TRUE(other.post({}, [] {}));
  };
  {
    weir::pool_options options{.workers = 1};
    options.on_worker_start = hook;
    options.on_worker_stop = hook;
    weir::pool pool(options);
    const auto in_a_task = [] { return weir::limiter({.max_tasks = 1}).acquire().error().reason; };
    EXPECT_EQ(*pool.run({}, in_a_task), refusal_reason::would_deadlock) << "nor is it after them";
  }
  EXPECT_EQ(calls, 2);
  busy.release();
  job.get();
}

// ---- fork

// Ends a forked child where its last thread would end it, before anything of the test program is torn down.
struct hook_child_ends_well {
  bool armed = false;
  ~hook_child_ends_well() {
    if (armed) _exit(0);
  }
};

// For a worker: forks, and returns the child, or 0 in it.
pid_t fork_on_a_worker() {
  thread_local hook_child_ends_well guard;
  const pid_t child = fork();
  if (child == 0) {
    alarm(40);
    guard.armed = true;
  }
  return child;
}

void expect_exit_0(pid_t child) {
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(WorkerHooks, InAForkedChildNoWorkerStops) {
  const pid_t parent = getpid();
  int stops = 0;
  {
    weir::pool_options options{.workers = 1};
    options.on_worker_stop = [&](int) {
      if (getpid() != parent) _exit(3);
      ++stops;
    };
    weir::pool pool(options);
    pid_t child = 0;
    EXPECT_TRUE(pool.post({}, [&] {
      child = fork_on_a_worker();
      if (child == 0 && weir::current_worker() != 0) _exit(4);
    }));
    weir::testing::await_rest(pool);
    expect_exit_0(child);
    EXPECT_EQ(stops, 0);
  }
  EXPECT_EQ(stops, 1);
}

TEST(WorkerHooks, AChildForkedByAStartEndsWithTheHook) {
  pid_t child = 0;
  weir::pool_options options{.workers = 1};
  options.on_worker_start = [&](int) { child = fork_on_a_worker(); };
  weir::pool pool(options);
  EXPECT_EQ(*pool.run({}, [] { return 1; }), 1);
  expect_exit_0(child);
}

// In a process of its own, since what is abandoned stays. Its exit status is the number of the check that failed.
TEST(WorkerHooksDeathTest, AbandonedWorkersDoNotStop) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto failed_check = [] {
    auto stops = std::make_shared<tally>();
    auto go = std::make_shared<event>();
    auto over = std::make_shared<event>();
    event running;
    {
      weir::pool_options options{.workers = 2, .stop_grace = 0ms, .stragglers = weir::stragglers::abandon};
      options.on_worker_stop = [stops](int) { stops->add(); };
      weir::pool pool(options);
      if (!pool.post({}, [&running, go, over] {
            running.set();
            go->await("the release of an abandoned task");
            over->set();
          })) {
        return 1;
      }
      running.await("the straggler");
      if (pool.shutdown(weir::within(0s)).clean()) return 2;
    }
    go->set();
    over->await("an abandoned task");
    for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
    return stops->count() == 0 ? 0 : 3;
  };
  EXPECT_EXIT(std::_Exit(failed_check()), ::testing::ExitedWithCode(0), "");
}

}  // namespace
