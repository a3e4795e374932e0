// How a rate is read: as weir::to_string writes one, and with decimals. Nothing is rounded: the two whole numbers of a
// weir::rate are made of the digits.
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "setting_values.hpp"

namespace weir::tools {

namespace {

// 128 bits, since a length of time with nine decimals may pass 63 of them before it is found to be too long.
__extension__ using wide_count = __int128;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> period_units{{{"ns", 1},
                                                                                 {"us", 1'000},
                                                                                 {"ms", 1'000'000},
                                                                                 {"s", 1'000'000'000},
                                                                                 {"min", 60'000'000'000},
                                                                                 {"h", 3'600'000'000'000}}};

struct raw_rate {
  bool negative = false;
  std::string_view whole, decimals;   // of the events
  wide_count period = 1'000'000'000;  // ns
};

bool are_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Saturates above every limit, and where the products below still fit.
wide_count number_of(std::string_view digits) {
  constexpr wide_count enough = wide_count{1'000'000'000'000'000'000} * 100;
  wide_count number = 0;
  for (const char digit : digits) number = std::min(number * 10 + (digit - '0'), enough);
  return number;
}

// "s", "3 s", "100ms"
std::optional<wide_count> period_of(std::string_view text) {
  constexpr wide_count too_long = wide_count{1'000'000'000'000'000'000} * 10'000'000'000;  // for any number of events
  const std::size_t first = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, first);
  std::string_view name = text.substr(first);
  if (!digits.empty() && name.starts_with(' ')) name.remove_prefix(1);
  for (const auto& [known, ns] : period_units) {
    if (known == name) return digits.empty() ? ns : std::min(number_of(digits) * ns, too_long);
  }
  return std::nullopt;
}

std::optional<raw_rate> parsed(std::string_view text) {
  constexpr std::string_view per_word = " per ";
  raw_rate found;
  std::string_view events = text;
  std::optional<wide_count> period = found.period;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    events = text.substr(0, slash);
    const std::string_view unit = text.substr(slash + 1);
    if (unit.empty() || are_digits(unit.substr(0, 1))) return std::nullopt;
    period = period_of(unit);
  } else if (const std::size_t per = text.find(per_word); per != std::string_view::npos) {
    events = text.substr(0, per);
    period = period_of(text.substr(per + per_word.size()));
  }
  if (!period) return std::nullopt;
  found.period = *period;
  found.negative = events.starts_with('-');
  if (found.negative) events.remove_prefix(1);
  const std::size_t point = events.find('.');
  found.whole = events.substr(0, point);
  if (point != std::string_view::npos) found.decimals = events.substr(point + 1);
  if (!are_digits(found.whole) || (point != std::string_view::npos && !are_digits(found.decimals))) return std::nullopt;
  return found;
}

}  // namespace

weir::rate rate_value(const given_value& given) {
  if (given.text() == "unlimited") return weir::unlimited;
  constexpr std::size_t most_decimals = 9;
  constexpr wide_count most_events = 1'000'000'000;          // of a rate_bound
  constexpr wide_count slowest = 1'000'000'000'000'000'000;  // ns for one
  const std::string range = "0.000000001 to 1000000000 a second is possible";
  const std::optional<raw_rate> raw = parsed(given.text());
  if (!raw) {
    refuse(given, "this is no rate", range,
           "write admissions per second, such as 2000 or 0.5, or as in 10/min and 1 per 3 s");
  }
  if (raw->decimals.size() > most_decimals) refuse(given, "too many decimals", "nine are possible", "round it");
  wide_count events = number_of(std::string(raw->whole) + std::string(raw->decimals));
  wide_count period = raw->period;
  wide_count scale = 1;
  for (std::size_t i = 0; i < raw->decimals.size(); ++i) scale *= 10;
  while (scale > 1 && events % 10 == 0 && events != 0) {
    events /= 10;
    scale /= 10;
  }
  period *= scale;
  if (raw->negative || events < 1 || events > period || period > slowest * events) {
    refuse(given, "out of range", range, "choose a rate in that range, or leave it out for no limit");
  }
  if (events > most_events || period > std::numeric_limits<std::int64_t>::max()) {
    refuse(given, "too many digits", "nine in all are possible where there are decimals", "round it");
  }
  return weir::per(static_cast<std::int64_t>(events), duration(static_cast<std::int64_t>(period)));
}

}  // namespace weir::tools
