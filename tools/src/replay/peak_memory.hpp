// How much memory this process had at most.
#pragma once

#include <cstdint>

namespace weir::tools {

/// The peak of the resident memory, in bytes, since this program was started: not that of the program that started it,
/// which getrusage would count too. Where the system does not tell, getrusage's number.
[[nodiscard]] std::uint64_t peak_memory();

}  // namespace weir::tools
