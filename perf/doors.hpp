// Pools of two workers as those see them who hand work in from outside: weir's door, and oneTBB's arena.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <thread>
#include <utility>

#include <weir/scheduler/pool.hpp>
#include <weir/scheduler/this_task.hpp>

namespace weir::perf {

inline constexpr int door_workers = 2;

class weir_door {
 public:
  explicit weir_door(pool_options options = {}) : pool_(with_workers(options)) {}

  /// Posts until it is admitted or waits at the door.
  template <typename F>
  void post(F f) {
    while (!pool_.post({}, f)) std::this_thread::yield();
  }
  /// In a task: the index of its worker.
  static int worker() { return current_worker(); }

  weir::pool& pool() { return pool_; }

 private:
  static pool_options& with_workers(pool_options& options) {
    options.workers = door_workers;
    return options;
  }

  weir::pool pool_;
};

/// Every limit is looked at, and none refuses.
class limited_weir_door : public weir_door {
 public:
  limited_weir_door()
      : weir_door(
            {.limits = {.max_weight = 1'000'000'000, .rate = per_second(1'000'000'000), .burst = 1'000'000'000}}) {}
};

/// A flight recorder keeps what the door decides.
class recorded_weir_door : public weir_door {
 public:
  recorded_weir_door() : weir_door({.limits = {.flight_entries = 65'536}}) {}
};

/// No task is timed, or each, and not one in 64.
class untimed_weir_door : public weir_door {
 public:
  untimed_weir_door() : weir_door({.time_one_in = 0}) {}
};
class timed_weir_door : public weir_door {
 public:
  timed_weir_door() : weir_door({.time_one_in = 1}) {}
};

class tbb_door {
 public:
  template <typename F>
  void post(F f) {
    arena_.enqueue(std::move(f));
  }
  static int worker() { return oneapi::tbb::this_task_arena::current_thread_index(); }

 private:
  // All slots of the arena are for threads of its own, of which there are by default one fewer than CPUs.
  oneapi::tbb::global_control threads_{oneapi::tbb::global_control::max_allowed_parallelism, door_workers + 1};
  oneapi::tbb::task_arena arena_{door_workers, 0};
};

}  // namespace weir::perf
