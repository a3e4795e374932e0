// The children of a group that threw: their frames stay, with what they threw, until somebody takes the errors or the
// group ends. So an error costs no allocation, and none can be lost. Blocking: a short lock, for failures only.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/frame.hpp>

namespace weir::detail {

class failed_children {
 public:
  failed_children() noexcept = default;
  failed_children(const failed_children&) = delete;
  failed_children& operator=(const failed_children&) = delete;
  ~failed_children() { forget(); }

  /// Takes over the frame of a child whose callable is gone already. Any thread.
  void keep(frame& f, std::exception_ptr error) noexcept {
    static_assert(sizeof(std::exception_ptr) == sizeof(f.where) && std::is_trivially_destructible_v<decltype(f.where)>);
    ::new (static_cast<void*>(&f.where)) std::exception_ptr(std::move(error));  // that place is of no use any more
    f.next_queued = nullptr;
    const lock_guard held(mutex_);
    (last_ != nullptr ? last_->next_queued : first_) = &f;
    last_ = &f;
    count_.store(count_.load(memory_order_relaxed) + 1, memory_order_relaxed);  // (1)
  }

  /// Exact when no child is left.
  [[nodiscard]] std::size_t count() const noexcept { return count_.load(memory_order_relaxed); }  // (1)

  /// Calls `use` with each error, from the first one on. By one thread, when no child is left.
  template <typename Use>
  void for_each(Use&& use) const {
    for (frame* f = first(); f != nullptr; f = f->next_queued) use(error_of(*f));
  }

  /// Frees them. As for_each.
  void forget() noexcept {
    if (count() == 0) return;
    frame* f = first();
    {
      const lock_guard held(mutex_);
      first_ = last_ = nullptr;
      count_.store(0, memory_order_relaxed);  // (1)
    }
    while (f != nullptr) {
      frame* const next = f->next_queued;
      std::destroy_at(&error_of(*f));
      f->ops->free(*f);
      f = next;
    }
  }

 private:
  [[nodiscard]] static std::exception_ptr& error_of(frame& f) noexcept {
    return *std::launder(reinterpret_cast<std::exception_ptr*>(&f.where));
  }
  [[nodiscard]] frame* first() const noexcept {
    const lock_guard held(mutex_);
    return first_;
  }

  mutable mutex mutex_;
  frame* first_ WEIR_GUARDED_BY(mutex_) = nullptr;
  frame* last_ WEIR_GUARDED_BY(mutex_) = nullptr;
  // How many there are. Writers: under the lock. Readers: who waits, without it. (1) relaxed: the word of the group
  // publishes it.
  atomic<std::size_t> count_{0};
};

}  // namespace weir::detail
