// What ends the tool with status 2: something the user gave it that cannot be used, told in one line each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "written_value.hpp"

namespace weir::tools {

/// Input or settings that cannot be used. `what()` is the whole message, one line, without the program's name:
/// what was asked, the limit, what to do.
class bad_input : public std::runtime_error {
 public:
  explicit bad_input(const std::string& message) : std::runtime_error(message) {}
};

/// One of several things that are wrong, or only doubtful, with what was written.
struct finding {
  file_place at;     ///< without a file: the message names the flag
  std::string text;  ///< what was asked, the limit, what to do; without the place
};

/// `file:line:column: text`, or only the text where there is no file.
[[nodiscard]] std::string told(const finding& one);

/// All that is wrong with the settings. `what()` is the first of them.
class bad_settings : public bad_input {
 public:
  /// @param all  at least one
  explicit bad_settings(std::vector<finding> all) : bad_input(told(all.front())), all_(std::move(all)) {}
  [[nodiscard]] const std::vector<finding>& all() const noexcept { return all_; }

 private:
  std::vector<finding> all_;
};

/// A message about a place in a file: `file:line:column: what, limit, remedy`. Lines and columns (in bytes) start at 1.
[[nodiscard]] bad_input bad_input_at(std::string_view file, std::uint64_t line, std::size_t column,
                                     std::string_view what, std::string_view limit, std::string_view remedy);

/// `text` in quotes, fit for one line of a terminal: control and non-ASCII bytes as \xNN, cut after 40 bytes.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace weir::tools
