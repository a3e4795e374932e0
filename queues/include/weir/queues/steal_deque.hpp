// A growing work-stealing deque: Chase and Lev (SPAA 2005), with an exchange as the owner's barrier.
//
// One thread, the owner, pushes and pops at the bottom, newest first; any thread steals at the top, oldest first. The
// memory orders are those that a model checker found necessary and sufficient for this form (C11 form: Le, Pop, Cohen,
// Zappa Nardelli, PPoPP 2013; queues/README.md says what breaks when one of them is weakened).
// Progress: push is wait-free but for the growing, which allocates; pop and steal are lock-free, and a steal that lost
// a race says so. Rings that were outgrown are freed while the deque lives, as soon as no thief can be reading them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// What a thief gets.
template <typename T>
struct steal_result {
  enum class outcome : std::uint8_t { stolen, empty, lost_race };
  outcome how;
  T* item;  // null unless stolen
};

/// The shared body. It is used through its two ends, which differ in rights: `steal_deque_owner` and
/// `steal_deque_thief`. Holds pointers and owns nothing that they point to. It must outlive its ends.
template <typename T>
class steal_deque {
 public:
  /// @param capacity  first size of the buffer; rounded up to a power of two, at least 2.
  explicit steal_deque(std::size_t capacity = 256);
  steal_deque(const steal_deque&) = delete;
  steal_deque& operator=(const steal_deque&) = delete;

 private:
  template <typename>
  friend class steal_deque_owner;
  template <typename>
  friend class steal_deque_thief;

  struct buffer {
    explicit buffer(std::size_t size) : mask(size - 1), slots(std::make_unique<atomic<T*>[]>(size)) {}
    [[nodiscard]] std::int64_t capacity() const noexcept { return static_cast<std::int64_t>(mask) + 1; }
    // A slot is written by the owner before the store to bottom_ that makes it visible, and read by thieves after they
    // have seen that store (2); a thief whose read was too late loses its exchange on top_ and drops what it read.
    // Hence relaxed.
    [[nodiscard]] atomic<T*>& slot(std::int64_t index) const noexcept {
      return slots[static_cast<std::size_t>(index) & mask];
    }
    std::size_t mask;
    std::unique_ptr<atomic<T*>[]> slots;
  };

  [[nodiscard]] buffer* grow(buffer* old, std::int64_t top, std::int64_t bottom) noexcept;
  // Adds a ring, not in use yet; null if there is no memory.
  [[nodiscard]] buffer* make(std::size_t size) noexcept;
  void use(buffer* made) noexcept;
  void free_unread() noexcept;

  // Index of the oldest item. Never goes down. Writers: whoever takes the oldest: thieves, and the owner for the very
  // last item.
  // (1) taken: seq_cst exchange by the taker -> seq_cst load by the owner in pop and by thieves. With bottom_'s
  //     exchange it is the store-load pair of the algorithm: the owner lowers bottom_, then reads top_; a thief reads
  //     top_, then bottom_. For the last item at least one of them sees the other and goes to the exchange, which
  //     decides.
  alignas(cache_line) atomic<std::int64_t> top_{0};

  // Thieves that read a ring. On the line of top_, which they write anyway. Writers: thieves. Reader: the owner, when
  // it has a ring to free.
  // (4) reading: seq_cst addition by a thief, before its seq_cst load of the ring -> seq_cst load by the owner, after
  //     its seq_cst store of another ring. One is first: either the owner sees the thief, and frees nothing, or the
  //     thief sees the new ring.
  // (5) read: release subtraction by a thief -> the owner's load of 0; its reads of the ring happen before the end of
  // it.
  atomic<std::int64_t> thieves_{0};

  // Index after the newest item. Writer: the owner. Readers: all.
  // (2) pushed: release store by the owner -> seq_cst load by a thief; publishes the slot and the item. Every store of
  //     the owner is release or stronger: C++20 ends a release sequence at a relaxed store of the same thread.
  alignas(cache_line) atomic<std::int64_t> bottom_{0};

  // The ring in use. Writer: the owner, when it grows, or gives memory back. Readers: all.
  // (3) grown: store by the owner -> load by a thief after its load of bottom_; publishes the copied slots. Both are
  //     seq_cst for (4).
  atomic<buffer*> buffer_;

  // Owner only. The ring in use is the last; a thief may still be reading an earlier one.
  std::vector<std::unique_ptr<buffer>> buffers_;
  std::size_t first_capacity_;
};

/// The end of the one thread that owns the deque. Not thread-safe: at most one thread uses it at a time.
template <typename T>
class steal_deque_owner {
 public:
  explicit steal_deque_owner(steal_deque<T>& of) noexcept : deque_(&of) {}

  /// Adds `item` as the newest. False, with nothing changed, only if the deque had to grow and there was no memory.
  /// What happened before the push happens before what whoever takes the item does next. Amortised O(1).
  [[nodiscard]] bool push(T* item) noexcept {
    steal_deque<T>& d = *deque_;
    const std::int64_t bottom = d.bottom_.load(memory_order_relaxed);  // relaxed: only this thread writes it
    const std::int64_t top =
        d.top_.load(memory_order_acquire);              // (1) old is safe: the ring then looks fuller than it is
    auto* ring = d.buffer_.load(memory_order_relaxed);  // relaxed: only this thread writes it
    if (bottom - top >= ring->capacity()) {
      ring = d.grow(ring, top, bottom);
      if (ring == nullptr) return false;
    }
    ring->slot(bottom).store(item, memory_order_relaxed);
    d.bottom_.store(bottom + 1, memory_order_release);  // (2)
    return true;
  }

  /// Takes the newest, or null if there is none. O(1).
  [[nodiscard]] T* pop() noexcept {
    steal_deque<T>& d = *deque_;
    const std::int64_t bottom = d.bottom_.load(memory_order_relaxed) - 1;
    auto* ring = d.buffer_.load(memory_order_relaxed);
    (void)d.bottom_.exchange(bottom, memory_order_seq_cst);  // (1) before the load of top_
    std::int64_t top = d.top_.load(memory_order_seq_cst);    // (1)
    if (top > bottom) {
      d.bottom_.store(bottom + 1, memory_order_release);  // (2) it was empty
      return nullptr;
    }
    T* item = ring->slot(bottom).load(memory_order_relaxed);
    if (top == bottom) {  // the last one: a thief may be at it
      if (!d.top_.compare_exchange_strong(top, top + 1, memory_order_seq_cst, memory_order_relaxed))
        item = nullptr;                                   // (1)
      d.bottom_.store(bottom + 1, memory_order_release);  // (2)
    }
    return item;
  }

  /// Gives memory back, for an owner that has nothing to do: rings that were outgrown, and the ring that is in use if
  /// it has grown and is empty, for one of the first size. What a thief may still be reading stays for the next time.
  void trim() noexcept {
    steal_deque<T>& d = *deque_;
    const std::int64_t bottom = d.bottom_.load(memory_order_relaxed);  // relaxed: only this thread writes it
    // relaxed: an old one only makes it look as if something were there. Once empty it stays so: only this thread
    // pushes.
    const bool is_empty = d.top_.load(memory_order_relaxed) == bottom;
    if (is_empty && d.buffers_.back()->mask >= d.first_capacity_) {
      if (auto* const small = d.make(d.first_capacity_)) d.use(small);
    }
    d.free_unread();
  }

 private:
  steal_deque<T>* deque_;
};

/// The end of everybody else. Thread-safe.
template <typename T>
class steal_deque_thief {
 public:
  explicit steal_deque_thief(steal_deque<T>& of) noexcept : deque_(&of) {}

  /// Tries to take the oldest, once. `lost_race` means that somebody else made progress; try again. O(1), no
  /// allocation.
  [[nodiscard]] steal_result<T> steal() noexcept {
    using outcome = typename steal_result<T>::outcome;
    steal_deque<T>& d = *deque_;
    std::int64_t top = d.top_.load(memory_order_seq_cst);              // (1) before the load of bottom_
    const std::int64_t bottom = d.bottom_.load(memory_order_seq_cst);  // (1) (2)
    if (top >= bottom) return {outcome::empty, nullptr};
    (void)d.thieves_.fetch_add(1, memory_order_seq_cst);      // (4) before the load of the ring
    const auto* ring = d.buffer_.load(memory_order_seq_cst);  // (3) (4) after the load of bottom_
    T* item = ring->slot(top).load(memory_order_relaxed);
    (void)d.thieves_.fetch_sub(1, memory_order_release);                                              // (5)
    if (!d.top_.compare_exchange_strong(top, top + 1, memory_order_seq_cst, memory_order_relaxed)) {  // (1)
      return {outcome::lost_race, nullptr};
    }
    return {outcome::stolen, item};
  }

  /// Whether there was nothing at some instant of the call. A pusher that then passes a full fence before it looks for
  /// sleepers, and a sleeper that passes one before it looks here, cannot miss each other.
  [[nodiscard]] bool looks_empty() const noexcept {
    const std::int64_t top = deque_->top_.load(memory_order_seq_cst);
    return top >= deque_->bottom_.load(memory_order_seq_cst);
  }

 private:
  steal_deque<T>* deque_;
};

template <typename T>
steal_deque<T>::steal_deque(std::size_t capacity)
    : buffer_(nullptr), first_capacity_(std::bit_ceil(capacity < 2 ? std::size_t{2} : capacity)) {
  buffers_.push_back(std::make_unique<buffer>(first_capacity_));
  buffer_.store(buffers_.back().get(), memory_order_relaxed);  // relaxed: nobody else knows the deque yet
}

template <typename T>
auto steal_deque<T>::make(std::size_t size) noexcept -> buffer* {
  try {
    buffers_.push_back(std::make_unique<buffer>(size));
    return buffers_.back().get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

template <typename T>
void steal_deque<T>::use(buffer* made) noexcept {
  buffer_.store(made, memory_order_seq_cst);  // (3) (4) before the load of thieves_
}

template <typename T>
void steal_deque<T>::free_unread() noexcept {
  if (buffers_.size() == 1 || thieves_.load(memory_order_seq_cst) != 0) return;  // (4) (5)
  buffers_.erase(buffers_.begin(), buffers_.end() - 1);
}

template <typename T>
auto steal_deque<T>::grow(buffer* old, std::int64_t top, std::int64_t bottom) noexcept -> buffer* {
  buffer* const grown = make(2 * static_cast<std::size_t>(old->capacity()));
  if (grown == nullptr) return nullptr;
  for (std::int64_t i = top; i < bottom; ++i) {
    grown->slot(i).store(old->slot(i).load(memory_order_relaxed), memory_order_relaxed);
  }
  use(grown);
  free_unread();
  return grown;
}

}  // namespace weir::detail
