// What is allowed and yet hardly meant: limits that contradict each other, the deadline, the timers of a host or the
// traffic that is expected.
#pragma once

#include <string>
#include <vector>

#include "configuration.hpp"
#include "replay/settings.hpp"
#include "traffic.hpp"

namespace weir::tools {

/// Settings of a file that are right by themselves, in all that the rules need to know of them.
struct advised {
  std::string file;
  const configuration& said;
  const settings& all;
  const traffic& expected;
};

/// How late a thread is that sleeps until a token is due: what Linux allows itself by default, and what a host whose
/// CPUs are busy makes of it.
inline constexpr std::chrono::microseconds quiet_delay{50};
inline constexpr std::chrono::milliseconds busy_delay{1};

/// Whether the line at the door is ever used.
[[nodiscard]] bool has_line(const settings& all) noexcept;

/// What can never work. In no order.
[[nodiscard]] std::vector<finding> contradictions(const advised& what);

/// What works, and not as it seems to be meant. In no order.
[[nodiscard]] std::vector<finding> doubts(const advised& what);

}  // namespace weir::tools
