// The door of a pool with a flight recorder: submissions, children, stops and a shutdown, and the twin of all that.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <future>
#include <random>
#include <set>
#include <vector>

#include <weir/scheduler/pool.hpp>
#include <weir/scheduler/task_group.hpp>

#include "simulate/twin.hpp"
#include "support/eventually.hpp"
#include "support/seed.hpp"

namespace weir::testing {
namespace {

using namespace std::chrono_literals;

class pool_submitter {
 public:
  pool_submitter(pool& into, std::uint64_t seed) : pool_(into), random_(seed) {}

  void run(int times) {
    for (int i = 0; i < times; ++i) submit_one();
  }

 private:
  submit_options any_options() {
    submit_options options{.weight = static_cast<std::int64_t>(1 + random_() % 5)};
    options.priority = static_cast<priority>(random_() % 3);
    if (random_() % 4 == 0) options.deadline = within(std::chrono::microseconds(random_() % 2'000));
    return options;
  }

  void submit_one() {
    const auto nothing = [] {};
    switch (random_() % 8) {
      case 0:
        return keep(pool_.try_submit(any_options(), nothing));
      case 1:
        return keep(pool_.enqueue(any_options(), nothing));
      case 2:
        return keep(pool_.submit(any_options(), nothing));
      case 3: {
        auto made = pool_.enqueue(any_options(), nothing);
        if (made) made->request_stop();
        return keep(std::move(made));
      }
      case 4:
        return (void)pool_.run({}, [this] {
          task_group group(pool_);
          for (int i = 0; i < 6; ++i) group.spawn([] {});
          group.wait();
        });
      default:
        return (void)pool_.post(any_options(), nothing);
    }
  }

  void keep(result<job<void>> made) {
    if (made) std::move(*made).detach();
  }

  pool& pool_;
  std::mt19937_64 random_;
};

flight_log flown_by_a_pool(const limits& configured, int times) {
  pool all({.workers = 3, .limits = configured});
  std::mt19937_64 random(seed());
  std::vector<std::future<void>> threads;
  for (int i = 0; i < 3; ++i) {
    threads.push_back(in_background([&, own = random()] { pool_submitter(all, own).run(times); }));
  }
  for (int i = 0; i < 50; ++i) {
    limits next = all.configured();
    next.max_tasks = 8 + i % 8;
    all.door().set_limits(next);
    std::this_thread::yield();
  }
  for (auto& one : threads) get(one, "a thread that submits");
  EXPECT_TRUE(all.shutdown().clean());
  return all.door().flight();
}

void expect_whole(const flight_log& log) {
  const tools::twin_result result = tools::run_twin(log);
  EXPECT_EQ(result.compared, log.entries.size());
  if (result.first_difference) {
    ADD_FAILURE() << "ticket " << result.first_difference->ticket << ' '
                  << to_string(result.first_difference->recorded.op);
  }
  EXPECT_EQ(log.entries.back().tasks_free, log.changes.back().max_tasks) << "all that was taken came back";
  EXPECT_EQ(log.entries.back().places, 0U);
}

TEST(PoolFlight, AllThatAPoolAsksOfItsDoorIsDecidedAgain) {
  const flight_log log = flown_by_a_pool({.max_tasks = 12,
                                          .max_weight = 30,
                                          .rate = per_second(800'000),
                                          .burst = 400,
                                          .max_waiters = 16,
                                          .overflow = overflow::drop_lowest,
                                          .flight_entries = 1'000'000},
                                         8'000);
  expect_whole(log);
  std::set<flight_op> seen;
  for (const flight_entry& e : log.entries) seen.insert(e.op);
  for (const flight_op op :
       {flight_op::attempt, flight_op::reserve, flight_op::join, flight_op::leave, flight_op::release, flight_op::child,
        flight_op::child_end, flight_op::set_limits, flight_op::close, flight_op::granted, flight_op::refused}) {
    EXPECT_TRUE(seen.contains(op)) << to_string(op);
  }
}

TEST(PoolFlight, ADoorThatCountsTasksAloneIsDecidedAgain) {
  expect_whole(flown_by_a_pool({.max_tasks = 12, .max_waiters = 16, .flight_entries = 1'000'000}, 8'000));
}

}  // namespace
}  // namespace weir::testing
