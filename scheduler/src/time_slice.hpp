// How long the system lets a thread run before another one that waits has its turn.
#pragma once

#include <weir/admission/clock.hpp>

namespace weir::detail {

/// Asks for turns of `slice` for the calling thread; zero: leaves it as it is. A wish: a system that knows none, or
/// does not allow it, and a thread whose policy is not the default one, go on as before. Blocking: two system calls.
void ask_for_time_slice(duration slice) noexcept;

}  // namespace weir::detail
