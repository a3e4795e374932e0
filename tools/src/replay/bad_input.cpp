#include "bad_input.hpp"

namespace weir::tools {

std::string told(const finding& one) {
  if (one.at.file.empty()) return one.text;
  return place_text(one.at) + ": " + one.text;
}

bad_input bad_input_at(std::string_view file, std::uint64_t line, std::size_t column, std::string_view what,
                       std::string_view limit, std::string_view remedy) {
  std::string message(file);
  message += ':' + std::to_string(line) + ':' + std::to_string(column) + ": ";
  message.append(what).append(", ").append(limit).append(", ").append(remedy);
  return bad_input(message);
}

std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 40;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (const char letter : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte >= 0x20 && byte < 0x7f) {
      out += letter;
    } else {
      out += "\\x";
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  if (text.size() > longest) out += "...";
  out += '"';
  return out;
}

}  // namespace weir::tools
