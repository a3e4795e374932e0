#include <weir/admission/detail/timer_thread.hpp>

#include <map>
#include <memory>
#include <unistd.h>
#include <utility>

#include <weir/admission/detail/resumption.hpp>
#include <weir/admission/detail/start_thread.hpp>

namespace weir::detail {
namespace {

// Those that have users, by their clock; of one process.
struct timer_threads {
  const pid_t process = ::getpid();
  mutex lock;
  std::map<const clock_source*, std::shared_ptr<timer_thread>> by_clock WEIR_GUARDED_BY(lock);
};

// Of this process. Never destroyed: a limiter may be at the very end of the program, and in a forked child those of the
// parent are nobody's. @throws std::bad_alloc.
timer_threads& threads() {
  // Writers: the first that asks, in each process. Readers: all. Release by who has made it -> acquire by all.
  static constinit atomic<timer_threads*> last{nullptr};
  timer_threads* known = last.load(memory_order_acquire);
  while (known == nullptr || known->process != ::getpid()) {
    auto mine = std::make_unique<timer_threads>();
    if (last.compare_exchange_strong(known, mine.get(), memory_order_acq_rel, memory_order_acquire)) {
      return *mine.release();
    }
  }
  return *known;
}

}  // namespace

timer_thread::timer_thread(const clock_source& clock) noexcept : clock_(&clock), process_(::getpid()) {}

bool timer_thread::is_here() const noexcept { return process_ == ::getpid(); }

timer_thread::use::~use() {
  if (of_ != nullptr && of_->is_here()) leave(*of_);
}

timer_thread::use timer_thread::of(const clock_source& clock) {
  timer_threads& all = threads();
  const lock_guard held(all.lock);
  const auto [entry, is_new] = all.by_clock.try_emplace(&clock);
  try {
    if (is_new) {
      entry->second = std::make_shared<timer_thread>(clock);
      entry->second->thread_ = start_thread("weir-door", [self = entry->second] { self->run(); });
    }
  } catch (...) {
    all.by_clock.erase(entry);
    throw;
  }
  ++entry->second->users_;
  return use(*entry->second);
}

void timer_thread::leave(timer_thread& left) noexcept {
  std::shared_ptr<timer_thread> last;  // until the end of this
  {
    timer_threads& all = threads();
    const lock_guard held(all.lock);
    if (--left.users_ != 0) return;
    const auto entry = all.by_clock.find(left.clock_);
    last = std::move(entry->second);
    all.by_clock.erase(entry);
  }
  bool is_this_thread = false;
  {
    const lock_guard held(left.mutex_);
    left.stopping_ = true;
    is_this_thread = left.own_ == this_thread_id();
    (void)left.word_.fetch_add(1, memory_order_relaxed);  // (1)
  }
  futex_wake(&left.word_, wake_all);
  if (is_this_thread) {
    left.thread_.detach();  // it ends by itself, without another look at the clock
  } else {
    left.thread_.join();
  }
}

void timer_thread::promise_room() {
  const lock_guard held(mutex_);
  heap_.promise_room();
}

void timer_thread::return_room() noexcept {
  const lock_guard held(mutex_);
  heap_.return_room();
}

void timer_thread::set(timed& one, time_point at) noexcept {
  bool must_wake = false;
  {
    const lock_guard held(mutex_);
    if (heap_.contains(one)) {
      if (one.at_ <= at) return;
      heap_.take_out(one);
      heap_.keep_room();
    }
    one.at_ = at;
    heap_.insert(one);
    if (at < sleeps_until_) {
      sleeps_until_ = at;
      (void)word_.fetch_add(1, memory_order_relaxed);  // (1)
      must_wake = true;
    }
  }
  if (must_wake) futex_wake(&word_, wake_all);
}

void timer_thread::remove(timed& one) noexcept {
  for (;;) {
    std::uint32_t seen = 0;
    {
      const lock_guard held(mutex_);
      if (heap_.contains(one)) {  // also of one that is running, and has set itself again
        heap_.take_out(one);
        heap_.keep_room();
      }
      if (running_ != &one || own_ == this_thread_id()) return heap_.return_room();
      is_awaited_ = true;
      seen = ends_.load(memory_order_relaxed);  // (2)
    }
    futex_wait(ends_, seen, duration(-1));
  }
}

void timer_thread::run() noexcept {
  {
    const lock_guard held(mutex_);
    own_ = this_thread_id();
  }
  for (;;) {
    {
      const lock_guard held(mutex_);
      if (stopping_) return;
    }
    const time_point now = clock_->now();  // the user's code: not under the lock
    timed* due = nullptr;
    std::uint32_t seen = 0;
    time_point until = time_point::max();
    {
      const lock_guard held(mutex_);
      if (stopping_) return;
      seen = word_.load(memory_order_relaxed);  // (1)
      due = heap_.first();
      if (due != nullptr && due->at_ <= now) {
        heap_.take_out(*due);
        heap_.keep_room();
        running_ = due;
      } else {
        until = due != nullptr ? due->at_ : until;
        due = nullptr;
        sleeps_until_ = until;
      }
    }
    if (due == nullptr) {
      clock_->wait_until(word_, seen, until);
    } else {
      const resumption_scope afterwards;
      due->on_time();
      end_of(*due);
    }
  }
}

// It may be removed, and gone, from here on.
void timer_thread::end_of(timed& done) noexcept {
  bool must_wake = false;
  {
    const lock_guard held(mutex_);
    if (running_ == &done) running_ = nullptr;
    must_wake = std::exchange(is_awaited_, false);
    if (must_wake) (void)ends_.fetch_add(1, memory_order_relaxed);  // (2)
  }
  if (must_wake) futex_wake(&ends_, wake_all);
}

}  // namespace weir::detail
