// Pinned workers: each on a CPU of its own, as far as there are so many.
#include <algorithm>
#include <cerrno>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <system_error>
#include <utility>
#include <vector>
#include <weir/queues/sync.hpp>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/this_thread.hpp"
#include "support/watched_clock.hpp"

namespace {

// The CPU that the system refuses to let a thread run on alone; -1: none. Writer: a test, while it has no pool;
// readers: workers. Relaxed: the creation of their threads publishes it.
weir::detail::atomic<int> refused_cpu{-1};

}  // namespace

extern "C" int pthread_setaffinity_np(pthread_t thread, std::size_t bytes, const cpu_set_t* set) noexcept {
  const int refused = refused_cpu.load(weir::detail::memory_order_relaxed);
  if (refused >= 0 && CPU_ISSET_S(static_cast<unsigned>(refused), bytes, set)) return EPERM;
  static const auto next =
      reinterpret_cast<decltype(&pthread_setaffinity_np)>(dlsym(RTLD_NEXT, "pthread_setaffinity_np"));
  return next(thread, bytes, set);
}

namespace {

using namespace std::chrono_literals;
using weir::testing::cpus_of_this_thread;
using weir::testing::event;
using weir::testing::name_of_this_thread;

// On which CPUs each worker may run, as its hook sees it; at most eight.
struct pinning_record {
  std::vector<std::vector<int>> cpus = std::vector<std::vector<int>>(8);
  [[nodiscard]] weir::pool_options options(std::size_t workers, weir::pinning how) {
    weir::pool_options all{.workers = static_cast<std::int64_t>(std::min(workers, cpus.size())), .pinning = how};
    all.on_worker_start = [this](int worker) { cpus.at(static_cast<std::size_t>(worker)) = cpus_of_this_thread(); };
    return all;
  }
  [[nodiscard]] std::size_t starts() const {
    return cpus.size() - static_cast<std::size_t>(std::count(cpus.begin(), cpus.end(), std::vector<int>()));
  }
};

TEST(Pinning, EachWorkerHasACpuOfItsMakerInTurn) {
  const std::vector<int> mine = cpus_of_this_thread();
  pinning_record seen;
  weir::pool pool(seen.options(mine.size() + 1, weir::pinning::cpus));
  for (std::size_t i = 0; i < static_cast<std::size_t>(pool.workers()); ++i) {
    EXPECT_EQ(seen.cpus[i], std::vector<int>{mine[i % mine.size()]}) << "worker " << i << ", before its hook";
  }
  EXPECT_EQ(cpus_of_this_thread(), mine) << "its maker is not pinned";
  const auto where = [] { return std::pair(weir::current_worker(), cpus_of_this_thread()); };
  const auto [worker, cpus] = pool.try_submit({}, where)->get();
  EXPECT_EQ(cpus, seen.cpus[static_cast<std::size_t>(worker)]) << "nor is it undone later";
}

TEST(Pinning, ByDefaultThereIsNone) {
  pinning_record seen;
  weir::pool pool(seen.options(2, weir::pinning::none));
  EXPECT_EQ(seen.cpus[0], cpus_of_this_thread());
  EXPECT_EQ(seen.cpus[1], cpus_of_this_thread());
}

TEST(Pinning, TheClockThreadOfAPinnedPoolIsNotPinned) {
  const std::vector<int> mine = cpus_of_this_thread();
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .pinning = weir::pinning::cpus, .clock = &clock});
  std::vector<int> of_clock_thread;
  event called;
  pool.run({},
           [&] {
             // It is started here, by a worker that is pinned.
             auto job = pool.try_submit({.deadline = weir::within(5ms, clock)}, [&](weir::stop_token stop) {
               const weir::stop_callback on_stop(stop, [&] {
                 EXPECT_EQ(name_of_this_thread(), "weir-clock");
                 EXPECT_EQ(weir::current_worker(), -1);
                 of_clock_thread = cpus_of_this_thread();
                 called.set();
               });
               clock.await_sleepers(2);  // the clock thread, and the thread of this test
               clock.advance(5ms);
               called.await("the callback");
             });
             job->get();
           })
      .value();
  EXPECT_EQ(of_clock_thread, mine);
}

TEST(Pinning, WhatTheSystemRefusesIsThrownByTheConstructor) {
  const std::vector<int> mine = cpus_of_this_thread();
  pinning_record seen;
  const weir::pool_options options = seen.options(mine.size(), weir::pinning::cpus);
  const auto last = static_cast<std::size_t>(*options.workers - 1);
  refused_cpu.store(mine[last], weir::detail::memory_order_relaxed);
  try {
    const weir::pool pool(options);
    ADD_FAILURE() << "no exception";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::error_code(EPERM, std::generic_category()));
    EXPECT_THAT(e.what(), ::testing::StartsWith("weir: worker " + std::to_string(last) + " cannot be pinned to CPU " +
                                                std::to_string(mine[last]) + ": "));
  }
  refused_cpu.store(-1, weir::detail::memory_order_relaxed);
  EXPECT_EQ(seen.starts(), last) << "the hook of a worker that is not where it is to be is not called";
  weir::testing::await_no_threads_of_weir();
  EXPECT_EQ(*weir::pool(options).run({}, [] { return 1; }), 1);
}

}  // namespace
