// What one hold of a gate's lock has decided.
#pragma once

#include <cstdint>

#include <weir/admission/clock.hpp>
#include <weir/admission/detail/waiter.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// What was decided under the lock, to be told after it.
struct door_outcomes {
  waiter_list granted;
  waiter_list refused;
  const atomic<std::uint32_t>* head_word = nullptr;  // of a thread at the head, to be woken
  time_point ring_at = time_point::max();
  bool fits_again = false;  // what is held, after a limit was lowered
};

/// Whether the alarm is set again for a head that it was set for before: once it has rung it must be. Else only for an
/// earlier time, after a clock that went back.
enum class door_bell : std::uint8_t { new_head_only, always };

}  // namespace weir::detail
