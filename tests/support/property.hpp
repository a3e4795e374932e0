// rapidcheck under GoogleTest, with the seed that weir's other randomised tests take: WEIR_SEED. rapidcheck prints the
// seed of each run, and for a failure the shrunk case and a string that reproduces it.
#pragma once

#include <cstdlib>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <rapidcheck/state.h>
#include <string>

namespace weir::testing {

// Read by rapidcheck at its first property. RC_PARAMS in the environment stands over it.
inline const bool properties_are_configured = [] {
  const char* const seed = std::getenv("WEIR_SEED");
  const std::string chosen = "max_success=1000" + (seed != nullptr ? " seed=" + std::string(seed) : std::string());
  return ::setenv("RC_PARAMS", chosen.c_str(), 0) == 0;
}();

}  // namespace weir::testing
