// Ctrl-C: the first asks the run to end, the second ends the process with status 130.
#pragma once

#include <csignal>

namespace weir::tools {

/// While one lives, SIGINT and SIGTERM only set a flag, the first time. One at a time in a process.
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

}  // namespace weir::tools
