// A question that is asked of several subjects, and how its time is taken: CPU time of one thread, which others on the
// machine change little; of more threads, from the first one's start to the last one's end.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <thread>
#include <time.h>
#include <vector>

#include <weir/queues/sync.hpp>

#include "measure.hpp"

namespace weir::perf {

/// What a permit weighs, and a rate and a burst that are never reached.
inline constexpr std::int64_t weight = 3;
inline constexpr std::int64_t plenty = 1'000'000'000;

/// The CPU time of the thread that calls, or of the process.
[[nodiscard]] inline double cpu_seconds(clockid_t whose = CLOCK_THREAD_CPUTIME_ID) {
  timespec spent{};
  require(::clock_gettime(whose, &spent) == 0, "a reading of a clock of CPU time");
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

/// What `operations` took all threads together. `share` is how much of the CPUs that they could use they had: less than
/// all where they slept, or where others ran.
struct timed {
  double seconds;
  std::int64_t operations;
  double share = 1;
};

/// One row. `ask(each)` does `each` operations a thread and ends the program where a result is wrong. In the table the
/// subject "weir" is what all others are set against.
struct row {
  std::string_view question;
  std::string_view subject;
  int threads;
  timed (*ask)(std::int64_t each);
};

using rows = std::vector<row>;

// What each file asks; in this order they are printed.
void add_permits(rows& to);
void add_door(rows& to);
void add_rates(rows& to);
void add_gate(rows& to);
void add_queued(rows& to);

/// Runs `work(i)` by thread i of `threads` at once. It returns how many of its operations ended as they should, which
/// must be `each`.
template <typename Work>
[[nodiscard]] timed time_of(int threads, std::int64_t each, Work work) {
  if (threads == 1) {
    const double from = cpu_seconds();
    const std::int64_t right = work(0);
    const double to = cpu_seconds();
    require(right == each, "as many right results as operations");
    return {to - from, each};
  }
  using clock = std::chrono::steady_clock;
  struct lap {
    clock::time_point from, to;
    std::int64_t right;
  };
  std::vector<lap> laps(static_cast<std::size_t>(threads));
  double cpu = 0;
  // How many threads have come to the start; relaxed: nothing is published by it.
  detail::atomic<int> ready{0};
  const auto run = [&](int i) {
    ready.fetch_add(1, detail::memory_order_relaxed);
    while (ready.load(detail::memory_order_relaxed) < threads) std::this_thread::yield();
    if (i == 0) cpu = -cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    lap mine;
    mine.from = clock::now();
    mine.right = work(i);
    mine.to = clock::now();
    laps[static_cast<std::size_t>(i)] = mine;
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(run, i);
  run(0);
  for (std::thread& other : others) other.join();
  cpu += cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  lap all = laps.front();
  for (const lap& one : laps) {
    require(one.right == each, "as many right results as operations");
    all = {std::min(all.from, one.from), std::max(all.to, one.to), each};
  }
  const double seconds = std::chrono::duration<double>(all.to - all.from).count();
  const int could = std::min(threads, static_cast<int>(std::thread::hardware_concurrency()));
  return {seconds, each * threads, cpu / (seconds * could)};
}

/// `each` times `step()` by each thread, which must be true each time.
template <int threads, typename Step>
[[nodiscard]] timed time_steps(std::int64_t each, Step step) {
  return time_of(threads, each, [&step, each](int) {
    std::int64_t right = 0;
    for (std::int64_t k = 0; k < each; ++k) right += step() ? 1 : 0;
    return right;
  });
}

}  // namespace weir::perf
