// What runs, for a shutdown report: tasks by name and place of submission, which are literals, so that nothing dangles
// when one of them ends meanwhile.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <vector>

#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/shutdown.hpp>

namespace weir::detail {

/// Those on the stack of one worker: a task, and what it runs on top of itself. Written by that worker alone,
/// wait-free, and read by anybody at any time: a reader may see a task that has just ended, or one beside another that
/// has replaced it.
class running_tasks {
 public:
  void enter(task_name name, const std::source_location& where) noexcept {
    const std::uint32_t depth = depth_.load(memory_order_relaxed);  // relaxed: this thread's own
    if (depth < slots_.size()) {
      slots_[depth].name.store(name, memory_order_relaxed);
      slots_[depth].where.store(where, memory_order_relaxed);
    }
    depth_.store(depth + 1, memory_order_release);  // (1)
  }
  void leave() noexcept { depth_.store(depth_.load(memory_order_relaxed) - 1, memory_order_release); }  // (1)
  /// The outermost first; of those that lie deeper than can be kept, nothing but that they are there.
  void list(int worker, std::vector<straggler>& out) const;

 private:
  struct slot {
    atomic<task_name> name{};  // both relaxed: (1) publishes them
    atomic<std::source_location> where{};
  };

  std::array<slot, 8> slots_;
  // How many tasks are on the stack. Writer: the worker. Readers: reports.
  // (1) entered, left: release store -> acquire load; the slots below it have been written. Leaving too: C++20 ends a
  //     release sequence at a relaxed store, and what is below stays to be read.
  atomic<std::uint32_t> depth_{0};
};

/// Those that threads run which are no workers of the pool, such as a submission of overflow::caller_runs.
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
