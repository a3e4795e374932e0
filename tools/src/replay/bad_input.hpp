// What ends the tool with status 2: something the user gave it that cannot be used, told in one line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace weir::tools {

/// Input or settings that cannot be used. `what()` is the whole message, one line, without the program's name:
/// what was asked, the limit, what to do.
class bad_input : public std::runtime_error {
 public:
  explicit bad_input(const std::string& message) : std::runtime_error(message) {}
};

/// A message about a place in a file: `file:line:column: what, limit, remedy`. Lines and columns (in bytes) start at 1.
[[nodiscard]] bad_input bad_input_at(std::string_view file, std::uint64_t line, std::size_t column,
                                     std::string_view what, std::string_view limit, std::string_view remedy);

/// `text` in quotes, fit for one line of a terminal: control and non-ASCII bytes as \xNN, cut after 40 bytes.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace weir::tools
