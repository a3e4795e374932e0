// Hands requests over at their times, in an open loop: it never waits for what came of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <sched.h>
#include <string_view>

#include <weir/admission/clock.hpp>

#include "histogram.hpp"
#include "outcome.hpp"
#include "request.hpp"

namespace weir::tools {

/// Asks for the right to run as soon as an arrival is due: real-time scheduling, or else a higher nice value, for the
/// calling thread and no thread that it starts: those get the usual scheduling with nice 0, also where the calling
/// thread had less than that. A thread that has real-time scheduling already keeps its own. Given back by the
/// destructor, on the same thread.
class raised_priority {
 public:
  raised_priority() noexcept;
  ~raised_priority();
  raised_priority(const raised_priority&) = delete;
  raised_priority& operator=(const raised_priority&) = delete;

  /// What was granted: "real time", "nice -10" or "no higher priority".
  [[nodiscard]] std::string_view granted() const noexcept { return granted_; }

 private:
  int policy_before_ = 0;
  sched_param param_before_{};
  int nice_before_ = 0;
  std::string_view granted_;
};

struct submission_plan {
  time_point start;                                      ///< when the first arrival is due
  double speed = 1;                                      ///< arrivals come this many times as fast as they are written
  std::optional<std::chrono::nanoseconds> run_for = {};  ///< arrivals due later are left out
  std::function<bool()> stop = [] { return false; };     ///< asked before each arrival and in between
  /// Whether handing over may take as long as it likes: then the time it took is not counted as lag of what comes next.
  bool hand_over_waits = false;
};

struct submission {
  times lag;                            ///< behind the intended arrivals
  std::chrono::nanoseconds arrivals{};  ///< from the start to the last request handed over
  bool stopped = false;                 ///< ended by `stop`
};

/// Plays the source from where it stands, on the calling thread: sleeps until each arrival and calls `hand_over` with
/// the request and the time at which it was due. Where arrivals come faster than 4 in a millisecond, it lets them come
/// in small groups, up to half a millisecond late. Reads ahead while it would sleep, at most 1,024 requests. Blocking.
/// @throws bad_input if the input is found to be wrong.
[[nodiscard]] submission submit_all(request_source& source, const submission_plan& plan,
                                    const std::function<void(const request&, time_point intended)>& hand_over);

/// When an arrival is due, after the start.
[[nodiscard]] std::chrono::nanoseconds at_speed(std::chrono::nanoseconds arrival, double speed) noexcept;

}  // namespace weir::tools
