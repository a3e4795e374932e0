// What it costs to take work from another worker: the time of a fork that is stolen while its other side waits, and of
// each task of a long queue that another worker empties.
#include <oneapi/tbb/task_group.h>

#include <memory>

#include "contenders.hpp"
#include "counts_by_worker.hpp"
#include "measure.hpp"

namespace weir::perf {
namespace {

using clock = std::chrono::steady_clock;

/// A word between two workers.
class flag {
 public:
  void set(bool to = true) noexcept { value_.store(to, detail::memory_order_release); }             // (1)
  [[nodiscard]] bool is_set() const noexcept { return value_.load(detail::memory_order_acquire); }  // (1)
  /// False: it was not set for a millisecond.
  [[nodiscard]] bool is_soon_set() const noexcept {
    const auto limit = clock::now() + std::chrono::milliseconds(1);
    while (!is_set()) {
      for (int i = 0; i < 64 && !is_set(); ++i) detail::cpu_pause();
      if (clock::now() >= limit) return is_set();
    }
    return true;
  }

 private:
  // (1) set: release store by one worker -> acquire load by the other.
  detail::atomic<bool> value_{false};
};

// A fork must not wait for another. Here one does, for a millisecond at most, in case that nobody comes; then it is
// tried once more, and not counted.
template <typename With>
void steal_fork(benchmark::State& state) {
  With contender(2);
  std::int64_t missed = 0;
  contender.run([&] {
    const auto try_once = [&] {
      flag begun;
      bool was_stolen = false;
      const auto from = clock::now();
      With::fork([&] { was_stolen = begun.is_soon_set(); }, [&] { begun.set(); });
      state.SetIterationTime(seconds_since(from));
      return was_stolen;
    };
    for (auto _ : state) {
      for (int tries = 1; !try_once(); ++tries, ++missed) require(tries < 10'000, "a fork that nobody steals");
    }
    return 0;
  });
  state.counters["missed"] = static_cast<double>(missed);
}

struct weir_thief : by_weir {
  using by_weir::by_weir;
  template <typename Left, typename Right>
  static void fork(Left left, Right right) {
    weir::fork_join(left, right);
  }
  template <typename F>
  void spawn(F f) {
    require(pool().post({}, f).has_value(), "room for a task");
  }
  template <typename F>
  void start_elsewhere(F f) {
    spawn(f);
  }
  void join() {}
  static int worker() { return current_worker(); }
};

struct tbb_thief : by_tbb {
  using by_tbb::by_tbb;
  template <typename Left, typename Right>
  static void fork(Left left, Right right) {
    oneapi::tbb::task_group group;
    group.run(right);
    left();
    group.wait();
  }
  template <typename F>
  void spawn(F f) {
    tasks_.run(f);
  }
  template <typename F>
  void start_elsewhere(F f) {
    enqueue(f);
  }
  void join() { tasks_.wait(); }
  static int worker() { return oneapi::tbb::this_task_arena::current_thread_index(); }

 private:
  oneapi::tbb::task_group tasks_;
};

// One worker fills its deque, while the other is kept busy, and then waits until the other has emptied it.
template <typename With>
void steal_task(benchmark::State& state) {
  const int tasks = sized(10'000, 100);
  auto counts = std::make_unique<counts_by_worker>();
  std::int64_t spawned = 0;
  {
    With contender(2);
    for (auto _ : state) {
      const double seconds = contender.run([&, to = counts.get()] {
        const int mine = With::worker();
        flag held, go;
        contender.start_elsewhere([&] {
          held.set();
          perf::await(
              "the end of a queue that grows", [&] { return go.is_set(); }, detail::cpu_pause);
        });
        perf::await(
            "a thief", [&] { return held.is_set(); }, detail::cpu_pause);
        for (int i = 0; i < tasks; ++i) {
          contender.spawn([to, mine] {
            require(With::worker() != mine, "a task that was stolen");
            to->add_one(With::worker());
          });
        }
        spawned += tasks;
        const auto from = clock::now();
        go.set();
        perf::await(
            "tasks that were stolen", [&] { return to->sum() == spawned; }, detail::cpu_pause);
        const double taken = seconds_since(from);
        contender.join();
        return taken;
      });
      state.SetIterationTime(seconds);
    }
  }
  require(counts->sum() == spawned, "a task ran twice");
  count_items(state, "steal", tasks);
}

BENCHMARK(steal_fork<weir_thief>)->Name("steal/fork/weir")->UseManualTime();
BENCHMARK(steal_fork<tbb_thief>)->Name("steal/fork/tbb")->UseManualTime();
BENCHMARK(steal_task<weir_thief>)->Name("steal/task/weir")->UseManualTime();
BENCHMARK(steal_task<tbb_thief>)->Name("steal/task/tbb")->UseManualTime();

}  // namespace
}  // namespace weir::perf
