// One value as the user wrote it, on the command line or in a file, so that whatever is wrong with it can be told in
// the words and at the place that the user knows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::tools {

/// A place in a file; lines and columns start at 1. Without a file: the command line.
struct file_place {
  std::string file = {};
  std::uint64_t line = 0;
  std::uint64_t column = 0;
};

/// `file:line:column`
[[nodiscard]] std::string place_text(const file_place& at);

/// What a value was, before its text: a file tells 5 from "5".
enum class written_as : std::uint8_t { word, number, truth };

/// A value, not read yet. All that a command line gives are words.
struct written_value {
  written_value() = default;
  written_value(std::string word) : text(std::move(word)) {}  // NOLINT: a word wherever a value is asked for
  written_value(const char* word) : text(word) {}             // NOLINT
  explicit written_value(bool truth) : text(truth ? "true" : "false"), as(written_as::truth) {}

  std::string text = {};
  written_as as = written_as::word;
  file_place at = {};
};

/// What a setting is called where this value was written: `--max-tasks` or `max_tasks`. @param key  as in a file
[[nodiscard]] std::string name_at(std::string_view key, const file_place& at);

/// The setting and its value as they were written there: `--rate 2000`, `rate = 2000`, `overflow = "drop_oldest"`.
[[nodiscard]] std::string assignment(std::string_view key, const written_value& value);

}  // namespace weir::tools
