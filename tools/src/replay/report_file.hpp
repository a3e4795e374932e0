// A file that --json or --flight names: found to be writable before anything starts, and complete or untouched at the
// end.
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

namespace weir::tools {

class report_file {
 public:
  /// Looks, and changes nothing. @param flag  that names it. @throws bad_input if nothing can be written there.
  explicit report_file(std::string path, const char* flag = "--json");
  ~report_file();
  report_file(const report_file&) = delete;
  report_file& operator=(const report_file&) = delete;

  /// Once. A regular file is replaced as a whole, by way of a part file beside it. Anything else that the path names,
  /// such as a pipe or a link, is written to where it is; and so is the standard output, behind what stands there.
  /// @throws bad_input if that fails; a regular file is then as it was.
  void write(std::string_view content);

 private:
  void replace(std::string_view content);

  std::string path_;
  const char* flag_;
  mode_t mode_ = 0666;  // of the file that takes the path's place
  int file_ = -1;       // open if it is written to where it is
  bool from_its_start_ = false;
};

}  // namespace weir::tools
