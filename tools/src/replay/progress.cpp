#include "progress.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

namespace weir::tools {

namespace {

constexpr std::chrono::milliseconds live_interval{200};
constexpr std::chrono::seconds plain_interval{2};

bool wants_live_line() {
  const char* const terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

// The convention of no-color.org: any value but an empty one.
bool wants_colour() {
  const char* const none = std::getenv("NO_COLOR");
  return none == nullptr || *none == '\0';
}

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void write_error(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

progress::progress(std::string name, std::function<progress_sample()> sample)
    : name_(std::move(name)),
      sample_(std::move(sample)),
      terminal_(wants_live_line()),
      thread_([this] { print_until_done(); }) {}

progress::~progress() {
  done_.store(1, detail::memory_order_relaxed);  // (1)
  detail::futex_wake(&done_, detail::wake_all);
  thread_.join();
}

void progress::print_until_done() {
  const std::chrono::nanoseconds interval = terminal_ ? std::chrono::nanoseconds(live_interval) : plain_interval;
  progress_style style{.name = name_, .colour = terminal_ && wants_colour()};
  progress_sample before;
  auto next = std::chrono::steady_clock::now() + interval;
  bool shown = false;
  while (done_.load(detail::memory_order_relaxed) == 0) {  // (1)
    const auto left = next - std::chrono::steady_clock::now();
    if (left.count() > 0) {
      detail::futex_wait(done_, 0, left);
      continue;
    }
    next += interval;
    const progress_sample now = sample_();
    style.width = terminal_width();
    write_error(terminal_ ? "\r" + live_line(now, before, style) + "\x1b[K" : plain_line(now, before, style) + "\n");
    shown = true;
    // Rates on the live line are over the last second or so, and a plain line covers all since the one before.
    if (!terminal_ || now.elapsed - before.elapsed > std::chrono::seconds(1)) before = now;
  }
  if (terminal_ && shown) write_error("\r\x1b[K");
}

}  // namespace weir::tools
