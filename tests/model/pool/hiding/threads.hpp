// A stand-in for scheduler/src/threads.hpp: the stacks are those of the scenario.
#pragma once

namespace weir::detail {

inline bool this_stack_has_room() noexcept { return true; }

}  // namespace weir::detail
