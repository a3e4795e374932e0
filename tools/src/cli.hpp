// The command line of `weir`: one program with subcommands.
#pragma once

#include <iosfwd>

namespace weir::tools {

/// Runs what the arguments ask for and returns the exit status. Reports go to `out`, messages to `err`. Never throws.
[[nodiscard]] int run_command_line(int count, const char* const* arguments, std::ostream& out,
                                   std::ostream& err) noexcept;

}  // namespace weir::tools
