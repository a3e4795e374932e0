// What `weir replay` tells at the end: one plain struct, filled by the run and written as text and as JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/admission/refusal.hpp>

#include "outcome.hpp"
#include "pressure_log.hpp"

namespace weir::tools {

/// A bound that was to hold, and what was seen.
struct promise {
  std::string name;  ///< one word, the key in the JSON
  double bound = 0;
  double seen = 0;
  bool held = false;
  std::string text;  ///< what it says, for people
};

/// The worst window of admissions, in both clocks.
struct window_ratios {
  double by_limiter = 0;
  double by_own_clock = 0;  ///< of windows longer by the skew
  std::chrono::nanoseconds skew{};
};

struct report {
  std::string version;
  std::string input;     ///< what was played, for people
  std::string limits;    ///< what was asked of the door, for people
  std::string priority;  ///< what the submitter was granted
  std::uint64_t seed = 0;
  unsigned workers = 0;
  std::optional<std::int64_t> max_tasks;  ///< empty: unlimited
  std::optional<std::int64_t> max_weight;
  outcome ours;
  std::optional<window_ratios> window;    ///< empty: no rate
  std::optional<pressure_seen> pressure;  ///< empty: not asked for
  double warn_at = 0;
  std::uint64_t peak_rss_bytes = 0;
  std::vector<promise> promises;
  std::vector<outcome> beside;  ///< of --compare
  std::vector<std::string> warnings;
  bool interrupted = false;
  bool measurement_invalid = false;  ///< the submitter was too late; matters with --strict

  [[nodiscard]] bool all_held() const noexcept;
};

/// "weir.replay/1": what the JSON's keys and their meanings are.
inline constexpr std::string_view report_schema = "weir.replay/1";

/// The report for people, with an end of line at its end.
[[nodiscard]] std::string to_text(const report& of);

/// The report for programs: one JSON object and an end of line. Numbers that do not apply are null; `compare` is there
/// only if something was run beside, and `pressure` only if it was asked for.
[[nodiscard]] std::string to_json(const report& of);

}  // namespace weir::tools
