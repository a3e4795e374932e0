// Which tasks of a pool are timed, and what was measured of them: README.md, section "Counters".
// Progress: wait-free, but for what is counted by threads that are no workers, which is lock-free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <weir/admission/clock.hpp>
#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/metrics.hpp>

#include "latency_counts.hpp"

namespace weir::detail {

class task_timing {
 public:
  /// Takes memory only if some tasks are timed. @throws std::bad_alloc.
  /// @param one_in  pool_options::time_one_in.
  task_timing(std::int64_t one_in, std::size_t workers);

  /// Whether the submission that the calling thread makes is to be timed. To be asked once for each.
  [[nodiscard]] bool takes_next() noexcept {
    if (one_in_ == 0) return false;
    thread_local constinit place_of_thread mine;
    if (mine.of != id_) begin(mine);
    if (mine.left != 0) {
      --mine.left;
      return false;
    }
    begin_next_stretch(mine);
    return true;
  }

  /// Runs the callable of a task that is timed, to the end of its destruction, and counts both of its times.
  [[nodiscard]] run_end run(frame& f, run_context& here) noexcept;
  /// The same of any other one.
  [[nodiscard]] static run_end run_untimed(frame& f, run_context& here) noexcept {
    run_end end = f.ops->run(f, here);
    f.ops->drop(f);
    return end;
  }

  /// Fills in the histograms of `m`. @throws std::bad_alloc.
  void read(pool_metrics& m) const;

 private:
  // Where the calling thread is in its submissions to one pool. These are cut into stretches of `one_in_`, of each of
  // which one is timed, at a place that varies: what comes at regular intervals is then timed as often as all else.
  struct place_of_thread {
    std::uint64_t of = 0;                        // id of the pool
    std::uint32_t left = 0;                      // submissions before the one that is timed
    std::uint32_t after = 0;                     // those behind it, in its stretch
    std::uint64_t random = 0x9E3779B97F4A7C15u;  // state of xorshift64 (Marsaglia 2003); the same in each thread
  };

  struct alignas(cache_line) times {
    latency_counts queue;
    latency_counts run;
  };

  void begin(place_of_thread& mine) const noexcept;
  void begin_next_stretch(place_of_thread& mine) const noexcept;
  [[nodiscard]] std::uint32_t any_place(place_of_thread& mine) const noexcept;
  void count(latency_counts times::*which, int worker, time_point from, time_point to) noexcept;

  const std::uint32_t one_in_;
  const std::uint64_t id_;  // no other pool of the process has or had it
  const std::size_t workers_;
  std::unique_ptr<times[]> all_;  // of each worker, written by it alone; and of all other threads together
};

}  // namespace weir::detail
