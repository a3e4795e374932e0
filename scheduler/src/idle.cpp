#include "idle.hpp"

namespace weir::detail {

bool idle::begin_search() noexcept {
  // Two that ask at once may both be let in: the bound is there to save work, and nothing is concluded from it.
  if (2 * searching_in(word_.load(memory_order_relaxed)) >= workers_) return false;
  word_.fetch_add(one_searching, memory_order_relaxed);  // (2)
  return true;
}

std::uint32_t idle::announce(sleeper& me, bool is_searching, bool is_joining) noexcept {
  const lock_guard held(mutex_);
  me.asleep_.store(1, memory_order_relaxed);  // relaxed: under the lock
  me.is_listed_ = true;
  me.is_joining_ = is_joining;
  me.prev_ = nullptr;
  me.next_ = first_;
  if (first_ != nullptr) first_->prev_ = &me;
  first_ = &me;
  const std::uint32_t change = is_searching ? one_asleep - one_searching : one_asleep;
  return word_.fetch_add(change, memory_order_relaxed) + change;  // (2)
}

void idle::withdraw(sleeper& me) noexcept {
  const lock_guard held(mutex_);
  if (!me.is_listed_) return;  // somebody wakes it: it searches already
  take(me);
  me.asleep_.store(0, memory_order_relaxed);  // relaxed: its own thread reads it
}

void idle::wait(sleeper& me) noexcept {
  while (me.asleep_.load(memory_order_acquire) != 0) futex_wait(me.asleep_, 1, std::chrono::nanoseconds(-1));  // (1)
}

void idle::take(sleeper& s) noexcept {
  (s.prev_ != nullptr ? s.prev_->next_ : first_) = s.next_;
  if (s.next_ != nullptr) s.next_->prev_ = s.prev_;
  s.is_listed_ = false;
  word_.fetch_add(one_searching - one_asleep, memory_order_relaxed);  // (2)
}

void idle::wake(sleeper& taken) noexcept {
  const atomic<std::uint32_t>* const address = &taken.asleep_;
  taken.asleep_.store(0, memory_order_release);  // (1); from here on it may sleep again
  futex_wake(address, 1);
}

void idle::wake_one() noexcept {
  sleeper* woken = nullptr;
  {
    const lock_guard held(mutex_);
    if (first_ == nullptr || is_one_searching(word_.load(memory_order_relaxed))) return;  // (2)
    woken = first_;
    take(*woken);
  }
  wake(*woken);
}

void idle::wake_joining() noexcept {
  sleeper* woken = nullptr;
  {
    const lock_guard held(mutex_);
    for (sleeper* s = first_; s != nullptr;) {
      sleeper* const next = s->next_;
      if (s->is_joining_) {
        take(*s);
        s->next_ = woken;
        woken = s;
      }
      s = next;
    }
  }
  while (woken != nullptr) {
    sleeper* const next = woken->next_;  // before it is awake: then its links are its own
    wake(*woken);
    woken = next;
  }
}

}  // namespace weir::detail
