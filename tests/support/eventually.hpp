// Waiting in a test for what another thread does: with a limit, at which the test program ends and says what did not
// come.
//
// It ends by abort and not by a failed expectation, since the threads that are stuck would keep the test from ending.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <thread>
#include <type_traits>
#include <utility>

#include "support/rounds.hpp"

namespace weir::testing {

/// Far longer than anything that works takes, under any sanitizer on a busy machine; and so many times longer as the
/// stress tests are to take.
inline const std::chrono::seconds patience = std::chrono::seconds(40) * stress_factor();

[[noreturn]] inline void give_up(const char* what) {
  std::fprintf(stderr, "gave up after %lld s: %s\n", static_cast<long long>(patience.count()), what);
  std::fflush(nullptr);  // abort does not: the seed of the run would be lost
  std::abort();
}

/// Returns once `holds()`; ends the program if it never does.
template <typename Predicate>
void eventually(const char* what, Predicate&& holds) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > limit) give_up(what);
    std::this_thread::yield();
  }
}

/// What `coming` brings; ends the program if it never does.
template <typename T>
T get(std::future<T>& coming, const char* what = "a call that should have returned") {
  if (coming.wait_for(patience) != std::future_status::ready) give_up(what);
  return coming.get();
}

/// Runs `f` on a thread of its own. By way of a std::function, since std::async is dear to compile for each callable.
template <typename F>
[[nodiscard]] auto in_background(F&& f) {
  return std::async(std::launch::async, std::function<std::invoke_result_t<F&>()>(std::forward<F>(f)));
}

template <typename T>
[[nodiscard]] bool is_ready(const std::future<T>& coming) {
  return coming.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

}  // namespace weir::testing
