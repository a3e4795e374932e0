#include "kept_memory.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

#include "seam.hpp"

namespace model {
namespace {

// Not a container of the standard library, which would come here again.
struct kept_blocks {
  void** blocks = nullptr;
  std::size_t count = 0;
  std::size_t room = 0;
};
kept_blocks kept;

void keep_or_free(void* block) noexcept {
  if (!viewing || block == nullptr) return std::free(block);
  if (kept.count == kept.room) {
    const std::size_t room = kept.room == 0 ? 1024 : 2 * kept.room;
    void* const grown = std::realloc(static_cast<void*>(kept.blocks), room * sizeof(void*));
    if (grown == nullptr) std::abort();
    kept.blocks = static_cast<void**>(grown);
    kept.room = room;
  }
  kept.blocks[kept.count++] = block;
}

void* allocated(std::size_t size, std::size_t alignment) {
  const std::size_t whole = (size / alignment + 1) * alignment;
  void* const block = alignment > alignof(std::max_align_t) ? std::aligned_alloc(alignment, whole) : std::malloc(whole);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

void free_kept_memory() noexcept {
  while (kept.count != 0) std::free(kept.blocks[--kept.count]);
}

}  // namespace model

// The forms for arrays and the ones that do not throw come here by the standard library's own definitions.
void* operator new(std::size_t size) { return model::allocated(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return model::allocated(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { model::keep_or_free(block); }
void operator delete(void* block, std::size_t) noexcept { model::keep_or_free(block); }
void operator delete(void* block, std::align_val_t) noexcept { model::keep_or_free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { model::keep_or_free(block); }
