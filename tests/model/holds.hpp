// What most models ask: that a scenario holds under all schedules within the bounds.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <utility>

#include "explorer.hpp"
#include "mutants.hpp"

namespace model {

[[nodiscard]] inline options with_views(std::string name, int preemptions = 2, int old_reads = 1) {
  return {.name = std::move(name), .preemptions = preemptions, .memory = memory_model::views, .old_reads = old_reads};
}

/// Fails the test if it does not, or if not all were run, unless they are random.
inline void expect_holds(const options& how, const std::function<void(scenario&)>& setup) {
  const result r = explore(how, setup);
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete || how.random != 0) << how.name;
}

inline void expect_holds(const experiment& e) { expect_holds(e.how, e.setup); }

}  // namespace model
