// What a gate says to one attempt.
#pragma once

#include <cstdint>

#include <weir/admission/clock.hpp>
#include <weir/admission/refusal.hpp>

namespace weir::detail {

/// The outcome of an attempt: granted at `stamp`, or why not. Small, so that a refusal costs no more than a grant;
/// `gate::explain` makes the full refusal of it.
struct door_verdict {
  bool granted;
  refusal_reason why;
  bool took_token = false;  // of a grant
  time_point stamp;         // the limiter's time of the admission
  duration retry_after;     // for rate_limited, expired, timed_out and breaker_open
  std::int64_t in_use = 0;  // of the limit that refused, in the very word that decided
};

}  // namespace weir::detail
