// Blocks of memory of one size, in slabs that go back when all of their blocks are free: to what is kept for all sizes,
// or to the system.
//
// Source: Bonwick, "The slab allocator" (1994). A slab is 64 KiB, aligned to its size, so that a block's address tells
// its slab; a bit for each block says whether it is free, so that a free block is not touched. It is taken from and
// given to in batches, by the caches of the threads (frame_memory.cpp).
// Progress: under a short lock, in which two or three system calls are made for each new slab. It spins first: at a
// lock of the system those who meet there slept 500 to 1,500 times in a million posts (strace -c of those in perf/).
#pragma once

#include <cstddef>
#include <cstdint>

#include <weir/queues/sync.hpp>
#include <weir/queues/word_lock.hpp>

#include "slab_reserve.hpp"

namespace weir::detail {

/// Thread-safe. Never destroyed: blocks may be given back by whatever runs last.
class slab_heap {
 public:
  /// @param block_size  bytes, a multiple of 8, at least 64, and small beside a slab. A block is aligned to what
  /// divides that, up to 64.
  constexpr slab_heap(std::uint32_t block_size, slab_reserve& kept) noexcept : block_size_(block_size), kept_(&kept) {}
  slab_heap(const slab_heap&) = delete;
  slab_heap& operator=(const slab_heap&) = delete;

  /// Takes `n` blocks, or, if there is no memory for them, fewer, but at least one, and returns how many. Those that
  /// lie in a row come in a row, the last one first. Linear in `n`.
  /// @throws std::bad_alloc if there is no memory for one.
  [[nodiscard]] int take(void** blocks, int n);

  /// Gives back `n` blocks that came from `take`. Linear in `n`.
  void give(void* const* blocks, int n) noexcept;

  /// Slabs with a block that is out, of slab_size bytes each.
  [[nodiscard]] std::int64_t slabs() const noexcept;
  /// Blocks that are out.
  [[nodiscard]] std::int64_t blocks_out() const noexcept;

  /// Around a fork(2), so that the child does not find the lock held by a thread that it does not have.
  void lock_for_fork() noexcept WEIR_ANNOTATE(no_thread_safety_analysis) { lock_.lock(); }
  void unlock_after_fork() noexcept WEIR_ANNOTATE(no_thread_safety_analysis) { lock_.unlock(); }

 private:
  struct slab;

  [[nodiscard]] static void* map() noexcept;
  [[nodiscard]] bool add_slab() noexcept WEIR_REQUIRES(lock_);
  void link(slab& s) noexcept WEIR_REQUIRES(lock_);
  void unlink(slab& s) noexcept WEIR_REQUIRES(lock_);

  const std::uint32_t block_size_;
  slab_reserve* const kept_;
  mutable word_lock<slab_heap> lock_;
  slab* usable_ WEIR_GUARDED_BY(lock_) = nullptr;  // with a free block; who had none until last comes first
  std::int64_t slabs_ WEIR_GUARDED_BY(lock_) = 0;
  std::int64_t blocks_out_ WEIR_GUARDED_BY(lock_) = 0;
};

}  // namespace weir::detail
