// A play as JSON.
#include <nlohmann/json.hpp>

#include "play_report.hpp"

namespace weir::tools {

namespace {

using play_json = nlohmann::ordered_json;

double in_microseconds(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e3; }
double in_seconds(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e9; }

play_json quantiles_of(const times& all) {
  return {{"p50", in_microseconds(all.p50)},
          {"p99", in_microseconds(all.p99)},
          {"p999", in_microseconds(all.p999)},
          {"max", in_microseconds(all.max)}};
}

play_json slice_json(const play_slice& one) {
  return {
      {"seconds", one.seconds},
      {"submitted", one.submitted},
      {"admitted", one.admitted},
      {"refused", one.refused},
      {"task_seconds", one.task_seconds},
      {"weight_seconds", one.weight_seconds},
      {"waiter_seconds", one.waiter_seconds},
      {"bound_seconds",
       {{"max_tasks", one.bound_seconds[0]}, {"max_weight", one.bound_seconds[1]}, {"rate", one.bound_seconds[2]}}}};
}

}  // namespace

std::string to_json(const play_report& of) {
  const play_result& seen = of.seen;
  play_json refused = play_json::object();
  for (std::size_t i = 0; i < refusal_reason_count; ++i) {
    refused[std::string(to_string(static_cast<refusal_reason>(i)))] = seen.refused[i];
  }
  play_json uses = play_json::array();
  for (const limit_use& one : uses_of(of)) {
    uses.push_back({{"name", one.name},
                    {"limit", one.limit},
                    {"mean_use", one.mean},
                    {"most", one.most},
                    {"bound_share", one.bound_share},
                    {"refused", one.refused}});
  }
  play_json slices = play_json::array();
  for (const play_slice& one : seen.slices) slices.push_back(slice_json(one));
  const play_json all = {
      {"schema", simulate_schema},
      {"version", WEIR_VERSION},
      {"workers", of.workers},
      {"submitted", seen.submitted},
      {"admitted", seen.admitted},
      {"waited", seen.waited},
      {"refused", refused},
      {"completed", seen.completed},
      {"expired", seen.expired},
      {"in_time", seen.in_time},
      {"children", seen.children},
      {"children_inline", seen.children_inline},
      {"max_tasks_seen", seen.tasks_seen},
      {"max_weight_seen", seen.weight_seen},
      {"max_waiters_seen", seen.waiters_seen},
      {"door_us", quantiles_of(seen.at_door)},
      {"queue_us", quantiles_of(seen.queue)},
      {"latency_us", quantiles_of(seen.latency)},
      {"pressure",
       {{"warn_at", of.door.warn_at}, {"times", seen.pressure.times}, {"high_s", in_seconds(seen.pressure.high)}}},
      {"limits", uses},
      {"slices", slices},
      {"simulated_s", in_seconds(seen.simulated)},
      {"wall_s", in_seconds(seen.wall)},
      {"events", seen.events}};
  return all.dump(2) + '\n';
}

std::string to_json(const twin_result& of, const flight_log& log) {
  const play_json all = {
      {"schema", simulate_schema},
      {"version", WEIR_VERSION},
      {"entries", log.entries.size()},
      {"lost", log.lost()},
      {"passed_over", of.passed},
      {"compared", of.compared},
      {"decisions", of.decisions},
      {"identical", !of.first_difference},
      {"first_difference", of.first_difference ? play_json(of.first_difference->ticket) : play_json(nullptr)}};
  return all.dump(2) + '\n';
}

}  // namespace weir::tools
