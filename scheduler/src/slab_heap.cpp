#include "slab_heap.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <new>
#include <sys/mman.h>
#include <utility>

namespace weir::detail {
namespace {

constexpr std::size_t words = slab_size / 64 / 64;  // of 64 bits, for blocks of at least 64 bytes

}  // namespace

// The head of a slab, in its first bytes; the blocks follow.
struct alignas(64) slab_heap::slab {
  slab* next = nullptr;
  slab* prev = nullptr;
  std::uint32_t capacity = 0;
  std::uint32_t free = 0;
  std::array<std::uint64_t, words> is_free{};

  [[nodiscard]] std::byte* blocks() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  [[nodiscard]] static slab& of(void* block) noexcept {
    return *reinterpret_cast<slab*>(reinterpret_cast<std::uintptr_t>(block) & ~(slab_size - 1));
  }
};

void* slab_heap::map() noexcept {
  // Twice the size holds an aligned one; the rest goes back.
  void* const raw = mmap(nullptr, 2 * slab_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  auto* const first = static_cast<std::byte*>(raw);
  const std::size_t before = (slab_size - reinterpret_cast<std::uintptr_t>(first) % slab_size) % slab_size;
  if (before != 0) munmap(first, before);
  munmap(first + before + slab_size, slab_size - before);
  return first + before;
}

bool slab_heap::add_slab() noexcept {
  void* memory = kept_->try_take();
  if (memory == nullptr) memory = map();
  if (memory == nullptr) return false;
  slab& made = *::new (memory) slab;
  made.capacity = static_cast<std::uint32_t>((slab_size - sizeof(slab)) / block_size_);
  made.free = made.capacity;
  for (std::uint32_t i = 0; i < made.capacity; ++i) made.is_free[i / 64] |= std::uint64_t{1} << (i % 64);
  link(made);
  ++slabs_;
  return true;
}

void slab_heap::link(slab& s) noexcept {
  s.prev = nullptr;
  s.next = usable_;
  if (usable_ != nullptr) usable_->prev = &s;
  usable_ = &s;
}

void slab_heap::unlink(slab& s) noexcept {
  (s.prev != nullptr ? s.prev->next : usable_) = s.next;
  if (s.next != nullptr) s.next->prev = s.prev;
}

int slab_heap::take(void** blocks, int n) {
  const lock_guard held(lock_);
  int left = n;
  while (left > 0) {
    if (usable_ == nullptr && !add_slab()) break;
    slab& s = *usable_;
    const int wanted = left;
    for (std::uint64_t& word : s.is_free) {
      for (; word != 0 && left > 0; word &= word - 1) {
        const auto i = static_cast<std::size_t>(64 * (&word - s.is_free.data()) + std::countr_zero(word));
        blocks[--left] = s.blocks() + i * block_size_;
      }
      if (left == 0) break;
    }
    s.free -= static_cast<std::uint32_t>(wanted - left);
    if (s.free == 0) unlink(s);
  }
  if (left == n) throw std::bad_alloc();
  if (left != 0) std::copy(blocks + left, blocks + n, blocks);
  blocks_out_ += n - left;
  return n - left;
}

void slab_heap::give(void* const* blocks, int n) noexcept {
  slab* empty = nullptr;
  {
    const lock_guard held(lock_);
    for (int k = 0; k < n; ++k) {
      slab& s = slab::of(blocks[k]);
      const auto i = static_cast<std::uint32_t>(static_cast<std::byte*>(blocks[k]) - s.blocks()) / block_size_;
      s.is_free[i / 64] |= std::uint64_t{1} << (i % 64);
      if (s.free++ == 0) link(s);
      if (s.free != s.capacity) continue;
      unlink(s);
      s.next = std::exchange(empty, &s);
      --slabs_;
    }
    blocks_out_ -= n;
  }
  while (empty != nullptr) {
    void* const memory = std::exchange(empty, empty->next);
    if (!kept_->try_keep(memory)) munmap(memory, slab_size);
  }
}

std::int64_t slab_heap::slabs() const noexcept {
  const lock_guard held(lock_);
  return slabs_;
}

std::int64_t slab_heap::blocks_out() const noexcept {
  const lock_guard held(lock_);
  return blocks_out_;
}

}  // namespace weir::detail
