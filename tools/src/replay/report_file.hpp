// The file that --json names: found to be writable before anything starts, and complete or untouched at the end.
#pragma once

#include <string>
#include <string_view>

namespace weir::tools {

class report_file {
 public:
  /// @throws bad_input if nothing can be written there.
  explicit report_file(std::string path);
  ~report_file();  ///< Without `write`, nothing has changed at the path.
  report_file(const report_file&) = delete;
  report_file& operator=(const report_file&) = delete;

  /// Once. A regular file is replaced as a whole; anything else, such as a pipe, is written to. @throws
  /// std::runtime_error
  void write(std::string_view content);

 private:
  std::string path_;
  std::string part_;  // written first and then renamed; empty: path_ is written to itself
  int file_ = -1;
};

}  // namespace weir::tools
