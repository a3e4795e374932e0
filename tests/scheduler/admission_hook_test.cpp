// The member `on_admit` of a callable: called once, at its admission, with the limiter's time, wherever it was.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <vector>
#include <weir/weir.hpp>

#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::testing::busy_workers;
using weir::testing::watched_clock;

struct record {
  std::vector<weir::time_point> stamps;
  bool admitted_before_run = false;
  int runs = 0;
};

class observer {
 public:
  explicit observer(std::shared_ptr<record> to) : to_(std::move(to)) {}
  void on_admit(weir::time_point stamp) noexcept { to_->stamps.push_back(stamp); }
  void operator()() {
    ++to_->runs;
    to_->admitted_before_run = to_->stamps.size() == 1;
  }

 private:
  std::shared_ptr<record> to_;
};

TEST(AdmissionHook, IsCalledWithTheStampOfTheTask) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  auto seen = std::make_shared<record>();
  clock.advance(3s);
  pool.try_submit({}, observer(seen))->get();
  EXPECT_EQ(seen->stamps, std::vector{clock.now()});
  EXPECT_TRUE(seen->admitted_before_run);
}

TEST(AdmissionHook, OfAWaiterIsCalledWhenItIsLetIn) {
  watched_clock clock;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}, .clock = &clock});
  auto seen = std::make_shared<record>();
  busy_workers busy(pool);
  auto job = pool.enqueue({}, observer(seen));
  EXPECT_TRUE(seen->stamps.empty()) << "it waits";
  clock.advance(3s);
  busy.release();
  job->get();
  EXPECT_EQ(seen->stamps, std::vector{clock.now()});
  EXPECT_TRUE(seen->admitted_before_run);
}

TEST(AdmissionHook, IsNotCalledForWhatIsRefusedAtTheDoor) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  auto seen = std::make_shared<record>();
  busy_workers busy(pool);
  auto job = pool.enqueue({}, observer(seen));
  job->request_stop();
  EXPECT_THROW(job->get(), weir::refused);
  EXPECT_TRUE(seen->stamps.empty());
  EXPECT_EQ(seen->runs, 0);
}

TEST(AdmissionHook, IsCalledForWhatIsAdmittedAndNeverStarts) {
  weir::pool pool({.workers = 1});
  auto seen = std::make_shared<record>();
  busy_workers busy(pool);
  auto job = pool.try_submit({}, observer(seen));
  job->request_stop();
  EXPECT_EQ(seen->stamps.size(), 1u);
  EXPECT_EQ(seen->runs, 0);
}

TEST(AdmissionHook, IsCalledForPostsAndByTheRunningCaller) {
  weir::pool pool(
      {.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 0, .overflow = weir::overflow::caller_runs}});
  auto posted = std::make_shared<record>();
  EXPECT_TRUE(pool.post({}, observer(posted)));
  weir::testing::await_rest(pool);
  EXPECT_TRUE(posted->admitted_before_run);
  auto by_caller = std::make_shared<record>();
  busy_workers busy(pool);
  auto caller = weir::testing::in_background([&] { return pool.post({}, observer(by_caller)).has_value(); });
  busy.release();
  EXPECT_TRUE(weir::testing::get(caller));
  weir::testing::await_rest(pool);
  EXPECT_TRUE(by_caller->admitted_before_run);
  EXPECT_EQ(by_caller->runs, 1);
}

}  // namespace
