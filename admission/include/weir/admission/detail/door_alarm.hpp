// What wakes a gate when the time has come for a token.
#pragma once

#include <weir/admission/clock.hpp>

namespace weir::detail {

/// Who comes back with `gate::pump` when a token is due, for waiters that cannot do it themselves. Told outside the
/// gate's lock.
class door_alarm {
 public:
  /// Called before there may be waiters that lack a token, maybe more than once. @throws what keeps it from ringing.
  virtual void get_ready() = 0;
  /// Then, or earlier.
  virtual void ring_at(time_point at) noexcept = 0;

 protected:
  ~door_alarm() = default;
};

}  // namespace weir::detail
