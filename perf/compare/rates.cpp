// A token of a rate that has plenty: by the clock that the bucket reads itself, and at a time that the caller has read.
// And the refusal, where there is none for an hour.
#include <weir/admission/token_bucket.hpp>

#include "question.hpp"
#include "warm_clock.hpp"

namespace weir::perf {
namespace {

template <int threads>
timed take(std::int64_t each, const clock_source& clock) {
  token_bucket bucket(per_second(plenty), plenty, clock);
  return time_steps<threads>(each, [&] { return bucket.try_take().has_value(); });
}

template <int threads>
timed take_steady(std::int64_t each) {
  return take<threads>(each, steady_clock_source());
}

template <int threads>
timed take_tsc(std::int64_t each) {
  return take<threads>(each, warm_tsc_clock());
}

template <int threads>
timed take_manual(std::int64_t each) {
  const manual_clock clock;
  return take<threads>(each, clock);
}

template <int threads>
timed take_at(std::int64_t each) {
  token_bucket bucket(per_second(plenty), plenty);
  const time_point now = steady_clock_source().now();
  return time_steps<threads>(each, [&] { return bucket.try_take(1, now).has_value(); });
}

template <int threads>
timed refuse(std::int64_t each, const clock_source& clock) {
  token_bucket bucket(per(1, std::chrono::hours(1)), 1, clock);
  require(bucket.try_take().has_value(), "the first token");
  return time_steps<threads>(each, [&] { return !bucket.try_take().has_value(); });
}

template <int threads>
timed refuse_steady(std::int64_t each) {
  return refuse<threads>(each, steady_clock_source());
}

template <int threads>
timed refuse_tsc(std::int64_t each) {
  return refuse<threads>(each, warm_tsc_clock());
}

template <int threads>
timed refuse_at(std::int64_t each) {
  token_bucket bucket(per(1, std::chrono::hours(1)), 1);
  const time_point now = steady_clock_source().now();
  require(bucket.try_take(1, now).has_value(), "the first token");
  return time_steps<threads>(each, [&] { return !bucket.try_take(1, now).has_value(); });
}

}  // namespace

void add_rates(rows& to) {
  to.insert(to.end(), {{"token", "weir", 1, take_steady<1>},
                       {"token", "weir,tsc", 1, take_tsc<1>},
                       {"token", "weir,manual", 1, take_manual<1>},
                       {"token", "weir", 2, take_steady<2>},
                       {"token", "weir,tsc", 2, take_tsc<2>},
                       {"token", "weir,manual", 2, take_manual<2>},
                       {"token_at", "weir", 1, take_at<1>},
                       {"token_at", "weir", 2, take_at<2>},
                       {"token_refused", "weir", 1, refuse_steady<1>},
                       {"token_refused", "weir,tsc", 1, refuse_tsc<1>},
                       {"token_refused", "weir", 2, refuse_steady<2>},
                       {"token_refused", "weir,tsc", 2, refuse_tsc<2>},
                       {"token_at_refused", "weir", 1, refuse_at<1>},
                       {"token_at_refused", "weir", 2, refuse_at<2>}});
}

}  // namespace weir::perf
