// Idle costs nothing: a pool without work uses no CPU and is not switched to.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <gtest/gtest.h>
#include <map>
#include <sstream>
#include <string>
#include <weir/weir.hpp>

#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using namespace std::chrono_literals;

// What one thread has used, by the kernel's books.
struct usage {
  std::uint64_t on_cpu_ns = 0;
  std::uint64_t voluntary_switches = 0;
  char state = '?';
  friend bool operator==(const usage&, const usage&) = default;
};

std::map<std::string, usage> usage_of_weirs_threads() {
  std::map<std::string, usage> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name, line;
    std::ifstream comm(entry.path() / "comm");
    if (!std::getline(comm, name) || !name.starts_with("weir-")) continue;
    usage& of = all[name];
    std::ifstream(entry.path() / "schedstat") >> of.on_cpu_ns;
    std::ifstream status(entry.path() / "status");
    while (std::getline(status, line)) {
      std::istringstream fields(line);
      std::string key;
      fields >> key;
      if (key == "voluntary_ctxt_switches:") fields >> of.voluntary_switches;
      if (key == "State:") fields >> of.state;
    }
  }
  return all;
}

// Time that passes without this thread doing anything; the promise is about what the others do meanwhile.
void let_pass(std::chrono::milliseconds length) {
  std::promise<void> never;
  (void)never.get_future().wait_for(length);
}

void expect_no_usage_while_idle(std::size_t threads) {
  std::map<std::string, usage> before;
  weir::testing::eventually("threads that all sleep", [&] {
    before = usage_of_weirs_threads();
    if (before.size() != threads) return false;
    for (const auto& [name, of] : before) {
      if (of.state != 'S') return false;
    }
    return usage_of_weirs_threads() == before;
  });
  let_pass(150ms);
  const auto after = usage_of_weirs_threads();
  for (const auto& [name, of] : before) {
    EXPECT_EQ(after.at(name).on_cpu_ns, of.on_cpu_ns) << name;
    EXPECT_EQ(after.at(name).voluntary_switches, of.voluntary_switches) << name;
  }
}

TEST(PoolIdle, ANewPoolUsesNothing) {
  weir::pool pool({.workers = 4});
  expect_no_usage_while_idle(4);
}

TEST(PoolIdle, APoolThatHasWorkedUsesNothing) {
  weir::pool pool({.workers = 4});
  for (int i = 0; i < 2'000; ++i) EXPECT_TRUE(pool.post({}, [] {}));
  pool.try_submit({.deadline = weir::within(1h)}, [] {})->get();  // a clock thread, which has nothing to wait for now
  weir::testing::await_rest(pool);
  expect_no_usage_while_idle(5);
}

TEST(PoolIdle, WorkersThatWaitUseNothing) {
  weir::pool pool({.workers = 2});
  weir::testing::event running, go;
  auto slow = pool.try_submit({}, [&] {
    running.set();
    go.await("the release");
  });
  running.await("the slow task");
  auto waiter = pool.try_submit({}, [&] { slow->wait(); });
  weir::testing::eventually("the other worker takes it", [&] { return pool.metrics().queued == 0; });
  auto outside = weir::testing::in_background([&] { waiter->wait(); });
  expect_no_usage_while_idle(2);
  go.set();
  weir::testing::get(outside);
}

TEST(PoolIdle, ADeadlineFarAwayCostsNothingMeanwhile) {
  weir::pool pool({.workers = 1});
  weir::testing::busy_workers busy(pool);
  auto job = pool.try_submit({.deadline = weir::within(1h)}, [] {});
  expect_no_usage_while_idle(2);
}

}  // namespace
