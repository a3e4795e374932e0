// The only translation unit that knows toml++.
#include "toml_items.hpp"

#include <charconv>
#include <cmath>
#include <toml++/toml.h>

#include "replay/bad_input.hpp"

namespace weir::tools {

namespace {

file_place place_of(const toml::source_region& region, const std::string& file) {
  return {.file = file, .line = region.begin.line, .column = region.begin.column};
}

// In plain digits, and with a point, so that whoever wants a whole number sees that this is none.
std::string fraction_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char digits[400];  // the longest is 1 + 309, or 1 + 2 + 324 and its 17 digits
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), number, std::chars_format::fixed);
  std::string text(digits, error == std::errc{} ? end : digits);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

const char* name_of(toml::node_type type) {
  switch (type) {
    case toml::node_type::array:
      return "an array";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time of day";
    case toml::node_type::date_time:
      return "a date and time";
    default:
      return "something else";
  }
}

std::vector<toml_item> items_of(const toml::table& table, const std::string& file, int levels) {
  std::vector<toml_item> all;
  for (auto&& [key, node] : table) {
    toml_item item;
    item.name = key.str();
    item.at = place_of(key.source(), file);
    item.value.at = place_of(node.source(), file);
    item.kind = toml_kind::value;
    if (const auto* const section = node.as_table()) {
      item.kind = toml_kind::section;
      if (levels > 1) item.items = items_of(*section, file, levels - 1);
    } else if (const auto* const word = node.as_string()) {
      item.value.text = word->get();
    } else if (const auto* const whole = node.as_integer()) {
      item.value.text = std::to_string(whole->get());
      item.value.as = written_as::number;
    } else if (const auto* const fraction = node.as_floating_point()) {
      item.value.text = fraction_text(fraction->get());
      item.value.as = written_as::number;
    } else if (const auto* const truth = node.as_boolean()) {
      item.value.text = truth->get() ? "true" : "false";
      item.value.as = written_as::truth;
    } else {
      item.kind = toml_kind::other;
      item.kind_name = node.is_array_of_tables() ? "a list of sections" : name_of(node.type());
    }
    all.push_back(std::move(item));
  }
  return all;
}

// Fit for one line of a terminal. What the library says may quote any letter of the file.
std::string plain(std::string_view description) {
  constexpr std::size_t longest = 200;
  std::string text;
  for (const char letter : description.substr(0, longest)) {
    const bool shown = static_cast<unsigned char>(letter) >= 0x20 && static_cast<unsigned char>(letter) < 0x7f;
    text += shown ? letter : '?';
  }
  return text;
}

}  // namespace

std::vector<toml_item> parse_toml(std::string_view text, const std::string& file) {
  try {
    return items_of(toml::parse(text), file, 2);
  } catch (const toml::parse_error& error) {
    throw bad_settings({{place_of(error.source(), file),
                         "this is no TOML (" + plain(error.description()) +
                             "), words and numbers with units stand in quotes, such as \"250ms\", correct the line"}});
  }
}

}  // namespace weir::tools
