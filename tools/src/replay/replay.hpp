// `weir replay`: real or synthetic arrivals against a pool, with every promise watched.
#pragma once

#include <iosfwd>

#include "report.hpp"
#include "settings.hpp"

namespace weir::tools {

/// The exit status of the program.
enum class exit_status : int {
  held = 0,         ///< all promises held
  broken = 1,       ///< a promise was broken
  bad_input = 2,    ///< or something else that kept the program from measuring or from telling what it measured
  interrupted = 3,  ///< and drained
  invalid = 4,      ///< the measurement cannot be relied on
};

/// What a report means for whoever started the run: a broken promise first, then an interrupt, then, if `strict`, a
/// late submitter.
[[nodiscard]] exit_status status_of(const report& of, bool strict) noexcept;

/// Reads the input, runs, and writes the report to `out` and warnings to `err`; progress goes to the standard error.
/// Blocking.
/// @throws bad_input before anything was started; and later, if the input changes while it is played, if the threads
/// cannot be started, or if the report cannot be written.
[[nodiscard]] exit_status run_replay(const settings& asked, std::ostream& out, std::ostream& err);

}  // namespace weir::tools
