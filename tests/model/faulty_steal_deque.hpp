// The ends of the work-stealing deque with one step left out or misplaced: mistakes that a model must notice.
//
// They are specialisations of the real ends, and so may reach into the deque. What is not done wrongly is done by the
// real ends.
#pragma once

#include <cstdint>
#include <memory>

#include <weir/queues/steal_deque.hpp>
#include <weir/queues/sync.hpp>

namespace model {

enum class deque_mistake {
  none,
  push_publishes_first,
  growth_publishes_first,
  trim_frees_unasked,
  pop_takes_the_last_unasked,
  pop_reads_top_first,
  pop_leaves_bottom_low,
  pop_stores_bottom,  // a release store for the exchange: wrong only where stores are delayed
  steal_takes_unasked,
  steal_reads_bottom_first,
  steal_reads_the_item_last,
  steal_reads_the_ring_first,
};

template <typename T>
struct faulty {};

}  // namespace model

namespace weir::detail {

template <typename T>
class steal_deque_owner<model::faulty<T>> {
  using mistake = model::deque_mistake;

 public:
  steal_deque_owner(steal_deque<T>& of, mistake made) noexcept : deque_(of), real_(of), made_(made) {}

  bool push(T* item) {
    if (made_ == mistake::push_publishes_first) return publish_and_write(item);
    if (made_ == mistake::growth_publishes_first) grow_if_full();
    return real_.push(item);
  }

  void trim() {
    real_.trim();
    if (made_ == mistake::trim_frees_unasked) deque_.buffers_.erase(deque_.buffers_.begin(), deque_.buffers_.end() - 1);
  }

  T* pop() {
    switch (made_) {
      case mistake::pop_takes_the_last_unasked:
      case mistake::pop_reads_top_first:
      case mistake::pop_leaves_bottom_low:
      case mistake::pop_stores_bottom:
        return pop_wrongly();
      default:
        return real_.pop();
    }
  }

 private:
  // There is room.
  bool publish_and_write(T* item) {
    const std::int64_t bottom = deque_.bottom_.load(memory_order_relaxed);
    deque_.bottom_.store(bottom + 1, memory_order_release);
    deque_.buffer_.load(memory_order_relaxed)->slot(bottom).store(item, memory_order_release);
    return true;
  }

  void grow_if_full() {
    using buffer = typename steal_deque<T>::buffer;
    const std::int64_t bottom = deque_.bottom_.load(memory_order_relaxed);
    const std::int64_t top = deque_.top_.load(memory_order_acquire);
    buffer* const old = deque_.buffer_.load(memory_order_relaxed);
    if (bottom - top < old->capacity()) return;
    deque_.buffers_.push_back(std::make_unique<buffer>(2 * static_cast<std::size_t>(old->capacity())));
    buffer* const grown = deque_.buffers_.back().get();
    deque_.buffer_.store(grown, memory_order_release);
    for (std::int64_t i = top; i < bottom; ++i) {
      grown->slot(i).store(old->slot(i).load(memory_order_relaxed), memory_order_release);
    }
  }

  T* pop_wrongly() {
    steal_deque<T>& d = deque_;
    const std::int64_t bottom = d.bottom_.load(memory_order_relaxed) - 1;
    auto* ring = d.buffer_.load(memory_order_relaxed);
    std::int64_t top = 0;
    if (made_ == mistake::pop_reads_top_first) {
      top = d.top_.load(memory_order_seq_cst);
      d.bottom_.exchange(bottom, memory_order_seq_cst);
    } else {
      if (made_ == mistake::pop_stores_bottom) {
        d.bottom_.store(bottom, memory_order_release);
      } else {
        d.bottom_.exchange(bottom, memory_order_seq_cst);
      }
      top = d.top_.load(memory_order_seq_cst);
    }
    if (top > bottom) {
      if (made_ != mistake::pop_leaves_bottom_low) d.bottom_.store(bottom + 1, memory_order_release);
      return nullptr;
    }
    T* item = ring->slot(bottom).load(memory_order_relaxed);
    if (top < bottom) return item;
    if (made_ == mistake::pop_takes_the_last_unasked) {
      d.top_.store(top + 1, memory_order_seq_cst);
    } else if (!d.top_.compare_exchange_strong(top, top + 1, memory_order_seq_cst, memory_order_relaxed)) {
      item = nullptr;
    }
    d.bottom_.store(bottom + 1, memory_order_release);
    return item;
  }

  steal_deque<T>& deque_;
  steal_deque_owner<T> real_;
  mistake made_;
};

template <typename T>
class steal_deque_thief<model::faulty<T>> {
  using mistake = model::deque_mistake;
  using outcome = typename steal_result<T>::outcome;

 public:
  steal_deque_thief(steal_deque<T>& of, mistake made) noexcept : deque_(of), real_(of), made_(made) {}

  steal_result<T> steal() {
    switch (made_) {
      case mistake::steal_takes_unasked:
      case mistake::steal_reads_bottom_first:
      case mistake::steal_reads_the_item_last:
        return steal_wrongly();
      case mistake::steal_reads_the_ring_first:
        return announce_late();
      default:
        return real_.steal();
    }
  }

 private:
  steal_result<T> steal_wrongly() {
    steal_deque<T>& d = deque_;
    std::int64_t bottom = 0;
    if (made_ == mistake::steal_reads_bottom_first) bottom = d.bottom_.load(memory_order_seq_cst);
    std::int64_t top = d.top_.load(memory_order_seq_cst);
    if (made_ != mistake::steal_reads_bottom_first) bottom = d.bottom_.load(memory_order_seq_cst);
    if (top >= bottom) return {outcome::empty, nullptr};
    d.thieves_.fetch_add(1, memory_order_seq_cst);
    const auto* ring = d.buffer_.load(memory_order_seq_cst);
    const std::int64_t index = top;
    T* item = ring->slot(index).load(memory_order_relaxed);
    bool is_taken = true;
    if (made_ == mistake::steal_takes_unasked) {
      d.top_.store(top + 1, memory_order_seq_cst);
    } else {
      is_taken = d.top_.compare_exchange_strong(top, top + 1, memory_order_seq_cst, memory_order_relaxed);
    }
    if (is_taken && made_ == mistake::steal_reads_the_item_last) item = ring->slot(index).load(memory_order_relaxed);
    d.thieves_.fetch_sub(1, memory_order_release);
    if (!is_taken) return {outcome::lost_race, nullptr};
    return {outcome::stolen, item};
  }

  steal_result<T> announce_late() {
    steal_deque<T>& d = deque_;
    std::int64_t top = d.top_.load(memory_order_seq_cst);
    if (top >= d.bottom_.load(memory_order_seq_cst)) return {outcome::empty, nullptr};
    const auto* ring = d.buffer_.load(memory_order_seq_cst);
    d.thieves_.fetch_add(1, memory_order_seq_cst);
    T* item = ring->slot(top).load(memory_order_relaxed);
    d.thieves_.fetch_sub(1, memory_order_release);
    if (!d.top_.compare_exchange_strong(top, top + 1, memory_order_seq_cst, memory_order_relaxed)) item = nullptr;
    return {item != nullptr ? outcome::stolen : outcome::lost_race, item};
  }

  steal_deque<T>& deque_;
  steal_deque_thief<T> real_;
  mistake made_;
};

}  // namespace weir::detail
