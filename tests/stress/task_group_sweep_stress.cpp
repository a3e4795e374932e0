// Stops of groups against those who spawn into them and those who take children: what had not started when a stop
// returned does not start any more, and ends though no worker is free.
#include <array>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <iostream>
#include <random>
#include <thread>
#include <utility>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using weir::detail::atomic;
using weir::detail::memory_order_acq_rel;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::testing::busy_workers;
using weir::testing::eventually;
using weir::testing::expect_conservation;
using weir::testing::scaled;

constexpr std::size_t spawner_count = 2;

// A group that is stopped while threads spawn into it.
struct sweep_round {
  explicit sweep_round(std::uint64_t of_dice) : number(++rounds), dice(of_dice) {}

  static inline std::uint64_t rounds = 0;  // the main thread's

  const std::uint64_t number;  // from 1 on, in the whole program
  const std::uint64_t dice;
  weir::task_group* group = nullptr;
  bool is_nested = false;
  // Whether request_stop has returned. Writer: who stops. Readers: all.
  // (1) over: release store -> acquire load: who has seen it knows of the stop.
  atomic<bool> is_over{false};
  // Callables that were spawned, that have run and that were destroyed; of the starts those that a stop should have
  // kept from it, and those that were under way when it returned. Writers: all threads. Reader: the test, when nobody
  // writes any more; but `runs` also meanwhile, as a hint.
  // (2) acq_rel or relaxed: sums; who has seen all ends has seen all runs.
  atomic<std::int64_t> made{0};
  atomic<std::int64_t> runs{0};
  atomic<std::int64_t> ends{0};
  atomic<std::int64_t> wrong{0};
  atomic<std::int64_t> under_way{0};
};

void pause_for(std::uint64_t pauses) {
  for (std::uint64_t i = 0; i < pauses; ++i) weir::detail::cpu_pause();
}

// The round of which this thread knows that its stop is over.
thread_local std::uint64_t round_known_as_over = 0;

bool knows_as_over(const sweep_round& r) {
  const bool knew = round_known_as_over == r.number;
  if (!knew && r.is_over.load(memory_order_acquire)) round_known_as_over = r.number;  // (1)
  return knew;
}

// A child. Its thread may have looked for a stop before that, and come to the child's first instruction after it: for
// the next one it must look again, and knows by then that the stop is over, since it has looked for that itself.
class swept_child {
 public:
  explicit swept_child(sweep_round& in) : in_(&in) {
    (void)knows_as_over(in);
    was_late_ = round_known_as_over == in.number;
    in.made.fetch_add(1, memory_order_relaxed);  // (2)
  }
  swept_child(swept_child&& other) noexcept : in_(std::exchange(other.in_, nullptr)), was_late_(other.was_late_) {}
  ~swept_child() {
    if (in_ == nullptr) return;
    (void)knows_as_over(*in_);
    in_->ends.fetch_add(1, memory_order_acq_rel);  // (2)
  }

  void operator()() const {
    const bool knew = knows_as_over(*in_);
    if (knew || was_late_) {
      in_->wrong.fetch_add(1, memory_order_relaxed);  // (2)
    } else if (round_known_as_over == in_->number) {
      in_->under_way.fetch_add(1, memory_order_relaxed);  // (2)
    }
    in_->runs.fetch_add(1, memory_order_relaxed);  // (2)
    pause_for(in_->dice % 16);
  }

 private:
  sweep_round* in_;
  bool was_late_ = false;  // it was made by a thread that knew of the stop
};

void spawn_some(weir::task_group& group, sweep_round& in, std::uint64_t dice) {
  const std::uint64_t count = 1 + dice % 24;
  for (std::uint64_t i = 0; i < count; ++i) {
    if ((dice >> i) % 3 == 0) {
      (void)group.try_spawn(swept_child(in));
      continue;
    }
    try {
      group.spawn(swept_child(in));
    } catch (const weir::refused& e) {  // there was neither a task nor a turn
      EXPECT_EQ(e.why().reason, weir::refusal_reason::tasks_full);
    }
  }
}

void wait_whatever_it_tells(weir::task_group& group) {
  try {
    group.wait();
  } catch (const weir::cancelled& e) {
    EXPECT_EQ(e.cause(), weir::stop_cause::requested);
  }
}

// Threads that spawn into the group of each round.
class spawners {
 public:
  explicit spawners(weir::pool& in) : pool_(&in) {
    for (std::size_t i = 0; i < spawner_count; ++i) threads_[i] = std::thread([this, i] { run(i); });
  }
  spawners(const spawners&) = delete;
  spawners& operator=(const spawners&) = delete;
  ~spawners() {
    begin(nullptr);
    for (std::thread& t : threads_) t.join();
  }

  void begin(sweep_round* next) {
    next_ = next;
    begun_.fetch_add(1, memory_order_release);  // (1)
  }
  [[nodiscard]] bool have_spawned() const {
    return ended_.load(memory_order_acquire) == begun_.load(memory_order_relaxed) * spawner_count;  // (2)
  }

 private:
  void run(std::size_t index) {
    for (std::uint64_t seen = 0;; ++seen) {
      eventually("the next round", [&] { return begun_.load(memory_order_acquire) > seen; });  // (1)
      if (next_ == nullptr) return;
      spawn_in(*next_, next_->dice >> (8 * index));
      ended_.fetch_add(1, memory_order_release);  // (2)
    }
  }

  void spawn_in(sweep_round& r, std::uint64_t dice) {
    pause_for(dice % 64);
    if (dice % 5 == 0) {  // a stop elsewhere, after which all ask anew
      weir::task_group elsewhere(*pool_);
      elsewhere.request_stop();
    }
    if (!r.is_nested) return spawn_some(*r.group, r, dice);
    try {
      r.group->spawn([this, &r, dice] {
        weir::task_group inner(*pool_);
        spawn_some(inner, r, dice);
        inner.spawn([&r, &inner, dice] { spawn_some(inner, r, dice / 7); });
        inner.wait();
      });
    } catch (const weir::refused& e) {
      EXPECT_EQ(e.why().reason, weir::refusal_reason::tasks_full);
    }
  }

  weir::pool* pool_;
  sweep_round* next_ = nullptr;  // null: it is over
  // Rounds that have begun, and ends of them by each thread.
  // (1) begun: release addition by the test -> acquire load by a spawner; publishes the round.
  // (2) ended: release addition by a spawner -> acquire load by the test.
  atomic<std::uint64_t> begun_{0};
  atomic<std::uint64_t> ended_{0};
  std::array<std::thread, spawner_count> threads_;
};

void stop_now(sweep_round& r) {
  r.group->request_stop();
  r.is_over.store(true, memory_order_release);  // (1)
}

// In a child of the group, which may run within a spawn: so it waits for none of these.
void stop_in_child(sweep_round& r) {
  pause_for(r.dice % 512);
  stop_now(r);
}

// On a thread of its own.
void stop_beside(sweep_round& r, const spawners& others) {
  switch (r.dice % 4) {
    case 0:
      pause_for(r.dice / 4 % 512);
      break;
    case 1:
      eventually("a child that runs", [&] { return r.runs.load(memory_order_relaxed) != 0 || others.have_spawned(); });
      break;
    case 2:
      eventually("the spawns", [&] { return others.have_spawned(); });
      break;
    default:
      break;
  }
  stop_now(r);
}

// By the number of workers.
class TaskGroupSweepStress : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Workers, TaskGroupSweepStress, testing::Values(1, 2, 3, 8, 64));

TEST_P(TaskGroupSweepStress, WhatHadNotStartedWhenAStopReturnedDoesNotStart) {
  std::mt19937_64 random(weir::testing::seed());
  std::int64_t made = 0, runs = 0, under_way = 0;
  for (const std::int64_t max_tasks : {std::int64_t{65'536}, std::int64_t{12}}) {
    weir::pool pool({.workers = GetParam(), .limits = {.max_tasks = max_tasks}});
    {
      spawners others(pool);
      for (int i = 0; i < scaled(8'000); ++i) {
        sweep_round r(random());
        r.is_nested = random() % 3 == 0;
        const bool stops_in_child = !r.is_nested && random() % 4 == 0;
        {
          weir::task_group group(pool, {.max_running = random() % 4 == 0 ? std::int64_t{2} : weir::unlimited});
          r.group = &group;
          if (stops_in_child) group.spawn([&] { stop_in_child(r); });
          others.begin(&r);
          if (!stops_in_child) stop_beside(r, others);
          eventually("the spawners", [&] { return others.have_spawned(); });
          wait_whatever_it_tells(group);
          ASSERT_TRUE(r.is_over.load(memory_order_acquire));  // (1)
        }
        ASSERT_EQ(r.ends.load(memory_order_acquire), r.made.load(memory_order_relaxed));  // (2)
        made += r.made.load(memory_order_relaxed);
        runs += r.runs.load(memory_order_relaxed);
        under_way += r.under_way.load(memory_order_relaxed);
        ASSERT_EQ(r.wrong.load(memory_order_relaxed), 0) << "children that had not started when the stop returned";
      }
    }
    expect_conservation(pool);
  }
  std::cout << made << " callables, of which " << runs << " ran, " << under_way
            << " of them under way when the stop returned\n";
  EXPECT_GT(runs, 0);
  EXPECT_LT(runs, made);
}

// No worker comes for what a stop, a spawn or a turn has left behind.
TEST_P(TaskGroupSweepStress, WhatIsQueuedEndsThoughNoWorkerIsFree) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = GetParam()});
  busy_workers busy(pool, static_cast<std::uint32_t>(GetParam()));
  std::int64_t made = 0;
  {
    spawners others(pool);
    for (int i = 0; i < scaled(12'000); ++i) {
      sweep_round r(random());
      {
        weir::task_group group(pool, {.max_running = random() % 2 == 0 ? std::int64_t{2} : weir::unlimited});
        r.group = &group;
        others.begin(&r);
        stop_beside(r, others);
        eventually("the spawners", [&] { return others.have_spawned(); });
        EXPECT_EQ(r.ends.load(memory_order_acquire), r.made.load(memory_order_relaxed)) << "and none is left";  // (2)
        if (testing::Test::HasFailure()) busy.release();  // else the wait would not end
        wait_whatever_it_tells(group);
      }
      EXPECT_EQ(r.runs.load(memory_order_relaxed), 0);
      if (testing::Test::HasFailure()) break;
      made += r.made.load(memory_order_relaxed);
    }
  }
  busy.release();
  expect_conservation(pool);
  std::cout << made << " callables\n";
}

}  // namespace
