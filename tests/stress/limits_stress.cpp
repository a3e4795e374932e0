// A pool whose limits are changed while others post, wait and spawn: after a limit was lowered, and what was live fits,
// no more run at once than it says, and nothing is lost.
#include <algorithm>
#include <cstdint>
#include <future>
#include <gtest/gtest.h>
#include <iostream>
#include <random>
#include <vector>
#include <weir/weir.hpp>

#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using namespace std::chrono_literals;
using weir::detail::atomic;
using weir::detail::memory_order_seq_cst;

constexpr std::int64_t widest = 512;

// How many run, by an account of its own: raised after a begin and lowered before an end, and so never above the truth.
// The bound is one of a time, so that who reads it before and after it has counted itself knows that it held between.
struct running_account {
  atomic<std::int64_t> running{0};
  atomic<std::uint64_t> bound{0};  // its number in the upper half
  atomic<std::int64_t> broken{0};
  atomic<std::int64_t> checked{0};

  void begin() {
    const std::uint64_t before = bound.load(memory_order_seq_cst);
    const std::int64_t now = running.fetch_add(1, memory_order_seq_cst) + 1;
    if (bound.load(memory_order_seq_cst) != before) return;
    checked.fetch_add(1, memory_order_seq_cst);
    if (now > static_cast<std::int64_t>(before & 0xffff'ffff)) broken.fetch_add(1, memory_order_seq_cst);
  }
  void end() { running.fetch_sub(1, memory_order_seq_cst); }
  void bind(std::uint64_t number, std::int64_t to) {
    bound.store(number << 32 | static_cast<std::uint64_t>(to), memory_order_seq_cst);
  }
};

// Two children, if there is room for them, each of which is a task of its own.
void run_with_children(weir::pool& pool, running_account& book, atomic<std::int64_t>& ran) {
  book.begin();
  ran.fetch_add(1, memory_order_seq_cst);
  {
    weir::task_group group(pool);
    for (int i = 0; i < 2; ++i) {
      (void)group.try_spawn([&book] {
        book.begin();
        book.end();
      });
    }
    group.wait();
  }
  book.end();
}

void change_while_it_runs(std::int64_t workers) {
  std::mt19937_64 random(weir::testing::seed());
  weir::pool pool({.workers = workers, .limits = {.max_tasks = widest, .max_waiters = 4'000'000}});
  running_account book;
  book.bind(0, widest);
  atomic<std::int64_t> ran{0};
  atomic<bool> done{false};
  std::vector<std::future<std::int64_t>> posters;
  for (int i = 0; i < 2; ++i) {
    posters.push_back(weir::testing::in_background([&, seed = random()] {
      std::mt19937_64 own(seed);
      std::int64_t posted = 0;
      const auto end = std::chrono::steady_clock::now() + weir::testing::stress_time();
      while (std::chrono::steady_clock::now() < end) {
        if (own() % 4 == 0) {
          auto job = pool.submit({}, [&] { run_with_children(pool, book, ran); });
          if (job) job->get();
          posted += job ? 1 : 0;
        } else {
          posted += pool.post({}, [&] { run_with_children(pool, book, ran); }) ? 1 : 0;
        }
      }
      return posted;
    }));
  }
  auto changer = weir::testing::in_background([&, own = std::mt19937_64(random())]() mutable {
    std::uint64_t changes = 0;
    while (!done.load(memory_order_seq_cst)) {
      weir::limits next = pool.configured();
      next.max_tasks = 1 + static_cast<std::int64_t>(own() % widest);
      if (own() % 4 == 0) next.max_tasks = 1 + static_cast<std::int64_t>(own() % 4);
      next.rate = own() % 8 == 0 ? weir::per_second(1'000'000) : weir::rate(weir::unlimited);
      next.burst = next.rate.is_unlimited() ? 0 : 1'000;
      book.bind(++changes, widest);  // of whatever comes until it fits
      pool.door().set_limits(next);
      EXPECT_TRUE(pool.door().wait_until_within());
      book.bind(++changes, next.max_tasks);
      std::this_thread::yield();
    }
    return changes;
  });
  std::int64_t posted = 0;
  for (auto& p : posters) posted += weir::testing::get(p, "a poster: a grant was lost");
  done.store(true, memory_order_seq_cst);
  const std::uint64_t changes = weir::testing::get(changer, "the changer: it never fits");
  EXPECT_TRUE(pool.shutdown(weir::within(30s)).clean());
  EXPECT_EQ(ran.load(memory_order_seq_cst), posted);
  EXPECT_EQ(book.broken.load(memory_order_seq_cst), 0);
  EXPECT_GT(book.checked.load(memory_order_seq_cst), 0);
  weir::testing::expect_conservation(pool);
  std::cout << changes / 2 << " changes, " << posted << " tasks\n";
}

TEST(LimitsStress, NoMoreRunThanTheyAllowWithOneWorker) { change_while_it_runs(1); }
TEST(LimitsStress, NoMoreRunThanTheyAllowWithThreeWorkers) { change_while_it_runs(3); }
TEST(LimitsStress, NoMoreRunThanTheyAllowWithEightWorkers) { change_while_it_runs(8); }
TEST(LimitsStress, NoMoreRunThanTheyAllowWithSixtyFourWorkers) { change_while_it_runs(64); }

}  // namespace
