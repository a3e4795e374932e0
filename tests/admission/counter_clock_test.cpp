// By its own header: the clock of the process has the machine's counter, which no test can bend.
#include <weir/admission/detail/counter_clock.hpp>

#include <gtest/gtest.h>

#include <cstdint>

#include "admission/made_counter.hpp"
#include "support/property.hpp"

namespace weir {
namespace {

using testing::made_clock;
using testing::made_counter;

constexpr double ns_a_ms = 1e6;
constexpr double ns_a_second = 1e9;
constexpr std::int64_t largest_error_ns = detail::counter_clock<made_counter::machine>::largest_error.count();

// How long a jump is believed, and how far ahead it can lead: the length of a line, at 2.6 GHz.
constexpr double ns_a_line = 2.0 * static_cast<double>(detail::counter_line::piece) / 2.6;

TEST(CounterClock, GoesByTheReferenceUntilItKnowsTheRate) {
  made_clock c;
  for (int i = 0; i < 100; ++i) {
    c.world.pass(20'000);
    const std::int64_t before = c.world.reference_reads;
    EXPECT_EQ(c.read(), 0);
    EXPECT_GT(c.world.reference_reads, before);
  }
}

TEST(CounterClock, ThenReadsTheReferenceTwiceAPiece) {
  made_clock c;
  c.read_for(20 * ns_a_ms);
  const std::int64_t before = c.world.reference_reads;
  EXPECT_LE(c.read_for(1 * ns_a_second, 1'000), largest_error_ns);
  const double pieces = 1 * ns_a_second / (ns_a_line / 2);
  EXPECT_NEAR(static_cast<double>(c.world.reference_reads - before), 2 * pieces, 0.02 * pieces);
}

TEST(CounterClock, StaysNearAnEvenReference) {
  for (const double ticks_per_ns : {1.01, 2.6, 5.0}) {
    made_clock c(ticks_per_ns);
    c.read_for(40 * ns_a_ms);
    EXPECT_LE(c.read_for(2 * ns_a_second, 7'000), 20) << ticks_per_ns << " GHz";
    EXPECT_FALSE(c.has_gone_back);
  }
}

// From one end of what NTP does to the other, again and again, at any moment of a line.
TEST(CounterClock, StaysNearAReferenceThatIsSlewed) {
  for (const double ticks_per_ns : {1.01, 2.6, 5.0}) {
    made_clock c(ticks_per_ns);
    c.world.ppm = -500;
    c.read_for(40 * ns_a_ms);
    for (int i = 0; i < 500; ++i) {
      c.world.ppm = -c.world.ppm;
      ASSERT_LE(c.read_for(0.7 * ns_a_ms + i * 0.1 * ns_a_ms, 13'000), largest_error_ns)
          << ticks_per_ns << " GHz, change " << i;
    }
    EXPECT_FALSE(c.has_gone_back);
    // And it is read by the counter.
    const std::int64_t before = c.world.reference_reads;
    c.read_for(10 * ns_a_ms, 1'000);
    EXPECT_LT(c.world.reference_reads - before, 200);
  }
}

TEST(CounterClock, GoesByTheReferenceWhereReadingsAreSparse) {
  made_clock c;
  c.read_for(40 * ns_a_ms);
  c.read_for(10 * ns_a_ms, 3 * ns_a_ms);
  for (int i = 0; i < 100; ++i) {
    c.world.pass(0.15 * ns_a_ms);
    const std::int64_t before = c.world.reference_reads;
    EXPECT_EQ(c.read(), 0);
    EXPECT_EQ(c.world.reference_reads, before + 1) << "the reading alone";
  }
  EXPECT_FALSE(c.has_gone_back);
}

TEST(CounterClock, HasALineAgainAtTheSecondReadingAfterAPause) {
  made_clock c;
  c.read_for(40 * ns_a_ms);
  c.world.pass(3'600 * ns_a_second);
  EXPECT_EQ(c.read(), 0);
  EXPECT_LE(c.read(), 10);
  const std::int64_t before = c.world.reference_reads;
  c.read();
  EXPECT_EQ(c.world.reference_reads, before);
  EXPECT_LE(c.read_for(10 * ns_a_ms), largest_error_ns);
}

// What comes between the two readings of a pair, a preemption of the thread or of the machine, is not taken for time.
TEST(CounterClock, TakesNoPairThatIsWide) {
  made_clock c;
  c.read_for(40 * ns_a_ms);
  c.world.ns_a_read = 3'000;
  EXPECT_EQ(c.read_for(10 * ns_a_ms, 50'000), 0) << "the line has run out";
  c.world.ns_a_read = 5;
  c.read_for(1 * ns_a_ms);
  const std::int64_t before = c.world.reference_reads;
  EXPECT_LE(c.read(), 20);
  EXPECT_EQ(c.world.reference_reads, before);
}

// And costs little more than the reference there.
TEST(CounterClock, GoesByTheReferenceWhereTheCounterIsSlow) {
  made_clock c(0.9);
  EXPECT_EQ(c.read_for(100 * ns_a_ms, 1'000), 0);
  EXPECT_LT(c.world.reference_reads, 103'000) << "of 100,000 readings";
}

// A counter that goes on while the system sleeps, and its clock does not; or that a hypervisor sets.
TEST(CounterClock, ACounterThatJumpsAheadIsBelievedForALineAtMost) {
  for (const double jump :
       {0.1 * ns_a_ms, 0.5 * ns_a_ms, 1.0 * ns_a_ms, 1.6 * ns_a_ms, 5 * ns_a_ms, 3'600 * ns_a_second}) {
    made_clock c;
    c.read_for(40 * ns_a_ms);
    c.world.count += 2.6 * jump;
    EXPECT_LE(c.read_for(2 * ns_a_line), ns_a_line + 100) << jump;
    EXPECT_LE(c.read_for(20 * ns_a_ms), largest_error_ns) << jump;
    EXPECT_LE(c.read_for(1 * ns_a_second), 100) << jump;
    EXPECT_FALSE(c.has_gone_back);
    const std::int64_t before = c.world.reference_reads;
    c.read_for(10 * ns_a_ms, 1'000);
    EXPECT_LT(c.world.reference_reads - before, 200) << "by the counter again";
  }
}

// A counter that begins anew after the system has slept.
TEST(CounterClock, ACounterThatJumpsBackIsNotBelieved) {
  for (const double to : {0.0, 1e9, 7e12 - 2.6 * 5 * ns_a_ms}) {
    made_clock c;
    c.read_for(40 * ns_a_ms);
    c.world.count = to;
    EXPECT_LE(c.read_for(4 * ns_a_line), ns_a_line + 100);
    EXPECT_LE(c.read_for(20 * ns_a_ms), largest_error_ns);
    EXPECT_LE(c.read_for(1 * ns_a_second), 100);
    EXPECT_FALSE(c.has_gone_back);
  }
}

TEST(CounterClock, AReferenceThatJumpsAheadIsFollowed) {
  for (const double jump : {0.02 * ns_a_ms, 0.5 * ns_a_ms, 3'600 * ns_a_second}) {
    made_clock c;
    c.read_for(40 * ns_a_ms);
    c.world.reference += jump;
    c.read_for(ns_a_line);
    EXPECT_LE(c.read_for(20 * ns_a_ms), largest_error_ns) << jump;
    EXPECT_LE(c.read_for(1 * ns_a_second), 100) << jump;
    EXPECT_FALSE(c.has_gone_back);
  }
}

// The system's clock can be told to go slower or faster by up to a tenth.
TEST(CounterClock, AReferenceThatChangesItsSpeedByATenthIsFollowed) {
  for (const double ppm : {-100'000.0, 100'000.0}) {
    made_clock c;
    c.read_for(40 * ns_a_ms);
    c.world.ppm = ppm;
    EXPECT_LE(c.read_for(2 * ns_a_line), ns_a_line);
    c.read_for(20 * ns_a_ms);
    EXPECT_LE(c.read_for(1 * ns_a_second), largest_error_ns);
    EXPECT_FALSE(c.has_gone_back);
  }
}

// Whatever comes, it does not go back, and is near again soon after.
RC_GTEST_PROP(CounterClock, NeverGoesBackAndComesNearAgain, ()) {
  made_clock c(*rc::gen::element(1.01, 2.6, 5.0));
  const double line_ticks = 2.6 * ns_a_line;
  c.read_for(*rc::gen::inRange(0, 40) * ns_a_ms);
  const int events = *rc::gen::inRange(1, 8);
  for (int i = 0; i < events; ++i) {
    const double length = *rc::gen::inRange(1, 5'000) * 1'000.0;  // us
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
        c.world.ppm = *rc::gen::inRange(-500, 501);
        break;
      case 1:
        c.world.count += length * c.world.ticks_per_ns;
        break;
      case 2:
        c.world.reference += length;
        break;
      case 3:
        c.world.pass(length);
        break;
      case 4:
        c.world.count = *rc::gen::element(0.0, 1e9, 2e13, c.world.count - 3 * line_ticks);
        break;
      default:
        c.world.ns_a_read = *rc::gen::element(5.0, 400.0, 1'500.0);
    }
    c.read_for(length, *rc::gen::inRange(1, 150) * 1'000.0);
  }
  c.world.ns_a_read = 5;
  c.read_for(40 * ns_a_ms);
  RC_ASSERT(c.read_for(5 * ns_a_ms) <= largest_error_ns);
  RC_ASSERT(!c.has_gone_back);
}

}  // namespace
}  // namespace weir
