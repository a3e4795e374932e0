// What was promised, against what was seen.
#pragma once

#include <vector>

#include "pool_run.hpp"
#include "report.hpp"
#include "run_plan.hpp"

namespace weir::tools {

/// One entry for each promise that this run could break.
[[nodiscard]] std::vector<promise> judge(const run_plan& plan, const pool_result& seen);

}  // namespace weir::tools
