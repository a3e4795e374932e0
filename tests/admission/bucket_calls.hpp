// The calls of a token bucket one after the other, for linearizable.hpp: one state, exact numbers, no atomics.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include <weir/admission/limits.hpp>
#include <weir/admission/refusal.hpp>

#include "admission/bucket_oracle.hpp"

namespace weir::testing {

/// A token bucket of small numbers, one call after the other: the arrival in ticks of 1/64 ns.
struct plain_bucket {
  std::int64_t interval = 0;  // 0: no rate
  std::int64_t burst = 0;
  std::int64_t arrival = 0;
  time_point changed_at = time_point::min();  // what was taken by then gives nothing back

  static plain_bucket of(const rate& refill, std::int64_t burst, time_point full_at) {
    if (refill.is_unlimited()) return {};
    return {.interval = (refill.period().count() * 64 + refill.events() - 1) / refill.events(),
            .burst = burst,
            .arrival = ticks(full_at)};
  }
  static std::int64_t ticks(time_point at) { return at.time_since_epoch().count() * 64; }

  [[nodiscard]] std::int64_t debt(time_point now) const { return std::max<std::int64_t>(arrival - ticks(now), 0); }
  /// How many ticks `now` is too early for that many; 0 if it is not.
  [[nodiscard]] std::int64_t too_early(std::int64_t tokens, time_point now) const {
    return interval == 0 ? 0 : std::max<std::int64_t>(debt(now) - (burst - tokens) * interval, 0);
  }
  void take(std::int64_t tokens, time_point now) {
    if (interval != 0) arrival = ticks(now) + debt(now) + tokens * interval;
  }
  void refund(std::int64_t tokens, time_point taken_at, time_point latest) {
    if (interval != 0 && taken_at > changed_at)
      arrival -= std::max<std::int64_t>(tokens * interval - (ticks(latest) - ticks(taken_at)), 0);
  }
  std::int64_t charge(std::int64_t tokens, time_point now) {
    const std::int64_t room = 2 * burst * interval - debt(now);
    const std::int64_t charged = room <= 0 ? 0 : std::min(tokens, room / interval);
    if (charged != 0) take(charged, now);
    return charged;
  }

  /// The tokens that are there stay, up to the burst; what is owed, too.
  void set_rate(const rate& refill, std::int64_t tokens, time_point at) {
    plain_bucket next = of(refill, tokens, at);
    const std::int64_t there = burst * interval - debt(at);
    const exact product = exact{there} * next.interval;
    const auto balance = static_cast<std::int64_t>(product / interval) - (product % interval < 0 ? 1 : 0);  // down
    next.arrival += std::clamp<std::int64_t>(tokens * next.interval - balance, 0, 2 * tokens * next.interval);
    next.changed_at = at;
    *this = next;
  }

  friend auto operator<=>(const plain_bucket&, const plain_bucket&) = default;
};

struct bucket_call {
  enum class step : std::uint8_t { take, refund, charge, set_rate };
  step what = step::take;
  std::int64_t tokens = 1;  // of set_rate: the burst
  time_point now{};         // that it was taken at; of set_rate, when it was changed
  time_point later{};       // of refund: the latest time then
  rate refill = unlimited;  // of set_rate
  bool granted = true;
  refusal_reason why{};
  duration retry_after{};    // of a take that came too early: exact
  std::int64_t charged = 0;  // of charge

  bool is_possible_in(plain_bucket& bucket) const {
    const bool too_heavy = tokens > bucket.burst;
    switch (what) {
      case step::take: {
        const std::int64_t early = bucket.too_early(tokens, now);
        if (!granted && why == refusal_reason::too_heavy) return too_heavy;
        if (!granted) return !too_heavy && early > 0 && retry_after.count() == (early + 63) / 64;
        if (too_heavy || early > 0) return false;
        bucket.take(tokens, now);
        return true;
      }
      case step::refund:
        if (granted != (!too_heavy || now <= bucket.changed_at)) return false;
        if (granted) bucket.refund(tokens, now, later);
        return true;
      case step::charge:
        return bucket.charge(tokens, now) == charged;
      case step::set_rate:
        bucket.set_rate(refill, tokens, now);
        return true;
    }
    return false;
  }
};

inline std::string to_string(const bucket_call& call) {
  static constexpr const char* names[] = {"take", "refund", "charge", "set_rate"};
  const auto text = [](time_point at) { return std::to_string(at.time_since_epoch().count()); };
  return names[static_cast<std::size_t>(call.what)] + (' ' + std::to_string(call.tokens)) + " at " + text(call.now) +
         " later " + text(call.later) + " charged " + std::to_string(call.charged) + ' ' + to_string(call.refill) +
         (call.granted ? "" : " refused, retry after " + std::to_string(call.retry_after.count()));
}

/// The bucket as a model of linearizable.hpp.
struct bucket_model {
  plain_bucket bucket;

  bool apply(const bucket_call& call) { return call.is_possible_in(bucket); }
  friend auto operator<=>(const bucket_model&, const bucket_model&) = default;
};

}  // namespace weir::testing
