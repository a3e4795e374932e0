// What `weir replay` was asked to do: as written, and as checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <weir/admission/limits.hpp>

namespace weir::tools {

/// Which verb of the pool hands a request over.
enum class door_verb : std::uint8_t { try_submit, enqueue, block };

/// The flags as the user wrote them; empty where a flag was left out.
struct written_settings {
  std::optional<std::string> trace = {};
  std::optional<std::string> door = {};
  std::optional<std::string> workers = {};
  std::optional<std::string> max_tasks = {};
  std::optional<std::string> max_weight = {};
  std::optional<std::string> rate = {};
  std::optional<std::string> burst = {};
  std::optional<std::string> max_waiters = {};
  std::optional<std::string> overflow = {};
  std::optional<std::string> deadline = {};
  std::optional<std::string> cancel = {};
  std::optional<std::string> speed = {};
  std::optional<std::string> repeat = {};
  std::optional<std::string> token_cost = {};
  std::optional<std::string> run_for = {};
  std::optional<std::string> seed = {};
  std::optional<std::string> json = {};
  bool strict = false;
  bool compare = false;
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
  weir::overflow overflow = weir::overflow::reject_new;
  std::optional<std::chrono::nanoseconds> deadline = std::chrono::milliseconds(250);  ///< empty: none
  double cancel_percent = 0;
  double speed = 1;
  std::uint64_t repeat = 1;
  std::chrono::nanoseconds token_cost{2'000};
  std::optional<std::chrono::nanoseconds> run_for;  ///< empty: to the end of the input
  std::uint64_t seed = 1;
  bool strict = false;
  std::string json;  ///< empty: none
  bool compare = false;
};

/// Checks each value and what they mean together. @throws bad_input
[[nodiscard]] settings checked(const written_settings& written);

/// The name of a verb, as it is written behind `--door`.
[[nodiscard]] std::string_view to_string(door_verb door) noexcept;

}  // namespace weir::tools
