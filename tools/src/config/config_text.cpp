#include "config_text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/bad_input.hpp"

namespace weir::tools {

namespace {

constexpr std::size_t largest_config = 64 * 1024;

// An open file, or none.
class opened_file {
 public:
  explicit opened_file(const char* path) : file_(::open(path, O_RDONLY | O_CLOEXEC)) {}
  ~opened_file() {
    if (file_ >= 0) ::close(file_);
  }
  opened_file(const opened_file&) = delete;
  opened_file& operator=(const opened_file&) = delete;
  [[nodiscard]] int get() const noexcept { return file_; }

 private:
  int file_;
};

[[noreturn]] void refuse_file(const std::string& path, std::uint64_t line, std::uint64_t column,
                              const std::string& why) {
  throw bad_settings({{{.file = path, .line = line, .column = column}, why}});
}

std::string errno_text() { return " (" + std::string(std::strerror(errno)) + ")"; }

// toml++ 3.3 frees nested sections by recursion, and each point of a name may be a level: a line of half a million of
// them would end the program. A line that is a comment cannot have names, unless it also ends a text of several lines.
void require_shallow(const std::string& path, std::string_view text) {
  constexpr std::size_t most_points = 1'000;
  std::size_t points = 0;
  std::uint64_t line = 1;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view one = text.substr(begin, end - begin);
    const std::size_t first = one.find_first_not_of(" \t");
    const bool comment =
        first != std::string_view::npos && one[first] == '#' && one.find_first_of("\"'") == std::string_view::npos;
    if (!comment) points += static_cast<std::size_t>(std::count(one.begin(), one.end(), '.'));
    if (points > most_points) {
      refuse_file(path, line, 1,
                  "there are more than 1000 points in names and values up to here, a setting needs two at most, check "
                  "that this is the file that was meant");
    }
    begin = end + 1;
  }
}

}  // namespace

std::string config_text(const std::string& path) {
  const opened_file file(path.c_str());
  if (file.get() < 0) {
    refuse_file(path, 1, 1,
                "the file cannot be opened" + errno_text() + ", a file that can be read is needed, check the path");
  }
  struct stat status {};
  if (::fstat(file.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    refuse_file(path, 1, 1, "this is a directory, a file is needed, name one in it");
  }
  std::string text(largest_config + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      refuse_file(path, 1, 1, "the file cannot be read" + errno_text() + ", all of it is needed, check the disk");
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > largest_config) {
    refuse_file(path, 1, 1,
                "the file is too long, a configuration has at most 64 KiB, check that this is the file that was meant");
  }
  text.resize(size);
  require_shallow(path, text);
  return text;
}

}  // namespace weir::tools
