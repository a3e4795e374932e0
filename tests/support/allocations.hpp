// Counts what the program allocates by operator new, and lets one of them fail. To be included by exactly one file of a
// test program, since it defines the program's operator new and delete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <malloc.h>
#include <new>

#include "support/allocation_counts.hpp"

namespace weir::testing {

inline std::int64_t size_of(void* memory) noexcept { return static_cast<std::int64_t>(malloc_usable_size(memory)); }

inline void* counted_allocation(std::size_t size, std::size_t alignment) {
  if (allocations_until_failure != 0 && --allocations_until_failure == 0) throw std::bad_alloc();
  const std::size_t whole = (size / alignment + 1) * alignment;
  void* const memory =
      alignment > alignof(std::max_align_t) ? std::aligned_alloc(alignment, whole) : std::malloc(whole);
  if (memory == nullptr) throw std::bad_alloc();
  open_allocations.fetch_add(1, detail::memory_order_relaxed);
  open_bytes.fetch_add(size_of(memory), detail::memory_order_relaxed);
  return memory;
}

inline void counted_free(void* memory) noexcept {
  if (memory != nullptr) {
    open_allocations.fetch_sub(1, detail::memory_order_relaxed);
    open_bytes.fetch_sub(size_of(memory), detail::memory_order_relaxed);
  }
  std::free(memory);
}

}  // namespace weir::testing

// The forms for arrays and the ones that do not throw come here by the standard library's own definitions.
void* operator new(std::size_t size) { return weir::testing::counted_allocation(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return weir::testing::counted_allocation(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { weir::testing::counted_free(memory); }
void operator delete(void* memory, std::size_t) noexcept { weir::testing::counted_free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { weir::testing::counted_free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { weir::testing::counted_free(memory); }
