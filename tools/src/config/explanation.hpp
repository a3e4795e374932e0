// What the settings of a file will mean, in sentences. Whatever is exact is counted in whole numbers.
#pragma once

#include <string>
#include <vector>

#include "advice.hpp"

namespace weir::tools {

/// A line for each setting of the pool, the door and the deadline, and for what is said of the traffic.
/// @param what  without errors
[[nodiscard]] std::vector<std::string> explanation(const advised& what);

}  // namespace weir::tools
