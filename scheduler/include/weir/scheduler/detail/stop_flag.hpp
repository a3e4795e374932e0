// Whether a worker's forks must look if their task was asked to stop. A flag that is raised after the cause was
// written, and taken down by who then looks. The protocol is in scheduler/forks.md, Stops. Progress: wait-free.
#pragma once

#include <weir/queues/sync.hpp>

namespace weir::detail {

class stop_flag {
 public:
  /// Any thread, after the cause is there.
  void raise() noexcept { (void)up_.exchange(true, memory_order_release); }  // (1)

  /// By the worker, which will look; one load if it is up.
  void raise_own() noexcept {
    if (!is_up()) raise();
  }

  /// By the worker, at each fork.
  [[nodiscard]] bool is_up() const noexcept { return up_.load(memory_order_relaxed); }  // relaxed: (1) follows

  /// By the worker, before it looks.
  void take_down() noexcept { (void)up_.exchange(false, memory_order_acquire); }  // (1)

 private:
  // Writers: who asks any task of the pool to stop, and this worker.
  // (1) raised: release exchange, after the cause -> acquire exchange by the worker. All writes are read-modify-writes,
  //     so that each continues the release sequences of those before: whoever takes the flag down sees the causes of
  //     all who have raised it, and who raises it later finds it down and sends the worker there again.
  atomic<bool> up_{false};
};

}  // namespace weir::detail
