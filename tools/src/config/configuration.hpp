// Settings from a file: its sections and names brought to the settings that they mean.
#pragma once

#include <string>
#include <vector>

#include "replay/bad_input.hpp"
#include "replay/settings.hpp"
#include "traffic.hpp"

namespace weir::tools {

/// What a file says, not checked yet but for its names.
struct configuration {
  written_settings written;
  written_traffic expected;
  std::vector<finding> wrong;  ///< names that are unknown or stand for the wrong thing
};

/// Reads the file. Blocking.
/// @throws bad_settings if it cannot be read or is no TOML
[[nodiscard]] configuration read_configuration(const std::string& path);

/// The settings of a file, and over them those of the command line. Where the command line leaves a value of the file
/// without meaning, that value is left out: its burst behind `--rate unlimited`, its waiters behind `--door try`.
[[nodiscard]] written_settings merged(written_settings file, const written_settings& command_line);

/// What to replay, by a file and the command line.
/// @throws bad_settings with all that is wrong in the file, and with the values of the command line
[[nodiscard]] settings configured(const std::string& path, const written_settings& command_line);

/// Sorts them as they stand in the file, the command line's first.
void sort_by_place(std::vector<finding>& all);

}  // namespace weir::tools
