// What runs, for a shutdown report, on threads that are no workers of the pool.
#pragma once

#include <vector>

#include <weir/queues/mutex.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/shutdown.hpp>

namespace weir::detail {

/// Tasks that those threads run, such as a submission of overflow::caller_runs, and groups outside of tasks.
class tasks_on_callers {
 public:
  /// One of them, for as long as it runs.
  class entry {
   public:
    entry(tasks_on_callers& all, const frame& f) noexcept;
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;
    ~entry();

   private:
    friend class tasks_on_callers;
    tasks_on_callers* all_;
    straggler shown_;
    entry* next_ = nullptr;  // guarded by the list's lock
    entry* prev_ = nullptr;
  };

  void list(std::vector<straggler>& out) const;

 private:
  mutable mutex mutex_;
  entry* first_ WEIR_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace weir::detail
