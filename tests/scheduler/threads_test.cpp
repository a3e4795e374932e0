// The threads of a pool: how many, their names, and what happens when the system has no more of them to give.
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <pthread.h>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

// Creations until the one that fails; 0: none fails. Writer and reader: the thread of the test, which makes the pool.
thread_local int creations_until_failure = 0;

}  // namespace

// Every creation of a thread in this program comes here. A sanitizer has put its own function in the place of the
// system's, which goes by this name with clang.
extern "C" int __interceptor_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)
    __attribute__((weak));
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                              void* argument) noexcept {
  if (creations_until_failure != 0 && --creations_until_failure == 0) return EAGAIN;
  static const auto next =
      __interceptor_pthread_create != nullptr
          ? &__interceptor_pthread_create
          : reinterpret_cast<decltype(&__interceptor_pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  return next(thread, attributes, body, argument);
}

namespace {

using namespace std::chrono_literals;
using weir::testing::event;
using weir::testing::expect_conservation;

std::multiset<std::string> thread_names() {
  std::multiset<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream in(entry.path() / "comm");
    if (std::getline(in, name) && name.starts_with("weir-")) names.insert(name);
  }
  return names;
}

// The kernel takes a thread that was joined off its list a moment later.
void await_threads(const std::multiset<std::string>& expected, const char* what) {
  weir::testing::eventually(what, [&] { return thread_names() == expected; });
}

TEST(PoolThreads, AreNamedAndGoneAfterThePool) {
  {
    weir::pool pool({.workers = 3});
    await_threads({"weir-w00", "weir-w01", "weir-w02"}, "three named workers and no clock thread");
    auto timed = pool.try_submit({.deadline = weir::within(1h)}, [] {});
    await_threads({"weir-clock", "weir-w00", "weir-w01", "weir-w02"}, "a clock thread with the first deadline");
  }
  await_threads({}, "no thread after the pool");
}

TEST(PoolThreads, ARateNeedsTheClockThreadOnlyForWhoWaits) {
  weir::pool pool({.workers = 1, .limits = {.rate = weir::per_second(1'000), .burst = 10}});
  pool.try_submit({}, [] {})->get();
  await_threads({"weir-w00"}, "no clock thread for try_submit");
  pool.enqueue({}, [] {})->get();
  await_threads({"weir-clock", "weir-w00"}, "a clock thread for enqueue");
}

TEST(PoolThreads, TheLastOf64IsNamedToo) {
  weir::pool pool({.workers = 64});
  weir::testing::eventually("64 workers", [] {
    const auto names = thread_names();
    return names.size() == 64 && names.contains("weir-w63");
  });
}

TEST(PoolThreads, AThreadThatCannotBeStartedEndsThoseThatWere) {
  for (int k = 1; k <= 4; ++k) {
    creations_until_failure = k;
    EXPECT_THROW(weir::pool({.workers = 4}), std::system_error) << "creation " << k;
    EXPECT_EQ(creations_until_failure, 0);
    await_threads({}, "the end of the threads that were started");
  }
  weir::pool pool({.workers = 4});
  EXPECT_EQ(*pool.run({}, [] { return 1; }), 1);
}

TEST(PoolThreads, WhenOneCannotBeStartedEachStartHookHasItsStop) {
  int starts[4] = {};
  int stops[4] = {};
  weir::pool_options options{.workers = 4};
  options.on_worker_start = [&](int worker) { ++starts[worker]; };
  options.on_worker_stop = [&](int worker) { ++stops[worker]; };
  creations_until_failure = 3;
  EXPECT_THROW(weir::pool{options}, std::system_error);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(starts[i], i < 2 ? 1 : 0) << i;
    EXPECT_EQ(stops[i], starts[i]) << i;
  }
}

TEST(PoolThreads, WithoutAClockThreadADeadlineIsNotTaken) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  weir::testing::untouched callable;
  creations_until_failure = 1;
  EXPECT_THROW((void)pool.try_submit({.deadline = weir::within(1h)}, callable), std::system_error);
  EXPECT_TRUE(callable.holds());
  expect_conservation(pool);
  pool.try_submit({.deadline = weir::within(1h)}, callable)->get();
  expect_conservation(pool);
}

TEST(PoolThreads, OneWorkerDoesItAll) {
  weir::pool pool({.workers = 1});
  weir::testing::tally ran;
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(pool.post({}, [&] {
      EXPECT_TRUE(pool.post({}, [&] { ran.add(); }));
      pool.try_submit({}, [&] { ran.add(); })->get();
    }));
  }
  ran.await(400, "all tasks on one worker");
  expect_conservation(pool);
}

TEST(PoolThreads, SixtyFourWorkersRunAtOnce) {
  weir::pool pool({.workers = 64});
  weir::testing::busy_workers all(pool, 64);  // returns when all of them run
  EXPECT_EQ(pool.metrics().live, 64);
  all.release();
  expect_conservation(pool);
}

}  // namespace
