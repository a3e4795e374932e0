// A TOML file as sections and settings with their places, for those who need not know the library that reads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "replay/written_value.hpp"

namespace weir::tools {

/// What stands behind a name.
enum class toml_kind : std::uint8_t { value, section, other };

/// A name of the file and what stands behind it.
struct toml_item {
  std::string name;
  file_place at;  ///< of the name
  toml_kind kind = toml_kind::other;
  std::string kind_name;           ///< of what is neither a value nor a section: "an array"
  written_value value;             ///< its place is its own
  std::vector<toml_item> items{};  ///< of a section, down to the second level
};

/// Reads TOML 1.0. @param file  its name, for the places.
/// @throws bad_settings with the place of the first mistake
[[nodiscard]] std::vector<toml_item> parse_toml(std::string_view text, const std::string& file);

}  // namespace weir::tools
