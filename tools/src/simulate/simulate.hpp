// `weir simulate`: the door's decisions once more. Of a flight: whether its twin decides the same; or, under other
// limits, what these would have done. Of a trace: what a door would do to it.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "replay/replay.hpp"
#include "replay/settings.hpp"

namespace weir::tools {

struct simulate_request {
  std::string file;  ///< a flight or a trace
  std::optional<written_value> config;
  written_settings written;  ///< of the command line
};

/// Writes the report to `out`. Blocking.
/// @returns held; or broken, where the twin decided otherwise
/// @throws bad_input if the file or the settings cannot be used, or the report cannot be written
[[nodiscard]] exit_status run_simulate(const simulate_request& asked, std::ostream& out);

}  // namespace weir::tools
