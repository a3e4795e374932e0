// How long a worker that sleeps takes to begin a task, from the call that submits it to the task's first instruction;
// beside a thread that sleeps on a bare futex, and is woken by the same thread in turn with it: the ratio of the
// medians is what counts, since most of it is the machine's. Who submits has slept, too. To wake a CPU that sleeps
// takes five times as long as to go on with another thread on the same one, so which of them it is must not be left to
// chance: all threads are on one CPU, or who submits is on one and all others on another.
#include <algorithm>
#include <memory>
#include <sched.h>
#include <vector>

#include "doors.hpp"
#include "measure.hpp"
#include "probe.hpp"

namespace weir::perf {
namespace {

using clock = std::chrono::steady_clock;

/// Taken by who is woken.
class arrival {
 public:
  void now() noexcept {
    at_ = clock::now();
    come_.store(true, detail::memory_order_release);  // (1)
  }
  [[nodiscard]] clock::time_point await_and_forget() {
    await(
        "a thread that was woken", [&] { return come_.load(detail::memory_order_acquire); }, nap);  // (1)
    come_.store(false, detail::memory_order_relaxed);  // what wakes the next one publishes it
    return at_;
  }

 private:
  clock::time_point at_;
  // Whether at_ is there. (1) come: release store by who was woken -> acquire load by who woke it; publishes at_.
  detail::atomic<bool> come_{false};
};

/// A thread that sleeps until it is woken.
class futex_sleeper {
 public:
  void post(arrival& of) {
    of_ = &of;
    word_.fetch_add(1, detail::memory_order_release);  // (1)
    detail::futex_wake(&word_, 1);
  }
  ~futex_sleeper() {
    of_ = nullptr;
    word_.fetch_add(1, detail::memory_order_release);  // (1)
    detail::futex_wake(&word_, 1);
    thread_.join();
  }

 private:
  void sleep_and_come() {
    for (std::uint32_t seen = 0;; ++seen) {
      while (word_.load(detail::memory_order_acquire) == seen)
        detail::futex_wait(word_, seen, -std::chrono::seconds(1));
      if (of_ == nullptr) return;
      of_->now();
    }
  }

  arrival* of_ = nullptr;
  // How often it was woken. (1) woken: release addition by the owner -> acquire load by the thread; publishes of_.
  detail::atomic<std::uint32_t> word_{0};
  std::thread thread_{[this] { sleep_and_come(); }};
};

struct sleeping_weir {
  void post(arrival& of) {
    door.post([&of] { of.now(); });
  }
  void await_sleep() {
    await(
        "workers that go to sleep", [&] { return door.pool().metrics().asleep == door_workers; }, nap);
  }
  weir_door door;
};

/// Its workers sleep as soon as they find nothing. One that has gone on looking for a while has had more of its CPU
/// than a thread that only sleeps, and so the kernel does not put it before the thread that wakes it there.
struct sleeping_weir_no_search : sleeping_weir {
  sleeping_weir_no_search() : sleeping_weir{weir_door({.search_time = duration::zero()})} {}
};

/// Whether its threads sleep is not to be seen from outside.
struct sleeping_tbb {
  void post(arrival& of) {
    door.post([&of] { of.now(); });
  }
  void await_sleep() {}
  tbb_door door;
};

class latencies {
 public:
  explicit latencies(std::size_t count) { taken_.reserve(count); }
  template <typename Sleeper>
  void take(Sleeper& sleeper, arrival& at) {
    const auto submitted = clock::now();
    sleeper.post(at);
    taken_.push_back(std::chrono::duration<double>(at.await_and_forget() - submitted).count());
  }
  /// Seconds that so many of a hundred are not above.
  [[nodiscard]] double percentile(std::size_t of_hundred) {
    const auto at = taken_.begin() + static_cast<std::ptrdiff_t>(taken_.size() * of_hundred / 100);
    std::nth_element(taken_.begin(), at, taken_.end());
    return *at;
  }

 private:
  std::vector<double> taken_;
};

enum class place { same_cpu, other_cpu };

/// On which CPU the calling thread is from now on, and the threads that it starts: the `which`-th that the process may
/// use, or the last.
void stay_on_cpu(int which) {
  static const cpu_set_t usable = [] {
    cpu_set_t set;
    require(::sched_getaffinity(0, sizeof set, &set) == 0, "CPUs of this thread");
    return set;
  }();
  cpu_set_t one;
  for (int cpu = 0, found = 0; cpu < CPU_SETSIZE && found <= which; ++cpu) {
    if (!CPU_ISSET(static_cast<unsigned>(cpu), &usable)) continue;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(cpu), &one);
    ++found;
  }
  require(::sched_setaffinity(0, sizeof one, &one) == 0, "a CPU for this thread");
}

// In a process of its own, since oneTBB keeps threads that it has started, on their CPUs.
template <typename Sleeper, place Where>
std::vector<double> measure() {
  const std::size_t count = sized<std::size_t>(2'000, 20);
  stay_on_cpu(Where == place::same_cpu ? 0 : 1);
  auto sleeper = std::make_unique<Sleeper>();
  futex_sleeper bare;
  arrival at;
  latencies ours(count), futex(count);
  for (int i = 0; i < 10; ++i) latencies(1).take(*sleeper, at);  // so that all its threads are there
  stay_on_cpu(0);
  for (std::size_t i = 0; i < count; ++i) {
    for (const bool is_bare : {false, true}) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      sleeper->await_sleep();  // before both, so that both find the same caches
      if (is_bare) {
        futex.take(bare, at);
      } else {
        ours.take(*sleeper, at);
      }
    }
  }
  return {ours.percentile(50), ours.percentile(99), futex.percentile(50), futex.percentile(99)};
}

void wake(benchmark::State& state, const probe& of) {
  for (auto _ : state) {
    const std::vector<double> got = of.in_its_own_process();
    state.SetIterationTime(got.at(0));
    state.counters["p50"] = got.at(0);
    state.counters["p99"] = got.at(1);
    state.counters["futex_p50"] = got.at(2);
    state.counters["futex_p99"] = got.at(3);
    state.counters["ratio_p50"] = got.at(0) / got.at(2);
  }
}

const probe weir_same_cpu("wake_weir_same_cpu", measure<sleeping_weir, place::same_cpu>);
const probe weir_other_cpu("wake_weir_other_cpu", measure<sleeping_weir, place::other_cpu>);
const probe weir_no_search_same_cpu("wake_weir_no_search_same_cpu", measure<sleeping_weir_no_search, place::same_cpu>);
const probe weir_no_search_other_cpu("wake_weir_no_search_other_cpu",
                                     measure<sleeping_weir_no_search, place::other_cpu>);
const probe tbb_same_cpu("wake_tbb_same_cpu", measure<sleeping_tbb, place::same_cpu>);
const probe tbb_other_cpu("wake_tbb_other_cpu", measure<sleeping_tbb, place::other_cpu>);
BENCHMARK_CAPTURE(wake, , weir_same_cpu)->Name("wake/weir/same_cpu")->Iterations(1)->UseManualTime();
BENCHMARK_CAPTURE(wake, , weir_other_cpu)->Name("wake/weir/other_cpu")->Iterations(1)->UseManualTime();
BENCHMARK_CAPTURE(wake, , weir_no_search_same_cpu)
    ->Name("wake/weir_no_search/same_cpu")
    ->Iterations(1)
    ->UseManualTime();
BENCHMARK_CAPTURE(wake, , weir_no_search_other_cpu)
    ->Name("wake/weir_no_search/other_cpu")
    ->Iterations(1)
    ->UseManualTime();
BENCHMARK_CAPTURE(wake, , tbb_same_cpu)->Name("wake/tbb/same_cpu")->Iterations(1)->UseManualTime();
BENCHMARK_CAPTURE(wake, , tbb_other_cpu)->Name("wake/tbb/other_cpu")->Iterations(1)->UseManualTime();

}  // namespace
}  // namespace weir::perf
