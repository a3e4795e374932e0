// How long a stress test goes on. As shipped a few seconds are enough for all of them; WEIR_STRESS=100 is a night's
// run.
#pragma once

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "support/sanitizers.hpp"

namespace weir::testing {

/// WEIR_STRESS: how many times longer than as shipped; 1 if it is not set. @throws std::invalid_argument if it is no
/// whole number from 1 to 10,000: with less the tests would be empty.
inline int stress_factor() {
  const char* const given = std::getenv("WEIR_STRESS");
  if (given == nullptr) return 1;
  const std::string text = given;
  const bool digits = !text.empty() && text.size() <= 6 && text.find_first_not_of("0123456789") == std::string::npos;
  const int factor = digits ? std::stoi(text) : 0;
  if (factor < 1 || factor > 10'000) {
    throw std::invalid_argument("WEIR_STRESS=" + text + ": a whole number from 1 to 10000 is needed");
  }
  return factor;
}

/// `rounds` as shipped; a third of them under a sanitizer, which is ten times as slow.
[[nodiscard]] inline int scaled(int rounds) {
  return (WEIR_WITH_TSAN || WEIR_WITH_ASAN ? (rounds + 2) / 3 : rounds) * stress_factor();
}

/// For what goes on for a time.
[[nodiscard]] inline std::chrono::milliseconds stress_time() {
  return std::chrono::milliseconds(700) * stress_factor();
}

}  // namespace weir::testing
