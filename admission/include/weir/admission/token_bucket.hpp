// A token bucket as one number: the generic cell rate algorithm (ITU-T I.371) in integers.
//
// The state is the theoretical arrival time, the moment at which the bucket would be full again, in ticks of 1/64 ns.
// Taking n tokens moves it n emission intervals ahead of the later of itself and now, and is granted if it then lies at
// most `burst` intervals ahead of now. `now` itself is never stored, so that a stale one can take a token too many from
// nobody: the time at which x/time/rate credits an interval twice is not there. The interval is rounded up, so that the
// real rate is never above the configured one, and below it by at most one tick in an interval.
// Progress: lock-free; a refusal only reads.
#pragma once

#include <cstdint>

#include <weir/admission/clock.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/result.hpp>
#include <weir/queues/sync.hpp>

namespace weir {

/// Whether a new bucket has its burst at once, or earns it.
enum class bucket_start : std::uint8_t { full, empty };

/// Tokens that come back at a rate, up to a burst.
///
/// Guarantee: for the times passed in, the tokens granted in every window of length T are at most burst + rate * T,
/// whatever the order in which threads pass them, and however old they are. Thread-safe.
class token_bucket {
 public:
  /// @param refill  a rate above zero, at most 64 a nanosecond; `unlimited` grants everything.
  /// @param burst   tokens of a full bucket, at least 1 (not looked at where the rate is unlimited); burst / rate at
  /// most 1 year.
  /// @param clock   read by the overloads that take no time, and by `rebase`; it must outlive the bucket.
  /// @throws std::invalid_argument naming the value and the rule.
  token_bucket(weir::rate refill, std::int64_t burst, const clock_source& clock = steady_clock_source(),
               bucket_start start = bucket_start::full);
  token_bucket(const token_bucket&) = delete;
  token_bucket& operator=(const token_bucket&) = delete;

  /// Takes `tokens` if they are there. Refused `rate_limited` with the exact wait, `too_heavy` above the burst,
  /// `invalid` below
  /// 1. Never waits; no allocation.
  result<void> try_take(std::int64_t tokens = 1);
  /// The same at the time `now`, without reading a clock. Times may come in any order.
  result<void> try_take(std::int64_t tokens, time_point now) noexcept;

  /// How long from `now` until `tokens` (0 to any number) could be taken if nobody else takes any; zero if they are
  /// there. For more than a burst: as if they were taken one after the other.
  [[nodiscard]] duration wait_for(std::int64_t tokens, time_point now) const noexcept;

  /// Whole tokens that are there at `now`; may be outdated at once.
  [[nodiscard]] std::int64_t approx_available(time_point now) const noexcept;

  /// If the clock has gone back so far that the bucket would stay shut for longer than a burst takes, makes it an empty
  /// bucket at the clock's present. Does nothing with a monotone clock. The overloads that read the clock do this
  /// themselves.
  bool rebase() noexcept;

  [[nodiscard]] weir::rate refill() const noexcept { return refill_; }
  [[nodiscard]] std::int64_t burst() const noexcept { return burst_; }
  [[nodiscard]] bool is_unlimited() const noexcept { return interval_ == 0; }
  /// The time between two tokens, rounded up. No wait for one token is longer, unless the clock has gone back.
  [[nodiscard]] duration interval() const noexcept;

 private:
  weir::rate refill_;
  std::int64_t burst_;
  const clock_source* clock_;
  std::int64_t interval_;   // ticks between tokens, rounded up; 0: unlimited
  std::int64_t allowance_;  // burst_ * interval_: how far ahead of now the theoretical arrival time may lie

  // The theoretical arrival time in ticks, modulo 2^64 (compared by signed difference: a horizon of 4.5 years).
  // Writers: takers, by compare-and-swap; rebase. Readers: takers.
  // (1) arrival: release exchange by a taker -> acquire load by rebase, which reads the clock after it: with a monotone
  //     clock it then sees a time at which that taker's grant was possible, and so never mistakes its own old `now` for
  //     a clock gone back.
  detail::atomic<std::uint64_t> arrival_;
};

}  // namespace weir
