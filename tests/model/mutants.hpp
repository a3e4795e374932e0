// The orders of the real source, weakened one at a time: a model with views must fail for each, or it says nothing
// about that order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "explorer.hpp"

namespace model {

/// A scenario and its bounds, with views.
struct experiment {
  options how;
  std::function<void(scenario&)> setup;
};

struct mutants {
  int total = 0;  // of one step
  int killed = 0;
  std::vector<std::string> survivors;  // "pop load 2: seq_cst -> acquire"; numbered in the order of the source
};

/// Weakens each order that the source file `file` gives and an experiment meets, one at a time and by one step: seq_cst
/// to acquire, release or both; both to either; that to relaxed. A fence keeps acquire and release. A mutant is killed
/// if an experiment fails. What survives is weakened on, to see whether it needs any order; that is not counted, but a
/// survivor, too, if it is one. Operations that are relaxed are left out of the numbers. Prints killed / total.
/// @throws std::runtime_error if an experiment fails as it is.
[[nodiscard]] mutants weaken_each_order(const std::string& file, const std::vector<experiment>& experiments);

}  // namespace model
