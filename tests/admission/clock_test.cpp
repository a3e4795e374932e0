#include <weir/admission/clock.hpp>

#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "support/eventually.hpp"
#include "support/watched_clock.hpp"

namespace weir {
namespace {

using detail::memory_order_acquire;
using detail::memory_order_release;
using std::chrono::hours;
using std::chrono::milliseconds;
using word_t = detail::atomic<std::uint32_t>;

TEST(ManualClock, MovesOnlyWhenTold) {
  manual_clock clock(time_point{hours(3)});
  EXPECT_EQ(clock.now(), time_point{hours(3)});
  clock.advance(milliseconds(5));
  EXPECT_EQ(clock.now(), time_point{hours(3) + milliseconds(5)});
  clock.set(time_point{hours(1)});
  EXPECT_EQ(clock.now(), time_point{hours(1)});
}

TEST(ManualClock, DoesNotMovePastTheEndsOfTime) {
  manual_clock clock;
  clock.advance(duration::max());
  clock.advance(hours(2));
  EXPECT_EQ(clock.now(), time_point::max());
  clock.set(time_point::min() + hours(1));
  clock.advance(-hours(2));
  EXPECT_EQ(clock.now(), time_point::min());
}

TEST(ManualClock, DoesNotSleepForATimeThatHasCome) {
  const manual_clock clock(time_point{hours(1)});
  const word_t word{0};
  auto sleeper = testing::in_background([&] {
    clock.wait_until(word, 0, time_point{hours(1)});
    clock.wait_until(word, 0, time_point::min());
  });
  testing::get(sleeper, "wait_until of a time in the past");
}

TEST(ManualClock, DoesNotSleepOnAWordThatHasChanged) {
  const manual_clock clock;
  const word_t word{1};
  auto sleeper = testing::in_background([&] { clock.wait_until(word, 0, time_point::max()); });
  testing::get(sleeper, "wait_until on another value");
}

TEST(ManualClock, AdvanceWakesThoseWhoseTimeHasComeAndNoOther) {
  testing::watched_clock clock;
  const time_point start = clock.now();
  const word_t words[2] = {0, 0};
  auto early = testing::in_background([&] { clock.wait_until(words[0], 0, start + milliseconds(10)); });
  auto late = testing::in_background([&] { clock.wait_until(words[1], 0, start + milliseconds(20)); });
  clock.await_sleepers(2);
  clock.advance(milliseconds(9));
  clock.await_sleepers(2);
  clock.advance(milliseconds(1));
  testing::get(early, "the sleeper whose time has come");
  clock.await_sleepers(1);
  EXPECT_FALSE(testing::is_ready(late));
  clock.set(start + milliseconds(20));
  testing::get(late, "the sleeper of the later time");
}

TEST(ManualClock, NoSleeperIsMissedHoweverItRacesWithAdvance) {
  for (int round = 0; round < 200; ++round) {
    manual_clock clock;
    const time_point until = clock.now() + milliseconds(1);
    const word_t word{0};
    const auto sleep = [&] {
      while (clock.now() < until) clock.wait_until(word, 0, until);
    };
    auto a = testing::in_background(sleep);
    auto b = testing::in_background(sleep);
    clock.advance(milliseconds(1));
    testing::get(a, "a sleeper that raced with advance");
    testing::get(b, "a sleeper that raced with advance");
  }
}

TEST(SteadyClock, IsMonotone) {
  const clock_source& clock = steady_clock_source();
  time_point last = clock.now();
  for (int i = 0; i < 10'000; ++i) {
    const time_point now = clock.now();
    ASSERT_LE(last, now);
    last = now;
  }
}

TEST(SteadyClock, SleepsUntilItsTimeAndNotForAPast) {
  const clock_source& clock = steady_clock_source();
  const word_t word{0};
  auto sleeper = testing::in_background([&] {
    clock.wait_until(word, 0, time_point::min());
    clock.wait_until(word, 0, clock.now() - hours(1));
    const time_point until = clock.now() + milliseconds(3);
    while (clock.now() < until) clock.wait_until(word, 0, until);
  });
  testing::get(sleeper, "a sleep of 3 ms");
}

TEST(SteadyClock, AWakeEndsASleepForEver) {
  const clock_source& clock = steady_clock_source();
  word_t word{0};
  auto sleeper = testing::in_background([&] {
    while (word.load(memory_order_acquire) == 0) clock.wait_until(word, 0, time_point::max());
  });
  word.store(1, memory_order_release);
  detail::futex_wake(&word, detail::wake_all);
  testing::get(sleeper, "a sleeper that was woken");
}

}  // namespace
}  // namespace weir
