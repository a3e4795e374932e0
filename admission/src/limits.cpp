// The rules of the limits, and how a rate is written.
#include <weir/admission/limits.hpp>

#include <array>
#include <charconv>
#include <stdexcept>

#include <weir/admission/token_bucket.hpp>

#include "bucket_pace.hpp"

namespace weir {
namespace {

std::string length_text(duration length) {
  const std::int64_t ns = length.count();
  if (ns != 0 && ns % 1'000'000'000 == 0) return std::to_string(ns / 1'000'000'000) + " s";
  if (ns != 0 && ns % 1'000'000 == 0) return std::to_string(ns / 1'000'000) + " ms";
  if (ns != 0 && ns % 1'000 == 0) return std::to_string(ns / 1'000) + " us";
  return std::to_string(ns) + " ns";
}

void require_range(const char* field, std::int64_t value, std::int64_t least, std::int64_t most,
                   bool may_be_unlimited) {
  if (value >= least && value <= most) return;
  if (may_be_unlimited && value == unlimited) return;
  throw std::invalid_argument("weir: limits." + std::string(field) + " is " + std::to_string(value) + ": it must be " +
                              std::to_string(least) + " to " + std::to_string(most) +
                              (may_be_unlimited ? ", or weir::unlimited" : ""));
}

// The time of an emission interval, and how late it may be, both times the events of the rate, so that nothing is
// rounded.
struct scaled_times {
  detail::int128 interval;
  detail::int128 late;
};

scaled_times times_of(const rate& of) {
  return {.interval = of.period().count(), .late = detail::int128{timer_slack.count()} * of.events()};
}

std::string share_text(double share) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), share);
  return {text.data(), end};
}

// Nine tenths of (interval + late) / interval tokens come between two looks.
bool reaches_nine_tenths(const rate& of, std::int64_t burst) {
  const auto [interval, late] = times_of(of);
  return detail::int128{10} * burst * interval >= 9 * (interval + late);
}

void require_reach(const limits& given) {
  if (reaches_nine_tenths(given.rate, given.burst)) return;
  const auto [interval, late] = times_of(given.rate);
  const detail::int128 enough = (9 * (interval + late) + 10 * interval - 1) / (10 * interval);
  throw std::invalid_argument("weir: limits.burst is " + std::to_string(given.burst) + ": who waits at " +
                              to_string(given.rate) + " would get " + to_string(reachable_rate(given)) +
                              ", since timers come up to 50 us late; set it to at least " +
                              std::to_string(static_cast<std::int64_t>(enough)) +
                              ", or limits.max_waiters to 0 if nobody waits, or limits.allow_slow_waiters");
}

}  // namespace

rate reachable_rate(const limits& configured) noexcept {
  const rate& asked = configured.rate;
  if (asked.is_unlimited() || asked.events() < 1) return asked;
  const duration interval(asked.period().count() / asked.events());
  if (interval > duration::max() - timer_slack) return asked;
  const duration step = interval + timer_slack;
  const bool is_less =
      detail::int128{configured.burst} * asked.period().count() < detail::int128{asked.events()} * step.count();
  return is_less ? per(configured.burst, step) : asked;
}

std::string to_string(const rate& value) {
  if (value.is_unlimited()) return "unlimited";
  if (value.period() == std::chrono::seconds(1)) return std::to_string(value.events()) + "/s";
  if (value.period() == std::chrono::minutes(1)) return std::to_string(value.events()) + "/min";
  return std::to_string(value.events()) + " per " + length_text(value.period());
}

const limits& check(const limits& given) {
  require_range("max_tasks", given.max_tasks, 1, largest_max_tasks, true);
  require_range("max_weight", given.max_weight, 1, largest_max_weight, true);
  require_range("max_waiters", given.max_waiters, 0, largest_max_tasks, false);
  require_range("priority_ageing", given.priority_ageing, 0, largest_max_tasks, true);
  require_range("max_bypass", given.max_bypass, 0, largest_max_tasks, true);
  require_range("max_waiting_weight", given.max_waiting_weight, 1, largest_max_waiting_weight, true);
  require_range("breaker.consecutive_expired", given.breaker.consecutive_expired, 0, largest_max_tasks, false);
  if (given.breaker.pause <= duration::zero() || given.breaker.pause > std::chrono::hours(24)) {
    throw std::invalid_argument("weir: limits.breaker.pause is " + length_text(given.breaker.pause) +
                                ": it must be more than 0 and at most 24 h");
  }
  if (!(given.warn_at > 0 && given.warn_at <= 1)) {  // nor is NaN
    throw std::invalid_argument("weir: limits.warn_at is " + share_text(given.warn_at) +
                                ": it must be more than 0 and at most 1, of each limit");
  }
  if (given.flight_entries != 0 &&
      (given.flight_entries < least_flight_entries || given.flight_entries > most_flight_entries)) {
    throw std::invalid_argument("weir: limits.flight_entries is " + std::to_string(given.flight_entries) +
                                ": it must be " + std::to_string(least_flight_entries) + " to " +
                                std::to_string(most_flight_entries) + ", or 0 for none");
  }
  if (given.overflow > overflow::caller_runs) {
    throw std::invalid_argument("weir: limits.overflow is " + std::to_string(static_cast<int>(given.overflow)) +
                                ": it must be one of reject_new, drop_oldest, drop_lowest, caller_runs");
  }
  if (given.rate.is_unlimited()) {
    if (given.burst != 0) {
      throw std::invalid_argument("weir: limits.burst is " + std::to_string(given.burst) +
                                  " without a rate: set limits.rate, or leave the burst at 0");
    }
    return given;
  }
  try {
    const token_bucket tried(given.rate, given.burst);
  } catch (const std::invalid_argument& e) {
    throw std::invalid_argument(std::string(e.what()) + " (limits.rate, limits.burst)");
  }
  const bool may_wait = given.max_waiters != 0 || given.overflow == overflow::caller_runs;
  if (may_wait && !given.allow_slow_waiters) require_reach(given);
  return given;
}

}  // namespace weir
