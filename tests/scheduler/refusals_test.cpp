// Every reason for which a pool refuses, with its whole text: the reason, the numbers, the remedy.
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <weir/weir.hpp>

#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::refusal_reason;
using weir::testing::busy_workers;
using weir::testing::expect_conservation;
using weir::testing::refusal_thrown_by;

// The text of a refusal by try_submit, and that it was counted under its reason.
std::string text_of(weir::pool& pool, refusal_reason expected, const weir::submit_options& options = {}) {
  const auto counted = pool.metrics().refused_for(expected);
  auto refused = pool.try_submit(options, [] { ADD_FAILURE() << "a refused callable ran"; });
  if (refused) return "admitted";
  EXPECT_EQ(refused.error().reason, expected);
  EXPECT_EQ(pool.metrics().refused_for(expected), counted + 1);
  return to_string(refused.error());
}

TEST(PoolRefusal, TasksFull) {
  weir::pool pool({.workers = 2, .limits = {.max_tasks = 2}});
  busy_workers busy(pool, 2);
  EXPECT_EQ(text_of(pool, refusal_reason::tasks_full),
            "tasks_full: 2 of 2 tasks are live; try again when one ends, let it wait (acquire, enqueue), or raise "
            "max_tasks");
}

TEST(PoolRefusal, WeightFull) {
  weir::pool pool({.workers = 1, .limits = {.max_weight = 10}});
  busy_workers busy(pool, 1, {.weight = 7});
  EXPECT_EQ(text_of(pool, refusal_reason::weight_full, {.weight = 4}),
            "weight_full: weight 4 does not fit, 7 of 10 in use; try again when some ends, let it "
            "wait (acquire, enqueue), or "
            "raise max_weight (the capacity)");
}

TEST(PoolRefusal, WaitersFull) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 1}});
  busy_workers busy(pool);
  auto waiting = pool.enqueue({}, [] {});
  const auto refused = pool.post({}, [] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_string(refused.error()),
            "waiters_full: 1 of 1 wait at the door already; try again later, or raise max_waiters");
  busy.release();
  waiting->get();
}

TEST(PoolRefusal, WaitersFullWhereNobodyMayWait) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 0}});
  busy_workers busy(pool);
  EXPECT_EQ(pool.enqueue({}, [] {}).error().reason, refusal_reason::waiters_full);
  EXPECT_EQ(pool.submit({}, [] {}).error().reason, refusal_reason::waiters_full);
}

TEST(PoolRefusal, RateLimited) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .limits = {.rate = weir::per_second(200), .burst = 2}, .clock = &clock});
  pool.try_submit({}, [] {})->get();
  pool.try_submit({}, [] {})->get();
  EXPECT_EQ(text_of(pool, refusal_reason::rate_limited), "rate_limited: 200/s, burst 2 used up; retry in 5.0 ms");
  clock.advance(5ms);
  EXPECT_TRUE(pool.try_submit({}, [] {})) << "as it said";
}

TEST(PoolRefusal, TooHeavy) {
  weir::pool pool({.workers = 1, .limits = {.max_weight = 64}});
  EXPECT_EQ(text_of(pool, refusal_reason::too_heavy, {.weight = 65}),
            "too_heavy: weight 65 exceeds max_weight 64; it can never be granted: split the task or raise max_weight "
            "(the capacity)");
  EXPECT_EQ(pool.submit({.weight = 65}, [] {}).error().reason, refusal_reason::too_heavy)
      << "at once: it would wait for ever";
}

TEST(PoolRefusal, ExpiredAtTheDoor) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  EXPECT_EQ(text_of(pool, refusal_reason::expired, {.deadline = weir::deadline(clock.now())}),
            "expired: its deadline has passed; give it more time or submit less");
}

TEST(PoolRefusal, ExpiredBeforeItsRateAllowsIt) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .limits = {.rate = weir::per_second(10), .burst = 1}, .clock = &clock});
  pool.try_submit({}, [] {})->get();
  const auto refused = pool.enqueue({.deadline = weir::within(99ms, clock)}, [] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_string(refused.error()),
            "expired: its deadline comes before its turn, which the rate of 10/s allows in 100 ms; give it more time "
            "or submit less");
  EXPECT_TRUE(pool.enqueue({.deadline = weir::within(101ms, clock)}, [] {}));
}

TEST(PoolRefusal, TimedOut) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  busy_workers busy(pool);
  const auto refused = pool.submit_until(weir::within(1ms), {}, [] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_string(refused.error()),
            "timed_out: not admitted in the time it would wait; wait longer or raise the limit");
}

// Reads as the system's clock does, and once runs something in the middle of a reading.
class interrupted_clock final : public weir::clock_source {
 public:
  mutable std::function<void()> at_reading;
  mutable int readings_before = 0;

  [[nodiscard]] weir::time_point now() const noexcept override {
    if (at_reading && readings_before-- == 0) std::exchange(at_reading, nullptr)();
    return weir::time_point{1h};
  }
  void wait_until(const weir::detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                  weir::time_point) const noexcept override {
    weir::detail::futex_wait(word, expected, 1ms);
  }
};

TEST(PoolRefusal, Contended) {
  interrupted_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 1, .rate = weir::per_second(1'000), .burst = 10, .strict_window = true},
                   .clock = &clock});
  std::string text;
  // try_submit reads the clock, takes its place, and reads the clock again: only then does the place stand.
  clock.readings_before = 1;
  clock.at_reading = [&] { text = text_of(pool, refusal_reason::contended); };
  auto job = pool.try_submit({}, [] { return 1; });
  ASSERT_TRUE(job);
  EXPECT_EQ(job->get(), 1);
  EXPECT_EQ(text, "contended: capacity was held by an attempt that may give it back; try again at once");
  expect_conservation(pool);
}

TEST(PoolRefusal, CancelledAtTheDoor) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1}});
  busy_workers busy(pool);
  auto job = pool.enqueue({}, [] {});
  job->request_stop();
  EXPECT_EQ(to_string(refusal_thrown_by([&] { job->get(); })),
            "cancelled: stop was requested before it was admitted; submit it again if it is still wanted");
}

TEST(PoolRefusal, Shed) {
  weir::pool pool(
      {.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 1, .overflow = weir::overflow::drop_oldest}});
  busy_workers busy(pool);
  auto old = pool.enqueue({}, [] {});
  auto young = pool.enqueue({}, [] { return 2; });
  EXPECT_EQ(to_string(refusal_thrown_by([&] { old->get(); })),
            "shed: dropped for a newcomer while 1 may wait; raise max_waiters or submit less");
  busy.release();
  EXPECT_EQ(young->get(), 2);
}

TEST(PoolRefusal, Closed) {
  weir::pool pool({.workers = 1});
  EXPECT_TRUE(pool.shutdown().clean());
  const std::string text = "closed: the door is closed for good and admits nothing more; submit elsewhere";
  EXPECT_EQ(text_of(pool, refusal_reason::closed), text);
  EXPECT_EQ(to_string(pool.submit({}, [] {}).error()), text);
  EXPECT_EQ(to_string(pool.enqueue({}, [] {}).error()), text);
  EXPECT_EQ(to_string(pool.post({}, [] {}).error()), text);
  EXPECT_EQ(to_string(pool.run({}, [] {}).error()), text);
  expect_conservation(pool);
}

TEST(PoolRefusal, WouldDeadlock) {
  weir::pool pool({.workers = 1});
  auto text = pool.try_submit({}, [&] { return to_string(pool.submit({}, [] {}).error()); });
  EXPECT_EQ(text->get(),
            "would_deadlock: a worker may not block on what its own stack could hold up; use try_acquire, try_submit "
            "or enqueue, or "
            "wait outside "
            "the pool");
}

TEST(PoolRefusal, InvalidWeight) {
  weir::pool pool({.workers = 1});
  EXPECT_EQ(text_of(pool, refusal_reason::invalid, {.weight = 0}),
            "invalid: weight 0 is out of range; pass 1 to 2147483647");
  EXPECT_EQ(text_of(pool, refusal_reason::invalid, {.weight = -1}),
            "invalid: weight -1 is out of range; pass 1 to 2147483647");
  EXPECT_EQ(
      text_of(pool, refusal_reason::too_heavy, {.weight = std::int64_t{1} << 40}),
      "too_heavy: weight 1099511627776 exceeds max_weight 2147483647; it can never be granted: split the task or raise "
      "max_weight (the capacity)");
}

TEST(PoolRefusal, InvalidPriority) {
  weir::pool pool({.workers = 1});
  auto refused = pool.try_submit({.priority = static_cast<weir::priority>(7)}, [] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, refusal_reason::invalid);
  EXPECT_EQ(refused.error().asked, 7);
  expect_conservation(pool);
}

}  // namespace
