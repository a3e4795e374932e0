#include <weir/admission/tsc_clock.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <iostream>

#include <weir/admission/deadline.hpp>
#include <weir/admission/limiter.hpp>

#include "../../admission/src/counter_facts.hpp"  // what this machine does not show
#include "support/eventually.hpp"

namespace weir {
namespace {

using detail::counter_facts;
using detail::memory_order_acquire;
using detail::memory_order_release;
using detail::reason_against_counter;

constexpr counter_facts trusted{
    .is_x86 = true, .is_invariant = true, .is_ordered_by_lfence = true, .may_be_read = true, .kernels_clock = "tsc"};

TEST(TscClock, SaysWhetherItGoesByTheCounterOrWhyNot) {
  const tsc_clock& clock = tsc_clock_source();
  EXPECT_NE(clock.is_tsc(), !clock.why_steady().empty());
  EXPECT_EQ(clock.why_steady(), reason_against_counter());
  std::cout << (clock.is_tsc() ? "by the counter" : clock.why_steady()) << '\n';
}

TEST(TscClock, IsOne) { EXPECT_EQ(&tsc_clock_source(), &tsc_clock_source()); }

// A change of the system's clock of more than 1,000 ppm, or a counter that jumps, would be seen here, too.
TEST(TscClock, TellsTheSteadyClocksTime) {
  const clock_source& steady = steady_clock_source();
  const clock_source& clock = tsc_clock_source();
  constexpr duration largest_error = detail::counter_clock<detail::tsc_machine>::largest_error;
  const time_point end = steady.now() + std::chrono::milliseconds(100);
  time_point last{};
  for (time_point before = steady.now(); before < end; before = steady.now()) {
    const time_point now = clock.now();
    const time_point after = steady.now();
    ASSERT_LE(before - largest_error, now);
    ASSERT_LE(now, after + largest_error);
    ASSERT_LE(last, now);
    last = now;
  }
}

TEST(TscClock, SleepsUntilItsTimeAndNotForAPast) {
  const clock_source& clock = tsc_clock_source();
  const detail::atomic<std::uint32_t> word{0};
  auto sleeper = testing::in_background([&] {
    clock.wait_until(word, 0, time_point::min());
    clock.wait_until(word, 0, clock.now() - std::chrono::hours(1));
    clock.wait_until(word, 1, time_point::max());
    const time_point until = clock.now() + std::chrono::milliseconds(3);
    while (clock.now() < until) clock.wait_until(word, 0, until);
  });
  testing::get(sleeper, "a sleep of 3 ms by the counter");
}

TEST(TscClock, AWakeEndsASleepForEver) {
  const clock_source& clock = tsc_clock_source();
  detail::atomic<std::uint32_t> word{0};
  auto sleeper = testing::in_background([&] {
    while (word.load(memory_order_acquire) == 0) clock.wait_until(word, 0, time_point::max());
  });
  word.store(1, memory_order_release);
  detail::futex_wake(&word, detail::wake_all);
  testing::get(sleeper, "a sleeper that was woken");
}

TEST(TscClock, KeepsDeadlinesThatTheSteadyClockMade) {
  limiter door({.max_tasks = 1}, tsc_clock_source());
  const auto held = door.try_acquire(1);
  ASSERT_TRUE(held);
  const deadline soon = within(std::chrono::milliseconds(2));
  const auto late = door.acquire(1, soon);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, refusal_reason::timed_out);
  EXPECT_TRUE(soon.has_passed(tsc_clock_source().now()));
}

TEST(TscClock, GoesByTheSteadyClockIfToldSo) {
  const tsc_clock clock("a test wants it so");
  EXPECT_FALSE(clock.is_tsc());
  EXPECT_EQ(clock.why_steady(), "a test wants it so");
  const clock_source& steady = steady_clock_source();
  for (int i = 0; i < 10'000; ++i) {
    const time_point before = steady.now();
    const time_point now = clock.now();
    ASSERT_LE(before, now);
    ASSERT_LE(now, steady.now());
  }
  const detail::atomic<std::uint32_t> word{0};
  auto sleeper = testing::in_background([&] {
    const time_point until = clock.now() + std::chrono::milliseconds(1);
    while (clock.now() < until) clock.wait_until(word, 0, until);
  });
  testing::get(sleeper, "a sleep of 1 ms by the steady clock");
}

TEST(TscClock, GoesByTheSteadyClockWhereTheCounterCannotBeTrusted) {
  EXPECT_EQ(reason_against_counter(trusted), "");
  const auto reason_if = [](auto change) {
    counter_facts facts = trusted;
    change(facts);
    return reason_against_counter(facts);
  };
  EXPECT_NE(reason_if([](counter_facts& f) { f.is_x86 = false; }), "");
  EXPECT_NE(reason_if([](counter_facts& f) { f.is_invariant = false; }), "");
  EXPECT_NE(reason_if([](counter_facts& f) { f.is_ordered_by_lfence = false; }), "");
  EXPECT_NE(reason_if([](counter_facts& f) { f.may_be_read = false; }), "");
  for (const std::string_view other : {"", "kvm-clock", "hpet", "acpi_pm", "xen", "hyperv_clocksource_tsc_page",
                                       "jiffies", "tsc-early", "refined-jiffies"}) {
    EXPECT_NE(reason_if([&](counter_facts& f) { f.kernels_clock = other; }), "") << other;
  }
  EXPECT_EQ(reason_if([](counter_facts& f) { f.kernels_clock = "kvm-clock"; }),
            "the kernel goes by kvm-clock, not by the time-stamp counter");
}

}  // namespace
}  // namespace weir
