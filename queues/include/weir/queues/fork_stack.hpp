// A bounded stack of forks of which the older part can be stolen: a split deque, which its owner uses strictly last in,
// first out. Source: Dijk and van de Pol, Euro-Par 2014 workshops; with private deques, Acar, Chargueraud and Rainey,
// PPoPP 2013.
//
// Most forks are never stolen, and are pushed and popped without any operation that another thread could notice. Only
// when nothing is left to steal does a push make half of what is private public. queues/README.md has the protocol.
// Progress: push and the pop of a private fork are wait-free; the pop of a public one and a steal are lock-free.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// Holds pointers to T and owns nothing. Used through its two ends, which differ in rights: `fork_stack_owner` and
/// `fork_stack_thief`. It must outlive them.
template <typename T, std::uint32_t Capacity = 1024>
class fork_stack {
 public:
  fork_stack() noexcept = default;
  fork_stack(const fork_stack&) = delete;
  fork_stack& operator=(const fork_stack&) = delete;

 private:
  template <typename, std::uint32_t>
  friend class fork_stack_owner;
  template <typename, std::uint32_t>
  friend class fork_stack_thief;

  static_assert(Capacity < 1U << 16);
  static constexpr std::uint64_t one_taken = 1;
  static constexpr std::uint64_t one_public = std::uint64_t{1} << 16;
  static constexpr std::uint64_t one_epoch = std::uint64_t{1} << 32;

  static constexpr std::uint32_t tail_of(std::uint64_t word) noexcept { return word & (one_public - 1); }
  static constexpr std::uint32_t split_of(std::uint64_t word) noexcept { return (word >> 16) & (one_public - 1); }
  static constexpr std::uint64_t emptied(std::uint64_t word, std::uint32_t at) noexcept {
    return (word & ~(one_epoch - 1)) | std::uint64_t{at} << 16 | at;
  }

  // {epoch:32, split:16, tail:16}. Slots [tail, split) are public: free for thieves to take. Below tail: stolen, not
  // yet joined. From split on: private. Epoch: how many segments have ended in which something was public.
  // Writers: thieves, one more taken; the owner, more public (addition), one less public (exchange), where the next
  // fork will be when nothing is public (store), and one more epoch (addition). Readers: all.
  // (1) published: release addition by the owner -> acquire exchange by the thief that takes it, or a later one in the
  //     same release sequence; publishes the slot and the fork. Also -> acquire load by who looks whether there is
  //     one, and then what the owner runs. It is sequentially consistent, so that the owner, who looks for sleepers by
  //     a load in that order (idle, (4)), needs no fence between: theirs is before their look.
  // (2) not gone yet: release addition by the owner, which makes more public (1) -> acquire load by a thief that takes
  //     only what belongs to one segment, before it asks whether that goes on. What it finds public and belongs to
  //     another one was made public after that had ended, which the load makes visible. That the segment ends between
  //     the question and the exchange is told by the epoch, which differs then. Adding to that is relaxed: all that
  //     belongs to the segment is joined by then, so that what is public afterwards, at its index or above, is
  //     published by (1); and who learns of the next segment by an acquire has the addition before his exchange.
  alignas(cache_line) atomic<std::uint64_t> word_{0};

  // Written by the owner before (1), read by a thief after it has taken the slot. The owner writes it again only when
  // the fork has been joined.
  alignas(cache_line) std::array<T*, Capacity> slots_;
};

/// What a push did.
enum class pushed : std::uint8_t {
  kept,       // private, or public beside others that were already there to steal
  published,  // there is something to steal again: who sleeps should be woken
  full,       // no room: nothing has changed, the caller runs the fork itself
};

/// The end of the one thread that owns the stack.
template <typename T, std::uint32_t Capacity = 1024>
class fork_stack_owner {
 public:
  explicit fork_stack_owner(fork_stack<T, Capacity>& of) noexcept : stack_(&of) {}

  /// Adds `item` as the newest.
  [[nodiscard]] pushed push(T* item) noexcept {
    if (head_ == Capacity) return pushed::full;
    stack_->slots_[head_++] = item;
    const std::uint64_t seen = stack_->word_.load(memory_order_relaxed);  // relaxed: a look; (1) publishes
    if (stack::tail_of(seen) != split_) return pushed::kept;
    publish((head_ - split_ + 1) / 2);
    return pushed::published;
  }

  /// Takes the newest back, which must be there: true. False: it was stolen; it stays the newest until `forget_newest`.
  [[nodiscard]] bool pop() noexcept {
    if (head_ != split_) {
      --head_;
      return true;
    }
    return pop_public();
  }

  /// After the stolen newest one is done.
  void forget_newest() noexcept {
    --head_;
    split_ = head_;
    // Nothing is public, so that no thief can be writing; relaxed: it publishes nothing.
    stack_->word_.store(stack::emptied(stack_->word_.load(memory_order_relaxed), head_), memory_order_relaxed);
  }

  /// Where what is pushed begins to belong to something else, or all that belonged to that has been popped: who asks
  /// for what belongs to one takes nothing of another. Without a write if nothing was public since the last time.
  /// Returns whether something that was pushed before is public.
  bool begin_segment() noexcept {
    if (!had_public_) return false;
    const std::uint64_t seen = stack_->word_.fetch_add(stack::one_epoch, memory_order_relaxed);  // (2)
    had_public_ = stack::tail_of(seen) != split_;  // in the segment that begins, too, although it was pushed before
    return had_public_;
  }

  /// Makes all public, for an owner that will not push for a while. Returns whether there was something to add: then
  /// who sleeps should be woken.
  [[nodiscard]] bool publish_all() noexcept {
    if (head_ == split_) return false;
    publish(head_ - split_);
    return true;
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return head_; }
  /// How many were made public when some were last; for a count.
  [[nodiscard]] std::uint32_t last_published() const noexcept { return last_published_; }
  /// Seen by now: relaxed, a look.
  [[nodiscard]] bool has_nothing_public() const noexcept {
    return stack::tail_of(stack_->word_.load(memory_order_relaxed)) == split_;
  }

 private:
  template <typename, std::uint32_t>
  friend class fork_stack_owner;  // the models' faulty ones
  using stack = fork_stack<T, Capacity>;

  void publish(std::uint32_t more) noexcept {
    split_ += more;
    last_published_ = more;
    had_public_ = true;
    (void)stack_->word_.fetch_add(more * stack::one_public, memory_order_seq_cst);  // (1)
  }

  bool pop_public() noexcept {
    std::uint64_t seen = stack_->word_.load(memory_order_relaxed);
    while (stack::tail_of(seen) != split_) {
      // relaxed: what it takes back is its own
      if (stack_->word_.compare_exchange_weak(seen, seen - stack::one_public, memory_order_relaxed,
                                              memory_order_relaxed)) {
        head_ = --split_;
        return true;
      }
    }
    return false;
  }

  stack* stack_;
  std::uint32_t head_ = 0;  // where the next one goes
  std::uint32_t last_published_ = 0;
  bool had_public_ = false;  // in this segment
  std::uint32_t split_ = 0;  // as in the word
};

/// The end of everybody else. Thread-safe.
template <typename T, std::uint32_t Capacity = 1024>
class fork_stack_thief {
 public:
  explicit fork_stack_thief(fork_stack<T, Capacity>& of) noexcept : stack_(&of) {}

  /// Takes the oldest that is public, or null.
  [[nodiscard]] T* steal() noexcept {
    return steal_while(0, [] { return true; });
  }

  /// Takes the oldest that is public, if it is at `from` or above, else null: what the owner has pushed since its size
  /// was `from`. And only what it has pushed in a segment of which `goes_on` says that it goes on.
  template <typename Predicate>
  [[nodiscard]] T* steal_while(std::uint32_t from, Predicate goes_on) noexcept {
    std::uint64_t seen = stack_->word_.load(memory_order_acquire);  // (2)
    while (has_public(seen, from) && goes_on()) {
      if (stack_->word_.compare_exchange_weak(seen, seen + stack::one_taken, memory_order_acquire,
                                              memory_order_acquire)) {  // (1), else (2)
        return stack_->slots_[stack::tail_of(seen)];
      }
    }
    return nullptr;
  }

  /// Whether `steal` would find something: seen by now, for who is about to sleep behind a fence. Where it would, what
  /// the owner did before it made that public is seen, too.
  [[nodiscard]] bool looks_empty(std::uint32_t from = 0) const noexcept {
    return !has_public(stack_->word_.load(memory_order_acquire), from);  // (1)
  }

 private:
  using stack = fork_stack<T, Capacity>;

  static constexpr bool has_public(std::uint64_t word, std::uint32_t from) noexcept {
    return stack::tail_of(word) != stack::split_of(word) && stack::tail_of(word) >= from;
  }

  stack* stack_;
};

}  // namespace weir::detail
