// Something that happens in a test, once or a number of times, and threads that wait for it asleep, with the limit of
// eventually.hpp.
#pragma once

#include <chrono>
#include <cstdint>

#include <weir/queues/sync.hpp>

#include "support/eventually.hpp"

namespace weir::testing {

/// A count that goes up and can be awaited. What happened before an `add` happens before the return of a wait that
/// needed it.
class tally {
 public:
  void add() noexcept {
    word_.fetch_add(1, detail::memory_order_acq_rel);  // (1)
    detail::futex_wake(&word_, detail::wake_all);
  }
  [[nodiscard]] std::uint32_t count() const noexcept { return word_.load(detail::memory_order_acquire); }  // (1)

  /// Sleeps until the count is `least` or more; ends the program if that never comes.
  void await(std::uint32_t least, const char* what) const {
    const auto limit = std::chrono::steady_clock::now() + patience;
    for (std::uint32_t seen; (seen = count()) < least;) {
      const auto left = limit - std::chrono::steady_clock::now();
      if (left <= left.zero()) give_up(what);
      detail::futex_wait(word_, seen, left);
    }
  }

 private:
  // How often it has happened. Writers and readers: the threads of the test.
  // (1) added: acq_rel addition -> acquire load by who waits.
  detail::atomic<std::uint32_t> word_{0};
};

/// Happens once.
class event {
 public:
  void set() noexcept { tally_.add(); }
  [[nodiscard]] bool is_set() const noexcept { return tally_.count() != 0; }
  void await(const char* what) const { tally_.await(1, what); }

 private:
  tally tally_;
};

}  // namespace weir::testing
