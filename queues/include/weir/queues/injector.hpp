// Where work enters from outside a worker: moodycamel's concurrent queue, one for each priority, and a count of our
// own.
//
// That queue may report empty while an item that was enqueued earlier is in it (a consumer that lost a race holds it
// hidden for a moment), so emptiness is never concluded from it. `pending` is raised before an item goes in and lowered
// after it came out: zero means that there is nothing, and anything else that whoever wants to sleep must look again.
// Progress: lock-free as the queue is; the path that cannot fail takes a short lock.
#pragma once

#include <array>
#include <concurrentqueue.h>
#include <cstddef>
#include <cstdint>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/resume_list.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// Order of entry.
enum class lane : std::uint8_t { low, normal, high };

/// Holds pointers to T, which carries a link `Next` for the way in that cannot fail. Owns nothing. Thread-safe.
///
/// Within a lane what one thread pushes comes out in order, and the threads take turns; what went in by its link, or
/// was moved by remove_if, takes turns with what is in the queue. The higher lane first, but of 8 looks one starts at
/// the lowest and one at the normal lane.
template <typename T, T* T::*Next>
class injector {
 public:
  /// The state of one who takes regularly: which of the pushing threads' turn it is. Without it the queue serves the
  /// youngest of them first, and the others wait for as long as those keep it busy. Used by one thread at a time.
  class consumer {
   public:
    explicit consumer(injector& of)
        : tokens_{moodycamel::ConsumerToken(of.lanes_[0].queue), moodycamel::ConsumerToken(of.lanes_[1].queue),
                  moodycamel::ConsumerToken(of.lanes_[2].queue)} {}

   private:
    friend class injector;
    std::array<moodycamel::ConsumerToken, 3> tokens_;
    std::uint32_t look_ = 0;
  };

  /// Adds `item`. If the queue has no memory for it, it goes in through its own link: it never fails. May allocate a
  /// block.
  void push(T* item, lane where) noexcept {
    (void)pending_.fetch_add(1, memory_order_seq_cst);  // (1) before the item can be seen
    count_urgent(where);
    if (!lanes_[index(where)].queue.enqueue(item)) lanes_[index(where)].linked.push(item);
  }

  /// Adds `count` items, in order, by one change of the count.
  void push_all(T* const* items, int count, lane where) noexcept {
    (void)pending_.fetch_add(count, memory_order_seq_cst);                  // (1)
    if (where == lane::high) high_.fetch_add(count, memory_order_relaxed);  // (2)
    one_lane& l = lanes_[index(where)];
    if (l.queue.enqueue_bulk(items, static_cast<std::size_t>(count))) return;
    for (int i = 0; i < count; ++i) l.linked.push(items[i]);
  }

  /// Adds `item` through its own link. Allocates nothing.
  void push_linked(T* item, lane where) noexcept {
    (void)pending_.fetch_add(1, memory_order_seq_cst);  // (1)
    push_announced(item, where);
  }

  /// push_linked in two steps, for an item that others may know of before it is in: announced, it is waited for.
  void announce() noexcept { (void)pending_.fetch_add(1, memory_order_seq_cst); }  // (1)
  void push_announced(T* item, lane where) noexcept {
    count_urgent(where);
    lanes_[index(where)].linked.push(item);
  }
  /// Nothing comes after all.
  void retract() noexcept { (void)pending_.fetch_sub(1, memory_order_seq_cst); }  // (1)

  /// Takes one, or null: which does not mean that there is none, only that none was found.
  [[nodiscard]] T* try_pop(consumer& by) noexcept {
    T* item = nullptr;
    if (begin_pop(by, &item, 1) == 0) return nullptr;
    end_pop(1);
    return item;
  }

  /// Takes up to `most` of one lane, of which those of one thread are in order, and returns how many it found. They are
  /// counted as pending until `end_pop`: by then they are to be where whoever looks for work sees them.
  [[nodiscard]] int begin_pop(consumer& by, T** items, int most) noexcept {
    if (pending_.load(memory_order_relaxed) == 0) return 0;  // relaxed: a look, from which nobody goes to sleep
    const std::uint32_t look = by.look_++;
    for (const std::size_t i : order_of(look)) {
      // Alternates which way in is looked at first, also among the looks that start below, so that neither starves the
      // other.
      const int found = pop_from(lanes_[i], (look + look / 8) % 2 == 0, &by.tokens_[i], items, most);
      if (found == 0) continue;
      if (i == index(lane::high)) high_.fetch_sub(found, memory_order_relaxed);  // (2)
      return found;
    }
    return 0;
  }
  void end_pop(int taken) noexcept {
    (void)pending_.fetch_sub(taken, memory_order_seq_cst);
  }  // (1) after they came out

  /// Whether there is something in the high lane, as far as the caller knows: for one who took a batch of a lower lane
  /// before that came.
  [[nodiscard]] bool has_urgent() const noexcept { return high_.load(memory_order_relaxed) > 0; }  // (2)

  /// Takes out the items for which `is_dead` says true, and hands them over to it: all that were in before the call,
  /// but for one that is just going in or coming out. The others keep their order. Returns how many are out. Meanwhile
  /// the rest is counted as pending, and may not be found. Visits each item once; allocates nothing.
  template <typename Predicate>
  std::int64_t remove_if(Predicate&& is_dead) noexcept {
    std::int64_t removed = 0;
    for (one_lane& l : lanes_) {
      // Nothing goes back before the lane is through: the queue serves whoever asks without a turn from the fullest of
      // a few producers, which would soon be this thread.
      T* kept = nullptr;
      T** end = &kept;
      for (std::int64_t left = pending(); left > 0; --left) {
        T* item = nullptr;
        if (pop_from(l, true, nullptr, &item, 1) == 0) break;
        if (is_dead(*item)) {
          if (&l == &lanes_[index(lane::high)]) high_.fetch_sub(1, memory_order_relaxed);  // (2)
          end_pop(1);
          ++removed;
        } else {
          item->*Next = nullptr;
          *end = item;
          end = &(item->*Next);
        }
      }
      while (kept != nullptr) {
        T* const item = kept;
        kept = item->*Next;
        l.linked.push(item);
      }
    }
    return removed;
  }

  /// Items that are in, or going in or coming out. Zero: there was nothing to take at that instant.
  [[nodiscard]] std::int64_t pending() const noexcept { return pending_.load(memory_order_seq_cst); }  // (1)

 private:
  struct one_lane {
    moodycamel::ConcurrentQueue<T*> queue;
    resume_list<T, Next> linked;
  };

  static constexpr std::size_t index(lane l) noexcept { return static_cast<std::size_t>(l); }

  static std::array<std::size_t, 3> order_of(std::uint32_t look) noexcept {
    if (look % 8 == 7) return {0, 1, 2};
    if (look % 8 == 3) return {1, 2, 0};
    return {2, 1, 0};
  }

  void count_urgent(lane where) noexcept {
    if (where == lane::high) high_.fetch_add(1, memory_order_relaxed);  // (2)
  }

  static int pop_from(one_lane& l, bool linked_first, moodycamel::ConsumerToken* turn, T** items, int most) noexcept {
    if (linked_first && (*items = l.linked.try_pop()) != nullptr) return 1;
    const auto n = static_cast<std::size_t>(most);
    const std::size_t found = turn == nullptr ? l.queue.try_dequeue_bulk(items, n)
                              : most == 1     ? l.queue.try_dequeue(*turn, *items)
                                              : l.queue.try_dequeue_bulk(*turn, items, n);
    if (found != 0) return static_cast<int>(found);
    return !linked_first && (*items = l.linked.try_pop()) != nullptr ? 1 : 0;
  }

  std::array<one_lane, 3> lanes_;

  // Items between the start of their push and the end of their pop. Writers: all. Readers: all. Publishes no data: the
  // queue does.
  // (1) entered: seq_cst addition by the pusher, then its look for sleepers; against a sleeper's announcement, then its
  //     seq_cst load here. One of the two sees the other (idle.hpp has the fences). Left: a subtraction after
  //     the item is out, so that zero is never too early.
  alignas(cache_line) atomic<std::int64_t> pending_{0};
  // Those of them that are in the high lane. Writers: who pushes there, before; who takes from there, after.
  // (2) relaxed: a hint; it is never below 0, and 0 when nothing is there.
  alignas(cache_line) atomic<std::int64_t> high_{0};
};

}  // namespace weir::detail
