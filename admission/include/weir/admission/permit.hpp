// What a limiter grants: weight held, given back when the object ends.
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include <weir/admission/detail/gate.hpp>

namespace weir {
namespace detail {
class async_wait;
}

/// Weight held at a limiter. Its lifetime must end before the limiter's, whose destructor terminates otherwise.
/// Move-only; empty after a move and after `release`, and an empty one gives nothing back: never twice.
///
/// A value of one thread at a time; it may be given back on another thread than it was granted on. It allocates
/// nothing, and throws only where it says so. What happened before it is given back happens before whatever a later
/// admission by the same limiter returns to that had no room without it.
class [[nodiscard]] permit {
 public:
  /// Holds nothing.
  permit() noexcept = default;
  permit(permit&& other) noexcept
      : gate_(std::exchange(other.gate_, nullptr)),
        weight_(other.weight_),
        is_part_(other.is_part_),
        has_token_(other.has_token_),
        admitted_at_(other.admitted_at_) {}
  /// Gives back what it holds first, as `release` does.
  permit& operator=(permit&& other) noexcept {
    if (this != &other) {
      release();
      gate_ = std::exchange(other.gate_, nullptr);
      weight_ = other.weight_;
      is_part_ = other.is_part_;
      has_token_ = other.has_token_;
      admitted_at_ = other.admitted_at_;
    }
    return *this;
  }
  /// Gives back what it holds, as `release` does.
  ~permit() { release(); }

  /// Gives it back now, if it is not empty. Lock-free, one addition or exchange, if nobody waits; else takes the short
  /// lock, and then tells and wakes those whom it lets in: linear in their number.
  void release() noexcept {
    if (gate_ == nullptr) return;
    detail::gate& from = *std::exchange(gate_, nullptr);
    is_part_ ? from.release_part(weight_) : from.release_in_time(weight_);
  }

  /// As `release`, of work that came too late: what limits::breaker counts. With a breaker a reading of the clock.
  void release_expired() noexcept {
    if (gate_ == nullptr) return;
    if (gate_->breaker().is_on()) gate_->breaker().note_expired(gate_->clock().now());
    give_back();
  }

  /// Gives it back now, and the token of the rate that it took, less what has come back of that by itself: for work
  /// that was not done after all. The rate then holds for the admissions that were used; see token_bucket::refund. What
  /// was admitted by the time of a change of the rate gives no token back, a part of a permit (`split`) neither: it has
  /// none. As `release`, and with a rate the short lock of its bucket and a reading of the clock.
  void release_unused() noexcept {
    if (gate_ == nullptr) return;
    if (has_token_) gate_->give_token_back(admitted_at_);
    give_back();
  }

  /// Gives back all but `weight`, for a holder that needs less than it asked for: work whose size was estimated, or
  /// that has done its heavy part. To hold more is a new admission.
  /// @param weight  1 to what is held.
  /// @throws std::invalid_argument if it is out of range, or the permit is empty; nothing has changed then.
  /// Progress and wakes as `release`.
  void shrink_to(std::int64_t weight);
  template <std::floating_point Number>
  void shrink_to(Number) = delete;  // half a weight is none

  /// Takes a part out, to be given back by itself: this permit holds the rest. The part carries weight alone: what
  /// `max_tasks` counts stays with this one, and is given back with it, also if the part is held on.
  /// @param weight  1 to one less than what is held.
  /// @throws std::invalid_argument if it is out of range, or the permit is empty; nothing has changed then.
  /// Wait-free; the limiter is not touched.
  [[nodiscard]] permit split(std::int64_t weight);
  template <std::floating_point Number>
  permit split(Number) = delete;

  [[nodiscard]] explicit operator bool() const noexcept { return gate_ != nullptr; }
  /// The weight held; 0 if empty.
  [[nodiscard]] std::int64_t weight() const noexcept { return gate_ != nullptr ? weight_ : 0; }
  /// The limiter's time of the admission: the one that its rate is exact by. It stays when the permit is empty.
  /// time_point{} if nothing was granted, and from a weighted_semaphore where nobody waited: it then reads no clock.
  [[nodiscard]] time_point admitted_at() const noexcept { return admitted_at_; }

 private:
  friend class limiter;
  friend class detail::async_wait;
  permit(detail::gate& from, std::uint32_t weight, const detail::admission& in) noexcept
      : gate_(&from), weight_(weight), has_token_(in.took_token), admitted_at_(in.at) {}

  void give_back() noexcept {
    detail::gate& from = *std::exchange(gate_, nullptr);
    is_part_ ? from.release_part(weight_) : from.release(weight_);
  }
  void check_part(const char* what, std::int64_t weight, std::int64_t most) const;

  detail::gate* gate_ = nullptr;
  std::uint32_t weight_ = 0;
  bool is_part_ = false;    // of one that was split: no task
  bool has_token_ = false;  // and no token; nor has what was admitted while there was no rate
  time_point admitted_at_{};
};

}  // namespace weir
