// Stops a share of the requests at a moment of their own, from a thread of its own: what an impatient client does.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include <weir/queues/mutex.hpp>
#include <weir/scheduler/job.hpp>

#include "random.hpp"

namespace weir::tools {

/// Which requests are to be stopped, and when. Drawn for every request, admitted or not, so that the same seed picks
/// the same ones in every run.
class stop_lottery {
 public:
  stop_lottery(std::uint64_t seed, double percent) noexcept : random_(seed, 3), percent_(percent) {}

  /// For the next request: how long after its submission it is to be stopped, uniform within twice its service, if it
  /// is one of the chosen.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> draw(std::chrono::nanoseconds service) noexcept {
    const bool chosen = random_.uniform() * 100 < percent_;
    const double moment = random_.uniform() * 2 * static_cast<double>(service.count());
    if (!chosen) return std::nullopt;
    return std::chrono::nanoseconds(static_cast<std::int64_t>(moment));
  }

 private:
  random_stream random_;
  double percent_;
};

/// Holds jobs until it is time to ask them to stop. Jobs still held at its end are let go unasked.
class canceller {
 public:
  canceller();
  ~canceller();
  canceller(const canceller&) = delete;
  canceller& operator=(const canceller&) = delete;

  /// Any thread. Takes a short lock.
  void stop_at(time_point when, job<void> which);

 private:
  struct planned {
    time_point when;
    job<void> which;
  };
  static bool later(const planned& a, const planned& b) noexcept { return a.when > b.when; }

  void run();

  detail::mutex mutex_;
  std::vector<planned> heap_ WEIR_GUARDED_BY(mutex_);  // the earliest at the front
  bool over_ WEIR_GUARDED_BY(mutex_) = false;

  // Counts changes that the thread must look at. Writers: stop_at, the destructor. Reader: the thread, which sleeps on
  // it.
  // (1) change: relaxed, since the mutex orders what has changed; the futex itself compares the word again.
  detail::atomic<std::uint32_t> changes_{0};
  std::thread thread_;
};

}  // namespace weir::tools
