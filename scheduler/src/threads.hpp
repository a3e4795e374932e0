// Starting a thread of weir's own: named, and blocking every asynchronous signal, so that the host's handlers run on
// the host's threads.
#pragma once

#include <csignal>
#include <cstddef>
#include <pthread.h>
#include <string>
#include <thread>
#include <utility>

namespace weir::detail {

/// @param name  at most 15 bytes, the limit of the system.
/// @throws std::system_error if there is no thread to be had.
template <typename Body>
[[nodiscard]] std::thread start_thread(const std::string& name, Body body) {
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
  return std::thread([name, run = std::move(body)]() mutable {
    pthread_setname_np(pthread_self(), name.c_str());
    run();
  });
}

/// Where the stack of the calling thread ends; null if the system does not tell.
[[nodiscard]] inline const std::byte* end_of_this_stack() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return nullptr;
  void* lowest = nullptr;
  std::size_t size = 0;
  const bool known = pthread_attr_getstack(&attributes, &lowest, &size) == 0;
  pthread_attr_destroy(&attributes);
  return known ? static_cast<const std::byte*>(lowest) : nullptr;
}

}  // namespace weir::detail
