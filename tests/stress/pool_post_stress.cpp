// What is posted from outside runs exactly once, whatever thread, priority and kind of frame: a ledger by id. With
// WEIR_STRESS=50 each run is of ten million tasks.
#include <cstdint>
#include <future>
#include <gtest/gtest.h>
#include <random>
#include <thread>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using weir::detail::memory_order_relaxed;
using weir::testing::scaled;

class ledger {
 public:
  explicit ledger(std::size_t size) : runs_(size) {}
  void note(std::size_t id) { (void)runs_[id].fetch_add(1, memory_order_relaxed); }
  void expect_each_once() const {
    for (std::size_t id = 0; id < runs_.size(); ++id) {
      ASSERT_EQ(runs_[id].load(memory_order_relaxed), 1) << "task " << id << " of " << runs_.size();
    }
  }

 private:
  std::vector<weir::detail::atomic<std::uint8_t>> runs_;
};

weir::submit_options some_options(std::mt19937_64& random) {
  weir::submit_options chosen;
  const auto die = random() % 64;
  if (die < 8) chosen.priority = die % 2 == 0 ? weir::priority::high : weir::priority::low;
  if (die == 8) chosen.trace = {1, 1};
  if (die == 9) chosen.deadline = weir::within(std::chrono::hours(1));
  return chosen;
}

void expect_all_to_run_once(std::int64_t workers, const weir::limits& limits) {
  constexpr std::size_t posters = 8;
  const auto each = static_cast<std::size_t>(scaled(25'000));
  ledger runs(posters * each);
  weir::pool pool({.workers = workers, .limits = limits});
  std::mt19937_64 seeds(weir::testing::seed());
  std::vector<std::future<void>> all;
  for (std::size_t p = 0; p < posters; ++p) {
    all.push_back(weir::testing::in_background([&, p, seed = seeds()] {
      std::mt19937_64 random(seed);
      for (std::size_t i = 0; i < each; ++i) {
        const auto task = [&runs, id = p * each + i] { runs.note(id); };
        while (!pool.post(some_options(random), task)) std::this_thread::yield();
      }
    }));
  }
  for (auto& one : all) weir::testing::get(one, "a thread that posts");
  weir::testing::eventually("the end of all", [&] { return pool.metrics().live == 0 && pool.metrics().waiting == 0; });
  EXPECT_TRUE(pool.shutdown(weir::within(std::chrono::minutes(2))).clean());
  runs.expect_each_once();
  weir::testing::expect_conservation(pool);
}

TEST(PoolPostStress, EightThreadsAndOneWorker) { expect_all_to_run_once(1, {}); }
TEST(PoolPostStress, EightThreadsAndTwoWorkers) { expect_all_to_run_once(2, {}); }
TEST(PoolPostStress, EightThreadsAndThreeWorkers) { expect_all_to_run_once(3, {}); }
TEST(PoolPostStress, EightThreadsAndEightWorkers) { expect_all_to_run_once(8, {}); }
TEST(PoolPostStress, EightThreadsAndSixtyFourWorkers) { expect_all_to_run_once(64, {}); }
TEST(PoolPostStress, ThroughADoorThatIsMostlyShut) { expect_all_to_run_once(3, {.max_tasks = 3, .max_waiters = 5}); }

}  // namespace
