// The built-in arrivals: a Poisson process in three phases, below, far above and below what this host can do, with
// heavy-tailed weights and services. The same for the same seed and capacity, on every platform.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "random.hpp"
#include "request.hpp"

namespace weir::tools {

/// Weights between 600 and 14,000 (median about 1,000), services between 70 and 2,000 tokens (median about 118): near
/// the medians and maxima of the Azure conversation trace of 2023, with a heavier tail between them.
class synthetic final : public request_source {
 public:
  struct settings {
    std::uint64_t seed = 1;
    double capacity_per_s = 0;                   ///< requests per second that the host completes; above 0
    std::chrono::nanoseconds token_cost{2'000};  ///< CPU time of a token
  };

  static constexpr std::chrono::seconds phase_length{5};
  static constexpr std::array<double, 3> phase_load{0.5, 3.0, 0.7};  ///< in capacities

  explicit synthetic(const settings& with) noexcept;

  [[nodiscard]] bool next(request& out) override;
  void rewind() override;

  /// The mean of a request's service, in tokens: what turns a capacity in CPU time into one in requests.
  [[nodiscard]] static double mean_tokens() noexcept;

 private:
  settings settings_;
  random_stream arrivals_;
  random_stream weights_;
  random_stream services_;
  std::size_t phase_ = 0;
  double now_s_ = 0;
};

}  // namespace weir::tools
