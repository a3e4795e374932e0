#include "replay/submitter.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <thread>
#include <tuple>
#include <utility>

#include "replay/canceller.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;

// So many requests, evenly apart.
class even_source final : public request_source {
 public:
  even_source(int count, std::chrono::nanoseconds gap) : count_(count), gap_(gap) {}
  bool next(request& out) override {
    if (given_ == count_) return false;
    out.arrival = gap_ * given_;
    out.weight = static_cast<std::uint32_t>(given_++);
    return true;
  }
  void rewind() override { given_ = 0; }
  [[nodiscard]] int given() const { return given_; }

 private:
  int count_;
  std::chrono::nanoseconds gap_;
  int given_ = 0;
};

TEST(Submitter, HandsEachOverOnceInOrderAndNeverEarly) {
  even_source source(3'000, 1ms);  // 3 s of arrivals, 1,000 times as fast
  const time_point start = std::chrono::steady_clock::now();
  std::uint32_t expected = 0;
  const submission done =
      submit_all(source, {.start = start, .speed = 1'000}, [&](const request& one, time_point intended) {
        ASSERT_EQ(one.weight, expected++);
        ASSERT_EQ(intended, start + one.arrival / 1'000);
        ASSERT_GE(std::chrono::steady_clock::now(), intended);
      });
  EXPECT_EQ(expected, 3'000U);
  EXPECT_FALSE(done.stopped);
  EXPECT_GE(done.arrivals, 2'999us);
  EXPECT_LE(done.lag.p50, done.lag.p99);
  EXPECT_LE(done.lag.p99, done.lag.max);
}

TEST(Submitter, EndsBeforeArrivalsBeyondItsTime) {
  even_source source(1'000'000, 1ms);
  int count = 0;
  const submission done = submit_all(source, {.start = std::chrono::steady_clock::now(), .speed = 100, .run_for = 2ms},
                                     [&](const request&, time_point) { ++count; });
  EXPECT_EQ(count, 201);  // arrivals at 0, 10 us, ... 2,000 us
  EXPECT_FALSE(done.stopped);
}

TEST(Submitter, StopsWhenAskedEvenWhileItSleeps) {
  even_source source(2, 24h);
  int asked = 0;
  const submission done =
      submit_all(source, {.start = std::chrono::steady_clock::now(), .stop = [&] { return ++asked > 3; }},
                 [](const request&, time_point) {});
  EXPECT_TRUE(done.stopped);
}

TEST(Submitter, ReadsAheadOfItsSleepButBounded) {
  even_source source(1'000'000, 24h);
  int asked = 0;
  const submission done =
      submit_all(source, {.start = std::chrono::steady_clock::now(), .stop = [&] { return ++asked > 1'027; }},
                 [](const request&, time_point) {});
  EXPECT_TRUE(done.stopped);
  EXPECT_GT(source.given(), 2);
  EXPECT_LE(source.given(), 1'025);
}

TEST(Submitter, WaitingInTheHandOverIsNoLagOfTheNext) {
  const auto hold = [](const request& one, time_point) {
    if (one.weight != 0) return;
    const auto until = std::chrono::steady_clock::now() + 20ms;
    while (std::chrono::steady_clock::now() < until) {
    }
  };
  even_source source(1'000, 1us);
  const submission open = submit_all(source, {.start = std::chrono::steady_clock::now()}, hold);
  source.rewind();
  const submission waits =
      submit_all(source, {.start = std::chrono::steady_clock::now(), .hand_over_waits = true}, hold);
  EXPECT_GE(open.lag.p50, 15ms);
  EXPECT_LT(waits.lag.p50, open.lag.p50);
}

TEST(Submitter, SpeedDividesArrivals) {
  EXPECT_EQ(at_speed(10s, 1), 10s);
  EXPECT_EQ(at_speed(10s, 4), 2500ms);
  EXPECT_EQ(at_speed(10s, 0.5), 20s);
}

TEST(StopLottery, PicksTheSameRequestsWhateverTheirServiceAndMomentsWithinTwiceIt) {
  stop_lottery first(5, 30);
  stop_lottery second(5, 30);
  stop_lottery other(6, 30);
  int chosen = 0;
  int agree = 0;
  std::chrono::nanoseconds sum{};
  for (int i = 0; i < 20'000; ++i) {
    const auto a = first.draw(1ms);
    const auto b = second.draw(std::chrono::microseconds(i));
    ASSERT_EQ(a.has_value(), b.has_value()) << i;
    agree += a.has_value() == other.draw(1ms).has_value();
    if (!a) continue;
    ++chosen;
    sum += *a;
    ASSERT_GE(*a, 0ns);
    ASSERT_LT(*a, 2ms);
    ASSERT_LE(*b, std::chrono::microseconds(2 * i));
  }
  EXPECT_NEAR(chosen, 6'000, 6 * 65);  // six standard errors
  EXPECT_NEAR(static_cast<double>(sum.count()) / chosen, 1e6, 50'000);
  EXPECT_LT(agree, 15'000);
  EXPECT_FALSE(stop_lottery(5, 0).draw(1ms));
  EXPECT_TRUE(stop_lottery(5, 100).draw(1ms));
}

TEST(RaisedPriority, ThreadsThatAreStartedMeanwhileDoNotInheritIt) {
  const int policy_before = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  const int nice_before = ::getpriority(PRIO_PROCESS, 0);
  const raised_priority raised;
  const bool higher = raised.granted() == "real time" || raised.granted() == "nice -10";
  EXPECT_TRUE(higher || raised.granted() == "no higher priority") << raised.granted();
  const int policy_now = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  EXPECT_EQ(raised.granted() == "real time", policy_now == SCHED_RR || policy_now == SCHED_FIFO);
  int policy = -1;
  int nice = -1;
  std::thread([&] {
    policy = ::sched_getscheduler(0);
    nice = ::getpriority(PRIO_PROCESS, 0);
  }).join();
  EXPECT_EQ(policy, higher ? SCHED_OTHER : policy_before);
  EXPECT_EQ(nice, higher ? 0 : nice_before);  // what a reset on fork gives, however nice this thread was
}

TEST(RaisedPriority, GivesBackWhatWasThereBefore) {
  // On a thread of its own, under each kind of scheduling that this user may ask for.
  std::thread([] {
    const auto now = [] {
      sched_param param{};
      ::sched_getparam(0, &param);
      return std::tuple(::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, param.sched_priority,
                        ::getpriority(PRIO_PROCESS, 0));
    };
    ::setpriority(PRIO_PROCESS, 0, 7);
    for (const auto& [policy, priority] :
         {std::pair(SCHED_OTHER, 0), std::pair(SCHED_BATCH, 0), std::pair(SCHED_RR, 3)}) {
      sched_param param{};
      param.sched_priority = priority;
      ::sched_setscheduler(0, policy, &param);
      const auto before = now();
      {
        const raised_priority raised;
        if (std::get<0>(before) == SCHED_RR) {
          EXPECT_EQ(now(), before);
        }
      }
      EXPECT_EQ(now(), before);
    }
  }).join();
}

}  // namespace
}  // namespace weir::tools
