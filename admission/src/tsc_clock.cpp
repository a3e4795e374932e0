// The time-stamp counter as a clock, where it can be trusted.
#include <weir/admission/tsc_clock.hpp>

#include <new>

#include "counter_facts.hpp"
#include "futex_sleep.hpp"

namespace weir {

time_point tsc_clock::now() const noexcept { return is_tsc() ? clock_.now() : detail::steady_now(); }

void tsc_clock::wait_until(const detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                           time_point until) const noexcept {
  detail::sleep_by(*this, word, expected, until);
}

const tsc_clock& tsc_clock_source() noexcept {
  // Never destroyed, as the steady clock.
  alignas(tsc_clock) static unsigned char storage[sizeof(tsc_clock)];
  static const tsc_clock* const instance = new (storage) tsc_clock(detail::reason_against_counter());
  return *instance;
}

}  // namespace weir
