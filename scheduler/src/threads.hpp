// How much is left of a thread's stack.
#pragma once

namespace weir::detail {

/// Whether a task may be run on top of what the calling thread runs. A join may run what it waits for on top of itself,
/// and that may join again: the depth is the program's. Near the end of the stack a join is refused rather than the
/// stack overrun.
[[nodiscard]] bool this_stack_has_room() noexcept;

}  // namespace weir::detail
