// The same arrivals through oneTBB, as services use it: without limits, or behind a counter that is checked and then
// raised.
#pragma once

#include <cstdint>

#include "outcome.hpp"
#include "run_plan.hpp"

namespace weir::tools {

enum class tbb_door : std::uint8_t {
  open,     ///< every request is enqueued in a task_arena
  counter,  ///< refused while a counter of tasks or of weight stands at its limit: load, compare, then add
};

/// Runs all of the plan with the probes and clocks of our own run. Deadlines, cancels, rate and waiters have no
/// counterpart and are left out, as such code leaves them out. Blocking. @throws bad_input if the input changed.
[[nodiscard]] outcome run_on_tbb(const run_plan& plan, tbb_door door);

}  // namespace weir::tools
