// What must be known about all requests before the first one is played. Reading them through is also what checks them.
#pragma once

#include <chrono>
#include <cstdint>

#include "request.hpp"

namespace weir::tools {

struct survey {
  std::uint64_t requests = 0;
  std::chrono::nanoseconds span{};  ///< from the first arrival to the last
  std::uint32_t median_weight = 0;  ///< exact below 4,096, else at most 1/2048 too high; the lower one of two
  std::uint32_t heaviest = 0;
  std::uint32_t heavy_decile = 0;  ///< nine of ten requests weigh at most this
  std::uint64_t weightless = 0;    ///< requests of weight 0, which the door refuses
  request first_weightless;        ///< the first of them
};

/// Reads all requests and rewinds. Memory of fixed size. @throws bad_input
[[nodiscard]] survey survey_of(request_source& source);

}  // namespace weir::tools
