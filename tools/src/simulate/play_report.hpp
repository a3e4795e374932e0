// What `weir simulate` tells of a play: one plain struct, written as text and as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/admission/limits.hpp>

#include "door_play.hpp"
#include "twin.hpp"

namespace weir::tools {

inline constexpr std::string_view simulate_schema = "weir.simulate/1";

struct play_report {
  std::string input;   ///< what was played, for people
  std::string limits;  ///< under which, for people
  std::vector<std::string> notes;
  weir::limits door;
  unsigned workers = 0;
  play_result seen;
  std::uint64_t recorded_admitted = 0;  ///< of a flight
  std::uint64_t recorded_refused = 0;
  bool is_of_flight = false;
};

/// How much of a limit was in use, as a mean over the time of the arrivals, and at most; nothing where there is none.
struct limit_use {
  std::string name;
  double limit = 0;
  double mean = 0;            ///< a share
  double most = 0;            ///< a share
  double bound_share = 0;     ///< of the time, this was what the head of the line lacked
  std::uint64_t refused = 0;  ///< requests that this refused, or that were too late while they waited for it
};

[[nodiscard]] std::vector<limit_use> uses_of(const play_report& of);

/// For people, with an end of line at its end.
[[nodiscard]] std::string to_text(const play_report& of);

/// For programs: one JSON object and an end of line.
[[nodiscard]] std::string to_json(const play_report& of);
[[nodiscard]] std::string to_json(const twin_result& of, const flight_log& log);

}  // namespace weir::tools
