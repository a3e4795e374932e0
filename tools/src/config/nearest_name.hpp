// Which of the known names a misspelt one was meant to be.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace weir::tools {

/// The name that is nearest to `given`: the fewest letters to add, leave out, change or swap with their neighbour, at
/// most one in three; or else the only one that has `given` as a part, or is a part of it. Case does not count, and '-'
/// is '_'. None if nothing is near. Takes time linear in the names and quadratic in their length.
[[nodiscard]] std::optional<std::string_view> nearest_name(std::string_view given,
                                                           const std::vector<std::string_view>& known);

}  // namespace weir::tools
