// What a run over the arrivals is told, ours and those beside it alike.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <weir/admission/limits.hpp>

#include "cpu_work.hpp"
#include "ledger.hpp"
#include "progress.hpp"
#include "request.hpp"
#include "settings.hpp"
#include "submitter.hpp"

namespace weir::tools {

struct run_plan {
  request_source* arrivals = nullptr;  ///< rewound
  std::uint64_t requests = 0;
  std::chrono::nanoseconds span{};  ///< of the arrivals, as they will be played
  std::uint32_t heavy_above = 0;    ///< the ninth decile of the weights
  cpu_speed cpu;
  unsigned workers = 1;
  weir::limits limits;
  door_verb door = door_verb::enqueue;
  std::optional<std::chrono::nanoseconds> deadline;
  double cancel_percent = 0;
  double speed = 1;
  std::optional<std::chrono::nanoseconds> run_for;
  std::uint64_t seed = 1;
  bool keeps_flight = false;   ///< what the door has recorded
  bool sees_pressure = false;  ///< at the door
};

/// The limits of the door that was asked for. @param median_weight  of the requests, where no max_weight was given.
[[nodiscard]] weir::limits limits_for(const settings& asked, std::uint32_t median_weight) noexcept;

/// The door in a line, for people.
[[nodiscard]] std::string door_text(const weir::limits& limits, door_verb door, unsigned workers,
                                    const std::optional<std::chrono::nanoseconds>& deadline);

/// The clocks of a run: from `start`, which lies a moment ahead so that all is ready when the first arrival is due.
class run_clock {
 public:
  run_clock();

  [[nodiscard]] time_point start() const noexcept { return start_; }
  /// Fills in `wall` and `cpu`, now.
  void stop(outcome& of) const;

 private:
  time_point start_;
  std::chrono::nanoseconds cpu_before_;
};

/// The ledger's settings for this plan. @param stamps  whether the times of admissions are kept.
[[nodiscard]] ledger::settings books_for(const run_plan& plan, const run_clock& clock, bool stamps);

/// The submitter's plan; it stops at an interrupt.
[[nodiscard]] submission_plan submission_for(const run_plan& plan, const run_clock& clock);

/// One request as the books of this run know it.
[[nodiscard]] entry entry_of(const run_plan& plan, const request& one, time_point intended) noexcept;

/// Waits until every request of these books is over, or for an interrupt. Blocking.
void wait_for_all(const ledger& books);

/// A sample of everything that the books know.
[[nodiscard]] progress_sample sample_of(const run_plan& plan, const run_clock& clock, const ledger& books);

}  // namespace weir::tools
