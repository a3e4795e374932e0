// How often a stress test repeats: what takes two seconds as shipped takes ten times as long under a sanitizer.
#pragma once

#include "support/sanitizers.hpp"

namespace weir::testing {

/// `rounds` as shipped, a tenth of them under a sanitizer.
[[nodiscard]] constexpr int scaled(int rounds) noexcept {
  return WEIR_WITH_TSAN || WEIR_WITH_ASAN ? (rounds + 9) / 10 : rounds;
}

}  // namespace weir::testing
