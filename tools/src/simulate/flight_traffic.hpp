// Who came to a door, as its flight recorder saw it: when, with what, and how long each stayed that was admitted.
//
// A release says a weight and not whose it is. It is taken for that of the admission of this weight that came first of
// those that have not ended: among equal weights it is all the same who leaves, so that what is held is what was held,
// at each moment. Of those that were not admitted, or had not ended, nobody knows how long they would have stayed: each
// takes the time of another of its weight, in turn, or the median of all.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <weir/admission/flight.hpp>

#include "door_play.hpp"

namespace weir::tools {

struct flight_traffic {
  std::vector<played_request> requests;  ///< by their times
  std::uint64_t assumed = 0;             ///< of them, whose service is another one's
  std::int64_t held_before = 0;          ///< tasks that were live when the log begins; they are left out
  time_point start;
  time_point end;
  std::optional<time_point> closed_at;
};

[[nodiscard]] flight_traffic traffic_of(const flight_log& log);

}  // namespace weir::tools
