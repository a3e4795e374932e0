// Who computes: the caller alone, weir, or oneTBB. An algorithm that is written once for all of them differs only in
// its forks.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_invoke.h>
#include <oneapi/tbb/task_arena.h>

#include <utility>

#include <weir/scheduler/fork_join.hpp>
#include <weir/scheduler/pool.hpp>

namespace weir::perf {

struct alone {
  explicit alone(std::int64_t) {}
  template <typename F>
  auto run(F&& f) {
    return f();
  }
  template <typename... Fs>
  static void all(Fs&&... fs) {
    (fs(), ...);
  }
};

class by_weir {
 public:
  explicit by_weir(std::int64_t workers) : pool_({.workers = workers}) {}
  template <typename F>
  auto run(F&& f) {
    return *pool_.run({}, std::forward<F>(f));
  }
  template <typename... Fs>
  static void all(Fs&&... fs) {
    weir::fork_join(fs...);
  }

  weir::pool& pool() { return pool_; }

 private:
  weir::pool pool_;
};

/// The calling thread is one of the workers here.
class by_tbb {
 public:
  explicit by_tbb(std::int64_t workers)
      : threads_(oneapi::tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(workers)),
        arena_(static_cast<int>(workers)) {}
  template <typename F>
  auto run(F&& f) {
    return arena_.execute(f);
  }
  /// On another thread than the caller's, surely: of a spawned task oneTBB promises that only to who waits for it.
  template <typename F>
  void enqueue(F f) {
    arena_.enqueue(f);
  }
  template <typename... Fs>
  static void all(Fs&&... fs) {
    oneapi::tbb::parallel_invoke(fs...);
  }

 private:
  oneapi::tbb::global_control threads_;
  oneapi::tbb::task_arena arena_;
};

}  // namespace weir::perf
