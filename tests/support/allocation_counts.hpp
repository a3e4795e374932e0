// The allocations of a test program that includes support/allocations.hpp in one of its files: how many are open, how
// large these are, and which one fails.
#pragma once

#include <cstdint>

#include <weir/queues/sync.hpp>

namespace weir::testing {

// Allocations that were not freed yet. Writers: all threads; relaxed, a number that is looked at when they are at rest.
inline detail::atomic<std::int64_t> open_allocations{0};
[[nodiscard]] inline std::int64_t allocations_open() noexcept {
  return open_allocations.load(detail::memory_order_relaxed);
}
// Their sizes, as the allocator has rounded them. As above.
inline detail::atomic<std::int64_t> open_bytes{0};
[[nodiscard]] inline std::int64_t bytes_open() noexcept { return open_bytes.load(detail::memory_order_relaxed); }
// Allocations of this thread until the one that fails; 0: none fails.
inline thread_local int allocations_until_failure = 0;

}  // namespace weir::testing
