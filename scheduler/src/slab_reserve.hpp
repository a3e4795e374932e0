// Empty slabs that are kept for the next burst, of whatever size its blocks are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include <weir/queues/sync.hpp>
#include <weir/queues/word_lock.hpp>

namespace weir::detail {

inline constexpr std::size_t slab_size = 64 * 1024;

/// Memory of slabs that no heap has. A slab that one heap has emptied is any heap's next one, so that those that were
/// kept for one size are no loss to the others. Thread-safe; under a short lock. Never destroyed, as its heaps.
class slab_reserve {
 public:
  explicit constexpr slab_reserve(std::int64_t most) noexcept : most_(most) {}
  slab_reserve(const slab_reserve&) = delete;
  slab_reserve& operator=(const slab_reserve&) = delete;

  /// Takes over slab_size bytes at `slab`; false: there are enough, and they stay the caller's.
  [[nodiscard]] bool try_keep(void* slab) noexcept {
    const lock_guard held(lock_);
    if (count_ == most_) return false;
    newest_ = ::new (slab) kept{newest_};
    ++count_;
    return true;
  }

  /// The memory that was kept last, since it is the likeliest to be in a cache; null if there is none.
  [[nodiscard]] void* try_take() noexcept {
    const lock_guard held(lock_);
    if (newest_ == nullptr) return nullptr;
    void* const taken = newest_;
    newest_ = newest_->next;
    --count_;
    return taken;
  }

  [[nodiscard]] std::int64_t count() const noexcept {
    const lock_guard held(lock_);
    return count_;
  }

  /// Around a fork(2), after the locks of all its heaps.
  void lock_for_fork() noexcept WEIR_ANNOTATE(no_thread_safety_analysis) { lock_.lock(); }
  void unlock_after_fork() noexcept WEIR_ANNOTATE(no_thread_safety_analysis) { lock_.unlock(); }

 private:
  struct kept {
    kept* next;
  };

  const std::int64_t most_;
  mutable word_lock<slab_reserve> lock_;  // taken under that of a heap, and none under it
  kept* newest_ WEIR_GUARDED_BY(lock_) = nullptr;
  std::int64_t count_ WEIR_GUARDED_BY(lock_) = 0;
};

}  // namespace weir::detail
