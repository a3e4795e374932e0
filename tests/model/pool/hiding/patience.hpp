// A stand-in for scheduler/src/patience.hpp: who waits for what another worker has goes to sleep at once. Each look
// more is one that the schedules have already, a little later; and in the explorer no time passes while one looks.
#pragma once

#include <weir/admission/clock.hpp>

namespace weir::detail {

inline constexpr duration least_patience{1};

class patience {
 public:
  explicit patience(duration) noexcept {}
  [[nodiscard]] bool wait() noexcept { return false; }
  [[nodiscard]] duration spent() const noexcept { return duration::zero(); }
  void reset() noexcept {}
};

}  // namespace weir::detail
