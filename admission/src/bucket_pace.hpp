// Rates and bursts as a bucket reckons with them, and a debt of one pace as one of another.
#pragma once

#include <cstdint>

#include <weir/admission/token_bucket.hpp>

namespace weir::detail {

// 128 bits, since burst * period may pass 63 of them before it is divided.
__extension__ using int128 = __int128;

/// Ticks as a time, rounded up; none below 0.
[[nodiscard]] inline duration length_of(std::int64_t ticks) noexcept {
  return ticks <= 0 ? duration::zero() : duration(ticks / 64 + (ticks % 64 != 0 ? 1 : 0));
}

/// @throws std::invalid_argument naming the value and the rule.
[[nodiscard]] bucket_pace checked_pace(const rate& refill, std::int64_t burst);

/// How far ahead of the present the arrival lies after a change, if it lay `debt` ticks ahead before it: the tokens
/// that are there, or owed, are at most as many as they were, as `then` says.
[[nodiscard]] std::int64_t converted_debt(std::int64_t debt, const bucket_pace& before, const bucket_pace& after,
                                          bucket_balance then) noexcept;

}  // namespace weir::detail
