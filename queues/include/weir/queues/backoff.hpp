// How long to wait between two tries of a loop that depends on another thread: a little longer each time, up to a
// bound, and then the rest of the time slice. Progress: as the loop around it; a pause itself is bounded.
#pragma once

#include <weir/queues/sync.hpp>

namespace weir::detail {

/// Doubling pauses, 1 to 64 of the CPU's (some microseconds in all), and after them a yield at each call: the thread
/// that is waited for may need this CPU. Not thread safe: a local of the loop.
class backoff {
 public:
  void pause() noexcept {
    if (round_ > last_round) {
      thread_yield();
      return;
    }
    for (unsigned i = 0; i < 1U << round_; ++i) cpu_pause();
    ++round_;
  }

  /// After a success: the next pause is short again.
  void reset() noexcept { round_ = 0; }

 private:
  static constexpr unsigned last_round = 6;
  unsigned round_ = 0;
};

}  // namespace weir::detail
