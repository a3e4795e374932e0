// Groups against everything at once: large trees, groups and pools that end right after their last child, stops and
// deadlines at any time, shutdowns meanwhile. Each callable is destroyed once, and runs once or not at all.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using namespace std::chrono_literals;
using weir::detail::memory_order_relaxed;
using weir::testing::expect_conservation;
using weir::testing::scaled;
using weir::testing::stress_time;
using weir::testing::tally;

// Spawned, run and destroyed callables. Writers: all threads, relaxed: sums that are read at rest.
struct group_ledger {
  weir::detail::atomic<std::int64_t> made{0};
  weir::detail::atomic<std::int64_t> runs{0};
  weir::detail::atomic<std::int64_t> ends{0};

  void expect_all_ended() const {
    EXPECT_EQ(ends.load(memory_order_relaxed), made.load(memory_order_relaxed));
    EXPECT_LE(runs.load(memory_order_relaxed), made.load(memory_order_relaxed));
  }
};

// Travels with a callable; counts its end, wherever that is.
class group_entry {
 public:
  explicit group_entry(group_ledger& in) : in_(&in) { in_->made.fetch_add(1, memory_order_relaxed); }
  group_entry(group_entry&& other) noexcept : in_(std::exchange(other.in_, nullptr)) {}
  ~group_entry() {
    if (in_ != nullptr) in_->ends.fetch_add(1, memory_order_relaxed);
  }
  void note_run() const {
    in_->runs.fetch_add(1, memory_order_relaxed);
    if (has_run_) ADD_FAILURE() << "ran twice";
    has_run_ = true;
  }

 private:
  group_ledger* in_;
  mutable bool has_run_ = false;
};

struct stress_tree {
  weir::task_group& group;
  weir::detail::atomic<std::int64_t>& nodes;
  void operator()(int depth) const {
    nodes.fetch_add(1, memory_order_relaxed);
    if (depth == 0) return;
    for (int i = 0; i < 2; ++i) {
      group.spawn([self = *this, depth] { self(depth - 1); });
    }
  }
};

// By the number of workers.
class TaskGroupStress : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Workers, TaskGroupStress, testing::Values(1, 2, 3, 8, 64));

TEST_P(TaskGroupStress, AMillionNodesOfATreeInOneGroup) {
  constexpr int depth = WEIR_WITH_TSAN || WEIR_WITH_ASAN ? 15 : 19;
  constexpr std::int64_t all = (std::int64_t{1} << (depth + 1)) - 1;
  for (int round = 0; round < weir::testing::stress_factor(); ++round) {
    for (const std::int64_t max_tasks : {GetParam() + 1, std::int64_t{65'536}}) {
      weir::pool pool({.workers = GetParam(), .limits = {.max_tasks = max_tasks}});
      weir::detail::atomic<std::int64_t> nodes{0};
      pool.run({},
               [&] {
                 weir::task_group group(pool);
                 stress_tree{group, nodes}(depth);
                 group.wait();
                 EXPECT_EQ(nodes.load(memory_order_relaxed), all);
               })
          .value();
      weir::task_group outside(pool);
      stress_tree{outside, nodes}(depth - 2);
      outside.wait();
      EXPECT_EQ(nodes.load(memory_order_relaxed), all + (all - 3) / 4);
    }
  }
}

TEST_P(TaskGroupStress, GroupsEndRightAfterTheirWaitAndTheirMemoryIsUsedAgain) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = GetParam(), .help_depth = GetParam() == 3 ? 2 : 0});
  group_ledger ledger;
  const auto one_group = [&](std::uint64_t dice) {
    alignas(weir::task_group) std::array<std::byte, sizeof(weir::task_group)> place;
    auto* const group = ::new (static_cast<void*>(&place)) weir::task_group(pool);
    for (std::uint64_t i = 0; i < dice % 4; ++i) {
      group->spawn([&, e = group_entry(ledger), deep = dice % 5 == 0] {
        e.note_run();
        if (deep) group->spawn([inner = group_entry(ledger)] { inner.note_run(); });
      });
    }
    if (dice % 7 != 0) group->wait();
    std::destroy_at(group);
    place.fill(std::byte{0xee});  // a late touch of the word finds nonsense
  };
  for (int round = 0; round < scaled(3'000); ++round) {
    one_group(random());
    pool.run({},
             [&, dice = random()] {
               for (std::uint64_t i = 0; i < 4; ++i) one_group(dice >> i);
             })
        .value();
  }
  expect_conservation(pool);
  ledger.expect_all_ended();
}

TEST(TaskGroupEndStress, PoolsEndRightAfterTheLastChild) {
  std::mt19937_64 random(weir::testing::seed());
  for (int round = 0; round < scaled(1'500); ++round) {
    group_ledger ledger;
    const std::int64_t workers = weir::testing::some_workers(random);
    {
      weir::pool pool({.workers = workers, .stop_grace = 30s});
      const bool in_task = random() % 2 == 0;
      const auto body = [&, count = random() % 20] {
        weir::task_group group(pool);
        for (std::uint64_t i = 0; i < count; ++i) group.spawn([e = group_entry(ledger)] { e.note_run(); });
        group.wait();
      };
      if (in_task) {
        EXPECT_TRUE(pool.post({}, body));
      } else {
        body();
      }
      if (random() % 2 == 0) {
        const auto report = pool.shutdown();
        EXPECT_TRUE(report.clean());
        EXPECT_EQ(pool.metrics().live, 0);
      }
    }
    ledger.expect_all_ended();
    EXPECT_EQ(ledger.runs.load(memory_order_relaxed), ledger.made.load(memory_order_relaxed));
  }
}

// What one task does in the mixture: a tree of groups, whose children do what the dice say.
struct mixture {
  weir::pool& pool;
  group_ledger& ledger;

  void run_in(std::uint64_t dice, int depth) const {
    std::mt19937_64 random(dice);
    weir::group_options options;
    if (random() % 4 == 0) options.max_running = 1 + static_cast<std::int64_t>(random() % 3);
    if (random() % 4 == 0) options.on_error = weir::on_error::keep_going;
    if (random() % 6 == 0) options.deadline = weir::within(std::chrono::microseconds(random() % 500));
    if (random() % 6 == 0) options.trace = {1, dice};
    weir::task_group group(pool, options);
    const auto count = random() % 8;
    for (std::uint64_t i = 0; i < count; ++i) {
      try {
        group.spawn([this, &group, depth, own = random(), e = group_entry(ledger)](weir::stop_token stop) {
          e.note_run();
          child(group, own, depth, stop);
        });
      } catch (const weir::refused& why) {  // there was neither a task nor a turn
        EXPECT_EQ(why.why().reason, weir::refusal_reason::tasks_full);
      }
    }
    if (random() % 10 == 0) group.request_stop();
    if (random() % 8 == 0) return;  // the destructor stops and waits
    try {
      group.wait();
    } catch (const std::domain_error&) {
    } catch (const weir::group_error&) {
    } catch (const weir::cancelled&) {
    }
  }

  void child(weir::task_group& group, std::uint64_t dice, int depth, const weir::stop_token& stop) const {
    std::mt19937_64 random(dice);
    switch (random() % 12) {
      case 0:
      case 1:
      case 2:
        if (depth > 0) run_in(random(), depth - 1);
        break;
      case 3:
        for (int i = 0; i < 3; ++i) {
          (void)group.try_spawn([e = group_entry(ledger)] { e.note_run(); });
        }
        break;
      case 4:
        throw std::domain_error("a child that fails");
      case 5:
        throw weir::cancelled();
      case 6: {
        tally calls;
        const weir::stop_callback on_stop(stop, [&] { calls.add(); });
        for (int i = 0; i < 200 && !stop.stop_requested(); ++i) weir::detail::cpu_pause();
        break;
      }
      case 7: {
        auto job = pool.try_submit({}, [e = group_entry(ledger)] { e.note_run(); });
        if (job) job->wait();
        break;
      }
      case 8:
        weir::fork_join([] {}, [&] { stop.throw_if_stopped(); }, [] {});
        break;
      case 9:
        pool.run({}, [&] { run_in(random(), depth > 0 ? depth - 1 : 0); }).value();
        break;
      case 10:
        group.request_stop();
        break;
      default:
        break;
    }
  }
};

TEST_P(TaskGroupStress, AMixture) {
  const std::uint64_t seed = weir::testing::seed();
  std::mt19937_64 random(seed);
  for (const std::int64_t max_tasks : {GetParam() + 2, std::int64_t{65'536}}) {
    group_ledger ledger;
    weir::pool pool({.workers = GetParam(), .limits = {.max_tasks = max_tasks}});
    weir::testing::event over;
    std::thread sampler([&] {
      while (!over.is_set()) {
        EXPECT_LE(pool.metrics().live, max_tasks);
        std::this_thread::yield();
      }
    });
    const mixture all{pool, ledger};
    std::vector<std::thread> outside;
    for (int t = 0; t < 2; ++t) {
      outside.emplace_back([&, own = random()] {
        std::mt19937_64 dice(own);
        const auto end = std::chrono::steady_clock::now() + stress_time() / 4;
        while (std::chrono::steady_clock::now() < end) {
          if (dice() % 2 == 0) {
            try {
              all.run_in(dice(), 3);
            } catch (const weir::refused& e) {  // a group with a deadline that passed at the door
              EXPECT_NE(e.why().reason, weir::refusal_reason::would_deadlock);
            }
          } else {
            auto job = pool.submit({}, [&, root = dice()] { all.run_in(root, 3); });
            if (job && dice() % 3 == 0) job->request_stop();
            if (job) job->wait();
          }
        }
      });
    }
    for (std::thread& t : outside) t.join();
    over.set();
    sampler.join();
    expect_conservation(pool);
    ledger.expect_all_ended();
    std::cout << GetParam() << " workers, " << max_tasks << " tasks: " << ledger.made.load(memory_order_relaxed)
              << " callables, of which " << ledger.runs.load(memory_order_relaxed) << " ran\n";
  }
}

TEST(TaskGroupEndStress, ShutdownsAndStopsMeetGroupsAtWork) {
  std::mt19937_64 random(weir::testing::seed());
  for (int round = 0; round < scaled(300); ++round) {
    group_ledger ledger;
    std::optional<weir::pool> pool(
        std::in_place, weir::pool_options{.workers = weir::testing::some_workers(random), .stop_grace = 30s});
    tally started;
    auto job = pool->try_submit({}, [&, own = random()](weir::stop_token stop) {
      weir::task_group group(*pool, {.max_running = own % 2 == 0 ? std::int64_t{2} : weir::unlimited});
      started.add();
      while (!stop.stop_requested()) {
        try {
          group.spawn([e = group_entry(ledger)] { e.note_run(); });
        } catch (const weir::refused&) {
        }
      }
    });
    started.await(1, "the task");
    if (random() % 2 == 0) job->request_stop();
    const auto report = pool->shutdown(weir::within(std::chrono::microseconds(random() % 300)));
    EXPECT_NE(report.how, weir::shutdown_report::status::stragglers) << to_string(report);
    EXPECT_EQ(pool->metrics().live, 0);
    expect_conservation(*pool);
    pool.reset();
    ledger.expect_all_ended();
  }
}

}  // namespace
