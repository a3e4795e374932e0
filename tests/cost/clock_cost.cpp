// The clock by the counter, with the counter and the steady clock of these tests: whether this machine has one that can
// be trusted does not matter.
#include <cstdint>
#include <gtest/gtest.h>

#include <weir/admission/tsc_clock.hpp>

#include "measure.hpp"

namespace {

using namespace weir::cost;

using counted_clock = weir::detail::counter_clock<weir::detail::tsc_machine>;

counts cost_of_now(counted_clock& clock) {
  return cost_of([&] { static_cast<void>(clock.now()); });
}

// Reads it until that costs something else, which is told.
counts next_other_cost(counted_clock& clock, const counts& usual) {
  counts c = usual;
  for (int i = 0; i < 100'000 && c == usual; ++i) c = cost_of_now(clock);
  return c;
}

void pause() {
  for (int microseconds = 0; microseconds < 20'000; ++microseconds) static_cast<void>(weir::detail::steady_now());
}

TEST(ClockCost, OfTheClockByTheCounter) {
  counted_clock clock;
  for (int i = 0; i < 100'000 && !(cost_of_now(clock) == tsc_now.whole); ++i) {
  }
  expect(tsc_now, cost_of_now(clock));
  expect(tsc_renewal, next_other_cost(clock, tsc_now.whole) - tsc_now.whole);
  expect(tsc_now, cost_of_now(clock));
  pause();
  static_cast<void>(clock.now());  // finds the end of the line
  pause();
  expect(tsc_sparse, cost_of_now(clock));
  expect(tsc_line, cost_of_now(clock));
  expect(tsc_now, cost_of_now(clock));
}

}  // namespace
