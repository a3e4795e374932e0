// Shuts a door for a while after so many of those that were let in, or waited, have expired in a row.
#pragma once

#include <cstdint>

#include <weir/admission/clock.hpp>
#include <weir/admission/limits.hpp>
#include <weir/queues/mutex.hpp>

namespace weir::detail {

/// States: off, or counting; shut until a time; then counting again, with one expiry missing to the next pause, until
/// something ends in time. Who asks looks at one word; the rest is rare. Protocol: admission/limits.md, "Breaker".
class breaker {
 public:
  explicit breaker(const breaker_limits& configured) noexcept { set(configured); }

  /// Changes the rule. Switched off it is open; else it stays as it is.
  void set(const breaker_limits& to) noexcept;
  [[nodiscard]] breaker_limits configured() const noexcept;

  /// Whether ends are to be told. Wait-free.
  [[nodiscard]] bool is_on() const noexcept { return most_.load(memory_order_relaxed) != 0; }
  /// False: it is open. Else maybe not: ask for the rest of the pause. Wait-free.
  [[nodiscard]] bool may_be_shut() const noexcept { return is_shut_.load(memory_order_relaxed); }
  /// How much is left of the pause; zero, and it is open, when that is over.
  [[nodiscard]] duration pause_at(time_point now) noexcept;

  /// Something has expired. Shuts, maybe.
  void note_expired(time_point now) noexcept;
  /// Something has ended in time. Wait-free.
  void note_in_time() noexcept {
    // Relaxed, a number alone. Read first, since many end in time while nothing expires.
    if (in_a_row_.load(memory_order_relaxed) != 0) in_a_row_.store(0, memory_order_relaxed);
  }

 private:
  // The rule; 0: off. Writer: set. Readers: all; relaxed, numbers alone.
  atomic<std::int64_t> most_{0};
  atomic<std::int64_t> pause_{0};  // nanoseconds
  // Expiries since something ended in time. Writers: all. One that comes between a reading and the writing of a 0 is
  // lost: with others that end in time at that very moment, it was not in a row.
  atomic<std::int64_t> in_a_row_{0};
  // Whether there is a pause, under the lock of which it is written. Readers: who asks; relaxed: who reads the one
  // before is of before.
  atomic<bool> is_shut_{false};

  mutable mutex mutex_;
  time_point until_ WEIR_GUARDED_BY(mutex_) = time_point::min();
};

}  // namespace weir::detail
