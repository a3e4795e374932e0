#include "report_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "bad_input.hpp"

namespace weir::tools {

report_file::report_file(std::string path) : path_(std::move(path)) {
  struct stat status {};
  const bool exists = ::stat(path_.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    file_ = S_ISDIR(status.st_mode) ? (errno = EISDIR, -1) : ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    part_ = path_ + ".part" + std::to_string(::getpid());
    const mode_t mode = exists ? status.st_mode & 0777U : 0666U;
    file_ = exists && ::access(path_.c_str(), W_OK) != 0
                ? -1
                : ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  }
  if (file_ >= 0) return;
  const std::string reason = std::strerror(errno);
  throw bad_input("--json " + path_ + ": nothing can be written there (" + reason +
                  "), a file in an existing folder is needed, choose another");
}

report_file::~report_file() {
  if (file_ >= 0) ::close(file_);
  if (!part_.empty()) ::unlink(part_.c_str());
}

void report_file::write(std::string_view content) {
  while (!content.empty()) {
    const ssize_t done = ::write(file_, content.data(), content.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw std::runtime_error("the report could not be written to " + path_ + ": " + std::strerror(errno));
    content.remove_prefix(static_cast<std::size_t>(done));
  }
  if (part_.empty()) return;
  if (std::rename(part_.c_str(), path_.c_str()) != 0) {
    throw std::runtime_error("the report could not be put at " + path_ + ": " + std::strerror(errno));
  }
  part_.clear();
}

}  // namespace weir::tools
