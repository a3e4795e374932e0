// Tokens of the future, for callers that sleep by themselves.
//
// A reservation is a grant at a time to come: it moves the bucket's arrival on as a grant at a caller's time does, and
// counts at that time. One that is cancelled leaves a hole in what was promised: its tokens, at that time. They may be
// had at that time by another reservation, and by nobody earlier or later, since those around it have their times by
// it; only the last one of all can be taken back.
// Progress: a short lock; takers of the bucket go on meanwhile.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <weir/admission/clock.hpp>
#include <weir/admission/result.hpp>
#include <weir/admission/token_bucket.hpp>
#include <weir/queues/mutex.hpp>

namespace weir {

/// Tokens that may be used from `ready_at` on. A value; used or not, it need not be given back.
class [[nodiscard]] reservation {
 public:
  /// Of nothing.
  reservation() noexcept = default;

  /// When they may be used, by the bucket's clock; in the rate's windows they count at this time.
  [[nodiscard]] time_point ready_at() const noexcept { return ready_at_; }
  /// How many.
  [[nodiscard]] std::int64_t tokens() const noexcept { return tokens_; }

 private:
  friend class token_reservations;
  reservation(time_point ready_at, std::int64_t tokens, std::uint64_t arrival, std::uint32_t backs,
              std::uint32_t terms) noexcept
      : ready_at_(ready_at), tokens_(tokens), arrival_(arrival), backs_(backs), terms_(terms) {}

  time_point ready_at_{};
  std::int64_t tokens_ = 0;
  std::uint64_t arrival_ = 0;  // that it left the bucket with; 0: it was not the last one even then
  std::uint32_t backs_ = 0;    // how often the arrival had been moved back until then
  std::uint32_t terms_ = 0;    // how often the rate had been changed
};

/// The reservations of one bucket. All of a bucket's go through one of these; others may take from it meanwhile.
///
/// The bucket's guarantee holds, with the tokens of a reservation counted at its time, whether they are used then,
/// later or not at all. While the last reservation that was not cancelled lies ahead, `refund` of the bucket gives less
/// back than it could, and a change of its rate takes effect with that time.
///
/// Thread-safe: any thread may call anything at any time, but the destructor. Nothing allocates or throws. Each call
/// takes a short lock and reads the bucket's clock.
class token_reservations {
 public:
  /// @param bucket  must outlive this.
  explicit token_reservations(token_bucket& bucket) noexcept : bucket_(&bucket) {}
  token_reservations(const token_reservations&) = delete;
  token_reservations& operator=(const token_reservations&) = delete;

  /// Reserves `tokens` (1 to the burst) at the earliest time there is, now if they are there. Refused `rate_limited`
  /// where that is later than `longest_wait`, or 400 days, from now, with the exact wait; `too_heavy` above the burst,
  /// `invalid` below 1; then nothing has happened. From an unlimited bucket at once, and any number.
  result<reservation> reserve(std::int64_t tokens, duration longest_wait) noexcept;

  /// Gives back what will not be used. The last reservation is taken back as if it had not been made, if nothing was
  /// taken since; of any other one the tokens are kept until their time, for a reservation then, at most `most_holes`
  /// of them, and then lost. Later they are lost (token_bucket::refund may give some of them back); and nothing is
  /// given back after a change of the rate, or of nothing.
  /// @param unused  once for each, and not after its use: else the guarantee is broken.
  void cancel(const reservation& unused) noexcept;

  /// How many cancelled ones are kept.
  static constexpr std::size_t most_holes = 16;

 private:
  [[nodiscard]] reservation* earliest_hole(std::int64_t tokens) noexcept WEIR_REQUIRES(bucket_->mutex_);
  void forget_old_holes(time_point now, std::uint32_t terms) noexcept WEIR_REQUIRES(bucket_->mutex_);
  void keep(const reservation& hole) noexcept WEIR_REQUIRES(bucket_->mutex_);
  [[nodiscard]] bool take_back(const reservation& last) noexcept WEIR_REQUIRES(bucket_->mutex_);

  token_bucket* const bucket_;
  // Cancelled ones whose time is to come; of no tokens: a free place.
  std::array<reservation, most_holes> holes_ WEIR_GUARDED_BY(bucket_->mutex_){};
};

}  // namespace weir
