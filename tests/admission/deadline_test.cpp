#include <weir/admission/deadline.hpp>

#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <ratio>

namespace weir {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST(Deadline, TheDefaultIsNever) {
  const deadline none;
  EXPECT_TRUE(none.is_never());
  EXPECT_FALSE(none.has_passed(time_point::min()));
  EXPECT_FALSE(none.has_passed(time_point::max())) << "not even at the end of time";
}

TEST(Deadline, PassesAtItsTime) {
  const deadline at(time_point{milliseconds(5)});
  EXPECT_FALSE(at.has_passed(time_point{milliseconds(5) - nanoseconds(1)}));
  EXPECT_TRUE(at.has_passed(time_point{milliseconds(5)}));
  EXPECT_TRUE(at.has_passed(time_point{milliseconds(6)}));
}

TEST(Deadline, WithinCountsFromTheClock) {
  const manual_clock clock(time_point{hours(2)});
  EXPECT_EQ(within(milliseconds(50), clock).at(), time_point{hours(2) + milliseconds(50)});
  EXPECT_EQ(within(std::chrono::duration<double>(0.25), clock).at(), time_point{hours(2) + milliseconds(250)});
}

TEST(Deadline, NothingOrLessHasPassedAlready) {
  const manual_clock clock(time_point{hours(2)});
  EXPECT_TRUE(within(milliseconds(0), clock).has_passed(clock.now()));
  EXPECT_TRUE(within(milliseconds(-1), clock).has_passed(clock.now()));
  EXPECT_TRUE(within(nanoseconds::min(), clock).has_passed(clock.now()));
  EXPECT_TRUE(within(hours::min(), clock).has_passed(clock.now()));
  EXPECT_TRUE(within(std::chrono::duration<double>(-HUGE_VAL), clock).has_passed(clock.now()));
}

TEST(Deadline, TooLongToRepresentIsNever) {
  const manual_clock clock(time_point{hours(2)});
  EXPECT_TRUE(within(nanoseconds::max(), clock).is_never());
  EXPECT_TRUE(within(hours::max(), clock).is_never());
  EXPECT_TRUE(within(std::chrono::duration<double>(1e300), clock).is_never());
  EXPECT_TRUE(within(std::chrono::duration<double>(HUGE_VAL), clock).is_never());
  EXPECT_TRUE(within(std::chrono::duration<std::int64_t, std::giga>(std::numeric_limits<std::int64_t>::max()), clock)
                  .is_never());
  EXPECT_FALSE(within(nanoseconds::max() - hours(2) - nanoseconds(1), clock).is_never());
}

TEST(Deadline, TooEarlyToRepresentStaysInThePast) {
  const manual_clock clock(time_point{-hours(2)});
  EXPECT_EQ(within(nanoseconds::min(), clock).at(), time_point::min());
  EXPECT_TRUE(within(hours::min(), clock).has_passed(clock.now()));
}

TEST(Deadline, NotANumberIsMisuse) {
  EXPECT_THROW((void)within(std::chrono::duration<double>(std::nan(""))), std::invalid_argument);
}

TEST(Deadline, TheEarlierOfTwoIsInherited) {
  const deadline soon(time_point{milliseconds(1)});
  const deadline late(time_point{milliseconds(2)});
  EXPECT_EQ(earlier(soon, late), soon);
  EXPECT_EQ(earlier(late, soon), soon);
  EXPECT_EQ(earlier(deadline{}, late), late);
  EXPECT_LT(soon, deadline{});
}

}  // namespace
}  // namespace weir
