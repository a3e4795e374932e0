// Waits on random trees of jobs, groups, forks and loops, all mixed: a worker that waits runs what is part of what it
// waits for, on any stack and at any depth. Each leaf is called once; of what is stopped or fails at most once, and
// nothing is left behind.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>
#include <weir/weir.hpp>

#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using weir::detail::memory_order_relaxed;
using weir::testing::expect_conservation;
using weir::testing::scaled;

constexpr int most_sides = 4;

// The values order the nodes of a tree; what a node does, and with how many sides, its seed says.
struct join_node {
  std::uint64_t seed;
  int depth;

  [[nodiscard]] std::uint64_t dice() const {
    std::uint64_t x = (seed + 1) * 0x9E3779B97F4A7C15u;
    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9u;
    return x ^ (x >> 32);
  }
  [[nodiscard]] int sides() const {
    return depth == 0 || dice() % 16 == 0 ? 0 : 1 + static_cast<int>(dice() / 8 % most_sides);
  }
  [[nodiscard]] join_node side(int i) const { return {dice() + static_cast<std::uint64_t>(i), depth - 1}; }
  [[nodiscard]] std::size_t leaves() const {
    if (sides() == 0) return 1;
    std::size_t n = 0;
    for (int i = 0; i < sides(); ++i) n += side(i).leaves();
    return n;
  }
};

struct thrown_after_the_sides {};

// One tree: how often each of its leaves was called.
class join_tree {
 public:
  join_tree(weir::pool& in, join_node root, bool may_fail)
      : pool_(in), root_(root), may_fail_(may_fail), calls_(root.leaves()) {}

  void run() { run(root_, 0); }

  void expect_all_once() const {
    for (const auto& calls : calls_) ASSERT_EQ(calls.load(memory_order_relaxed), 1u);
  }
  void expect_none_twice() const {
    for (const auto& calls : calls_) ASSERT_LE(calls.load(memory_order_relaxed), 1u);
  }

 private:
  // A side, and the index of its first leaf.
  struct part {
    join_node of;
    std::size_t first;
  };

  void run(join_node n, std::size_t first) {
    if (n.sides() == 0) {
      calls_[first].fetch_add(1, memory_order_relaxed);  // relaxed: read when all has ended
      for (auto wait = n.dice() / 64 % 256; wait > 0; --wait) weir::detail::cpu_pause();
      return;
    }
    std::vector<part> parts;
    for (int i = 0; i < n.sides(); ++i) {
      parts.push_back({n.side(i), first});
      first += n.side(i).leaves();
    }
    switch (n.dice() / 64 % 8) {
      case 0:
        return in_jobs(parts, n.dice() / 1024);
      case 1:
      case 2:
        return in_group(parts, n.dice() / 1024);
      case 3:
      case 4:
        return in_forks(parts, 0);
      case 5:
        return weir::parallel_for(std::size_t{0}, parts.size(), [&](std::size_t i) { run(parts[i]); });
      case 6:
        return job_in_fork(parts);
      default:
        return failing(parts, n.dice() / 1024);
    }
  }
  void run(const part& p) { run(p.of, p.first); }

  [[nodiscard]] weir::job<void> submit(const part& p) {
    return std::move(*pool_.try_submit({}, [this, p] { run(p); }));
  }

  // Waited for in the order of their making, or in the other one.
  void in_jobs(const std::vector<part>& parts, std::uint64_t dice) {
    std::vector<weir::job<void>> jobs;
    for (const part& p : parts) jobs.push_back(submit(p));
    if (dice % 2 == 0) std::reverse(jobs.begin(), jobs.end());
    for (auto& j : jobs) j.get();
  }

  // The last side runs in the maker, or is spawned by a child, or by a fork; with turns, or without.
  void in_group(const std::vector<part>& parts, std::uint64_t dice) {
    weir::group_options options;
    if (dice % 4 == 0) options.max_running = 1 + static_cast<std::int64_t>(dice / 4 % 2);
    weir::task_group group(pool_, options);
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      group.spawn([this, p = parts[i]] { run(p); });
    }
    const part last = parts.back();
    const auto spawn_last = [&group, this, last] { group.spawn([this, last] { run(last); }); };
    switch (dice / 16 % 4) {
      case 0:
        run(last);
        break;
      case 1:
        group.spawn(spawn_last);
        break;
      case 2:
        weir::fork_join([] {}, spawn_last);
        break;
      default:
        spawn_last();
    }
    if (dice / 64 % 8 == 0) {
      weir::fork_join([] {}, [&group] { group.wait(); });
    }
    group.wait();
  }

  void in_forks(const std::vector<part>& parts, std::size_t from) {
    if (from + 1 == parts.size()) return run(parts[from]);
    weir::fork_join([&] { run(parts[from]); }, [&] { in_forks(parts, from + 1); });
  }

  // A fork, maybe stolen, waits for a job that its task has made.
  void job_in_fork(const std::vector<part>& parts) {
    auto job = submit(parts[0]);
    weir::fork_join(
        [&] {
          for (std::size_t i = 1; i < parts.size(); ++i) run(parts[i]);
        },
        [&job] { job.get(); });
  }

  // What fails is a job, a child or a fork, whose sides are all over.
  void failing(const std::vector<part>& parts, std::uint64_t dice) {
    const auto fails = [&] {
      in_forks(parts, 0);
      if (may_fail_) throw thrown_after_the_sides{};
    };
    try {
      switch (dice % 3) {
        case 0: {
          auto job = std::move(*pool_.try_submit({}, fails));
          job.get();
          break;
        }
        case 1: {
          weir::task_group group(pool_);
          group.spawn(fails);
          group.wait();
          break;
        }
        default:
          weir::fork_join([] {}, fails);
      }
    } catch (const thrown_after_the_sides&) {
    }
  }

  weir::pool& pool_;
  const join_node root_;
  const bool may_fail_;
  std::vector<weir::detail::atomic<std::uint32_t>> calls_;
};

void await(weir::job<void>& j) {
  if (!j.wait_until(weir::within(weir::testing::patience))) weir::testing::give_up("a tree of joins");
}

template <typename Random>
join_node any_root(Random& random) {
  const std::uint64_t seed = random();
  return {seed, static_cast<int>(random() % 8)};
}

class JoinsStress : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Workers, JoinsStress, testing::Values(1, 2, 3, 8, 64));

// Up to four trees at a time, so that workers run parts of one while others wait for another.
TEST_P(JoinsStress, EachLeafIsCalledOnce) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = GetParam()});
  for (int round = scaled(200); round > 0; --round) {
    std::vector<std::unique_ptr<join_tree>> trees;
    std::vector<weir::job<void>> jobs;
    for (auto n = 1 + random() % 4; n > 0; --n) {
      trees.push_back(std::make_unique<join_tree>(pool, any_root(random), true));
      jobs.push_back(std::move(*pool.try_submit({}, [&of = *trees.back()] { of.run(); })));
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      await(jobs[i]);
      jobs[i].get();
      trees[i]->expect_all_once();
    }
    if (HasFatalFailure()) return;
  }
  expect_conservation(pool);
}

// The same from a group outside of tasks, whose parts have no task at their root.
TEST_P(JoinsStress, EachLeafOfAGroupIsCalledOnce) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = GetParam()});
  for (int round = scaled(60); round > 0; --round) {
    std::vector<std::unique_ptr<join_tree>> trees;
    for (auto n = 1 + random() % 4; n > 0; --n) {
      trees.push_back(std::make_unique<join_tree>(pool, any_root(random), true));
    }
    auto all = weir::testing::in_background([&] {
      weir::task_group group(pool);
      for (const auto& t : trees) group.spawn([&of = *t] { of.run(); });
      group.wait();
    });
    weir::testing::get(all, "a group of trees of joins");
    for (const auto& t : trees) t->expect_all_once();
    if (HasFatalFailure()) return;
  }
  expect_conservation(pool);
}

// Of these a wait may be refused, since what helps can close a circle: then what it waited for is stopped.
void run_and_forgive(join_tree& t) {
  try {
    t.run();
  } catch (const weir::cancelled&) {
  } catch (const weir::refused& e) {
    EXPECT_EQ(e.why().reason, weir::refusal_reason::would_deadlock);
  }
}

TEST_P(JoinsStress, NothingIsLeftOfWhatIsStoppedMeanwhile) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = GetParam()});
  for (int round = scaled(200); round > 0; --round) {
    std::vector<std::unique_ptr<join_tree>> trees;
    std::vector<weir::job<void>> jobs;
    for (int n = 0; n < 3; ++n) {
      trees.push_back(std::make_unique<join_tree>(pool, any_root(random), n != 0));
      weir::submit_options options;
      if (n == 2) options.deadline = weir::within(std::chrono::microseconds(random() % 300));
      auto job = pool.try_submit(options, [&of = *trees.back()] { of.run(); });
      if (job) jobs.push_back(std::move(*job));
    }
    for (auto n = random() % 20; n > 0; --n) std::this_thread::yield();
    jobs[random() % jobs.size()].request_stop();
    for (auto& j : jobs) {
      await(j);
      try {
        j.get();
      } catch (const weir::cancelled&) {
      }
    }
    weir::testing::await_rest(pool);
    for (const auto& t : trees) t->expect_none_twice();
    if (HasFatalFailure()) return;
  }
  expect_conservation(pool);
}

TEST_P(JoinsStress, NoLeafIsCalledTwiceWhereJoinsRunOtherWork) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = GetParam(), .help_depth = 2});
  for (int round = scaled(150); round > 0; --round) {
    std::vector<std::unique_ptr<join_tree>> trees;
    std::vector<weir::job<void>> jobs;
    for (int n = 0; n < 4; ++n) {
      trees.push_back(std::make_unique<join_tree>(pool, any_root(random), true));
      jobs.push_back(std::move(*pool.try_submit({}, [&of = *trees.back(), alone = n % 2 == 0] {
        if (alone) {
          weir::isolate([&of] { run_and_forgive(of); });
        } else {
          run_and_forgive(of);
        }
      })));
    }
    for (auto& j : jobs) await(j);
    weir::testing::await_rest(pool);
    for (const auto& t : trees) t->expect_none_twice();
    if (HasFatalFailure()) return;
  }
  expect_conservation(pool);
}

}  // namespace
