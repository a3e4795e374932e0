// The stop callbacks of a pool: who has any, and how they are called without a lock and never after their end.
//
// One lock for the whole pool: registering a callback is rare beside running a task, and a task without callbacks never
// comes here. scheduler/README.md tells the protocol.
#pragma once

#include <weir/queues/mutex.hpp>
#include <weir/scheduler/stop_token.hpp>

#include "run_context.hpp"

namespace weir::detail {

class stop_registry {
 public:
  /// Calls the callbacks of all running tasks that are asked to stop by `word`, that of a task or a group. Its stop has
  /// been requested; no new one can come. Linear in the running tasks that have callbacks.
  void deliver(const task_state& word) noexcept;

  /// Requests `cause` of every running task that has callbacks, and calls them.
  void stop_all(stop_cause cause) noexcept;

  /// The end of the run in `context`: after it nobody touches it. Waits for callbacks of it that run on other threads.
  void close(run_context& context) noexcept;

  /// False if the task was asked to stop already: the node is not linked, and the caller calls it now.
  [[nodiscard]] bool link(run_context& context, stop_callback_node& node) noexcept;
  void unlink(stop_callback_node& node) noexcept;

 private:
  template <typename Concerns>
  void call_those(Concerns&& concerns) noexcept WEIR_EXCLUDES(mutex_);
  void call_all(run_context& context) noexcept WEIR_REQUIRES(mutex_);
  // One more thread that calls callbacks of `context`: until it leaves the context stays, and its place in the list.
  void enter(run_context& context) noexcept WEIR_REQUIRES(mutex_);
  // Gives the lock back, and wakes the end of the run if that waits for the last of them.
  void leave(run_context& context) noexcept WEIR_RELEASES(mutex_);
  static void call_one(stop_callback_node& node, std::exception_ptr& error) noexcept;

  mutex mutex_;
  run_context* contexts_ WEIR_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace weir::detail
