// The keys of a report as JSON, as the schema "weir.replay/1" has them.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace weir::testing {

[[nodiscard]] inline std::set<std::string> keys_of(const nlohmann::json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

[[nodiscard]] inline const std::set<std::string>& report_keys() {
  static const std::set<std::string> keys{"schema",
                                          "version",
                                          "seed",
                                          "workers",
                                          "submitted",
                                          "admitted",
                                          "offered_per_s",
                                          "refused",
                                          "completed",
                                          "failed",
                                          "cancelled",
                                          "expired",
                                          "max_tasks",
                                          "max_tasks_seen",
                                          "max_weight",
                                          "max_weight_seen",
                                          "worst_window_ratio",
                                          "worst_window_ratio_observed",
                                          "observed_skew_us",
                                          "latency_us",
                                          "queue_us",
                                          "goodput_per_s",
                                          "submitter_lag_us",
                                          "wall_s",
                                          "cpu_s",
                                          "peak_rss_bytes",
                                          "promises"};
  return keys;
}

[[nodiscard]] inline const std::set<std::string>& refusal_keys() {
  static const std::set<std::string> keys{"tasks_full", "weight_full",    "waiters_full",   "rate_limited",
                                          "too_heavy",  "expired",        "predicted_late", "contended",
                                          "timed_out",  "cancelled",      "shed",           "breaker_open",
                                          "closed",     "would_deadlock", "forked",         "invalid"};
  return keys;
}

}  // namespace weir::testing
