// What is known of the requests that will come, to hold the limits against it. A file may say it; nothing is run by it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <weir/admission/limits.hpp>

#include "replay/bad_input.hpp"

namespace weir::tools {

/// As written.
struct written_traffic {
  std::optional<written_value> largest_weight = {};
  std::optional<written_value> at_once = {};
  std::optional<written_value> rate = {};
};

struct traffic_name {
  std::string_view key;
  std::optional<written_value> written_traffic::*value;
};
inline constexpr std::string_view traffic_section = "traffic";
inline constexpr std::array<traffic_name, 3> traffic_names{{{"largest_weight", &written_traffic::largest_weight},
                                                            {"at_once", &written_traffic::at_once},
                                                            {"rate", &written_traffic::rate}}};

/// Each empty where it is not known.
struct traffic {
  std::optional<std::int64_t> largest_weight;  ///< of one request
  std::optional<std::int64_t> at_once;         ///< the most requests that come in the same moment
  std::optional<weir::rate> rate;              ///< of arrivals, in the long run
};

struct read_traffic_result {
  traffic all;
  std::vector<finding> wrong;
};

[[nodiscard]] read_traffic_result read_traffic(const written_traffic& written);

}  // namespace weir::tools
