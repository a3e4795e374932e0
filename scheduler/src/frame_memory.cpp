#include "frame_memory.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <pthread.h>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_FRAMES_ARE_SEEN_ALONE 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEIR_FRAMES_ARE_SEEN_ALONE 1
#endif

namespace weir::detail {
namespace {

// Sizes of 64 to 256 bytes in steps of 8.
constexpr std::size_t smallest = 64;
constexpr std::size_t step = 8;
constexpr std::size_t size_count = (largest_cached_frame - smallest) / step + 1;
constexpr std::size_t index_of(std::size_t bytes) noexcept {
  return bytes <= smallest ? 0 : (bytes - smallest + step - 1) / step;
}

// For the heaps of all sizes. A queue that grows and shrinks, as it does where threads take turns on a few CPUs, would
// else fault its pages in anew each time.
constinit slab_reserve reserve(kept_slabs);

template <typename Indices>
struct heaps_of;
template <std::size_t... Index>
struct heaps_of<std::index_sequence<Index...>> {
  slab_heap of_size[sizeof...(Index)] = {slab_heap(smallest + step * Index, reserve)...};
};

// Not destroyed at the end of the process: what runs then may still free frames.
constinit heaps_of<std::make_index_sequence<size_count>> all_heaps;
constexpr slab_heap (&heaps)[size_count] = all_heaps.of_size;

constexpr int batch = 32;

// The free blocks of one thread and size; the ones that were freed last are taken first.
struct cache_of_size {
  int count = 0;
  std::array<void*, 2 * batch> blocks;
};

struct thread_cache {
  std::array<cache_of_size, size_count> of;
};

// A pointer and a flag, so that a library that is loaded late needs little of the space that there is for such
// variables.
constinit thread_local thread_cache* cache = nullptr;
constinit thread_local bool is_cache_over = false;  // the thread's cache has gone; what is freed now goes to the heap

// Gives all back at the end of the thread.
struct end_of_thread {
  ~end_of_thread() {
    is_cache_over = true;
    const thread_cache* const mine = cache;
    cache = nullptr;
    if (mine == nullptr) return;
    for (std::size_t i = 0; i < size_count; ++i) heaps[i].give(mine->of[i].blocks.data(), mine->of[i].count);
    delete mine;
  }
};

// Whether the heaps are locked around a fork(2), so that the child finds them whole.
bool survives_forks() noexcept {
  static const bool is_prepared = [] {
    const auto lock_all = [] {
      for (slab_heap& h : heaps) h.lock_for_fork();
      reserve.lock_for_fork();
    };
    const auto unlock_all = [] {
      reserve.unlock_after_fork();
      for (slab_heap& h : heaps) h.unlock_after_fork();
    };
    return pthread_atfork(lock_all, unlock_all, unlock_all) == 0;
  }();
  return is_prepared;
}

// Asked when the program begins, and not with its first frame: a fork beside that would leave a child in which a thread
// that it does not have is just preparing. A pool that is made still earlier, by a static object, prepares by itself.
[[maybe_unused]] const bool survives_forks_from_the_start = survives_forks();

// Null: this thread has none, for it is over, or there is no memory, or forks could not be prepared for.
thread_cache* make_cache() noexcept {
  if (is_cache_over) return nullptr;
  if (!survives_forks()) return nullptr;
  thread_local const end_of_thread on_exit;
  (void)on_exit;
  return cache = new (std::nothrow) thread_cache;
}

void* take_from_heap(slab_heap& heap) {
  void* block = nullptr;
  (void)heap.take(&block, 1);
  return block;
}

// Neither is inlined: who finds something in the cache shall not pay for them.
[[gnu::noinline]] void* take_and_refill(std::size_t index) {
  thread_cache* const mine = cache != nullptr ? cache : make_cache();
  if (mine == nullptr) return take_from_heap(heaps[index]);
  cache_of_size& c = mine->of[index];
  c.count = heaps[index].take(c.blocks.data(), batch);
  return c.blocks[static_cast<std::size_t>(--c.count)];
}

[[gnu::noinline]] void give_and_drain(std::size_t index, void* block) noexcept {
  thread_cache* const mine = cache != nullptr ? cache : make_cache();
  if (mine == nullptr) return heaps[index].give(&block, 1);
  cache_of_size& c = mine->of[index];
  if (c.count == 2 * batch) {
    heaps[index].give(c.blocks.data(), batch);  // those that were freed first
    std::copy(c.blocks.begin() + batch, c.blocks.end(), c.blocks.begin());
    c.count = batch;
  }
  c.blocks[static_cast<std::size_t>(c.count++)] = block;
}

constexpr bool goes_to_the_allocator(std::size_t bytes) noexcept {
#ifdef WEIR_FRAMES_ARE_SEEN_ALONE
  return true || bytes != 0;
#else
  return bytes > largest_cached_frame;
#endif
}

}  // namespace

void* take_frame_memory(std::size_t bytes) {
  if (goes_to_the_allocator(bytes)) return ::operator new(bytes);
  const std::size_t index = index_of(bytes);
  if (cache == nullptr || cache->of[index].count == 0) return take_and_refill(index);
  cache_of_size& c = cache->of[index];
  return c.blocks[static_cast<std::size_t>(--c.count)];
}

void give_frame_memory(void* block, std::size_t bytes) noexcept {
  if (goes_to_the_allocator(bytes)) return ::operator delete(block, bytes);
  const std::size_t index = index_of(bytes);
  if (cache == nullptr || cache->of[index].count == 2 * batch) return give_and_drain(index, block);
  cache_of_size& c = cache->of[index];
  c.blocks[static_cast<std::size_t>(c.count++)] = block;
}

frame_memory_use frame_memory_in_use() noexcept {
  frame_memory_use all{.kept = reserve.count()};
  for (const slab_heap& h : heaps) {
    all.slabs += h.slabs();
    all.blocks_out += h.blocks_out();
  }
  return all;
}

}  // namespace weir::detail
