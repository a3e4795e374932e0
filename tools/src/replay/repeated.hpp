// A source of requests played several times, end to end.
#pragma once

#include <chrono>
#include <cstdint>

#include "request.hpp"
#include "survey.hpp"

namespace weir::tools {

/// Each repetition starts one mean time between two arrivals after the last arrival of the one before (at once, if
/// there is only one request). The source is read again each time and must outlive this.
class repeated final : public request_source {
 public:
  /// `all` is the survey of `source`; `times` is at least 1. @throws bad_input if the arrivals would leave 64-bit
  /// nanoseconds.
  repeated(request_source& source, const survey& all, std::uint64_t times);

  [[nodiscard]] bool next(request& out) override;
  void rewind() override;

  /// How many requests there are in all, and the last one's arrival.
  [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }
  [[nodiscard]] std::chrono::nanoseconds span() const noexcept { return span_; }

 private:
  request_source& source_;
  std::uint64_t times_;
  std::chrono::nanoseconds period_;  // from the start of one repetition to that of the next
  std::chrono::nanoseconds span_{};
  std::uint64_t requests_ = 0;
  std::uint64_t done_ = 0;  // repetitions that have ended
};

}  // namespace weir::tools
