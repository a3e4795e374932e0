#include "traffic.hpp"

#include "replay/setting_values.hpp"

namespace weir::tools {

read_traffic_result read_traffic(const written_traffic& written) {
  read_traffic_result found;
  const auto take = [&found](const std::optional<written_value>& value, std::string_view key, auto& target, auto read) {
    if (!value) return;
    try {
      target = read(given_value{.key = key, .value = *value});
    } catch (const bad_input& error) {
      found.wrong.push_back({value->at, error.what()});
    }
  };
  const auto count = [](const given_value& given) {
    return static_cast<std::int64_t>(whole_value(given, 1, static_cast<std::uint64_t>(largest_max_weight)));
  };
  take(written.largest_weight, "largest_weight", found.all.largest_weight, count);
  take(written.at_once, "at_once", found.all.at_once, count);
  take(written.rate, "rate", found.all.rate, rate_value);
  if (found.all.rate && found.all.rate->is_unlimited()) found.all.rate.reset();
  return found;
}

}  // namespace weir::tools
