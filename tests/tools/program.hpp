// The real program as a child of a test: started with arguments, watched, signalled, and waited for with a limit.
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "support/eventually.hpp"

namespace weir::testing {

/// How a program is started.
struct start_options {
  std::vector<std::string> environment = {};  ///< added to this program's, which gives neither NO_COLOR nor TERM
  bool on_terminal = false;                   ///< its standard error is a terminal of 200 columns
  bool ignores_interrupts = false;            ///< as a shell starts what runs in its background
  std::string output = {};                    ///< its standard output; empty: it is kept
};

/// What became of it.
struct finished {
  int status = -1;  ///< as a shell has it: 128 and the signal that ended it
  std::string out, err;
};

/// `weir` with these arguments. Ended by the destructor if it still runs. For one thread.
class program {
 public:
  explicit program(std::vector<std::string> arguments, const start_options& how = {}) {
    open_channels(how);
    arguments.insert(arguments.begin(), WEIR_PROGRAM);
    std::vector<std::string> environment = how.environment;
    for (char** one = environ; *one != nullptr; ++one) {
      const std::string text = *one;
      if (text.rfind("NO_COLOR=", 0) != 0 && text.rfind("TERM=", 0) != 0) environment.push_back(text);
    }
    spawn(arguments, environment, how);
    for (int& end : child_ends_) close_end(end);
  }
  ~program() {
    if (!ended_) {
      ::kill(id_, SIGKILL);
      ::waitpid(id_, nullptr, 0);
    }
    for (channel& one : channels_) close_end(one.end);
    for (int& end : child_ends_) close_end(end);
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  [[nodiscard]] pid_t id() const noexcept { return id_; }
  void send(int signal) const { ::kill(id_, signal); }

  /// Waits until it handles SIGINT itself, or, where it was started ignoring that, SIGTERM.
  void await_watch(int signal = SIGINT) {
    await("a program that handles interrupts",
          [&] { return (caught_signals() >> static_cast<unsigned>(signal - 1) & 1U) != 0; });
  }
  /// Waits until its standard error has so many pieces of `text`.
  void await_error(const std::string& text, int least = 1) {
    await("words on the standard error of a program", [&] {
      int count = 0;
      for (std::size_t at = err().find(text); at != std::string::npos; at = err().find(text, at + 1)) ++count;
      return count >= least;
    });
  }
  /// What it has said so far.
  [[nodiscard]] const std::string& out() const noexcept { return channels_[0].text; }
  [[nodiscard]] const std::string& err() const noexcept { return channels_[1].text; }

  /// Whether it ends within that time.
  bool ends_within(std::chrono::nanoseconds time) {
    const auto limit = std::chrono::steady_clock::now() + time;
    while (!has_ended() && std::chrono::steady_clock::now() < limit) {
    }
    return ended_;
  }
  /// Waits for its end.
  finished finish() {
    await("the end of a program", [&] { return has_ended(); });
    take_output();
    return {WIFEXITED(state_) ? WEXITSTATUS(state_) : 128 + WTERMSIG(state_), out(), err()};
  }

 private:
  struct channel {
    int end = -1;
    std::string text;
  };

  static void close_end(int& end) noexcept {
    if (end >= 0) ::close(std::exchange(end, -1));
  }

  void open_channels(const start_options& how) {
    for (std::size_t i = 0; i < 2; ++i) {
      int ends[2] = {-1, -1};
      winsize size{};
      size.ws_row = 24;
      size.ws_col = 200;
      const bool terminal = i == 1 && how.on_terminal;
      const int made = terminal ? ::openpty(&ends[0], &ends[1], nullptr, nullptr, &size) : ::pipe(ends);
      if (made != 0) throw std::system_error(errno, std::generic_category(), "no channel to a program");
      channels_[i].end = ends[0];
      child_ends_[i] = ends[1];
      for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
      ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    }
  }

  void spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
             const start_options& how) {
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    if (how.output.empty()) {
      ::posix_spawn_file_actions_adddup2(&files, child_ends_[0], STDOUT_FILENO);
    } else {
      ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, how.output.c_str(), O_WRONLY | O_CREAT, 0666);
    }
    ::posix_spawn_file_actions_adddup2(&files, child_ends_[1], STDERR_FILENO);

    sigset_t usual;
    ::sigemptyset(&usual);
    posix_spawnattr_t manner;
    ::posix_spawnattr_init(&manner);
    ::posix_spawnattr_setsigmask(&manner, &usual);
    ::sigaddset(&usual, SIGTERM);
    if (!how.ignores_interrupts) ::sigaddset(&usual, SIGINT);
    ::posix_spawnattr_setsigdefault(&manner, &usual);
    ::posix_spawnattr_setflags(&manner, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    struct sigaction before {};
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    if (how.ignores_interrupts) ::sigaction(SIGINT, &ignore, &before);
    const int error =
        ::posix_spawn(&id_, WEIR_PROGRAM, &files, &manner, pointers(arguments).data(), pointers(environment).data());
    if (how.ignores_interrupts) ::sigaction(SIGINT, &before, nullptr);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&manner);
    if (error != 0) throw std::system_error(error, std::generic_category(), "no program " WEIR_PROGRAM);
    ended_ = false;
  }

  static std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (const std::string& one : texts) all.push_back(const_cast<char*>(one.c_str()));
    all.push_back(nullptr);
    return all;
  }

  // As `eventually`, and a program that is given up does not go on by itself.
  template <typename Predicate>
  void await(const char* what, Predicate holds) {
    const auto limit = std::chrono::steady_clock::now() + patience;
    for (take_output(); !holds(); take_output()) {
      if (std::chrono::steady_clock::now() < limit) continue;
      ::kill(id_, SIGKILL);
      std::fprintf(stderr, "it said:\n%s%s", out().c_str(), err().c_str());
      give_up(what);
    }
  }

  bool has_ended() {
    take_output();
    if (!ended_) ended_ = ::waitpid(id_, &state_, WNOHANG) == id_;
    return ended_;
  }

  // A bit each, the lowest for signal 1.
  [[nodiscard]] std::uint64_t caught_signals() const {
    std::ifstream status("/proc/" + std::to_string(id_) + "/status");
    for (std::string name; status >> name;) {
      std::uint64_t mask = 0;
      if (name == "SigCgt:" && status >> std::hex >> mask) return mask;
    }
    return 0;
  }

  // Takes what is there, and waits a moment if there is nothing.
  void take_output() {
    pollfd ready[2] = {{channels_[0].end, POLLIN, 0}, {channels_[1].end, POLLIN, 0}};
    ::poll(ready, 2, 1);
    for (channel& one : channels_) {
      char bytes[4096];
      ssize_t got = 0;
      while (one.end >= 0 && (got = ::read(one.end, bytes, sizeof bytes)) > 0)
        one.text.append(bytes, static_cast<std::size_t>(got));
      if (one.end >= 0 && (got == 0 || errno == EIO)) close_end(one.end);  // EIO: nobody has the terminal any more
    }
  }

  channel channels_[2];
  int child_ends_[2] = {-1, -1};
  pid_t id_ = -1;
  int state_ = 0;
  bool ended_ = true;
};

/// Runs it to its end.
inline finished run_program(std::vector<std::string> arguments, const start_options& how = {}) {
  return program(std::move(arguments), how).finish();
}

}  // namespace weir::testing
