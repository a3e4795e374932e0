// Checks of a rate and a burst; what is there, or owed, from one pace to another.
#include "bucket_pace.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace weir::detail {
namespace {

constexpr std::int64_t ticks_per_ns = 64;
constexpr std::int64_t longest_allowance = std::int64_t{200} * 24 * 3600 * 1'000'000'000 * ticks_per_ns;

std::int64_t interval_of(const rate& refill) {
  if (refill.is_unlimited()) return 0;
  if (refill.events() < 1 || refill.period() < duration(1)) {
    throw std::invalid_argument("weir: the rate is " + to_string(refill) +
                                ": events and period must both be above zero; write weir::unlimited for no limit");
  }
  const int128 ticks = int128{ticks_per_ns} * refill.period().count();
  const int128 interval = (ticks + refill.events() - 1) / refill.events();
  if (int128{refill.events()} > ticks) {
    throw std::invalid_argument("weir: the rate is " + to_string(refill) +
                                ": at most 64 a nanosecond can be told apart; write weir::unlimited for no limit");
  }
  return static_cast<std::int64_t>(std::min(interval, int128{longest_allowance} + 1));
}

// Of a number that may be negative, and a divisor above 0.
int128 divided_down(int128 number, int128 by) noexcept { return number / by - (number % by < 0 ? 1 : 0); }

}  // namespace

bucket_pace checked_pace(const rate& refill, std::int64_t burst) {
  const std::int64_t interval = interval_of(refill);
  if (interval == 0) return {};
  if (burst < 1) {
    throw std::invalid_argument("weir: the burst is " + std::to_string(burst) + ": a rate of " + to_string(refill) +
                                " needs a burst of at least 1");
  }
  if (int128{interval} * burst > longest_allowance) {
    throw std::invalid_argument("weir: the burst is " + std::to_string(burst) + ": at " + to_string(refill) +
                                " it would take more than 200 days to come back; lower the burst or raise the rate");
  }
  return {.interval = interval, .burst = burst};
}

std::int64_t converted_debt(std::int64_t debt, const bucket_pace& before, const bucket_pace& after,
                            bucket_balance then) noexcept {
  if (after.interval == 0) return 0;
  const int128 allowance = after.allowance();
  if (before.interval == 0) return then == bucket_balance::empty ? after.allowance() : 0;
  // In ticks; below 0 if tokens are owed. Each division makes it less, by less than a tick.
  const int128 there = int128{before.allowance()} - debt;
  int128 balance = divided_down(there * after.interval, before.interval);
  if (there > 0 && then == bucket_balance::proportional) {
    balance = std::min(balance, divided_down(there * allowance, before.allowance()));
  } else if (there > 0 && then == bucket_balance::empty) {
    balance = 0;
  }
  return static_cast<std::int64_t>(std::clamp(allowance - balance, int128{0}, 2 * allowance));
}

}  // namespace weir::detail
