// Starting a thread of weir's own: it has a name and blocks every asynchronous signal, so that the host's handlers run
// on the host's threads.
#pragma once

#include <csignal>
#include <pthread.h>
#include <string>
#include <utility>

#include <weir/queues/sync.hpp>

namespace weir::detail {

/// @param name  at most 15 bytes, the limit of the system.
/// @throws std::system_error if there is no thread to be had.
template <typename Body>
[[nodiscard]] raw_thread start_thread(const std::string& name, Body body) {
  // Blocked around the creation, since the new thread inherits the mask: no moment without it.
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  for (const int synchronous : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
    sigdelset(&blocked, synchronous);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  struct restore {
    const sigset_t* mask;
    ~restore() { pthread_sigmask(SIG_SETMASK, mask, nullptr); }
  } const on_exit{&before};
  return raw_thread([name, run = std::move(body)]() mutable {
    pthread_setname_np(pthread_self(), name.c_str());
    run();
  });
}

}  // namespace weir::detail
