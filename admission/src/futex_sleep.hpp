// How a clock of the system's time sleeps: by the futex.
#pragma once

#include <cstdint>

#include <weir/admission/clock.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// clock_source::wait_until of a clock that goes at the steady clock's speed.
inline void sleep_by(const clock_source& clock, const atomic<std::uint32_t>& word, std::uint32_t expected,
                     time_point until) noexcept {
  if (until == time_point::max()) {
    futex_wait(word, expected, duration(-1));
    return;
  }
  const time_point present = clock.now();  // compared before it is subtracted: the length to a far past has no number
  if (present < until) futex_wait(word, expected, until - present);
}

}  // namespace weir::detail
