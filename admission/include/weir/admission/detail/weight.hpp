// The check of a weight that a caller passed, before it is narrowed to the 31 bits of the decision word.
#pragma once

#include <cstdint>
#include <optional>

#include <weir/admission/detail/gate.hpp>

namespace weir::detail {

/// Nothing if `weight` is 1 to the limit of the gate; else why not.
[[nodiscard]] inline std::optional<refusal> check_weight(const gate& at, std::int64_t weight) noexcept {
  if (weight < 1) {
    return refusal{.reason = refusal_reason::invalid, .asked = weight, .limit = largest_max_weight};
  }
  const std::int64_t limit = at.max_weight();
  if (weight > limit) {
    return refusal{.reason = refusal_reason::too_heavy, .asked = weight, .limit = limit, .in_use = at.weight_in_use()};
  }
  return std::nullopt;
}

}  // namespace weir::detail
