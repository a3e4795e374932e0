// The distance that keeps two fields from sharing a cache line.
#pragma once

#include <cstddef>

namespace weir::detail {

/// Two 64-byte lines: x86 prefetches lines in pairs, and some ARM cores have 128-byte lines. A constant of our own,
/// since std::hardware_destructive_interference_size may differ between the translation units of one program.
inline constexpr std::size_t cache_line = 128;

}  // namespace weir::detail
