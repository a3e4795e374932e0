// `weir check`: whether a file of settings is right, without running anything.
#pragma once

#include <iosfwd>
#include <string>

#include "replay/replay.hpp"

namespace weir::tools {

struct check_request {
  std::string file;
  bool explain = false;
};

/// Prints a line for each error, or, where there are none, for each warning, or else that all is well; and, if it was
/// asked for and there are no errors, what the limits will mean. Blocking only to read the file.
/// @returns held, also with warnings; or bad_input
/// @throws bad_input if no file is named
[[nodiscard]] exit_status run_check(const check_request& asked, std::ostream& out);

}  // namespace weir::tools
