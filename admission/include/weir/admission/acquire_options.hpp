// What an acquisition can be told beside its weight: a plain struct with designated initialisers.
#pragma once

#include <cstdint>
#include <stop_token>

#include <weir/admission/deadline.hpp>

namespace weir {

/// Order of entry: who waits goes before those of a lower priority (limits::priority_ageing).
enum class priority : std::uint8_t { low, normal, high };

/// Options of one acquisition at a limiter: `acquire({.weight = 8, .until = within(20ms)})`.
struct acquire_options {
  std::int64_t weight = 1;  ///< 1 to max_weight, or to 2,147,483,647; held until the permit is given back.
  /// Until when it waits; past it, it is refused `timed_out`.
  weir::deadline until{};
  /// Of what it is for; past it, it is refused `expired`, with or without a wait.
  weir::deadline deadline{};
  weir::priority priority = priority::normal;
  /// Ends the wait, `cancelled`; requested before the call, nothing is admitted.
  std::stop_token stop{};
};

}  // namespace weir
