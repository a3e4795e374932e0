// How many children of a group may run at once: those beyond wait in a list, and each that ends hands its turn on.
// Blocking: a short lock, where there is such a limit.
#pragma once

#include <cstdint>
#include <utility>

#include <weir/queues/mutex.hpp>
#include <weir/scheduler/detail/frame.hpp>

namespace weir::detail {

class running_limit {
 public:
  /// @param most  at least 1, or no_limit.
  static constexpr std::uint32_t no_limit = 0xffff'ffff;
  explicit running_limit(std::uint32_t most) noexcept : most_(most) {}
  running_limit(const running_limit&) = delete;
  running_limit& operator=(const running_limit&) = delete;

  [[nodiscard]] bool is_set() const noexcept { return most_ != no_limit; }
  [[nodiscard]] std::uint32_t most() const noexcept { return most_; }

  /// Takes a turn, if there is one.
  [[nodiscard]] bool try_take() noexcept {
    if (!is_set()) return true;
    const lock_guard held(mutex_);
    if (taken_ == most_) return false;
    ++taken_;
    return true;
  }

  /// Takes a turn for `f`, or keeps it until there is one: then false.
  [[nodiscard]] bool take_or_hold_back(frame& f) noexcept {
    if (!is_set()) return true;
    f.next_queued = nullptr;
    const lock_guard held(mutex_);
    if (taken_ != most_) {
      ++taken_;
      return true;
    }
    (last_ != nullptr ? last_->next_queued : first_) = &f;
    last_ = &f;
    return false;
  }

  /// Whether there is a turn to be taken, where that is limited. For who waits for one.
  [[nodiscard]] bool is_free() noexcept {
    if (!is_set()) return false;
    const lock_guard held(mutex_);
    return taken_ != most_;
  }

  /// The end of a turn. Returns who has it now: the oldest of those that were kept, or null.
  [[nodiscard]] frame* pass_on() noexcept {
    if (!is_set()) return nullptr;
    const lock_guard held(mutex_);
    if (first_ == nullptr) {
      --taken_;
      return nullptr;
    }
    frame* const next = std::exchange(first_, first_->next_queued);
    if (first_ == nullptr) last_ = nullptr;
    return next;
  }

 private:
  const std::uint32_t most_;
  mutex mutex_;
  std::uint32_t taken_ WEIR_GUARDED_BY(mutex_) = 0;
  frame* first_ WEIR_GUARDED_BY(mutex_) = nullptr;
  frame* last_ WEIR_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace weir::detail
