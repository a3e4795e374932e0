// What a door would do to a stream of requests: a discrete-event simulation on one thread, by the gate itself on a
// clock that jumps from event to event.
//
// The model: requests come at their times. What is admitted holds its task and its weight until it ends: after its
// service, or, with `workers`, when one of so many servers, which take what was admitted in order, has served it, and
// at its deadline at the latest. Nothing costs time but the service. Of what happens in one moment, ends come first.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <weir/admission/clock.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/refusal.hpp>

#include "replay/outcome.hpp"
#include "replay/pressure_log.hpp"

namespace weir::tools {

struct played_request {
  time_point at;
  std::uint32_t weight = 1;
  std::uint8_t priority = 1;
  bool may_wait = true;
  bool is_child = false;  ///< of one that was admitted: a task alone, which passes the door
  time_point deadline = time_point::max();
  time_point patience = time_point::max();
  time_point leaves_at = time_point::max();  ///< cancelled, if it still waits then
  std::optional<time_point> own_time{};      ///< a caller's time, instead of the present
  std::chrono::nanoseconds service{};
};

struct play_plan {
  weir::limits limits;
  unsigned workers = 0;  ///< 0: as many as are admitted
  time_point start;
  time_point end;  ///< of the arrivals
  std::optional<time_point> closes_at{};
};

/// What binds: what the head of the line lacks.
enum class bound : std::uint8_t { tasks, weight, rate };
inline constexpr std::size_t bound_count = 3;

/// A part of the time of arrivals; the last one goes on until all is over.
struct play_slice {
  std::uint64_t submitted = 0;
  std::uint64_t admitted = 0;
  std::uint64_t refused = 0;
  double seconds = 0;
  double task_seconds = 0;
  double weight_seconds = 0;
  double waiter_seconds = 0;
  std::array<double, bound_count> bound_seconds{};
};

struct play_result {
  std::uint64_t submitted = 0;
  std::uint64_t admitted = 0;
  std::uint64_t waited = 0;  ///< of those admitted
  std::array<std::uint64_t, refusal_reason_count> refused{};
  std::array<std::uint64_t, bound_count> too_late{};  ///< of these expired or timed_out, by what they waited for
  std::uint64_t completed = 0;
  std::uint64_t expired = 0;  ///< admitted, and their deadline came before their end
  std::uint64_t in_time = 0;  ///< completed before their deadline
  std::uint64_t children = 0;
  std::uint64_t children_inline = 0;  ///< for which no task was free
  std::int64_t tasks_seen = 0;        ///< the most at once
  std::int64_t weight_seen = 0;
  std::int64_t waiters_seen = 0;
  times at_door;  ///< of those admitted, from the arrival to the admission
  times queue;    ///< to the start of the work
  times latency;  ///< of those completed, to the end
  std::chrono::nanoseconds simulated{};
  std::chrono::nanoseconds wall{};
  std::uint64_t events = 0;
  pressure_seen pressure;
  std::vector<play_slice> slices;

  [[nodiscard]] std::uint64_t refused_in_all() const noexcept;
  [[nodiscard]] play_slice total() const noexcept;
};

/// Plays all that `next` gives, in the order of their times, until the last one is over. Blocking.
/// @throws std::invalid_argument if the limits are impossible.
[[nodiscard]] play_result play(const play_plan& plan, const std::function<bool(played_request&)>& next);

}  // namespace weir::tools
