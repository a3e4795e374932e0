// What a pool costs that has nothing to do: for 5 seconds, half a second after its last task.
//
// The time is that of all threads but the one that measures. So are the switches: how often a thread gave its CPU up,
// or lost it. A thread that has not run cannot have called the system, and one that has run and sleeps again has been
// switched: no switch means no system call.
#include <ctime>
#include <sys/resource.h>
#include <sys/time.h>

#include <algorithm>

#include "counts_by_worker.hpp"
#include "doors.hpp"
#include "measure.hpp"
#include "probe.hpp"

namespace weir::perf {
namespace {

double seconds_of(clockid_t clock) {
  timespec now{};
  require(::clock_gettime(clock, &now) == 0, "a clock of the CPU");
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

long switches_of(int who) {
  rusage usage{};
  require(::getrusage(who, &usage) == 0, "the usage of this process");
  return usage.ru_nvcsw + usage.ru_nivcsw;
}

/// Of all threads but the calling one.
struct usage {
  double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - seconds_of(CLOCK_THREAD_CPUTIME_ID);
  long switches = switches_of(RUSAGE_SELF) - switches_of(RUSAGE_THREAD);
};

template <typename Door>
std::vector<double> measure() {
  const int tasks = 10'000;
  const auto rest = std::chrono::milliseconds(sized(500, 50));
  const auto length = std::chrono::milliseconds(sized(5'000, 50));
  counts_by_worker counts;
  Door door;
  for (int i = 0; i < tasks; ++i) door.post([&counts] { counts.add_one(Door::worker()); });
  counts.await(tasks);
  std::this_thread::sleep_for(rest);
  const usage before;
  std::this_thread::sleep_for(length);
  const usage after;
  // The two clocks of a reading are read one after the other: what is below a few microseconds is that.
  return {std::chrono::duration<double>(length).count(), std::max(0.0, after.cpu - before.cpu),
          static_cast<double>(after.switches - before.switches)};
}

void idle(benchmark::State& state, const probe& of) {
  for (auto _ : state) {
    const std::vector<double> got = of.in_its_own_process();
    state.SetIterationTime(got.at(0));
    state.counters["cpu_seconds"] = got.at(1);
    state.counters["switches"] = got.at(2);
  }
}

const probe weir_idle("idle_weir", measure<weir_door>);
const probe limited_idle("idle_weir_all_limits", measure<limited_weir_door>);
const probe tbb_idle("idle_tbb", measure<tbb_door>);
BENCHMARK_CAPTURE(idle, , weir_idle)->Name("idle/weir")->Iterations(1)->Repetitions(1)->UseManualTime();
BENCHMARK_CAPTURE(idle, , limited_idle)->Name("idle/weir_all_limits")->Iterations(1)->Repetitions(1)->UseManualTime();
BENCHMARK_CAPTURE(idle, , tbb_idle)->Name("idle/tbb")->Iterations(1)->Repetitions(1)->UseManualTime();

}  // namespace
}  // namespace weir::perf
