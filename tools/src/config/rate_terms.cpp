#include "rate_terms.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "replay/setting_values.hpp"

namespace weir::tools {

namespace {

std::int64_t clamped(tick_count number) {
  return static_cast<std::int64_t>(std::min<tick_count>(number, std::numeric_limits<std::int64_t>::max()));
}

}  // namespace

std::string tick_text(tick_count ticks) {
  constexpr tick_count parts_per_tick = 15'625;  // a tick is so many millionths of a nanosecond
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> parts_of{
      {{" s", 1'000'000'000'000'000}, {" ms", 1'000'000'000'000}, {" us", 1'000'000'000}, {" ns", 1'000'000}}};
  const tick_count parts = ticks * parts_per_tick;
  const auto* unit = parts_of.begin();
  while (unit + 1 != parts_of.end() && parts < unit->second) ++unit;
  std::string text = count_text(clamped(parts / unit->second));
  std::string decimals = std::to_string(clamped(parts % unit->second) + unit->second).substr(1);  // with its zeros
  decimals.erase(decimals.find_last_not_of('0') + 1);
  if (!decimals.empty()) text += '.' + decimals;
  return text.append(unit->first);
}

std::string exact_text(duration time) { return tick_text(ticks_of(time)); }

bool is_faster(const weir::rate& one, const weir::rate& other) noexcept {
  return tick_count{one.events()} * other.period().count() > tick_count{other.events()} * one.period().count();
}

rate_terms::rate_terms(const weir::rate& limit, std::int64_t burst) noexcept
    : interval_((ticks_of(limit.period()) + limit.events() - 1) / limit.events()),
      burst_(burst),
      rounded_(interval_ * limit.events() != ticks_of(limit.period())) {}

std::int64_t rate_terms::tokens_within(duration time) const noexcept { return clamped(ticks_of(time) / interval_); }

std::int64_t rate_terms::served_before(duration deadline) const noexcept {
  return clamped((ticks_of(deadline) - 1) / interval_);
}

std::int64_t rate_terms::most_within(duration time) const noexcept {
  return clamped(tick_count{tokens_within(time)} + burst_);
}

std::int64_t rate_terms::percent_used_by(const weir::rate& arrivals) const noexcept {
  return clamped(100 * interval_ * arrivals.events() / ticks_of(arrivals.period()));
}

std::int64_t rate_terms::percent_let_in_of(const weir::rate& arrivals) const noexcept {
  return std::min<std::int64_t>(100, clamped(100 * ticks_of(arrivals.period()) / (interval_ * arrivals.events())));
}

std::int64_t rate_terms::percent_reached(duration late) const noexcept {
  return static_cast<std::int64_t>(std::min<tick_count>(100, 100 * burst_ * interval_ / (interval_ + ticks_of(late))));
}

std::int64_t rate_terms::burst_for(duration late) const noexcept {
  return clamped(1 + (ticks_of(late) + interval_ - 1) / interval_);
}

}  // namespace weir::tools
