// The twin of a door: the same gate on a clock that is told the time, taken once more, on one thread, through all that
// a flight recorder has written.
#pragma once

#include <cstdint>
#include <optional>

#include <weir/admission/flight.hpp>

namespace weir::tools {

/// Where the twin first decided otherwise.
struct flight_difference {
  std::uint64_t ticket = 0;
  flight_entry recorded{};
  /// What the twin wrote with this ticket; empty if nothing: it did less.
  std::optional<flight_entry> twin{};
};

struct twin_result {
  std::uint64_t compared = 0;   ///< entries
  std::uint64_t passed = 0;     ///< entries before the first at which all is known
  std::uint64_t decisions = 0;  ///< of those compared: attempts, grants and refusals
  std::optional<flight_difference> first_difference{};
};

/// Compares every entry, with the state after it, bit for bit, and stops at the first difference. Of what is lost
/// nothing is needed: it begins at the first entry at which nobody is in line.
/// @throws std::invalid_argument if the limits of the log are impossible.
[[nodiscard]] twin_result run_twin(const flight_log& log);

}  // namespace weir::tools
