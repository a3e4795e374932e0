// The memory of frames: a cache for each thread, which takes from and gives to the heaps of the process in batches.
//
// Source: the magazines of Bonwick and Adams (2001). A frame is mostly made by one thread and freed by another; passed
// on in batches, it costs neither of them a lock of its own. scheduler/memory.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include <weir/scheduler/detail/frame.hpp>

#include "slab_heap.hpp"

namespace weir::detail {

/// Larger ones come from the global allocator; so do all in a build with a sanitizer: there each frame is to be seen by
/// itself.
inline constexpr std::size_t largest_cached_frame = 256;

/// Empty slabs that the process keeps for the next burst: 8 MiB.
inline constexpr int kept_slabs = 128;

/// What the process holds for frames of the sizes that are cached; for tests.
struct frame_memory_use {
  std::int64_t slabs = 0;       // with a block that is out
  std::int64_t kept = 0;        // slabs besides
  std::int64_t blocks_out = 0;  // in frames, and in the caches of threads
};
[[nodiscard]] frame_memory_use frame_memory_in_use() noexcept;

}  // namespace weir::detail
