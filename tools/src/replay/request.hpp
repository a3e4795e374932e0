// One request of a replay, and where requests come from.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::tools {

/// The heaviest weight that the door can count.
inline constexpr std::uint32_t heaviest_weight = 0x7fff'ffff;

struct request {
  std::chrono::nanoseconds arrival{};  ///< since the first arrival, before the division by --speed
  std::uint32_t weight = 0;            ///< 0 to heaviest_weight; the door refuses 0 as invalid
  std::chrono::nanoseconds service{};  ///< CPU time that its work takes
  std::uint64_t line = 0;              ///< of the file that it stands in; 0 if it comes from none
  std::size_t weight_column = 0;       ///< of its weight in that line, from 1
};

/// A stream of requests in the order of their arrival, with a memory of constant size. For one thread at a time.
class request_source {
 public:
  request_source() = default;
  request_source(const request_source&) = delete;
  request_source& operator=(const request_source&) = delete;
  virtual ~request_source() = default;

  /// Gives the next request; false at the end. @throws bad_input where the input is found to be wrong.
  [[nodiscard]] virtual bool next(request& out) = 0;

  /// Starts again: the same requests in the same order. @throws bad_input if the input is gone.
  virtual void rewind() = 0;
};

}  // namespace weir::tools
