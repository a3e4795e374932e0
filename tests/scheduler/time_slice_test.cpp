// pool_options::time_slice: workers ask the system for short turns, where it takes such wishes, and change nothing else
// of how they are scheduled. Where it takes none, a thread that asks by hand shows so, and the workers are as that one.
// Where it does not even tell, as old systems and some sandboxes, policy and niceness are compared alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <weir/weir.hpp>

#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;

struct scheduling_of_thread {
  std::uint32_t size = 48;
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;

  bool operator==(const scheduling_of_thread&) const = default;
};

scheduling_of_thread read_scheduling() {
  scheduling_of_thread mine;
  if (syscall(SYS_sched_getattr, 0, &mine, sizeof mine, 0) == 0) return mine;
  const int why = errno;
  EXPECT_TRUE(why == ENOSYS || why == EPERM) << std::strerror(why);
  std::cout << "turns are not compared: the system does not tell of them (" << std::strerror(why) << ")\n";
  mine = {};
  mine.policy = static_cast<std::uint32_t>(sched_getscheduler(0));
  mine.nice = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
  return mine;
}

template <typename F>
scheduling_of_thread on_a_thread(F f) {
  scheduling_of_thread found;
  std::thread([&] { found = f(); }).join();
  return found;
}

// As a worker is that asked for `slice`, in a pool that the calling thread makes.
scheduling_of_thread of_a_worker(weir::duration slice) {
  weir::pool pool({.workers = 1, .time_slice = slice});
  return *pool.run({}, [] { return read_scheduling(); });
}

// As a plain thread is that asked for it.
scheduling_of_thread asked_by_hand(std::chrono::nanoseconds slice) {
  return on_a_thread([slice] {
    scheduling_of_thread mine = read_scheduling();
    mine.runtime = static_cast<std::uint64_t>(slice.count());
    (void)syscall(SYS_sched_setattr, 0, &mine, 0);
    return read_scheduling();
  });
}

TEST(TimeSlice, AWorkerHasTheTurnsThatItsPoolAsksFor) {
  for (const std::chrono::nanoseconds slice : {500'000ns, 100'000ns, 100'000'000ns}) {
    EXPECT_EQ(of_a_worker(slice), asked_by_hand(slice)) << slice.count();
  }
}

TEST(TimeSlice, ZeroLeavesItToTheSystem) {
  const scheduling_of_thread plain = on_a_thread([] { return read_scheduling(); });
  EXPECT_EQ(of_a_worker(0ns), plain);
  // What shows that the test before shows something, where the system takes such wishes.
  EXPECT_EQ(asked_by_hand(500us) == plain, of_a_worker(500us) == plain);
}

TEST(TimeSlice, AnotherPolicyIsLeftAlone) {
  const scheduling_of_thread found = on_a_thread([] {
    const sched_param none{};
    EXPECT_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    const scheduling_of_thread before = read_scheduling();
    EXPECT_EQ(of_a_worker(500us), before);
    return before;
  });
  EXPECT_EQ(found.policy, static_cast<std::uint32_t>(SCHED_BATCH));
}

TEST(TimeSlice, NicenessIsKept) {
  const scheduling_of_thread found = on_a_thread([] {
    const int before = read_scheduling().nice;
    const int chosen = std::min(before + 1, 19);
    EXPECT_EQ(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), chosen), 0);
    const scheduling_of_thread worker = of_a_worker(500us);
    EXPECT_EQ(worker.nice, chosen);
    return worker;
  });
  EXPECT_EQ(found.policy, static_cast<std::uint32_t>(SCHED_OTHER));
}

// From now on the calling thread, and those that it starts, get `error` from both of the calls; false: the system has
// no such filters.
bool refuse_from_now_on(int error) {
  constexpr auto load = static_cast<std::uint16_t>(BPF_LD | BPF_W | BPF_ABS);
  constexpr auto equals = static_cast<std::uint16_t>(BPF_JMP | BPF_JEQ | BPF_K);
  constexpr auto answer = static_cast<std::uint16_t>(BPF_RET | BPF_K);
  std::array<sock_filter, 5> program{{
      BPF_STMT(load, 0),  // the number of the call
      BPF_JUMP(equals, SYS_sched_getattr, 1, 0),
      BPF_JUMP(equals, SYS_sched_setattr, 0, 1),
      BPF_STMT(answer, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
      BPF_STMT(answer, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(TimeSlice, WhereTheSystemRefusesAWorkerIsAsItsMaker) {
  for (const int error : {ENOSYS, EPERM}) {
    const scheduling_of_thread worker = on_a_thread([error] {
      if (!refuse_from_now_on(error)) std::cout << "refused by nothing: this system takes no filters of calls\n";
      const scheduling_of_thread before = read_scheduling();
      const scheduling_of_thread as_it_is = of_a_worker(500us);
      EXPECT_EQ(as_it_is.policy, before.policy);
      EXPECT_EQ(as_it_is.nice, before.nice);
      return as_it_is;
    });
    EXPECT_EQ(worker.policy, static_cast<std::uint32_t>(SCHED_OTHER));
  }
}

// It is inherited, also by a process, and said so in the option.
TEST(TimeSlice, AThreadThatATaskStartsHasTheTurnsOfItsWorker) {
  weir::pool pool({.workers = 1, .time_slice = 500us});
  (void)pool.run({}, [] { EXPECT_EQ(on_a_thread(read_scheduling), read_scheduling()); });
}

// Nothing is asked for threads of the caller's, on which a task may run all the same.
TEST(TimeSlice, AThreadOfTheCallersIsLeftAlone) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 1, .max_waiters = 1, .overflow = weir::overflow::caller_runs},
                   .clock = &clock,
                   .time_slice = 100us});
  weir::testing::busy_workers busy(pool);
  auto waits = pool.enqueue({}, [] {});
  auto caller = weir::testing::in_background([&] {
    const scheduling_of_thread before = read_scheduling();
    scheduling_of_thread in_task;
    auto job = pool.enqueue({}, [&, id = std::this_thread::get_id()] {
      EXPECT_EQ(std::this_thread::get_id(), id);
      in_task = read_scheduling();
    });
    job->get();
    EXPECT_EQ(in_task, before);
    EXPECT_EQ(read_scheduling(), before);
  });
  clock.await_sleepers(1);
  busy.release();
  weir::testing::get(caller);
  waits->get();
}

// What the start hook sets comes later, and stays.
TEST(TimeSlice, TheStartHookHasTheLastWord) {
  weir::pool pool({.workers = 1, .time_slice = 500us, .on_worker_start = [](int) {
                     const sched_param none{};
                     EXPECT_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
                   }});
  EXPECT_EQ(pool.run({}, [] { return read_scheduling(); })->policy, static_cast<std::uint32_t>(SCHED_BATCH));
}

}  // namespace
