// The door of a pool as a limiter: the same engine, with the pool's workers as givers and its clock thread to ring.
#pragma once

#include <utility>

#include <weir/admission/limiter.hpp>

namespace weir::detail {

class pool_limiter final : public limiter {
 public:
  using limiter::engine;
  using limiter::limiter;
  pool_limiter(const limits& configured, const clock_source& clock, pressure_handler on_pressure,
               gate::alarm& for_tokens, std::size_t givers)
      : limiter(configured, clock, std::move(on_pressure), for_tokens, givers) {}
};

}  // namespace weir::detail
