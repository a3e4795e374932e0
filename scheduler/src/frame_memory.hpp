// The memory of frames: a cache for each thread, which takes from and gives to the heaps of the process in batches.
//
// Source: the magazines of Bonwick and Adams (2001). A frame is mostly made by one thread and freed by another; passed
// on in batches, it costs neither of them a lock of its own. scheduler/README.md, "The memory of frames".
#pragma once

#include <cstddef>
#include <cstdint>

#include "slab_heap.hpp"

namespace weir::detail {

/// A block of at least `bytes`, aligned to 16 bytes, to 64 if it is a multiple of 64. Larger than
/// `largest_cached_frame`, or in a build with a sanitizer, it comes from the global allocator: there each frame is to
/// be seen by itself. Any thread. One of 32 calls takes a short lock.
/// @throws std::bad_alloc.
[[nodiscard]] void* take_frame_memory(std::size_t bytes);
/// Gives back what `take_frame_memory(bytes)` returned, on any thread, also at the end of one.
void give_frame_memory(void* block, std::size_t bytes) noexcept;

inline constexpr std::size_t largest_cached_frame = 256;

/// What the process holds for frames of the sizes that are cached; for tests.
struct frame_memory_use {
  std::int64_t slabs = 0;
  std::int64_t blocks_out = 0;  // in frames, and in the caches of threads
};
[[nodiscard]] frame_memory_use frame_memory_in_use() noexcept;

}  // namespace weir::detail
