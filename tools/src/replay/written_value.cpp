#include "written_value.hpp"

#include <algorithm>

#include "bad_input.hpp"

namespace weir::tools {

std::string name_at(std::string_view key, const file_place& at) {
  std::string name(key);
  if (!at.file.empty()) return name;
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

std::string assignment(std::string_view key, const written_value& value) {
  if (value.at.file.empty()) return name_at(key, value.at) + ' ' + value.text;
  return std::string(key) + " = " + (value.as == written_as::word ? quoted(value.text) : value.text);
}

}  // namespace weir::tools
