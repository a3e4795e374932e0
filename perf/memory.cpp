// How much memory a queued task takes, and what of it stays when all have run: 1,000,000 of them behind workers that
// are busy, with a capture of 24 bytes. By the growth of what is resident, of a process of its own.
#include <array>
#include <fstream>
#include <memory>
#include <optional>
#include <unistd.h>

#include "counts_by_worker.hpp"
#include "doors.hpp"
#include "measure.hpp"
#include "probe.hpp"

namespace weir::perf {
namespace {

int queued_tasks() { return sized(1'000'000, 10'000); }

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  long all = 0, resident = 0;
  require(bool(file >> all >> resident), "what is resident of this process");
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// Keeps workers busy until it is opened.
class gate {
 public:
  void pass() {
    passing_.fetch_add(1, detail::memory_order_release);  // (1)
    while (is_shut_.load(detail::memory_order_acquire) != 0) {
      detail::futex_wait(is_shut_, 1, std::chrono::nanoseconds(-1));  // (2)
    }
  }
  void await(int count) const {
    perf::await(
        "workers that are kept busy", [&] { return passing_.load(detail::memory_order_acquire) >= count; },
        nap);  // (1)
  }
  void open() {
    is_shut_.store(0, detail::memory_order_release);  // (2)
    detail::futex_wake(&is_shut_, detail::wake_all);
  }

 private:
  // (1) Who has come to it: release addition -> acquire load by who waits for them.
  detail::atomic<int> passing_{0};
  // 1: those who come sleep. (2) open: release store -> acquire load by who has come.
  detail::atomic<std::uint32_t> is_shut_{1};
};

/// Counted where it runs; 24 bytes.
template <typename Door>
struct counted_task {
  void operator()() const { to->add_one(Door::worker()); }
  counts_by_worker* to;
  std::array<std::uint64_t, 2> more{};
};

pool_options without_a_bound() { return {.limits = {.max_tasks = unlimited}}; }

struct weir_queue : weir_door {
  weir_queue() : weir_door(without_a_bound()) {}
  void fill(counts_by_worker& counts) {
    for (int i = 0; i < queued_tasks(); ++i) post(counted_task<weir_door>{&counts});
  }
  void finish() {
    await(
        "workers that go to sleep", [&] { return pool().metrics().asleep == door_workers; }, nap);
  }
};

/// With a deadline and a name. The handles are the caller's, and their memory is there before.
struct weir_jobs : weir_queue {
  void fill(counts_by_worker& counts) {
    for (auto& each : jobs) {
      auto made = pool().try_submit({.deadline = within(std::chrono::hours(1)), .name = "queued"},
                                    counted_task<weir_door>{&counts});
      require(made.has_value(), "room for a job");
      each.emplace(std::move(*made));
    }
  }
  void finish() {
    for (auto& each : jobs) each.reset();
    weir_queue::finish();
  }
  std::vector<std::optional<job<void>>> jobs{static_cast<std::size_t>(queued_tasks())};
};

struct tbb_queue : tbb_door {
  void fill(counts_by_worker& counts) {
    for (int i = 0; i < queued_tasks(); ++i) post(counted_task<tbb_door>{&counts});
  }
  void finish() { std::this_thread::sleep_for(std::chrono::milliseconds(100)); }
};

template <typename Queue>
std::vector<double> growth(Queue& queue, counts_by_worker& counts, gate& busy, double before) {
  const double full = resident_bytes();
  busy.open();
  counts.await(queued_tasks());
  queue.finish();
  return {(full - before) / queued_tasks(), (resident_bytes() - before) / queued_tasks()};
}

template <typename Queue>
std::vector<double> from_outside() {
  counts_by_worker counts;
  gate busy;
  Queue queue;
  for (int i = 0; i < door_workers; ++i) queue.post([&busy] { busy.pass(); });
  busy.await(door_workers);
  const double before = resident_bytes();
  queue.fill(counts);
  return growth(queue, counts, busy, before);
}

/// Posted by a task, so that they are in its worker's deque.
std::vector<double> from_a_task() {
  counts_by_worker counts;
  gate busy;
  weir_queue queue;
  for (int i = 1; i < door_workers; ++i) queue.post([&busy] { busy.pass(); });
  busy.await(door_workers - 1);
  const double before = resident_bytes();
  queue.post([&] {
    queue.fill(counts);
    busy.pass();
  });
  busy.await(door_workers);
  return growth(queue, counts, busy, before);
}

void memory(benchmark::State& state, const probe& of) {
  for (auto _ : state) {
    const auto begun = std::chrono::steady_clock::now();
    const std::vector<double> got = of.in_its_own_process();
    state.SetIterationTime(seconds_since(begun));
    state.counters["queued_bytes"] = got.at(0);
    state.counters["kept_bytes"] = got.at(1);
  }
}

const probe weir_posts("memory_weir_post", from_outside<weir_queue>);
const probe weir_tasks("memory_weir_post_in_task", from_a_task);
const probe weir_handles("memory_weir_job", from_outside<weir_jobs>);
const probe tbb_posts("memory_tbb", from_outside<tbb_queue>);
BENCHMARK_CAPTURE(memory, , weir_posts)->Name("memory/weir_post")->Iterations(1)->UseManualTime();
BENCHMARK_CAPTURE(memory, , weir_tasks)->Name("memory/weir_post_in_task")->Iterations(1)->UseManualTime();
BENCHMARK_CAPTURE(memory, , weir_handles)->Name("memory/weir_job")->Iterations(1)->UseManualTime();
BENCHMARK_CAPTURE(memory, , tbb_posts)->Name("memory/tbb")->Iterations(1)->UseManualTime();

}  // namespace
}  // namespace weir::perf
