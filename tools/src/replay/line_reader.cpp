#include "line_reader.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "bad_input.hpp"

namespace weir::tools {

namespace {

constexpr std::size_t longest_line = 4096;
constexpr std::size_t buffer_bytes = 64 * 1024;

std::string reason() { return " (" + std::string(std::strerror(errno)) + ")"; }

}  // namespace

line_reader::line_reader(std::string path) : path_(std::move(path)), buffer_(buffer_bytes) {
  // O_NONBLOCK: opening a pipe that nobody writes must not hang before fstat can refuse it.
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) {
    throw bad_input_at(path_, 1, 1, "the file cannot be opened" + reason(), "a file that can be read is needed",
                       "check the path");
  }
  struct stat status {};
  const bool known = ::fstat(file_, &status) == 0;
  if (known && S_ISREG(status.st_mode)) return;
  const bool directory = known && S_ISDIR(status.st_mode);
  ::close(file_);
  throw bad_input_at(path_, 1, 1, directory ? "this is a directory" : "this is no regular file",
                     "a regular file is needed since it is read more than once",
                     directory ? "name a file in it" : "save the data to a file first");
}

line_reader::~line_reader() { ::close(file_); }

bool line_reader::next(std::string_view& line) {
  for (;;) {
    const std::size_t unread = end_ - begin_;
    const char* const start = buffer_.data() + begin_;
    const void* const found = unread == 0 ? nullptr : std::memchr(start, '\n', unread);
    const std::size_t length =
        found == nullptr ? unread : static_cast<std::size_t>(static_cast<const char*>(found) - start);
    if (length > longest_line) {
      throw bad_input_at(path_, line_number_ + 1, longest_line + 1, "the line is too long",
                         "a line has at most " + std::to_string(longest_line) + " bytes",
                         "check that this is a CSV file");
    }
    if (found != nullptr) {
      line = take(length, 1);
      return true;
    }
    if (refill()) continue;
    if (unread == 0) return false;
    line = take(unread, 0);
    return true;
  }
}

std::string_view line_reader::take(std::size_t length, std::size_t skip) {
  std::string_view line(buffer_.data() + begin_, length);
  begin_ += length + skip;
  ++line_number_;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

bool line_reader::refill() {
  if (at_end_) return false;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  ssize_t got = 0;
  do {
    got = ::read(file_, buffer_.data() + end_, buffer_.size() - end_);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    throw bad_input_at(path_, line_number_ + 1, 1, "the file cannot be read" + reason(), "all of it is needed",
                       "check the disk");
  }
  if (got == 0) at_end_ = true;
  end_ += static_cast<std::size_t>(got);
  return got > 0;
}

void line_reader::rewind() {
  if (::lseek(file_, 0, SEEK_SET) != 0) {
    throw bad_input_at(path_, 1, 1, "the file cannot be read again" + reason(), "a regular file is needed",
                       "save it to a file first");
  }
  begin_ = 0;
  end_ = 0;
  at_end_ = false;
  line_number_ = 0;
}

}  // namespace weir::tools
