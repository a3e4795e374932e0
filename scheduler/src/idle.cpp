#include "idle.hpp"

#include <chrono>

namespace weir::detail {

bool idle::begin_search() noexcept {
  // Two that ask at once may both be let in: the bound is there to save work, and nothing is concluded from it.
  if (2 * searching_in(word_.load(memory_order_relaxed)) >= workers_) return false;
  word_.fetch_add(one_searching, memory_order_relaxed);  // (2)
  return true;
}

bool idle::announce(sleeper& me, const wake_reasons& reasons, bool is_searching) noexcept {
  const lock_guard held(mutex_);
  me.asleep_.store(1, memory_order_relaxed);  // relaxed: under the lock
  me.is_listed_ = true;
  me.is_chosen_ = false;
  me.reasons_ = reasons;
  me.prev_ = nullptr;
  sleeper*& first = reasons.work ? asleep_ : joining_;
  me.next_ = first;
  if (first != nullptr) first->prev_ = &me;
  first = &me;
  const std::uint64_t change = (reasons.work ? one_asleep : one_joining) - (is_searching ? one_searching : 0);
  return searching_in(word_.fetch_add(change, memory_order_relaxed) + change) != 0;  // (2)
}

bool idle::withdraw(sleeper& me) noexcept {
  const lock_guard held(mutex_);
  if (!me.is_listed_) return false;  // somebody wakes it already
  take(me);
  me.asleep_.store(0, memory_order_relaxed);  // relaxed: its own thread reads it
  return true;
}

void idle::wait(sleeper& me) noexcept {
  while (me.asleep_.load(memory_order_acquire) != 0) futex_wait(me.asleep_, 1, std::chrono::nanoseconds(-1));  // (1)
}

void idle::take(sleeper& s) noexcept {
  sleeper*& first = s.reasons_.work ? asleep_ : joining_;
  (s.prev_ != nullptr ? s.prev_->next_ : first) = s.next_;
  if (s.next_ != nullptr) s.next_->prev_ = s.prev_;
  s.is_listed_ = false;
  word_.fetch_add(s.reasons_.work ? one_searching - one_asleep : -one_joining, memory_order_relaxed);  // (2)
}

void idle::rouse(sleeper& taken) noexcept {
  const atomic<std::uint32_t>* const address = &taken.asleep_;
  taken.asleep_.store(0, memory_order_release);  // (1); from here on it may sleep again
  futex_wake(address, 1);
}

// Who sleeps for work can do whatever there is. Of the others, one that may run what there is.
sleeper* idle::choose() const noexcept {
  if (asleep_ != nullptr) return asleep_;
  sleeper* s = joining_;
  while (s != nullptr && !s->sees_forks()) s = s->next_;
  return s;
}

void idle::wake_one() noexcept {
  sleeper* chosen = nullptr;
  {
    const lock_guard held(mutex_);
    if (searching_in(word_.load(memory_order_relaxed)) != 0) return;  // (2)
    chosen = choose();
    if (chosen == nullptr) return;
    take(*chosen);
    chosen->is_chosen_ = true;
  }
  rouse(*chosen);
}

void idle::wake(sleeper& s) noexcept {
  {
    const lock_guard held(mutex_);
    if (!s.is_listed_) return;
    take(s);
  }
  rouse(s);
}

void idle::wake_for_jobs() noexcept {
  sleeper* taken = nullptr;
  {
    const lock_guard held(mutex_);
    for (sleeper* s = asleep_; s != nullptr;) {
      sleeper* const next = s->next_;
      if (s->reasons_.job) {
        take(*s);
        s->next_ = taken;
        taken = s;
      }
      s = next;
    }
  }
  while (taken != nullptr) {
    sleeper* const next = taken->next_;  // before it is awake: then its links are its own
    rouse(*taken);
    taken = next;
  }
}

}  // namespace weir::detail
