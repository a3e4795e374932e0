// The worst of all windows of a list of admissions against a rate and a burst, exactly.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::tools {

/// At most `burst` + `count` * T / `per` admissions in any window of length T.
struct rate_bound {
  std::uint64_t count = 1;          ///< 1 to 10^9
  std::chrono::nanoseconds per{1};  ///< above 0, at most 10^18
  std::uint64_t burst = 1;          ///< 1 to 2^31
};

struct window {
  double ratio = 0;       ///< admissions over what the bound allows; never above 1 if `broken` is false
  bool broken = false;    ///< decided by whole numbers, without rounding
  std::size_t first = 0;  ///< the admissions of the worst window are [first, last] of the list
  std::size_t last = 0;
};

/// The largest (j - i + 1) / (burst + rate * (t_j - t_i + slack)) over all i <= j. `stamps` are nanoseconds of one
/// clock, in order, spanning less than 2^53 (104 days), fewer than 2^32 of them. An empty list has the ratio 0.
/// O(n) a step, and a handful of steps: each finds the window that most exceeds the best ratio so far.
[[nodiscard]] window worst_window(std::span<const std::int64_t> stamps, const rate_bound& bound,
                                  std::chrono::nanoseconds slack = std::chrono::nanoseconds(0));

}  // namespace weir::tools
