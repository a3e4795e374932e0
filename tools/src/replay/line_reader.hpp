// Reads a file line by line through one buffer of fixed size, so that memory does not depend on the file. Blocking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tools {

/// The lines of a regular file, ended by LF or CR LF or, the last one, by the end of the file. For one thread at a
/// time.
class line_reader {
 public:
  /// @throws bad_input if `path` is no regular file that can be read.
  explicit line_reader(std::string path);
  ~line_reader();
  line_reader(const line_reader&) = delete;
  line_reader& operator=(const line_reader&) = delete;

  /// Gives the next line without its end, valid until the next call; false at the end of the file.
  /// @throws bad_input for a line of more than 4,096 bytes or a failed read.
  [[nodiscard]] bool next(std::string_view& line);

  /// Goes back to the first line.
  void rewind();

  /// The number of the line that `next` gave last, from 1; 0 before the first.
  [[nodiscard]] std::uint64_t line_number() const noexcept { return line_number_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  [[nodiscard]] bool refill();
  [[nodiscard]] std::string_view take(std::size_t length, std::size_t skip);

  std::string path_;
  int file_ = -1;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // the unread part of buffer_ is [begin_, end_)
  std::size_t end_ = 0;
  bool at_end_ = false;
  std::uint64_t line_number_ = 0;
};

}  // namespace weir::tools
