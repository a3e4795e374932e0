// What is due first: a binary heap of objects, each of which knows its place in it, so that it can be taken out before
// its turn.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::detail {

/// The place of one that is in no heap.
inline constexpr std::uint32_t not_in_heap = 0xffff'ffff;

/// `Order` says of two objects which is due first, and where an object keeps its place:
/// `bool is_before(const T&, const T&)` and `std::uint32_t& place(T&)`, which is not_in_heap at first. Owns nothing.
/// Not thread-safe. To insert and to take out are O(log n), and allocate nothing: the room is promised beforehand.
template <typename T, typename Order>
class timer_heap {
 public:
  /// Makes room for one more. @throws std::bad_alloc; then nothing has changed.
  void promise_room() {
    if (heap_.capacity() <= heap_.size() + promised_) heap_.reserve(std::max<std::size_t>(64, 2 * heap_.capacity()));
    ++promised_;
  }
  void return_room() noexcept { --promised_; }
  /// The room of one that was just taken out is promised again.
  void keep_room() noexcept { ++promised_; }

  /// Uses promised room.
  void insert(T& one) noexcept {
    --promised_;
    heap_.push_back(&one);
    Order::place(one) = static_cast<std::uint32_t>(heap_.size() - 1);
    sift_up(heap_.size() - 1);
  }

  [[nodiscard]] bool contains(T& one) const noexcept { return Order::place(one) != not_in_heap; }

  /// Of one that it contains.
  void take_out(T& one) noexcept {
    const std::size_t index = Order::place(one);
    T* const last = heap_.back();
    heap_.pop_back();
    if (last != &one) {
      place(index, last);
      sift_up(index);
      sift_down(Order::place(*last));
    }
    Order::place(one) = not_in_heap;
  }

  /// The one that is due first; null if it is empty.
  [[nodiscard]] T* first() const noexcept { return heap_.empty() ? nullptr : heap_.front(); }

 private:
  void place(std::size_t index, T* one) noexcept {
    heap_[index] = one;
    Order::place(*one) = static_cast<std::uint32_t>(index);
  }

  void sift_up(std::size_t index) noexcept {
    T* const one = heap_[index];
    while (index > 0) {
      const std::size_t above = (index - 1) / 2;
      if (!Order::is_before(*one, *heap_[above])) break;
      place(index, heap_[above]);
      index = above;
    }
    place(index, one);
  }

  void sift_down(std::size_t index) noexcept {
    T* const one = heap_[index];
    for (;;) {
      std::size_t below = 2 * index + 1;
      if (below >= heap_.size()) break;
      if (below + 1 < heap_.size() && Order::is_before(*heap_[below + 1], *heap_[below])) ++below;
      if (!Order::is_before(*heap_[below], *one)) break;
      place(index, heap_[below]);
      index = below;
    }
    place(index, one);
  }

  std::vector<T*> heap_;
  std::size_t promised_ = 0;
};

}  // namespace weir::detail
