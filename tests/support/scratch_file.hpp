// A file with given content that is gone after the test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>

namespace weir::testing {

/// A fresh file in a fresh folder under the system's folder for temporary files; both are removed by the destructor.
class scratch_file {
 public:
  explicit scratch_file(std::string_view content = {}, const std::string& name = "trace.csv") {
    std::string folder = (std::filesystem::temp_directory_path() / "weir-test-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no folder for temporary files: " + folder);
    folder_ = folder;
    path_ = folder_ / name;
    write(content);
  }
  ~scratch_file() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;

  void write(std::string_view content) {
    std::ofstream out(path_, std::ios::binary | std::ios::trunc);
    out << content;
    if (!out.flush()) throw std::runtime_error("cannot write " + path_.string());
  }

  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::string folder() const { return folder_.string(); }

 private:
  std::filesystem::path folder_;
  std::filesystem::path path_;
};

}  // namespace weir::testing
