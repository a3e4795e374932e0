#include "report_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "bad_input.hpp"

namespace weir::tools {

namespace {

// The one of this process's outputs that is the file at `path`, or -1.
int output_at(const std::string& path) {
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0) return -1;
  for (const int output : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat own {};
    if (::fstat(output, &own) == 0 && own.st_dev == there.st_dev && own.st_ino == there.st_ino) return output;
  }
  return -1;
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Whether a file may take the place of the one at `path`, or come there. Sets errno.
bool can_be_replaced(const std::string& path, bool exists) {
  if (exists && ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) return false;
  return ::faccessat(AT_FDCWD, folder_of(path).c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

// Returns 0, or what went wrong.
int write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t done = ::write(file, content.data(), content.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(done));
  }
  return 0;
}

bad_input not_written(const std::string& flag, const std::string& path, int error) {
  return bad_input(flag + ' ' + path + ": the report could not be written (" + std::strerror(error) +
                   "), all of it needs room there, make some or choose another file");
}

}  // namespace

report_file::report_file(std::string path, const char* flag) : path_(std::move(path)), flag_(flag) {
  const int output = output_at(path_);
  struct stat status {};
  const bool exists = ::lstat(path_.c_str(), &status) == 0;
  if (output >= 0) {
    file_ = ::fcntl(output, F_DUPFD_CLOEXEC, 0);  // with its place in the file
    if (file_ >= 0) return;
  } else if (exists ? S_ISREG(status.st_mode) : errno == ENOENT) {
    if (exists) mode_ = status.st_mode & 0777U;
    if (can_be_replaced(path_, exists)) return;
  } else if (exists) {
    file_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    from_its_start_ = true;
    if (file_ >= 0) return;
  }
  const std::string reason = std::strerror(errno);
  throw bad_input(flag_ + (' ' + path_) + ": nothing can be written there (" + reason +
                  "), a file in an existing folder is needed, choose another");
}

report_file::~report_file() {
  if (file_ >= 0) ::close(file_);
}

void report_file::write(std::string_view content) {
  if (file_ < 0) return replace(content);
  struct stat status {};
  if (from_its_start_ && ::fstat(file_, &status) == 0 && S_ISREG(status.st_mode) && ::ftruncate(file_, 0) != 0) {
    throw not_written(flag_, path_, errno);
  }
  if (const int error = write_all(file_, content); error != 0) throw not_written(flag_, path_, error);
}

void report_file::replace(std::string_view content) {
  // Never one that is there already: it may be a link that someone else has put there.
  const std::string name = folder_of(path_) + "/.weir-report-" + std::to_string(::getpid());
  std::string part;
  int file = -1;
  for (int attempt = 0; file < 0 && attempt < 100; ++attempt) {
    part = name + (attempt > 0 ? '.' + std::to_string(attempt) : std::string());
    file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_);
    if (file < 0 && errno != EEXIST) break;
  }
  if (file < 0) throw not_written(flag_, path_, errno);
  int error = write_all(file, content);
  if (::close(file) != 0 && error == 0) error = errno;
  if (error == 0 && std::rename(part.c_str(), path_.c_str()) != 0) error = errno;
  if (error == 0) return;
  ::unlink(part.c_str());
  throw not_written(flag_, path_, error);
}

}  // namespace weir::tools
