// pool_options::time_slice: workers ask the system for short turns, where it takes such wishes, and change nothing else
// of how they are scheduled. Where it takes none, a thread that asks by hand shows so, and the workers are as that one.
#include <gtest/gtest.h>

#include <cstdint>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <weir/weir.hpp>

#include <chrono>

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
  EXPECT_EQ(syscall(SYS_sched_getattr, 0, &mine, sizeof mine, 0), 0);
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
    EXPECT_EQ(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), before + 1), 0);
    const scheduling_of_thread worker = of_a_worker(500us);
    EXPECT_EQ(worker.nice, before + 1);
    return worker;
  });
  EXPECT_EQ(found.policy, static_cast<std::uint32_t>(SCHED_OTHER));
}

}  // namespace
