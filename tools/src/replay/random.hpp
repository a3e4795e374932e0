// Random numbers that are the same on every platform: integers, and only such floating point operations as IEEE 754
// rounds exactly (no logarithm or power, whose last bit differs between libraries).
#pragma once

#include <cmath>
#include <cstdint>

namespace weir::tools {

/// SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
class random_stream {
 public:
  /// Streams of the same seed and different numbers are independent of each other.
  random_stream(std::uint64_t seed, std::uint64_t stream) noexcept : state_(mixed(seed) ^ mixed(stream + golden)) {}

  [[nodiscard]] std::uint64_t bits() noexcept { return mixed(state_ += golden); }

  /// Uniform in [0, 1), a multiple of 2^-53.
  [[nodiscard]] double uniform() noexcept { return static_cast<double>(bits() >> 11U) * 0x1p-53; }

  /// Exponential with mean 1, by comparisons only (J. von Neumann, "Various techniques used in connection with random
  /// digits", 1951): a descending run of odd length gives its first number as the fraction; each even one adds 1.
  [[nodiscard]] double exponential() noexcept;

  /// Bounded Pareto between `low` and `high` with shape 4/3: heavy-tailed, the mean is finite, the variance grows with
  /// `high` (M. Harchol-Balter, M. Crovella, C. Murta, "On choosing a task assignment policy for a distributed server
  /// system", 1999, for why work looks so). This shape needs square roots only.
  [[nodiscard]] double bounded_pareto(double low, double high) noexcept;

 private:
  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;

  static constexpr std::uint64_t mixed(std::uint64_t word) noexcept {
    word = (word ^ (word >> 30U)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27U)) * 0x94d049bb133111eb;
    return word ^ (word >> 31U);
  }

  std::uint64_t state_;
};

/// The mean of `bounded_pareto(low, high)`.
[[nodiscard]] inline double bounded_pareto_mean(double low, double high) noexcept {
  const double root = std::cbrt(low / high);
  return 4 * low * (1 - root) / (1 - root * root * root * root);
}

inline double random_stream::exponential() noexcept {
  for (double whole = 0;; whole += 1) {
    const double first = uniform();
    double last = first;
    bool odd = true;
    for (double following = uniform(); following < last; following = uniform()) {
      last = following;
      odd = !odd;
    }
    if (odd) return whole + first;
  }
}

inline double random_stream::bounded_pareto(double low, double high) noexcept {
  // The inverse of the distribution function is low / v^(3/4) with v = 1 - u * (1 - (low / high)^(4/3)). The ratio's
  // power is the one number that a library computes; it is rounded to 2^-24, so that all libraries agree.
  const double ratio = low / high;
  const double power = std::nearbyint(ratio * std::cbrt(ratio) * 0x1p24) * 0x1p-24;
  const double v =
      std::fma(-uniform(), 1 - power, 1.0);  // written as one operation, since compilers differ in fusing it
  const double root = std::sqrt(v);
  return low / (root * std::sqrt(root));
}

}  // namespace weir::tools
