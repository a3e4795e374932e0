// Ctrl-C: the first asks the run to end, the second ends the process with status 130.
//
// Progress: the handler is a few operations on atomics and two system calls, all of which a signal handler may use.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <thread>

#include <weir/queues/sync.hpp>

namespace weir::tools {

/// What comes that soon after an interrupt is the same one: a terminal, `timeout` and the like signal a process and
/// then the group that it is in.
inline constexpr std::chrono::milliseconds same_interrupt{200};

/// While one lives, SIGINT and SIGTERM only set a flag, the first time. One that was ignored stays ignored, as a shell
/// wants it for what runs in its background. One at a time in a process.
class interrupt_watch {
 public:
  interrupt_watch();
  ~interrupt_watch();  ///< Restores what was there before.
  interrupt_watch(const interrupt_watch&) = delete;
  interrupt_watch& operator=(const interrupt_watch&) = delete;

  /// Whether one has come. Any thread; wait-free.
  [[nodiscard]] static bool interrupted() noexcept;

 private:
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
};

/// Does something at the first interrupt, on a thread of its own, wherever the others are held up: at most once, and
/// not after the destructor, which waits for it.
class on_interrupt {
 public:
  explicit on_interrupt(std::function<void()> what);
  ~on_interrupt();
  on_interrupt(const on_interrupt&) = delete;
  on_interrupt& operator=(const on_interrupt&) = delete;

 private:
  void sleep_and_do();

  std::function<void()> what_;
  // 1 once nothing is to be done any more. Writer: the destructor. Reader: the thread.
  // (1) over: relaxed; the change of the word that it sleeps on, which follows, publishes it.
  detail::atomic<std::uint32_t> over_{0};
  std::thread thread_;
};

}  // namespace weir::tools
