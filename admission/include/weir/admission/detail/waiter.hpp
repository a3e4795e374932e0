// One who waits at the door: a thread that sleeps, or a callable in its frame. The node lives with its owner, so that
// waiting allocates nothing here.
#pragma once

#include <cstdint>

#include <weir/admission/deadline.hpp>
#include <weir/admission/refusal.hpp>

namespace weir::detail {

/// What somebody asks of a gate.
struct door_request {
  std::uint32_t weight = 1;
  std::uint8_t priority = 1;  // 0 low, 1 normal, 2 high
  bool may_wait = false;      // whether who is refused for now will wait; for the flight recorder alone
  weir::deadline deadline{};  // of the submission: past it, waiting is pointless (`expired`)
  weir::deadline patience{};  // of the wait: past it, the caller goes away (`timed_out`)
};

/// What a grant is: its time, and whether it took a token, which it does not as long as there is no rate.
struct admission {
  time_point at{};
  bool took_token = false;
};

/// States: idle -> waiting -> granted or refused. Both ends are reached once, decided under the gate's lock, and told
/// to the waiter after the lock is free by exactly one call of on_granted or on_refused, during which the waiter may
/// cease to exist.
class waiter {
 public:
  explicit waiter(const door_request& asked) noexcept : request_(asked) {}
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

  [[nodiscard]] const door_request& request() const noexcept { return request_; }
  /// Of one that was granted.
  [[nodiscard]] bool took_token() const noexcept { return took_token_; }

 protected:
  ~waiter() = default;

 private:
  friend class gate;
  friend class waiter_list;
  friend struct gate_steps;
  friend struct unit_steps;
  friend struct credit_steps;

  virtual void on_granted(time_point stamp) noexcept = 0;
  virtual void on_refused(const refusal& why) noexcept = 0;
  // Called under the gate's lock when it is this waiter's turn and only a token is missing: returns the word to wake,
  // so that a sleeping thread looks when the token comes; null if somebody else sees to that (see gate::alarm).
  virtual const atomic<std::uint32_t>* on_head() noexcept { return nullptr; }

  door_request request_;
  waiter* next_ = nullptr;  // guarded by the gate's lock while waiting; then by whoever delivers the outcome
  waiter* prev_ = nullptr;
  bool waiting_ = false;         // guarded by the gate's lock: the outcome is open
  bool took_token_ = false;      // the outcome, too
  bool is_dropped_ = false;      // guarded by the gate's lock, and within one hold of it: it is marked
  bool counted_ = false;         // guarded by the gate's lock: it has one of the max_waiters places
  refusal_reason why_{};         // the outcome, between the decision and its delivery
  std::uint32_t number_ = 0;     // of its join in a flight recorder; guarded by the gate's lock
  std::uint32_t passed_ = 0;     // how often by a higher priority; guarded by the gate's lock
  std::uint32_t overtaken_ = 0;  // how often by a lighter one behind it; guarded by the gate's lock
  time_point stamp_{};           // since when it waits; of one that is granted, when that was
};

/// A list of waiters. Not thread-safe: under the gate's lock, or private to one thread.
class waiter_list {
 public:
  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
  [[nodiscard]] waiter* head() const noexcept { return head_; }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  [[nodiscard]] waiter* tail() const noexcept { return tail_; }
  [[nodiscard]] static waiter* after(const waiter* w) noexcept { return w->next_; }
  [[nodiscard]] static waiter* before(const waiter* w) noexcept { return w->prev_; }

  void push_back(waiter& w) noexcept { insert_after(tail_, w); }
  /// Null: at the head.
  void insert_after(waiter* ahead, waiter& w) noexcept {
    waiter* const behind = ahead != nullptr ? ahead->next_ : head_;
    w.prev_ = ahead;
    w.next_ = behind;
    (ahead != nullptr ? ahead->next_ : head_) = &w;
    (behind != nullptr ? behind->prev_ : tail_) = &w;
    ++size_;
  }

  void remove(waiter& w) noexcept {
    (w.prev_ != nullptr ? w.prev_->next_ : head_) = w.next_;
    (w.next_ != nullptr ? w.next_->prev_ : tail_) = w.prev_;
    --size_;
  }

 private:
  waiter* head_ = nullptr;
  waiter* tail_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace weir::detail
