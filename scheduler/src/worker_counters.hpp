// What a worker counts: on lines that only it writes, read by anybody. metrics.hpp says what each number means.
// Progress: wait-free.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/metrics.hpp>

#include "stopwatch.hpp"

namespace weir::detail {

/// A number with one writer, read by anybody at any time: relaxed, since nothing else is concluded from it.
class counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.store(value_.load(memory_order_relaxed) + n, memory_order_relaxed); }
  [[nodiscard]] std::uint64_t read() const noexcept { return value_.load(memory_order_relaxed); }

 private:
  atomic<std::uint64_t> value_{0};
};

/// How the tasks ended that one thread ended, by task_outcome. What is refused is not counted here.
using end_counters = std::array<counter, 4>;

struct alignas(cache_line) worker_counters {
  end_counters ends;
  counter executed;
  counter spawned;
  counter children;
  counter forks_published;
  counter steal_attempts;
  counter steals;
  counter tasks_stolen;
  counter forks_stolen;
  counter parks;
  counter wakes;
  counter injector_polls;
  counter searching;  // nanoseconds
  stopwatch parked;
  stopwatch alive;

  [[nodiscard]] worker_metrics read(stopwatch::instant now) const noexcept {
    worker_metrics m{.executed = executed.read(),
                     .spawned = spawned.read(),
                     .children = children.read(),
                     .forks_published = forks_published.read(),
                     .steal_attempts = steal_attempts.read(),
                     .steals = steals.read(),
                     .tasks_stolen = tasks_stolen.read(),
                     .forks_stolen = forks_stolen.read(),
                     .parks = parks.read(),
                     .wakes = wakes.read(),
                     .injector_polls = injector_polls.read(),
                     .searching = duration(static_cast<std::int64_t>(searching.read())),
                     .parked = parked.read(now)};
    m.busy = std::max(alive.read(now) - m.searching - m.parked, duration::zero());
    return m;
  }

  /// For a scope, the worker sleeps.
  class sleep {
   public:
    explicit sleep(worker_counters& of) noexcept : of_(of) {
      of_.parks.add();
      of_.parked.start(steady_now());
    }
    sleep(const sleep&) = delete;
    sleep& operator=(const sleep&) = delete;
    ~sleep() { of_.parked.stop(steady_now()); }

   private:
    worker_counters& of_;
  };
};

}  // namespace weir::detail
