// A token bucket as one number: the generic cell rate algorithm (ITU-T I.371) in integers.
//
// The state is the theoretical arrival time, the moment at which the bucket would be full again, in ticks of 1/64 ns.
// Taking n tokens moves it n emission intervals ahead of the later of itself and now, and is granted if it then lies at
// most `burst` intervals ahead of now. `now` itself never becomes the state, so that a stale one can take a token too
// many from nobody: the time at which x/time/rate credits an interval twice is not there. The interval is rounded up,
// so that the real rate is never above the configured one, and below it by at most one tick in an interval.
// Progress: lock-free; a refusal only reads.
#pragma once

#include <cstdint>
#include <limits>

#include <weir/admission/clock.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/result.hpp>
#include <weir/queues/sync.hpp>

namespace weir {

namespace detail {

class gate;

/// Whose a time is: a reading of the bucket's own clock, made in this call; or what a caller passed, which may be any.
enum class time_of : std::uint8_t { own_clock, caller };

}  // namespace detail

/// Whether a new bucket has its burst at once, or earns it.
enum class bucket_start : std::uint8_t { full, empty };

/// Tokens that come back at a rate, up to a burst.
///
/// Guarantee: the tokens granted at times within any window of length T are at most burst + rate * T, whatever times
/// are passed, in whatever order, by however many threads: old ones, and ones that the clock has not reached. It needs
/// a clock that does not go back, and times that are at most 3.5 years behind it. A time ahead of the clock spends the
/// tokens of that time: until it has come, at most what was left of them is granted.
///
/// Thread-safe: any thread may call anything at any time, but the destructor. No call blocks, allocates or throws,
/// the constructor's exceptions aside. A grant orders nothing but itself: what a thread wrote before it took a token is
/// not visible to the next taker.
class token_bucket {
 public:
  /// @param refill  a rate above zero, at most 64 a nanosecond; `unlimited` grants everything.
  /// @param burst   tokens of a full bucket, at least 1 (not looked at where the rate is unlimited); burst / rate at
  ///                most 1 year.
  /// @param clock   read here, by the `try_take` that takes no time, and by `rebase`; it must outlive the bucket.
  /// @throws std::invalid_argument naming the value and the rule.
  token_bucket(weir::rate refill, std::int64_t burst, const clock_source& clock = steady_clock_source(),
               bucket_start start = bucket_start::full);
  token_bucket(const token_bucket&) = delete;
  token_bucket& operator=(const token_bucket&) = delete;

  /// Takes `tokens` (1 to the burst) at the clock's present, if they are there. Refused `rate_limited` with the exact
  /// wait, `too_heavy` above the burst, `invalid` below 1. Never waits; lock-free, a refusal wait-free. Reads the clock
  /// once; a second and a third time where it has gone back.
  result<void> try_take(std::int64_t tokens = 1) noexcept;
  /// The same at the time `now`, without reading a clock.
  result<void> try_take(std::int64_t tokens, time_point now) noexcept;

  /// Gives back `tokens` (1 to the burst) that were granted at `taken_at` and not used, for work that was not done
  /// after all, less what has come back by itself since: the bucket is never fuller than if they had not been taken.
  /// The guarantee above then holds for the tokens that were used. Refused as `try_take` refuses, `too_heavy` or
  /// `invalid`, and nothing happens.
  /// @param taken_at  the time that they were granted at. One before it gives less back. One after it, and tokens that
  ///                  were never granted or were given back before, break the guarantee.
  /// Where takers pass times of their own, what has come back is counted to a second after the latest of these, if that
  /// is ahead of the clock: so less is given back than could be.
  /// Lock-free. Reads the clock once, and again after each collision with a taker.
  result<void> refund(std::int64_t tokens, time_point taken_at) noexcept;

  /// How long from `now` until `tokens` (0 to any number) could be taken if nobody else takes any; zero if they are
  /// there. For more than a burst: as if they were taken one after the other. Rounded up to a nanosecond; saturates at
  /// duration::max(). Wait-free; may be outdated at once.
  [[nodiscard]] duration wait_for(std::int64_t tokens, time_point now) const noexcept;

  /// Whole tokens that are there at `now`, 0 to the burst; may be outdated at once. Wait-free.
  [[nodiscard]] std::int64_t approx_available(time_point now) const noexcept;

  /// If the clock has gone back so far that the bucket would stay shut for longer than a burst takes, makes it an empty
  /// bucket at the clock's present, or at the latest time that a caller passed if that is later; true if it did. Does
  /// nothing with a monotone clock. The `try_take` that reads the clock does this itself. Wait-free; may be overtaken
  /// by a taker, and then returns false: call it again.
  bool rebase() noexcept;

  /// As configured. These three never change.
  [[nodiscard]] weir::rate refill() const noexcept { return refill_; }
  [[nodiscard]] std::int64_t burst() const noexcept { return burst_; }
  [[nodiscard]] bool is_unlimited() const noexcept { return interval_ == 0; }
  /// The time between two tokens, rounded up to a nanosecond. No wait for one token is longer, unless the clock has
  /// gone back or a time ahead of it was passed.
  [[nodiscard]] duration interval() const noexcept;

 private:
  friend class detail::gate;

  // Takes `tokens` (1 to the burst, of a rate that is not unlimited), or returns how many ticks too early it is.
  [[nodiscard]] std::int64_t take(std::int64_t tokens, time_point now, detail::time_of whose) noexcept;
  [[nodiscard]] bool has_one(time_point now) const noexcept {
    return debt_at(now, arrival_.load(detail::memory_order_acquire)) <= allowance_ - interval_;  // (1)
  }
  [[nodiscard]] bool can_ever(std::int64_t tokens) const noexcept;
  [[nodiscard]] refusal never(std::int64_t tokens) const noexcept;
  [[nodiscard]] refusal later(std::int64_t tokens, std::int64_t early) const noexcept;
  [[nodiscard]] static std::uint64_t to_ticks(time_point at) noexcept;
  [[nodiscard]] std::int64_t debt_at(time_point now, std::uint64_t arrival) const noexcept;
  void raise_passed(time_point now) noexcept;
  [[nodiscard]] time_point latest() const noexcept;

  static constexpr std::int64_t ticks_per_ns = 64;
  static constexpr std::int64_t none_passed = std::numeric_limits<std::int64_t>::min();
  // Below the horizon of the ticks by more than the longest allowance, and above that allowance.
  static constexpr std::uint64_t ages = std::uint64_t{1} << 56;  // ns, 2.28 years

  weir::rate refill_;
  std::int64_t burst_;
  const clock_source* clock_;
  std::int64_t interval_;   // ticks between tokens, rounded up; 0: unlimited
  std::int64_t allowance_;  // burst_ * interval_: how far ahead of now the theoretical arrival time may lie

  // The theoretical arrival time in ticks, modulo 2^64 (compared by signed difference: a horizon of 4.5 years).
  // Writers: takers, by compare-and-swap; refund; rebase. Readers: takers.
  // (1) arrival: release exchange by a taker -> acquire load by rebase and refund, which read the clock after it: with
  //     a monotone clock they then see a time at which that taker's grant was possible, and so never mistake an own old
  //     `now` for a clock gone back, or for too little time since. The same for passed_, which the taker has raised
  //     before.
  detail::atomic<std::uint64_t> arrival_;

  // No grant at a caller's time has a later time than this, and the latest is at most a second earlier; nanoseconds of
  // the clock, the least number if there is none. It tells a caller's time that is ahead of the clock from a clock gone
  // back; and since it is no number modulo anything, a time too far back for ticks from one far ahead. Only grows.
  // Writers: takers at callers' times. Readers: takers, rebase; relaxed, ordered by (1).
  detail::atomic<std::int64_t> passed_{none_passed};
};

inline std::uint64_t token_bucket::to_ticks(time_point at) noexcept {
  return static_cast<std::uint64_t>(at.time_since_epoch().count()) * static_cast<std::uint64_t>(ticks_per_ns);
}

// How far the arrival lies ahead of `now`, in ticks; zero if it is past.
inline std::int64_t token_bucket::debt_at(time_point now, std::uint64_t arrival) const noexcept {
  const std::int64_t at = now.time_since_epoch().count();
  const std::int64_t latest = passed_.load(detail::memory_order_relaxed);
  // The arrival is at most a second earlier than `latest`, and so further ahead than any allowance; the ticks may have
  // gone round.
  if (latest > at && static_cast<std::uint64_t>(latest) - static_cast<std::uint64_t>(at) > ages) [[unlikely]] {
    return std::numeric_limits<std::int64_t>::max();
  }
  const auto ahead = static_cast<std::int64_t>(arrival - to_ticks(now));  // the difference of numbers modulo 2^64
  return ahead > 0 ? ahead : 0;
}

inline std::int64_t token_bucket::take(std::int64_t tokens, time_point now, detail::time_of whose) noexcept {
  const std::int64_t cost = tokens * interval_;                         // at most allowance_, which fits
  std::uint64_t arrival = arrival_.load(detail::memory_order_acquire);  // (1)
  for (;;) {
    const std::int64_t debt = debt_at(now, arrival);
    if (debt > allowance_ - cost) return debt - (allowance_ - cost);
    // Before the exchange, so that who sees the grant sees its time. In steps, so that times that go on are written
    // once a second and not at each grant.
    if (whose == detail::time_of::caller && now.time_since_epoch().count() > passed_.load(detail::memory_order_relaxed))
        [[unlikely]] {
      raise_passed(now);
    }
    const std::uint64_t next = to_ticks(now) + static_cast<std::uint64_t>(debt + cost);
    if (arrival_.compare_exchange_weak(arrival, next, detail::memory_order_acq_rel, detail::memory_order_acquire)) {
      return 0;  // (1)
    }
  }
}

}  // namespace weir
