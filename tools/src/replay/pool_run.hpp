// The arrivals through weir's own pool.
#pragma once

#include <optional>

#include <weir/admission/flight.hpp>
#include <weir/scheduler/metrics.hpp>
#include <weir/scheduler/shutdown.hpp>

#include "ledger.hpp"
#include "outcome.hpp"
#include "pressure_log.hpp"
#include "run_plan.hpp"
#include "worst_window.hpp"

namespace weir::tools {

/// What came of it, from the three who kept count: the requests themselves, the pool, and the clocks.
struct pool_result {
  outcome books;  ///< with the pool's word for what only it knows: reasons of late refusals, cancelled or expired
  pool_metrics pool;
  std::uint64_t dropped = 0;    ///< by the books: refused while waiting
  std::uint64_t stopped = 0;    ///< by the books: left when asked to
  std::uint64_t unstarted = 0;  ///< by the books: admitted and never begun
  std::uint64_t refused_on_return = 0;
  std::uint64_t violations = 0;
  std::uint64_t left_open = 0;  ///< requests without an end after the shutdown
  shutdown_report shutdown;
  std::optional<window> by_limiter;  ///< with a rate
  std::optional<window> by_own_clock;
  std::chrono::nanoseconds skew{};
  std::string_view priority;  ///< what the submitter was granted
  bool interrupted = false;
  pressure_seen pressure;  ///< at the pool's door, where it was asked for
  flight_log flight;       ///< of the pool's door, where it was recorded
};

/// Runs all of the plan and shuts the pool down. Blocking. @throws bad_input if the threads cannot be started or the
/// input changed.
[[nodiscard]] pool_result run_on_pool(const run_plan& plan);

}  // namespace weir::tools
