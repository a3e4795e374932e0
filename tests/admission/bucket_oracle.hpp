// What a token bucket may grant, by definition instead of by state: the whole history, exact integers, all windows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <weir/admission/token_bucket.hpp>

namespace weir::testing {

__extension__ using exact = __int128;

class bucket_oracle {
 public:
  bucket_oracle(rate refill, std::int64_t burst) : refill_(refill), burst_(burst) {
    const exact ticks = exact{64} * refill.period().count();
    interval_ = (ticks + refill.events() - 1) /
                refill.events();  // ticks of 1/64 ns, rounded up: the rate that weir promises to reach
  }

  /// Every run of grants up to this one fits into the burst and the time since the run's first: t_first + tokens *
  /// interval, at most burst intervals ahead of now. In the order of the calls, whatever their times.
  [[nodiscard]] bool may_take(std::int64_t tokens, time_point now) const {
    if (tokens > burst_) return false;
    exact since = tokens;
    for (auto g = grants_.rbegin(); g != grants_.rend(); ++g) {
      since += g->tokens;
      if (ticks_of(g->at) + since * interval_ > ticks_of(now) + burst_ * interval_) return false;
    }
    return true;
  }

  /// The first moment, now or later, at which the last of `count` single tokens could be taken, one after the other.
  [[nodiscard]] time_point earliest(std::int64_t count, time_point now) const {
    exact ready = ticks_of(now) + (count - burst_) * interval_;
    exact since = count;
    for (auto g = grants_.rbegin(); g != grants_.rend(); ++g) {
      since += g->tokens;
      ready = std::max(ready, ticks_of(g->at) + (since - burst_) * interval_);
    }
    return std::max(now, time_point(duration(static_cast<std::int64_t>((ready + 63) / 64))));
  }

  void took(std::int64_t tokens, time_point now) { grants_.push_back({now, tokens}); }

  /// The promise as it is written, with the rate as it was configured: no window [a, b] of stamps has more than
  /// burst + rate * (b - a). True if it holds for all of them.
  [[nodiscard]] bool all_windows_hold() const {
    std::vector<grant> sorted = grants_;
    std::sort(sorted.begin(), sorted.end(), [](const grant& a, const grant& b) { return a.at < b.at; });
    const auto earned_by = [&](time_point at) { return exact{refill_.events()} * at.time_since_epoch().count(); };
    const exact period = refill_.period().count();
    exact least = 0;  // of tokens before a window's begin, less what was earned by then; in tokens * period
    exact tokens = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      const exact before = tokens * period - earned_by(sorted[i].at);
      least = i == 0 ? before : std::min(least, before);
      tokens += sorted[i].tokens;
      if (tokens * period - earned_by(sorted[i].at) - least > burst_ * period) return false;
    }
    return true;
  }

  [[nodiscard]] std::int64_t total() const {
    std::int64_t sum = 0;
    for (const grant& g : grants_) sum += g.tokens;
    return sum;
  }

 private:
  struct grant {
    time_point at;
    std::int64_t tokens;
  };

  static exact ticks_of(time_point at) { return exact{at.time_since_epoch().count()} * 64; }

  rate refill_;
  exact burst_;
  exact interval_;
  std::vector<grant> grants_;
};

}  // namespace weir::testing
