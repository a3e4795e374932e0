// The time-stamp counter's clock as a service has it that has run for a while: its readings are dearer in its first
// tenth of a second, and each answer here is a new process.
#pragma once

#include <weir/admission/tsc_clock.hpp>

#include "measure.hpp"

namespace weir::perf {

[[nodiscard]] inline const clock_source& warm_tsc_clock() {
  static const clock_source& clock = []() -> const clock_source& {
    const clock_source& cold = tsc_clock_source();
    const time_point until = cold.now() + sized(std::chrono::milliseconds(100), std::chrono::milliseconds(1));
    while (cold.now() < until) {
    }
    return cold;
  }();
  return clock;
}

}  // namespace weir::perf
