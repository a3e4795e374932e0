// The queue by keys with one function done wrongly: mistakes that a model must notice.
//
// The mistake is in the type of the items; a function of the real queue has another body for one type of items each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include <weir/queues/keyed_queue.hpp>
#include <weir/queues/sync.hpp>

#include "checked.hpp"

namespace model {

enum class queue_mistake {
  none,
  push_counts_after_the_lock,
  thief_does_not_ask_for_the_lock,
  take_leaves_a_hole_at_an_end,
  room_is_made_at_the_end_only,
  search_forgets_the_linked,
  search_goes_down_only,
  search_takes_what_shares_the_slot,
  trim_does_not_look_again,
};

struct alignas(16) queue_key {
  char some_size[16];
};

// Plain: written by who pushes it, and then by who takes it.
template <queue_mistake M>
struct keyed_item {
  queue_key* of = nullptr;
  keyed_item* next = nullptr;
  checked<int> payload;
  int taken = 0;
};

template <queue_mistake M, weir::detail::ring_sizes Sizes>
using sized_queue =
    weir::detail::keyed_queue<keyed_item<M>, queue_key, &keyed_item<M>::of, &keyed_item<M>::next, Sizes>;
inline constexpr weir::detail::ring_sizes growing{.first = 2, .kept = 2, .most = 64};
inline constexpr weir::detail::ring_sizes room_for_two{.first = 2, .kept = 2, .most = 2};

template <queue_mistake M>
using small_queue = sized_queue<M, growing>;

using late_count = keyed_item<queue_mistake::push_counts_after_the_lock>;
using unlocked = keyed_item<queue_mistake::thief_does_not_ask_for_the_lock>;
using with_hole = keyed_item<queue_mistake::take_leaves_a_hole_at_an_end>;
using half_closed = keyed_item<queue_mistake::room_is_made_at_the_end_only>;
using unlinked = keyed_item<queue_mistake::search_forgets_the_linked>;
using downwards = keyed_item<queue_mistake::search_goes_down_only>;
using alike = keyed_item<queue_mistake::search_takes_what_shares_the_slot>;

}  // namespace model

namespace weir::detail {

template <>
inline void model::small_queue<model::queue_mistake::push_counts_after_the_lock>::push(model::late_count* item) noexcept
    WEIR_ANNOTATE(no_thread_safety_analysis) {
  {
    const lock_guard held(lock_);
    if (last_ - first_ == capacity_) (void)make_room();
    entry_at(last_++) = {item, item->of};
  }
  count(*item->of, 1);
}

template <>
inline model::unlocked*
model::small_queue<model::queue_mistake::thief_does_not_ask_for_the_lock>::try_take_oldest() noexcept
    WEIR_ANNOTATE(no_thread_safety_analysis) {
  return looks_empty() ? nullptr : oldest();
}

// Where it finds one, it takes it for the end.
template <>
inline model::with_hole* model::small_queue<model::queue_mistake::take_leaves_a_hole_at_an_end>::take_last() noexcept {
  const entry taken = entry_at(--last_);
  if (taken.item != nullptr) count(*taken.key, -1);
  return taken.item;
}

// As if all holes were in front of the items.
template <>
inline bool model::small_queue<model::queue_mistake::room_is_made_at_the_end_only>::make_room() noexcept {
  std::uint32_t items = 0;
  for (std::uint32_t i = first_; i != last_; ++i) items += entry_at(i).item != nullptr ? 1 : 0;
  if (capacity_ != 0 && items <= capacity_ / 2) {
    first_ = last_ - items;
    return true;
  }
  const std::uint32_t larger = std::max(2u, 2 * capacity_);
  std::unique_ptr<entry[]> grown(new entry[larger]);
  move_all(grown.get(), larger, 0);
  ring_ = std::move(grown);
  capacity_ = larger;
  first_ = 0;
  last_ = items;
  return true;
}

template <>
template <typename Predicate>
model::unlinked* model::sized_queue<model::queue_mistake::search_forgets_the_linked, model::room_for_two>::take_if_held(
    Predicate&& holds, cursor&) noexcept {
  for (std::uint32_t i = last_; i != first_;) {
    if (entry_at(--i).item != nullptr && holds(*entry_at(i).key)) return take_at(i);
  }
  return nullptr;
}

template <>
template <typename Predicate>
model::downwards* model::small_queue<model::queue_mistake::search_goes_down_only>::take_if_held(Predicate&& holds,
                                                                                                cursor& from) noexcept {
  if (first_ == last_) return nullptr;
  const std::uint32_t begin = from.is_set && from.at - first_ < last_ - first_ ? from.at : last_ - 1;
  for (std::uint32_t i = begin + 1; i != first_;) {
    if (entry_at(--i).item != nullptr && holds(*entry_at(i).key)) return take_and_note(i, from);
  }
  return nullptr;
}

template <>
inline model::alike* model::small_queue<model::queue_mistake::search_takes_what_shares_the_slot>::take_of(
    const model::queue_key& key, cursor& from) noexcept {
  const lock_guard held(lock_);
  return take_if_held([&key](const model::queue_key& k) { return slot_of(k) == slot_of(key); }, from);
}

template <>
inline void model::small_queue<model::queue_mistake::trim_does_not_look_again>::trim() noexcept {
  if (!is_large_.load(memory_order_relaxed) || !looks_empty()) return;
  const lock_guard held(lock_);
  first_ = last_ = capacity_ = 0;
  ring_.reset();
  is_large_.store(false, memory_order_relaxed);
}

}  // namespace weir::detail
