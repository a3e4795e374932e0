// The seed of a randomised test: WEIR_SEED, or one that differs from run to run; printed, so that a failure can be
// repeated.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace weir::testing {

/// Prints and returns the seed. @throws std::invalid_argument if WEIR_SEED is no number.
inline std::uint64_t seed() {
  const char* const given = std::getenv("WEIR_SEED");
  const std::uint64_t value = given != nullptr ? std::stoull(given) : std::random_device{}();
  std::cout << "WEIR_SEED=" << value << '\n';
  return value;
}

}  // namespace weir::testing
