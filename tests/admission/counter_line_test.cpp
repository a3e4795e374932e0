// By its own header: what the clock's proof needs of the arithmetic.
#include <weir/admission/detail/counter_line.hpp>

#include <gtest/gtest.h>

#include <cstdint>

#include "support/property.hpp"

namespace weir {
namespace {

using detail::counter_line;
using detail::counter_pair;
using detail::counter_rate;

constexpr std::uint64_t piece_ticks = counter_line::piece;

// A line somewhere, of a counter with 1 to 5 GHz, that is up to 10 us off where it is renewed, and the next one.
struct renewed_line {
  counter_line line;
  counter_line next;
};
renewed_line any_renewed_line() {
  const auto slope = *rc::gen::inRange<std::uint32_t>(858'993'459, 4'294'967'295);
  const counter_pair begin{*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::inRange<std::int64_t>(0, 1LL << 61)};
  const counter_line line = counter_line::from(begin, begin.time + *rc::gen::inRange(0, 1'000), slope);
  const std::uint64_t count = line.begin + *rc::gen::inRange(piece_ticks, 2 * piece_ticks);
  return {line, line.next({count, line.at(count) + *rc::gen::inRange(-10'000, 10'000)}, slope)};
}

RC_GTEST_PROP(CounterLine, TheNextOneTellsTheSameTimesInTheirCommonPiece, ()) {
  const renewed_line r = any_renewed_line();
  RC_ASSERT(r.next.begin == r.line.begin + piece_ticks);
  RC_ASSERT(r.next.at(r.line.begin + 2 * piece_ticks) == r.line.at_end());
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t count = r.next.begin + *rc::gen::inRange<std::uint64_t>(0, piece_ticks);
    RC_ASSERT(r.line.covers(count) && r.next.covers(count));
    RC_ASSERT(r.next.at(count) == r.line.at(count));
  }
}

RC_GTEST_PROP(CounterLine, TimesDoNotGoBackAlongIt, ()) {
  const counter_line line = any_renewed_line().next;
  const std::uint64_t at = *rc::gen::inRange<std::uint64_t>(0, 2 * piece_ticks);
  const std::uint64_t further = *rc::gen::inRange<std::uint64_t>(at, 2 * piece_ticks + 1);
  RC_ASSERT(line.at(line.begin + at) <= line.at(line.begin + further));
  RC_ASSERT(line.at(line.begin + at) <= line.at(line.begin + at + 1));
}

TEST(CounterLine, EndsWhereTheReferenceIsExpected) {
  constexpr std::uint32_t half = 1U << 31;  // ns a tick
  const counter_line line = counter_line::from({1'000, 5'000'000}, 5'000'300, half);
  EXPECT_EQ(line.at(1'000), 5'000'300);
  EXPECT_NEAR(static_cast<double>(line.at_end()), 5'000'000.0 + static_cast<double>(piece_ticks), 1.0);
  // The reference turns out to be 4 us behind: the next piece makes up for it.
  const std::uint64_t count = line.begin + piece_ticks + 7;
  const std::int64_t reference = line.at(count) - 4'000;
  const counter_line next = line.next({count, reference}, half);
  EXPECT_NEAR(static_cast<double>(next.at_end()), static_cast<double>(reference) + (2.0 * piece_ticks - 7) / 2, 1.0);
}

TEST(CounterLine, StandsWhereItIsFarAhead) {
  const counter_line line = counter_line::from({0, 0}, 0, 1U << 31);
  const counter_line next = line.next({piece_ticks, -50'000'000}, 1U << 31);
  EXPECT_EQ(next.at_end(), line.at_end());
}

TEST(CounterRate, IsKnownWhenTwoMeasurementsAgree) {
  constexpr std::uint64_t baseline = counter_rate::shortest_baseline;
  counter_rate rate;
  rate.learn({0, 0});
  rate.learn({baseline, static_cast<std::int64_t>(baseline / 2)});
  EXPECT_FALSE(rate.is_known()) << "it is one";
  rate.learn({2 * baseline - 1, static_cast<std::int64_t>(baseline)});
  EXPECT_FALSE(rate.is_known()) << "too near";
  rate.learn({2 * baseline, static_cast<std::int64_t>(baseline)});
  EXPECT_TRUE(rate.is_known());
  EXPECT_EQ(rate.slope(), 1U << 31);
  rate.learn({3 * baseline, static_cast<std::int64_t>(baseline + baseline / 2 + baseline / 500)});
  EXPECT_FALSE(rate.is_known()) << "they differ";
}

TEST(CounterRate, IsNotKnownOfWhatGoesBack) {
  constexpr std::uint64_t baseline = counter_rate::shortest_baseline;
  for (const counter_pair& back :
       {counter_pair{baseline, 1'000'000'000}, counter_pair{3 * baseline, 10}, counter_pair{0, 0}}) {
    counter_rate rate;
    for (std::uint64_t i = 0; i < 3; ++i) rate.learn({i * baseline, static_cast<std::int64_t>(i * baseline / 2)});
    ASSERT_TRUE(rate.is_known());
    rate.learn(back);
    EXPECT_FALSE(rate.is_known());
  }
}

}  // namespace
}  // namespace weir
