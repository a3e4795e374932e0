// The promise of a bucket over changes of its rate: every window of stamps, each part with the rate of its time.
#include <weir/admission/token_bucket.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <vector>

#include "admission/bucket_oracle.hpp"
#include "support/property.hpp"

namespace weir {
namespace {

using std::chrono::nanoseconds;

// All rates are so many tokens in this, so that what is earned at several of them is one exact number.
constexpr std::int64_t common_period = 1'000'000'000;

struct bucket_era {
  time_point since;
  std::int64_t events;
  std::int64_t burst;
};

struct used_token {
  time_point at;
  std::size_t era;
  std::int64_t tokens;
};

class bucket_history {
 public:
  void change(time_point at, std::int64_t events, std::int64_t burst) { eras_.push_back({at, events, burst}); }
  void use(time_point at, std::int64_t tokens) { used_.push_back({at, eras_.size() - 1, tokens}); }

  // Of the grants with stamps in [a, b], for all a and b that are stamps. A window that its grants' changes lie outside
  // of reaches to these.
  [[nodiscard]] bool all_windows_hold() const {
    for (const used_token& first : used_) {
      for (const used_token& last : used_) {
        if (last.at >= first.at && !window_holds(first.at, last.at)) return false;
      }
    }
    return true;
  }

 private:
  [[nodiscard]] bool window_holds(time_point from, time_point to) const {
    testing::exact tokens = 0;
    std::size_t oldest = eras_.size() - 1;
    std::size_t newest = 0;
    for (const used_token& u : used_) {
      if (u.at < from || u.at > to) continue;
      tokens += u.tokens;
      oldest = std::min(oldest, u.era);
      newest = std::max(newest, u.era);
    }
    const std::int64_t burst = eras_[oldest].burst;
    testing::exact earned = 0;
    for (std::size_t e = oldest; e <= newest; ++e) {
      const time_point end = e == newest ? std::max(to, eras_[e].since) : eras_[e + 1].since;
      const time_point begin = e == oldest ? std::min(from, end) : eras_[e].since;
      earned += testing::exact{(end - begin).count()} * eras_[e].events;
    }
    return (tokens - burst) * common_period <= earned;
  }

  std::vector<bucket_era> eras_;
  std::vector<used_token> used_;
};

enum class bucket_act : std::uint8_t { take, take_at, take_and_return, charge, change };

struct bucket_step {
  bucket_act what;
  std::int64_t passes;  // of the clock, before it
  std::int64_t off;     // of the time passed from the clock
  std::int64_t tokens;
  std::int64_t events;
  std::int64_t burst;
};

std::ostream& operator<<(std::ostream& out, const bucket_step& s) {
  return out << "{" << static_cast<int>(s.what) << ": " << s.passes << " pass, " << s.off << " off, " << s.tokens
             << " tokens, " << s.events << "/s, burst " << s.burst << '}';
}

rc::Gen<std::vector<bucket_step>> bucket_steps() {
  constexpr std::int64_t second = 1'000'000'000;
  const auto kind = rc::gen::map(rc::gen::inRange(0, 12), [](int n) {
    return n < 4    ? bucket_act::take
           : n < 8  ? bucket_act::take_at
           : n == 8 ? bucket_act::take_and_return
           : n == 9 ? bucket_act::charge
                    : bucket_act::change;
  });
  return rc::gen::container<std::vector<bucket_step>>(rc::gen::construct<bucket_step>(
      kind, rc::gen::inRange<std::int64_t>(0, second / 2), rc::gen::inRange<std::int64_t>(-2 * second, 2 * second),
      rc::gen::element<std::int64_t>(1, 2, 3, 4, 100), rc::gen::inRange<std::int64_t>(1, 40),
      rc::gen::element<std::int64_t>(1, 2, 3, 5, 8, 200)));
}

class changing_run {
 public:
  explicit changing_run(bucket_balance then) : then_(then) { told_.change(clock_.now(), 10, 4); }

  void play(const bucket_step& s) {
    clock_.advance(nanoseconds(s.passes));
    const time_point own = clock_.now();
    const time_point at = own + nanoseconds(s.off);
    switch (s.what) {
      case bucket_act::take:
        if (bucket_.try_take(s.tokens)) told_.use(own, s.tokens);
        break;
      case bucket_act::take_at:
        if (bucket_.try_take(s.tokens, at)) {
          told_.use(at, s.tokens);
          if (at > passed_) passed_ = at + std::chrono::milliseconds(1);
        }
        break;
      case bucket_act::take_and_return:
        if (bucket_.try_take(s.tokens)) (void)bucket_.refund(s.tokens, own);
        break;
      case bucket_act::charge:
        (void)bucket_.charge(s.tokens);
        break;
      case bucket_act::change:
        bucket_.set_rate(per(s.events, nanoseconds(common_period)), s.burst, then_);
        told_.change(std::max(own, passed_), s.events, s.burst);
        break;
    }
    RC_ASSERT(!bucket_.rebase());
  }

  [[nodiscard]] bool holds() const { return told_.all_windows_hold(); }

 private:
  bucket_balance then_;
  manual_clock clock_{time_point{std::chrono::hours(1)}};
  token_bucket bucket_{per(10, nanoseconds(common_period)), 4, clock_};
  time_point passed_ = time_point::min();
  bucket_history told_;
};

RC_GTEST_PROP(BucketChangeProperty, EveryWindowHoldsWithTheRatesOfItsParts, ()) {
  const auto then = *rc::gen::element(bucket_balance::keep, bucket_balance::proportional, bucket_balance::empty);
  changing_run run(then);
  for (const bucket_step& s : *bucket_steps()) run.play(s);
  RC_ASSERT(run.holds());
}

}  // namespace
}  // namespace weir
