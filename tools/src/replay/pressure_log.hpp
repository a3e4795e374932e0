// How often a door was nearly full, and for how long.
#pragma once

#include <chrono>
#include <cstdint>

#include <weir/admission/clock.hpp>
#include <weir/admission/pressure.hpp>

namespace weir::tools {

struct pressure_seen {
  std::uint64_t times = 0;
  std::chrono::nanoseconds high{};
};

/// Is told by one call at a time, and asked when no more come.
class pressure_log {
 public:
  void note(const pressure& told, time_point now) noexcept {
    if (told.is_high) {
      ++seen_.times;
      since_ = now;
    } else {
      seen_.high += now - since_;
    }
    is_high_ = told.is_high;
  }
  /// Until `end`, or until it was no longer so.
  [[nodiscard]] pressure_seen at(time_point end) const noexcept {
    pressure_seen all = seen_;
    if (is_high_) all.high += end - since_;
    return all;
  }

 private:
  pressure_seen seen_;
  time_point since_{};
  bool is_high_ = false;
};

}  // namespace weir::tools
