// The checks of what a caller passed: of a weight, before it is narrowed to the 31 bits of the decision word; of a
// priority.
#pragma once

#include <cstdint>
#include <optional>

#include <weir/admission/acquire_options.hpp>
#include <weir/admission/detail/gate.hpp>

namespace weir::detail {

/// The refusal of a weight that is not 1 to `limit`, that of the gate: `invalid` or `too_heavy`.
[[nodiscard]] refusal refuse_weight(gate& at, std::int64_t weight, std::int64_t limit) noexcept;

/// Nothing if `weight` is 1 to the limit of the gate; else why not.
[[nodiscard]] inline std::optional<refusal> check_weight(gate& at, std::int64_t weight) noexcept {
  const std::int64_t limit = at.max_weight();
  if (weight >= 1 && weight <= limit) [[likely]]
    return std::nullopt;
  return refuse_weight(at, weight, limit);
}

/// The same of a priority.
[[nodiscard]] inline std::optional<refusal> check_priority(priority asked) noexcept {
  if (asked <= priority::high) [[likely]]
    return std::nullopt;
  return refusal{.reason = refusal_reason::invalid,
                 .what = quantity::priority,
                 .asked = static_cast<std::int64_t>(asked),
                 .limit = static_cast<std::int64_t>(priority::high)};
}

}  // namespace weir::detail
