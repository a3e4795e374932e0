// What came of one run over the arrivals: plain values, for ours and for those beside it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include <weir/admission/refusal.hpp>

namespace weir::tools {

/// Quantiles of a time. At most 1/64 too high, but for the maximum, which is exact.
struct times {
  std::chrono::nanoseconds p50{}, p99{}, p999{}, max{};
};

struct outcome {
  std::string name;

  std::uint64_t submitted = 0;
  std::uint64_t admitted = 0;
  std::array<std::uint64_t, refusal_reason_count> refused{};  ///< by reason
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;
  std::uint64_t in_time = 0;         ///< completed before their deadline
  std::uint64_t in_time_weight = 0;  ///< their weights, summed

  std::int64_t tasks_seen = 0;  ///< the most live tasks, by the probe
  std::int64_t weight_seen = 0;
  std::int64_t waiters_seen = 0;      ///< by the pool's own count, looked at now and then
  std::uint64_t heavy_submitted = 0;  ///< requests above the ninth decile of the weights
  std::uint64_t heavy_admitted = 0;

  std::chrono::nanoseconds work_asked{};  ///< CPU time that the completed requests were to take
  std::chrono::nanoseconds work_took{};   ///< how long they ran; longer where they were preempted

  times latency;  ///< from the intended arrival to the completion, of what completed
  times queue;    ///< from the intended arrival to the start of the work, of what started
  std::array<std::chrono::nanoseconds, 3> latency_by_third{};  ///< medians, by thirds of the arrivals' span
  times lag;                                                   ///< of the submitter behind the intended arrivals

  std::chrono::nanoseconds arrivals{};  ///< from the start to the last request handed over
  std::chrono::nanoseconds wall{};      ///< from the start until all was over
  std::chrono::nanoseconds cpu{};       ///< of the whole process meanwhile

  [[nodiscard]] std::uint64_t refused_in_all() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : refused) sum += count;
    return sum;
  }
};

/// Events per second; 0 if no time has passed.
[[nodiscard]] inline double per_second_of(std::uint64_t events, std::chrono::nanoseconds time) noexcept {
  return time.count() > 0 ? static_cast<double>(events) * 1e9 / static_cast<double>(time.count()) : 0;
}

}  // namespace weir::tools
