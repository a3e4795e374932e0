// The queue of one worker's children: its owner takes the newest, thieves the oldest, and who waits for all that has
// some key takes those, wherever they lie. The last is what no Chase-Lev deque can do, since nobody may look at an
// entry that he has not won; so this one has a lock, of one worker, held for moments, or for as long as
// the ring grows. Thieves only try it.
// The protocol is in queues/README.md, "Keyed queue".
// Progress: blocking, but for the looks without the lock and the thieves' way, which are wait-free.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>
#include <weir/queues/word_lock.hpp>

namespace weir::detail {

/// Of the ring, in entries: powers of two.
struct ring_sizes {
  std::uint32_t first = 16;
  std::uint32_t kept = 1024;      // what is larger is given back
  std::uint32_t most = 1u << 28;  // what would be larger is as if there were no memory
};

/// Holds pointers to T, each of which names its key in `Of` and carries a link `Next` for a push without memory. Owns
/// nothing. Thread-safe.
template <typename T, typename Key, Key* T::*Of, T* T::*Next, ring_sizes Sizes = ring_sizes{}>
class alignas(cache_line) keyed_queue {
 public:
  /// Where a search has found something: the next one goes on there, and does not meet again what it has passed.
  struct cursor {
    std::uint32_t at = 0;
    bool is_set = false;
  };

  keyed_queue() noexcept = default;
  keyed_queue(const keyed_queue&) = delete;
  keyed_queue& operator=(const keyed_queue&) = delete;

  /// Adds the newest. May allocate; without memory the item goes in by its link: it never fails.
  void push(T* item) noexcept {
    const lock_guard held(lock_);
    add(item);
  }
  /// Adds `n`, the newest last.
  void push_all(T* const* items, int n) noexcept {
    const lock_guard held(lock_);
    for (int i = 0; i < n; ++i) add(items[i]);
  }

  /// The newest, or null.
  [[nodiscard]] T* take_newest() noexcept {
    if (looks_empty()) return nullptr;
    const lock_guard held(lock_);
    if (linked_ != nullptr) return take_linked(linked_);
    return first_ != last_ ? take_last() : nullptr;
  }

  /// Takes the oldest, and those behind it that have the same key, up to `most` and to half of all. Returns how many:
  /// 0 if there is none, or another one is at work here.
  [[nodiscard]] int try_take_oldest(T** items, int most) noexcept {
    if (looks_empty() || !lock_.try_lock()) return 0;
    const auto half = static_cast<int>((count_.load(memory_order_relaxed) + 1) / 2);  // relaxed: written under the lock
    int n = 0;
    if (T* const first = oldest()) {
      items[n++] = first;
      while (n < std::min(most, half) && first_ != last_ && entry_at(first_).key == first->*Of) {
        items[n++] = take_first();
      }
    }
    lock_.unlock();
    return n;
  }
  [[nodiscard]] T* try_take_oldest() noexcept {
    T* item = nullptr;
    return try_take_oldest(&item, 1) != 0 ? item : nullptr;
  }
  /// The oldest, or null: there is none.
  [[nodiscard]] T* take_oldest() noexcept {
    if (looks_empty()) return nullptr;
    const lock_guard held(lock_);
    return oldest();
  }

  /// One with this key, or null: then all that was pushed before the call has been taken. The newest if that is one;
  /// else from `from` on towards the oldest, and then the others. Linear in what is passed.
  [[nodiscard]] T* take_of(const Key& key, cursor& from) noexcept {
    if (!may_hold(key)) return nullptr;
    const lock_guard held(lock_);
    return take_if_held([&key](const Key& k) { return &k == &key; }, from);
  }

  /// One whose key `holds` accepts, or null. It is called under the lock, of keys of what is in the queue only.
  template <typename Predicate>
  [[nodiscard]] T* take_if(Predicate&& holds, cursor& from) noexcept {
    if (looks_empty()) return nullptr;
    const lock_guard held(lock_);
    return take_if_held(holds, from);
  }

  /// The oldest if `holds` accepts its key, else the newest if it does, else null; null also if another one is at work
  /// here. `holds` as with `take_if`.
  template <typename Predicate>
  [[nodiscard]] T* try_take_end_if(Predicate&& holds) noexcept {
    if (looks_empty() || !lock_.try_lock()) return nullptr;
    T* taken = nullptr;
    if (first_ != last_) {
      if (is_one(first_, holds)) {
        taken = take_first();
      } else if (is_one(last_ - 1, holds)) {
        taken = take_last();
      }
    }
    lock_.unlock();
    return taken;
  }
  /// Whether that would find one, if nobody else is at work here.
  template <typename Predicate>
  [[nodiscard]] bool has_end_if(Predicate&& holds) noexcept {
    if (looks_empty()) return false;
    const lock_guard held(lock_);
    return first_ != last_ && (is_one(first_, holds) || is_one(last_ - 1, holds));
  }

  /// Whether there is one with this key. Linear.
  [[nodiscard]] bool holds(const Key& key) noexcept {
    if (!may_hold(key)) return false;
    const lock_guard held(lock_);
    for (const T* t = linked_; t != nullptr; t = t->*Next) {
      if (t->*Of == &key) return true;
    }
    for (std::uint32_t i = first_; i != last_; ++i) {
      if (entry_at(i).item != nullptr && entry_at(i).key == &key) return true;
    }
    return false;
  }

  /// Looks without the lock, for who has stood behind a fence since what he looks for was pushed; see `count_`.
  [[nodiscard]] bool looks_empty() const noexcept { return count_.load(memory_order_relaxed) == 0; }  // (1)
  [[nodiscard]] bool may_hold(const Key& key) const noexcept {
    return by_key_[slot_of(key)].load(memory_order_relaxed) != 0;  // (1)
  }

  /// Gives memory back, if it is empty.
  void trim() noexcept {
    if (!is_large_.load(memory_order_relaxed) || !looks_empty()) return;  // (2)
    const lock_guard held(lock_);
    if (first_ != last_) return;
    ring_.reset();
    capacity_ = 0;
    is_large_.store(false, memory_order_relaxed);  // (2)
  }

 private:
  struct entry {
    T* item;  // null: a hole, where one was taken from the middle
    Key* key;
  };

  static constexpr std::size_t slots = 64;

  // Keys are objects of some size: the lowest bits of their addresses say nothing.
  static std::size_t slot_of(const Key& key) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(&key) >> 4;
    return static_cast<std::size_t>(address * 0x9E3779B97F4A7C15u >> (64 - std::bit_width(slots - 1)));
  }

  void count(const Key& key, std::int32_t change) noexcept WEIR_REQUIRES(lock_) {
    const auto adjust = [change](atomic<std::uint32_t>& to) {
      const std::uint32_t now = to.load(memory_order_relaxed);                   // relaxed: written under the lock
      to.store(now + static_cast<std::uint32_t>(change), memory_order_relaxed);  // (1)
    };
    adjust(count_);
    adjust(by_key_[slot_of(key)]);
  }

  void add(T* item) noexcept WEIR_REQUIRES(lock_) {
    count(*(item->*Of), 1);
    if (last_ - first_ == capacity_ && !make_room()) {
      item->*Next = std::exchange(linked_, item);
    } else {
      entry_at(last_++) = {item, item->*Of};
    }
  }

  [[nodiscard]] entry& entry_at(std::uint32_t index) noexcept WEIR_REQUIRES(lock_) {
    return ring_[index & (capacity_ - 1)];
  }

  [[nodiscard]] T* oldest() noexcept WEIR_REQUIRES(lock_) {
    if (first_ != last_) return take_first();
    return linked_ != nullptr ? take_linked(linked_) : nullptr;
  }

  // Neither end is ever a hole. What lies beyond the ends may be anything.
  [[nodiscard]] T* take_last() noexcept WEIR_REQUIRES(lock_) {
    const entry taken = entry_at(--last_);
    count(*taken.key, -1);
    while (first_ != last_ && entry_at(last_ - 1).item == nullptr) --last_;
    return taken.item;
  }
  [[nodiscard]] T* take_first() noexcept WEIR_REQUIRES(lock_) {
    const entry taken = entry_at(first_++);
    count(*taken.key, -1);
    while (first_ != last_ && entry_at(first_).item == nullptr) ++first_;
    return taken.item;
  }
  [[nodiscard]] T* take_at(std::uint32_t index) noexcept WEIR_REQUIRES(lock_) {
    if (index == first_) return take_first();
    if (index == last_ - 1) return take_last();
    const entry taken = std::exchange(entry_at(index), {});
    count(*taken.key, -1);
    return taken.item;
  }

  [[nodiscard]] T* take_linked(T*& link) noexcept WEIR_REQUIRES(lock_) {
    T* const item = link;
    link = item->*Next;
    count(*(item->*Of), -1);
    return item;
  }

  template <typename Predicate>
  [[nodiscard]] T* take_if_held(Predicate&& holds, cursor& from) noexcept WEIR_REQUIRES(lock_) {
    for (T** t = &linked_; *t != nullptr; t = &((*t)->*Next)) {
      if (holds(*((*t)->*Of))) return take_linked(*t);
    }
    if (first_ == last_) return nullptr;
    if (is_one(last_ - 1, holds)) return take_last();
    // A place from before a compaction, or of another queue, is as good as any.
    const std::uint32_t begin = from.is_set && from.at - first_ < last_ - first_ ? from.at : last_ - 1;
    for (std::uint32_t i = begin + 1; i != first_;) {
      if (is_one(--i, holds)) return take_and_note(i, from);
    }
    for (std::uint32_t i = last_ - 1; i != begin;) {
      if (is_one(--i, holds)) return take_and_note(i, from);
    }
    return nullptr;
  }

  template <typename Predicate>
  [[nodiscard]] bool is_one(std::uint32_t index, Predicate& holds) noexcept WEIR_REQUIRES(lock_) {
    const entry& e = entry_at(index);
    return e.item != nullptr && holds(*e.key);
  }

  [[nodiscard]] T* take_and_note(std::uint32_t index, cursor& from) noexcept WEIR_REQUIRES(lock_) {
    from = {.at = index, .is_set = true};
    return take_at(index);
  }

  // Closes the holes if that helps, and else doubles the ring. False: no memory.
  [[nodiscard]] bool make_room() noexcept WEIR_REQUIRES(lock_) {
    std::uint32_t items = 0;
    for (std::uint32_t i = first_; i != last_; ++i) items += entry_at(i).item != nullptr ? 1 : 0;
    if (items > capacity_ / 2 || capacity_ == 0) {
      const std::uint32_t larger = std::max(Sizes.first, 2 * capacity_);
      if (larger > Sizes.most) return false;
      std::unique_ptr<entry[]> grown(new (std::nothrow) entry[larger]);
      if (grown == nullptr) return false;
      move_all(grown.get(), larger, 0);
      ring_ = std::move(grown);
      capacity_ = larger;
      is_large_.store(larger > Sizes.kept, memory_order_relaxed);  // (2)
    } else {
      move_all(ring_.get(), capacity_, first_);
      last_ = first_ + items;
      return true;
    }
    first_ = 0;
    last_ = items;
    return true;
  }

  // Copies the items, from the oldest on, to a ring of this capacity, from that index on.
  void move_all(entry* to, std::uint32_t capacity, std::uint32_t index) noexcept WEIR_REQUIRES(lock_) {
    for (std::uint32_t i = first_; i != last_; ++i) {
      const entry e = entry_at(i);
      if (e.item != nullptr) to[index++ & (capacity - 1)] = e;
    }
  }

  word_lock<keyed_queue> lock_;
  std::unique_ptr<entry[]> ring_ WEIR_GUARDED_BY(lock_);
  std::uint32_t capacity_ WEIR_GUARDED_BY(lock_) = 0;  // a power of two, or 0
  std::uint32_t first_ WEIR_GUARDED_BY(lock_) = 0;     // the oldest; [first_, last_) are in, or holes
  std::uint32_t last_ WEIR_GUARDED_BY(lock_) = 0;
  T* linked_ WEIR_GUARDED_BY(lock_) = nullptr;  // those that came when there was no memory, the newest first

  // How many items there are, and how many of the keys that share a slot. Writers: who has the lock. Readers: all,
  // without it.
  // (1) relaxed: a look. Who concludes from it that there is nothing, and sleeps, has a fence between his announcement
  //     and the look, and who pushes has one between the push and his look for sleepers: one of the two sees the other.
  atomic<std::uint32_t> count_{0};
  std::array<atomic<std::uint32_t>, slots> by_key_{};
  // Whether there is memory worth giving back. Writers: who has the lock. Reader: `trim`. (2) relaxed: a look.
  atomic<bool> is_large_{false};
};

}  // namespace weir::detail
