// Cells of a table for people.
#pragma once

#include <cstdio>
#include <string>

namespace weir::tools {

[[nodiscard]] inline std::string left_cell(const std::string& text, std::size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text;
}
[[nodiscard]] inline std::string right_cell(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : ' ' + text;
}

/// "12.5 %"
[[nodiscard]] inline std::string share_text(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
  return text;
}

}  // namespace weir::tools
