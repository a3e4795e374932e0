// A token bucket as one number: the generic cell rate algorithm (ITU-T I.371) in integers.
//
// The state is the theoretical arrival time, the moment at which the bucket would be full again, in ticks of 1/64 ns.
// Taking n tokens moves it n emission intervals ahead of the later of itself and now, and is granted if it then lies at
// most `burst` intervals ahead of now. `now` itself never becomes the state, so that a stale one can take a token too
// many from nobody: the time at which x/time/rate credits an interval twice is not there. The interval is rounded up,
// so that the real rate is never above the configured one, and below it by at most one tick in an interval.
// Progress: taking is lock-free, a refusal only reads; what moves the arrival back takes a lock.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>

#include <weir/admission/clock.hpp>
#include <weir/admission/detail/bucket_terms.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/result.hpp>
#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>

namespace weir {

class token_reservations;

namespace detail {

class gate;

/// Whose a time is: a reading of the bucket's own clock, made in this call; or what a caller passed, which may be any.
enum class time_of : std::uint8_t { own_clock, caller };

}  // namespace detail

/// What a bucket goes by.
struct bucket_rule {
  rate refill = unlimited;
  std::int64_t burst = 0;

  friend bool operator==(const bucket_rule&, const bucket_rule&) = default;
};

/// Whether a new bucket has its burst at once, or earns it.
enum class bucket_start : std::uint8_t { full, empty };

/// What becomes of the tokens that are there when a rate is changed, or of those that are owed.
enum class bucket_balance : std::uint8_t {
  keep,          // as many tokens, at most the new burst
  proportional,  // the same share of the burst, but no more than there are
  empty,         // none; what is owed stays owed
};

/// Tokens that come back at a rate, up to a burst.
///
/// Guarantee: the tokens granted at times within any window of length T are at most burst + rate * T, whatever times
/// are passed, in whatever order, by however many threads: old ones, and ones that the clock has not reached. It needs
/// a clock that does not go back, and times that are at most a year behind it. A time ahead of the clock spends the
/// tokens of that time: until it has come, at most what was left of them is granted. Of a window with a change of the
/// rate in it, each part counts with its rate, and the burst is the larger one; a window that has grants of before and
/// after a change and does not contain its time, since old times were passed, counts as if it reached to that time.
///
/// Thread-safe: any thread may call anything at any time, but the destructor. No call allocates, and none throws but
/// the constructor and set_rate; none blocks but for a short lock where it says so. A grant orders nothing but itself:
/// what a thread wrote before it took a token is not visible to the next taker.
class token_bucket {
 public:
  /// @param refill  a rate above zero, at most 64 a nanosecond; `unlimited` grants everything.
  /// @param burst   tokens of a full bucket, at least 1 (not looked at where the rate is unlimited); burst / rate at
  ///                most 200 days.
  /// @param clock   read here, by the `try_take` that takes no time, and by what says so; it must outlive the bucket.
  /// @throws std::invalid_argument naming the value and the rule.
  token_bucket(weir::rate refill, std::int64_t burst, const clock_source& clock = steady_clock_source(),
               bucket_start start = bucket_start::full);
  token_bucket(const token_bucket&) = delete;
  token_bucket& operator=(const token_bucket&) = delete;

  /// Takes `tokens` (1 to the burst) at the clock's present, if they are there. Refused `rate_limited` with the exact
  /// wait, `too_heavy` above the burst, `invalid` below 1. Never waits; lock-free, a refusal wait-free while the rate
  /// is not changed. Reads the clock once; where it has gone back more often, and then takes the lock.
  result<void> try_take(std::int64_t tokens = 1) noexcept;
  /// The same at the time `now`, without reading a clock.
  result<void> try_take(std::int64_t tokens, time_point now) noexcept;
  template <std::floating_point Number, typename... Rest>
  result<void> try_take(Number, Rest&&...) = delete;  // half a token is none

  /// Gives back `tokens` (1 to the burst) that were granted at `taken_at` and not used, for work that was not done
  /// after all, less what has come back by itself since: the bucket is never fuller than if they had not been taken.
  /// The guarantee above then holds for the tokens that were used. Refused as `try_take` refuses, `too_heavy` or
  /// `invalid`, and nothing happens.
  /// @param taken_at  the time that they were granted at. One before it gives less back. One after it, and tokens that
  ///                  were never granted (what is asked while there is no rate is no token) or were given back before,
  ///                  break the guarantee.
  /// Where takers pass times of their own, what has come back is counted to a millisecond after the latest of these, if
  /// that is ahead of the clock: so less is given back than could be. What was granted by the time of a change of the
  /// rate gives nothing back. Reads the clock; takes the short lock.
  result<void> refund(std::int64_t tokens, time_point taken_at) noexcept;

  /// Takes `tokens` (at least 1) that have been used already, whether they are there or not: for work that turned out
  /// to cost more than was taken for it. What is not there is owed, up to a burst, and has to come back before anything
  /// is granted. Returns how many it has taken: less than `tokens`, down to 0, where more would be owed than that.
  /// `invalid` below 1. Lock-free; reads the clock, again after each collision.
  result<std::int64_t> charge(std::int64_t tokens) noexcept;
  template <std::floating_point Number>
  result<std::int64_t> charge(Number) = delete;

  /// Changes the rate and the burst, as one step: each grant goes by the ones of before or by these. The time of the
  /// change is the clock's present, or up to a millisecond after the latest time that a caller passed if that is later.
  /// What is owed stays owed, up to the new burst. From `unlimited` the bucket is full, or empty if told so.
  /// @param then  what becomes of the tokens that are there.
  /// @throws std::invalid_argument as the constructor; then nothing has changed.
  /// Reads the clock; takes the short lock. Takers go on meanwhile; one that sleeps through two changes in the middle
  /// of its call may lose a token.
  void set_rate(weir::rate refill, std::int64_t burst, bucket_balance then = bucket_balance::keep);

  /// How long from `now` until `tokens` (0 to any number) could be taken if nobody else takes any; zero if they are
  /// there. For more than a burst: as if they were taken one after the other. Rounded up to a nanosecond; saturates at
  /// duration::max(). Wait-free while the rate is not changed, as all below; may be outdated at once.
  [[nodiscard]] duration wait_for(std::int64_t tokens, time_point now) const noexcept;

  /// Whole tokens that are there at `now`, 0 to the burst; may be outdated at once.
  [[nodiscard]] std::int64_t approx_available(time_point now) const noexcept;

  /// If the clock has gone back so far that the bucket would stay shut for longer than a burst takes (two bursts, if
  /// `charge` was ever called), makes it an empty bucket at the clock's present, or at the latest time that a caller
  /// passed if that is later; true if it did. Does nothing with a monotone clock. The `try_take` that reads the clock
  /// does this itself. Takes the short lock; may be overtaken by a taker, and then returns false: call it again.
  bool rebase() noexcept;

  /// As configured, or as changed last; `rule` both of one moment.
  [[nodiscard]] weir::rate refill() const noexcept { return rule().refill; }
  [[nodiscard]] std::int64_t burst() const noexcept { return look().pace.burst; }
  [[nodiscard]] bucket_rule rule() const noexcept;
  [[nodiscard]] bool is_unlimited() const noexcept { return is_unlimited_.load(detail::memory_order_relaxed); }
  /// The time between two tokens, rounded up to a nanosecond. No wait for one token is longer, unless there is a debt,
  /// the clock has gone back or a time ahead of it was passed.
  [[nodiscard]] duration interval() const noexcept;

 private:
  friend class detail::gate;
  friend class token_reservations;

  // What a taker goes by: an arrival, and the pace that it is reckoned in.
  struct sight {
    std::uint64_t arrival;
    detail::bucket_pace pace;
    detail::terms_in_force::moment since;
  };

  // Takes `tokens`, at least 1, if that is as usual: no change under way, no time that is the latest yet, no collision.
  // False says nothing.
  [[nodiscard]] bool take_at_once(std::int64_t tokens, time_point now, detail::time_of whose) noexcept;
  // Takes `tokens`, at least 1; or returns how many ticks too early it is, more_than_burst if it will always be. `seen`
  // is then what that was decided by.
  [[nodiscard]] std::int64_t take(std::int64_t tokens, time_point now, detail::time_of whose, sight& seen) noexcept;
  [[nodiscard]] std::int64_t take(std::int64_t tokens, time_point now, detail::time_of whose) noexcept {
    sight seen;  // NOLINT: take sets it
    return take(tokens, now, whose, seen);
  }
  [[nodiscard]] bool has_one(time_point now) const noexcept {
    const sight seen = look();
    return seen.pace.interval == 0 || debt_at(now, seen.arrival) <= seen.pace.allowance() - seen.pace.interval;
  }
  // Whether the arrival lies further ahead of `now`, a reading of the clock, than a monotone clock would let it.
  [[nodiscard]] bool looks_turned_back(time_point now) const noexcept;
  [[nodiscard]] sight look() const noexcept;
  [[nodiscard]] result<void> take_or_explain(std::int64_t tokens, time_point now, detail::time_of whose) noexcept;
  [[nodiscard]] refusal never(std::int64_t tokens) const noexcept;
  [[nodiscard]] refusal not_before(std::int64_t tokens, duration wait) const noexcept;
  [[nodiscard]] std::int64_t debt_at(time_point now, std::uint64_t arrival) const noexcept;
  [[nodiscard]] std::int64_t furthest(const detail::bucket_pace& pace) const noexcept;
  void raise_passed(time_point now) noexcept;
  [[nodiscard]] time_point latest() const noexcept WEIR_REQUIRES(mutex_);

  static constexpr std::int64_t ticks_per_ns = 64;
  static constexpr std::int64_t more_than_burst = -1;
  static constexpr std::int64_t none_passed = std::numeric_limits<std::int64_t>::min();
  // Below the horizon of the ticks by more than the longest debt, and above that.
  static constexpr std::uint64_t ages = std::uint64_t{1} << 55;  // ns, 417 days

  [[nodiscard]] static std::uint32_t tag_of(std::uint64_t arrival) noexcept {
    return static_cast<std::uint32_t>(arrival & 1);
  }
  // The arrival `ahead` ticks after `now`.
  [[nodiscard]] static std::uint64_t arrival_at(time_point now, std::int64_t ahead, std::uint32_t tag) noexcept {
    const auto at = static_cast<std::uint64_t>(now.time_since_epoch().count()) * std::uint64_t{ticks_per_ns};
    return ((at + static_cast<std::uint64_t>(ahead)) << 1) | tag;
  }
  // How many ticks the arrival lies ahead of `now`; below 0 if it is past. Of numbers modulo 2^63.
  [[nodiscard]] static std::int64_t ahead_of(time_point now, std::uint64_t arrival) noexcept {
    return static_cast<std::int64_t>((arrival & ~std::uint64_t{1}) - arrival_at(now, 0, 0)) >> 1;
  }

  const clock_source* clock_;
  detail::terms_in_force terms_;
  // Whether there is no rate, so that no arrival has to be looked at. Writer: set_rate, after its exchange of the
  // arrival. Readers: takers; relaxed: either answer is that of one moment of a change, and it carries no data.
  detail::atomic<bool> is_unlimited_;
  // Whether `charge` was ever called, so that the arrival may lie two bursts ahead. Writers: those who charge, before
  // their exchange. Readers: rebase and set_rate; relaxed, ordered by (1).
  detail::atomic<bool> may_owe_{false};

  // The theoretical arrival time in ticks, modulo 2^63 (compared by signed difference: a horizon of 2.28 years), times
  // 2; the lowest bit is the tag of the terms that it is reckoned in.
  // Writers: takers and who charges, by compare-and-swap; refund, rebase and set_rate, under the lock. Readers: takers.
  // (1) arrival: release exchange by a taker -> acquire load by who reads the clock after it (rebase, refund,
  //     set_rate): with a monotone clock they then see a time at which that taker's grant was possible, and so never
  //     mistake an own old `now` for a clock gone back, or for too little time since. The same for passed_ and
  //     may_owe_, which are written before.
  // (2) terms: release exchange by set_rate -> acquire load by a taker: what the tag says has been written.
  detail::atomic<std::uint64_t> arrival_;

  // No grant at a caller's time has a later time than this, and the latest is at most a millisecond earlier; ns of
  // the clock, the least number if there is none. It tells a caller's time that is ahead of the clock from a clock gone
  // back; and since it is no number modulo anything, a time too far back for ticks from one far ahead. Only grows.
  // Writers: takers at callers' times. Readers: takers, rebase; relaxed, ordered by (1).
  detail::atomic<std::int64_t> passed_{none_passed};

  // Held by who moves the arrival back, or changes the terms: so that the terms stay, whatever the arrival shows.
  detail::mutex mutex_;
  time_point changed_at_ WEIR_GUARDED_BY(mutex_) = time_point::min();  // what was granted by then gives nothing back
  time_point promised_until_ WEIR_GUARDED_BY(mutex_) = time_point::min();  // by reservations that stand
  std::uint32_t backs_ WEIR_GUARDED_BY(mutex_) = 0;                        // how often the arrival was moved back
};

inline token_bucket::sight token_bucket::look() const noexcept {
  for (;;) {
    const detail::terms_in_force::moment since = terms_.now();
    const std::uint64_t arrival = arrival_.load(detail::memory_order_acquire);  // (1) (2)
    detail::bucket_pace pace = terms_.pace_of(since & 1);  // before the arrival is there: mostly it is the one
    if (tag_of(arrival) != (since & 1)) [[unlikely]]
      pace = terms_.pace_of(tag_of(arrival));
    if (terms_.holds(since, tag_of(arrival))) [[likely]]
      return {arrival, pace, since};
  }
}

// How far the arrival lies ahead of `now`, in ticks; zero if it is past.
inline std::int64_t token_bucket::debt_at(time_point now, std::uint64_t arrival) const noexcept {
  const std::int64_t at = now.time_since_epoch().count();
  const std::int64_t latest = passed_.load(detail::memory_order_relaxed);
  // The arrival is at most a millisecond earlier than `latest`, and so further ahead than any debt; the ticks may have
  // gone round.
  if (latest > at && static_cast<std::uint64_t>(latest) - static_cast<std::uint64_t>(at) > ages) [[unlikely]] {
    return std::numeric_limits<std::int64_t>::max();
  }
  const std::int64_t ahead = ahead_of(now, arrival);
  return ahead > 0 ? ahead : 0;
}

inline bool token_bucket::take_at_once(std::int64_t tokens, time_point now, detail::time_of whose) noexcept {
  const detail::terms_in_force::moment since = terms_.now();
  const std::uint64_t arrival = arrival_.load(detail::memory_order_acquire);  // (1) (2)
  const detail::bucket_pace pace = terms_.pace_of(since & 1);
  const std::int64_t at = now.time_since_epoch().count();
  const std::int64_t latest = passed_.load(detail::memory_order_relaxed);
  const std::uint64_t behind = static_cast<std::uint64_t>(latest) - static_cast<std::uint64_t>(at);
  const bool is_usual_time = behind <= ages || (whose == detail::time_of::own_clock && latest <= at);
  if (tag_of(arrival) != (since & 1) || !terms_.holds(since, since & 1) || !is_usual_time) return false;
  if (pace.interval == 0 || tokens > pace.burst) return false;
  const std::int64_t ahead = ahead_of(now, arrival);
  const std::int64_t debt = ahead > 0 ? ahead : 0;
  const std::int64_t cost = tokens * pace.interval;
  if (debt > pace.allowance() - cost) return false;
  std::uint64_t expected = arrival;
  const std::uint64_t next = arrival_at(now, debt + cost, tag_of(arrival));
  return arrival_.compare_exchange_weak(expected, next, detail::memory_order_acq_rel, detail::memory_order_relaxed) &&
         terms_.holds(since, tag_of(arrival));  // (1); else as in take
}

inline std::int64_t token_bucket::take(std::int64_t tokens, time_point now, detail::time_of whose,
                                       sight& seen) noexcept {
  for (;;) {
    seen = look();
    if (seen.pace.interval == 0) return 0;
    if (tokens > seen.pace.burst) return more_than_burst;
    const std::int64_t cost = tokens * seen.pace.interval;  // at most the allowance, which fits
    const std::int64_t room = seen.pace.allowance() - cost;
    const std::int64_t debt = debt_at(now, seen.arrival);
    if (debt > room) return debt - room;
    // Before the exchange, so that who sees the grant sees its time. In steps, so that times that go on are written
    // once a millisecond and not at each grant.
    if (whose == detail::time_of::caller && now.time_since_epoch().count() > passed_.load(detail::memory_order_relaxed))
        [[unlikely]] {
      raise_passed(now);
    }
    std::uint64_t expected = seen.arrival;
    const std::uint64_t next = arrival_at(now, debt + cost, tag_of(seen.arrival));
    if (arrival_.compare_exchange_weak(expected, next, detail::memory_order_acq_rel, detail::memory_order_relaxed) &&
        terms_.holds(seen.since, tag_of(seen.arrival))) [[likely]] {
      return 0;  // (1); else the arrival was the same by chance, in other terms, and this token is let go
    }
  }
}

}  // namespace weir
