// The report as JSON. The only translation unit that knows the JSON library.
#include <cmath>
#include <nlohmann/json.hpp>

#include "report.hpp"

namespace weir::tools {

namespace {

using nlohmann::ordered_json;

double microseconds(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e3; }
double seconds(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e9; }

ordered_json json_of(const times& all) {
  return {{"p50", microseconds(all.p50)},
          {"p99", microseconds(all.p99)},
          {"p999", microseconds(all.p999)},
          {"max", microseconds(all.max)}};
}

ordered_json json_of(const std::optional<std::int64_t>& limit) {
  return limit ? ordered_json(*limit) : ordered_json(nullptr);
}

// Counts are written as whole numbers.
ordered_json number(double value) {
  if (value == std::floor(value) && std::abs(value) < 0x1p53) return static_cast<std::int64_t>(value);
  return value;
}

ordered_json refusals_of(const outcome& of) {
  ordered_json all = ordered_json::object();
  for (std::size_t i = 0; i < refusal_reason_count; ++i) {
    all[std::string(to_string(static_cast<refusal_reason>(i)))] = of.refused[i];
  }
  return all;
}

ordered_json json_of(const pressure_seen& seen, double warn_at) {
  return {{"warn_at", warn_at}, {"times", seen.times}, {"high_s", seconds(seen.high)}};
}

ordered_json json_of(const promise& one) {
  return {{"name", one.name}, {"bound", number(one.bound)}, {"seen", number(one.seen)}, {"held", one.held}};
}

ordered_json column_of(const outcome& of) {
  ordered_json thirds = ordered_json::array();
  for (const std::chrono::nanoseconds median : of.latency_by_third) thirds.push_back(microseconds(median));
  return {{"name", of.name},
          {"submitted", of.submitted},
          {"admitted", of.admitted},
          {"refused", of.refused_in_all()},
          {"completed", of.completed},
          {"in_time", of.in_time},
          {"max_tasks_seen", of.tasks_seen},
          {"max_weight_seen", of.weight_seen},
          {"heavy_submitted", of.heavy_submitted},
          {"heavy_admitted", of.heavy_admitted},
          {"latency_us", json_of(of.latency)},
          {"latency_p50_us_by_third", thirds},
          {"goodput_per_s", per_second_of(of.in_time, of.wall)},
          {"goodput_weight_per_s", per_second_of(of.in_time_weight, of.wall)},
          {"submitter_lag_us", microseconds(of.lag.p99)},
          {"wall_s", seconds(of.wall)},
          {"cpu_s", seconds(of.cpu)}};
}

}  // namespace

std::string to_json(const report& of) {
  const outcome& ours = of.ours;
  const bool window = of.window.has_value();
  ordered_json all = {
      {"schema", report_schema},
      {"version", of.version},
      {"seed", of.seed},
      {"workers", of.workers},
      {"submitted", ours.submitted},
      {"admitted", ours.admitted},
      {"offered_per_s", per_second_of(ours.submitted, ours.arrivals)},
      {"refused", refusals_of(ours)},
      {"completed", ours.completed},
      {"failed", ours.failed},
      {"cancelled", ours.cancelled},
      {"expired", ours.expired},
      {"max_tasks", json_of(of.max_tasks)},
      {"max_tasks_seen", ours.tasks_seen},
      {"max_weight", json_of(of.max_weight)},
      {"max_weight_seen", ours.weight_seen},
      {"worst_window_ratio", window ? ordered_json(of.window->by_limiter) : ordered_json(nullptr)},
      {"worst_window_ratio_observed", window ? ordered_json(of.window->by_own_clock) : ordered_json(nullptr)},
      {"observed_skew_us", window ? ordered_json(microseconds(of.window->skew)) : ordered_json(nullptr)},
      {"latency_us", json_of(ours.latency)},
      {"queue_us", json_of(ours.queue)},
      {"goodput_per_s", per_second_of(ours.in_time, ours.wall)},
      {"submitter_lag_us", microseconds(ours.lag.p99)},
      {"wall_s", seconds(ours.wall)},
      {"cpu_s", seconds(ours.cpu)},
      {"peak_rss_bytes", of.peak_rss_bytes},
      {"promises", ordered_json::array()}};
  for (const promise& one : of.promises) all["promises"].push_back(json_of(one));
  if (of.pressure) all["pressure"] = json_of(*of.pressure, of.warn_at);
  if (!of.beside.empty()) {
    all["compare"] = ordered_json::array({column_of(ours)});
    for (const outcome& one : of.beside) all["compare"].push_back(column_of(one));
  }
  return all.dump(2) + '\n';
}

}  // namespace weir::tools
