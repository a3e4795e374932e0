// Waiting at a gate with the calling thread.
#pragma once

#include <stop_token>

#include <weir/admission/detail/gate.hpp>

namespace weir::detail {

/// Whether the calling thread may sleep in a weir wait. A worker of a pool may not: its own stack could hold up what it
/// waits for.
[[nodiscard]] bool this_thread_may_block() noexcept;
void set_this_thread_may_block(bool may) noexcept;

/// Admits, waiting in the line if need be; the time of the admission, or why not. Blocking; no allocation: the node and
/// the callback of a stop_token that can be stopped are on the stack.
[[nodiscard]] result<admission> acquire(gate& at, const door_request& asked, const std::stop_token& stop = {});

/// The waiting part of it: takes the place and sleeps until the gate has decided.
[[nodiscard]] result<admission> wait_in_line(gate& at, const door_request& asked, gate::place where,
                                             const std::stop_token& stop = {});

}  // namespace weir::detail
