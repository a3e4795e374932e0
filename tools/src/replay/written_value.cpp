#include "written_value.hpp"

#include <algorithm>

#include "bad_input.hpp"

namespace weir::tools {

std::string place_text(const file_place& at) {
  return at.file + ':' + std::to_string(at.line) + ':' + std::to_string(at.column);
}

std::string name_at(std::string_view key, const file_place& at) {
  std::string name(key);
  if (!at.file.empty()) return name;
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

std::string assignment(std::string_view key, const written_value& value) {
  if (value.at.file.empty()) return name_at(key, value.at) + ' ' + value.text;
  if (value.as == written_as::word) return std::string(key) + " = " + quoted(value.text);
  constexpr std::size_t longest = 40;  // a file may have a number of 300 digits
  return std::string(key) + " = " + value.text.substr(0, longest) + (value.text.size() > longest ? "..." : "");
}

}  // namespace weir::tools
