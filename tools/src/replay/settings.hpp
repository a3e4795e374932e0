// What `weir replay` was asked to do: as written, and as checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/admission/limits.hpp>

#include "bad_input.hpp"
#include "written_value.hpp"

namespace weir::tools {

/// Which verb of the pool hands a request over.
enum class door_verb : std::uint8_t { try_submit, enqueue, block };

/// The settings as the user wrote them; empty where one was left out.
struct written_settings {
  std::optional<written_value> trace = {};
  std::optional<written_value> door = {};
  std::optional<written_value> workers = {};
  std::optional<written_value> max_tasks = {};
  std::optional<written_value> max_weight = {};
  std::optional<written_value> rate = {};
  std::optional<written_value> burst = {};
  std::optional<written_value> max_waiters = {};
  std::optional<written_value> max_waiting_weight = {};
  std::optional<written_value> overflow = {};
  std::optional<written_value> priority_ageing = {};
  std::optional<written_value> max_bypass = {};
  std::optional<written_value> strict_window = {};
  std::optional<written_value> allow_slow_waiters = {};
  std::optional<written_value> breaker_expired = {};
  std::optional<written_value> breaker_pause = {};
  std::optional<written_value> warn_at = {};
  std::optional<written_value> flight_entries = {};
  std::optional<written_value> deadline = {};
  std::optional<written_value> cancel = {};
  std::optional<written_value> speed = {};
  std::optional<written_value> repeat = {};
  std::optional<written_value> token_cost = {};
  std::optional<written_value> run_for = {};
  std::optional<written_value> seed = {};
  std::optional<written_value> json = {};
  std::optional<written_value> flight = {};
  std::optional<written_value> strict = {};
  std::optional<written_value> compare = {};
};

struct settings {
  std::string trace;  ///< empty: the synthetic arrivals
  door_verb door = door_verb::enqueue;
  unsigned workers = 0;  ///< at least 1 once checked
  std::int64_t max_tasks = 0;
  std::optional<std::int64_t> max_weight;  ///< empty: 16 x the median weight x workers, known when the input was read
  weir::rate rate = weir::unlimited;
  std::int64_t burst = 0;
  std::int64_t max_waiters =
      0;  ///< 64 x workers once checked, if none was given: those served within a deadline, not more
  std::int64_t max_waiting_weight = weir::unlimited;
  weir::overflow overflow = weir::overflow::reject_new;
  std::int64_t priority_ageing = weir::limits{}.priority_ageing;
  std::int64_t max_bypass = 0;
  bool strict_window = false;
  bool allow_slow_waiters = false;
  weir::breaker_limits breaker{};
  std::optional<double> warn_at;    ///< empty: nobody counts how often the door is nearly full
  std::int64_t flight_entries = 0;  ///< with a flight: 1,048,576, if no number was given
  std::optional<std::chrono::nanoseconds> deadline = std::chrono::milliseconds(250);  ///< empty: none
  double cancel_percent = 0;
  double speed = 1;
  std::uint64_t repeat = 1;
  std::chrono::nanoseconds token_cost{2'000};
  std::optional<std::chrono::nanoseconds> run_for;  ///< empty: to the end of the input
  std::uint64_t seed = 1;
  bool strict = false;
  std::string json;    ///< empty: none
  std::string flight;  ///< empty: none
  bool compare = false;

  friend bool operator==(const settings&, const settings&) = default;
};

/// Whether a rate is fine that those who wait would not reach: nobody waits at the door, or it was said.
[[nodiscard]] inline bool may_be_slow(const settings& all) noexcept {
  return all.allow_slow_waiters || all.door == door_verb::try_submit;
}

/// What was written, as far as it can be used, and all that is wrong with it.
struct read_settings {
  settings all;
  std::vector<finding> wrong;
};

/// What is wrong with the values, each by itself.
[[nodiscard]] std::vector<finding> wrong_values(const written_settings& written);

/// Checks each value and what they mean together.
[[nodiscard]] read_settings read_all(const written_settings& written);

/// The same. @throws bad_settings if anything is wrong
[[nodiscard]] settings checked(const written_settings& written);

/// The name of a verb, as it is written behind `--door`.
[[nodiscard]] std::string_view to_string(door_verb door) noexcept;

}  // namespace weir::tools
