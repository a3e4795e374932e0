// The text of a configuration file, or in one line why there is none.
#pragma once

#include <string>

namespace weir::tools {

/// All of the file, which may also be a pipe. Blocking.
/// @throws bad_settings if it cannot be read, or is no file that anybody has written as a configuration: of more than
/// 64 KiB, or with more points outside its comments than would be safe to parse.
[[nodiscard]] std::string config_text(const std::string& path);

}  // namespace weir::tools
