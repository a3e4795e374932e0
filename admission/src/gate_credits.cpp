// The gate's credits: when there are any, and how they come out of the decision word and go back to it. Read it beside
// admission/credits.md.
#include <weir/admission/detail/gate.hpp>

#include <algorithm>
#include <bit>
#include <unistd.h>

namespace weir::detail {
namespace {

using outcome = capacity::outcome;
using hold = capacity::hold;

constexpr long most_purses = 64;

std::size_t purses_by_cpus() noexcept {
  const long cpus = std::clamp(::sysconf(_SC_NPROCESSORS_ONLN), 2L, most_purses);
  return std::bit_ceil(static_cast<std::size_t>(cpus));
}

// A lock that is not waited for: what moves credits can as well leave it.
class lock_if_free {
 public:
  explicit lock_if_free(mutex& m) noexcept : mutex_(m.try_lock() ? &m : nullptr) {}
  lock_if_free(const lock_if_free&) = delete;
  lock_if_free& operator=(const lock_if_free&) = delete;
  ~lock_if_free() {
    if (mutex_ != nullptr) mutex_->unlock();
  }
  [[nodiscard]] explicit operator bool() const noexcept { return mutex_ != nullptr; }

 private:
  mutex* mutex_;
};

}  // namespace

std::size_t credits::purses_for(std::int64_t tasks_limit, std::int64_t weight_limit, rule by) noexcept {
  if (tasks_limit == 0 && weight_limit == 0) return 0;
  const std::size_t purses = by.purses != 0 ? by.purses : purses_by_cpus();
  const std::int64_t least = by.limit_per_purse * static_cast<std::int64_t>(purses);
  const auto is_enough = [least](std::int64_t limit) { return limit == 0 || limit >= least; };
  return is_enough(tasks_limit) && is_enough(weight_limit) ? purses : 0;
}

// try_take_of_word where there may be credits.
outcome gate::take_room_or_credits(demand wanted, capacity::place from, hold kind, capacity::view& seen) noexcept {
  const bool may_use_credits = from == capacity::place::newcomer && kind == hold::final;
  if (may_use_credits && credits_.take(wanted)) return outcome::taken;
  outcome found = capacity_.try_take_of_word(wanted, from, kind, seen);
  if (seen.spare && (found == outcome::tasks_full || found == outcome::weight_full)) {
    // What is missing may be in a purse, or on its way under this lock. Without credits the word knows all.
    const lock_guard held(mutex_);
    sweep_credits();
    found = capacity_.try_take_of_word(wanted, from, kind, seen);
  }
  if (found == outcome::taken && may_use_credits) top_up_if_useful(capacity_.load());
  return found;
}

// What credits hold is free, too; off by what moves meanwhile.
capacity::view gate::with_credits(capacity::view seen) const noexcept {
  const demand spare = credits_.spare();
  seen.tasks_free += spare.tasks;
  seen.weight_free += spare.weight;
  seen.spare = false;
  return seen;
}

void gate::top_up_if_useful(const capacity::view& seen) noexcept {
  if (seen.spare || has_room_for_credits(seen)) top_up();
}

bool gate::has_room_for_credits(const capacity::view& seen) const noexcept {
  return 2 * seen.tasks_free >= max_tasks() && 2 * seen.weight_free >= max_weight_.load(memory_order_relaxed);
}

// For the next ones of this thread. Opens the purses, if they are closed and there is room for that again.
void gate::top_up() noexcept WEIR_NO_THREAD_SAFETY {
  const lock_if_free held(mutex_);
  if (!held) return;
  if (!credits_open_) {
    const capacity::view seen = capacity_.load();
    const bool may_open = credits_allowed_ && queue_.empty() && !is_over_ && !seen.closed && has_room_for_credits(seen);
    if (!may_open) return;
    capacity_.announce_spare();
    credits_.open(max_tasks(), max_weight_.load(memory_order_relaxed));
    credits_open_ = true;
  }
  credits_.fill(capacity_.take_spare(credits_.lacking()));
}

// What others may want rather than this thread. While credits are open nobody waits, and it is not closed.
void gate::bring_surplus() noexcept WEIR_NO_THREAD_SAFETY {
  const lock_if_free held(mutex_);
  if (held && credits_open_) (void)capacity_.give_back(credits_.take_surplus(), hold::final);
}

// All is in the word, or held. Before anybody can see that somebody waits, that limits are lower, or that it is closed.
void gate::sweep_credits() noexcept {
  if (!credits_open_) return;
  credits_open_ = false;
  capacity_.take_back_spare(credits_.sweep());
}

}  // namespace weir::detail
