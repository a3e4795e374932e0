#include "simulate.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>

#include "config/configuration.hpp"
#include "flight_file.hpp"
#include "flight_traffic.hpp"
#include "play_report.hpp"
#include "replay/repeated.hpp"
#include "replay/report_file.hpp"
#include "replay/run_plan.hpp"
#include "replay/setting_values.hpp"
#include "replay/submitter.hpp"
#include "replay/trace_file.hpp"
#include "twin.hpp"

namespace weir::tools {

namespace {

using std::chrono::nanoseconds;

std::string file_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }
std::string whole_text(std::uint64_t number) { return count_text(static_cast<std::int64_t>(number)); }

// What the file of settings says, and over it the command line.
written_settings all_written(const simulate_request& asked) {
  if (!asked.config) return asked.written;
  const std::string path = file_value({.key = "config", .value = *asked.config});
  (void)configured(path, asked.written);  // says what is wrong in it
  return merged(read_configuration(path).written, asked.written);
}

// ---- whether the twin decides the same

std::string side_text(const char* who, const flight_entry& e) {
  const auto time = [](std::int64_t ns) { return ns == flight_entry::never ? std::string("-") : std::to_string(ns); };
  return std::string("  ") + who + std::string(to_string(e.op)) + ' ' + std::string(to_string(e.verdict)) +
         ", retry after " + std::to_string(e.retry_after) + " ns, time " + time(e.time) + ", weight " +
         std::to_string(e.weight) + ", request " + std::to_string(e.request) + "; after it free " +
         std::to_string(e.tasks_free) + " tasks, weight " + std::to_string(e.weight_free) + ", " +
         std::to_string(e.places) + " places, arrival " + std::to_string(e.arrival) + ", binding " +
         std::string(to_string(e.binding)) + ", flags " + std::to_string(e.flags) + '\n';
}

exit_status verify(const simulate_request& asked, const flight_log& log, std::ostream& out) {
  std::optional<report_file> json;
  if (asked.written.json) json.emplace(file_value({.key = "json", .value = *asked.written.json}));
  const auto began = std::chrono::steady_clock::now();
  const twin_result result = run_twin(log);
  const nanoseconds took = std::chrono::steady_clock::now() - began;
  const nanoseconds span(log.entries.empty() ? 0 : log.entries.back().at - log.entries.front().at);
  out << "weir simulate " WEIR_VERSION ": " << file_name(asked.file) << ", " << whole_text(log.entries.size())
      << " entries within " << time_text(span) << ", " << whole_text(log.lost()) << " lost before them\n";
  if (json) json->write(to_json(result, log));
  if (result.passed > 0) {
    out << whole_text(result.passed) << " entries passed over: at the first somebody was in line\n";
  }
  if (!result.first_difference) {
    out << whole_text(result.decisions) << " decisions in " << whole_text(result.compared)
        << " entries: the twin's are identical (" << time_text(took) << ")\n";
    return exit_status::held;
  }
  const flight_difference& found = *result.first_difference;
  out << "THE TWIN DECIDED OTHERWISE at ticket " << found.ticket << ", after " << whole_text(result.compared)
      << " entries that are identical\n"
      << side_text("recorded  ", found.recorded);
  if (found.twin) {
    out << side_text("the twin  ", *found.twin);
  } else {
    out << "  the twin  wrote nothing\n";
  }
  return exit_status::broken;
}

// ---- a play

void tell(const play_report& report, const std::string& json, std::ostream& out) {
  out << to_text(report) << std::flush;
  if (!json.empty()) report_file(json).write(to_json(report));
}

written_value word_of(std::int64_t limit) {
  return limit == unlimited ? written_value("unlimited") : written_value(std::to_string(limit));
}

// Where nothing else was said, the limits that were recorded.
settings over_recorded(written_settings all, const limits& recorded) {
  const auto fill = [](std::optional<written_value>& value, const written_value& with) {
    if (!value) value = with;
  };
  const bool other_rate = all.rate.has_value();
  all.door.reset();
  all.trace.reset();
  all.flight.reset();
  all.flight_entries.reset();
  fill(all.max_tasks, word_of(recorded.max_tasks));
  fill(all.max_weight, word_of(recorded.max_weight));
  fill(all.max_waiters, word_of(recorded.max_waiters));
  fill(all.rate, to_string(recorded.rate));
  if (!recorded.rate.is_unlimited() && !(other_rate && all.rate->text == "unlimited")) {
    fill(all.burst, std::to_string(recorded.burst));
  }
  fill(all.max_waiting_weight, word_of(recorded.max_waiting_weight));
  fill(all.priority_ageing, word_of(recorded.priority_ageing));
  fill(all.max_bypass, word_of(recorded.max_bypass));
  constexpr const char* policies[] = {"reject_new", "drop_oldest", "drop_lowest", "caller_runs"};
  fill(all.overflow, policies[static_cast<std::size_t>(recorded.overflow)]);
  if (recorded.breaker.consecutive_expired != 0 && !all.breaker_expired) {
    fill(all.breaker_pause, std::to_string(recorded.breaker.pause.count()) + "ns");
    fill(all.breaker_expired, std::to_string(recorded.breaker.consecutive_expired));
  }
  fill(all.strict_window, written_value(recorded.strict_window));
  fill(all.allow_slow_waiters, written_value(recorded.allow_slow_waiters));
  return checked(all);
}

std::string limits_of_play(const limits& all) {
  const auto limit = [](std::int64_t value) {
    return value == unlimited ? std::string("unlimited") : count_text(value);
  };
  return "at most " + limit(all.max_tasks) + " tasks of weight " + limit(all.max_weight) + ", " +
         (all.rate.is_unlimited() ? "any rate" : to_string(all.rate) + " with bursts of " + count_text(all.burst)) +
         ", " + count_text(all.max_waiters) + " waiters";
}

exit_status play_flight(const simulate_request& asked, const written_settings& written, const flight_log& log,
                        std::ostream& out) {
  const settings with = over_recorded(written, log.start.limits);
  const flight_traffic traffic = traffic_of(log);
  play_report report;
  report.door = limits_for(with, 1);
  report.is_of_flight = true;
  for (const flight_entry& e : log.entries) {
    if (e.op == flight_op::granted || (e.op == flight_op::attempt && e.verdict == flight_verdict::yes))
      ++report.recorded_admitted;
  }
  std::uint64_t roots = 0;
  for (const played_request& one : traffic.requests) roots += one.is_child ? 0 : 1;
  report.recorded_refused = roots - std::min(roots, report.recorded_admitted);
  report.input = file_name(asked.file) + ", " + whole_text(traffic.requests.size()) + " requests within " +
                 time_text(traffic.end - traffic.start);
  report.limits = limits_of_play(report.door);
  if (traffic.assumed > 0) {
    report.notes.push_back(whole_text(traffic.assumed) +
                           " were not seen to the end, and take as long as others of their weight");
  }
  if (traffic.held_before > 0) {
    report.notes.push_back(count_text(traffic.held_before) + " tasks that were there before are left out");
  }
  const play_plan plan{
      .limits = report.door, .start = traffic.start, .end = traffic.end, .closes_at = traffic.closed_at};
  std::size_t next = 0;
  report.seen = play(plan, [&](played_request& one) {
    if (next == traffic.requests.size()) return false;
    one = traffic.requests[next++];
    return true;
  });
  tell(report, with.json, out);
  return exit_status::held;
}

exit_status play_trace(const simulate_request& asked, written_settings written, std::ostream& out) {
  written.trace = written_value(asked.file);
  const settings with = checked(written);
  trace_file file(with.trace, with.token_cost);
  const survey all = survey_of(file);
  if (all.requests == 0) {
    throw bad_input_at(with.trace, 2, 1, "there are no requests", "at least one is needed",
                       "add lines below the header");
  }
  repeated played(file, all, with.repeat);
  const time_point start{std::chrono::hours(1)};
  play_report report;
  report.door = limits_for(with, all.median_weight);
  report.workers = with.workers;
  report.input = file_name(with.trace) + ", " + whole_text(played.requests()) + " requests within " +
                 time_text(at_speed(played.span(), with.speed));
  report.limits = door_text(report.door, with.door, with.workers, with.deadline);
  const play_plan plan{
      .limits = report.door,
      .workers = with.workers,
      .start = start,
      .end = start + std::min(at_speed(played.span(), with.speed), with.run_for.value_or(nanoseconds::max()))};
  request one;
  report.seen = play(plan, [&](played_request& next) {
    if (!played.next(one)) return false;
    const nanoseconds offset = at_speed(one.arrival, with.speed);
    if (with.run_for && offset > *with.run_for) return false;
    next = {.at = start + offset,
            .weight = one.weight,
            .may_wait = with.door != door_verb::try_submit,
            .deadline = with.deadline ? start + offset + *with.deadline : time_point::max(),
            .service = one.service};
    return true;
  });
  tell(report, with.json, out);
  return exit_status::held;
}

// What means nothing with a flight: its arrivals, their deadlines and what they do are in it.
void refuse_course(const written_settings& w) {
  using named_value = std::pair<const char*, const std::optional<written_value>*>;
  for (const auto& [key, value] :
       {named_value{"repeat", &w.repeat}, named_value{"speed", &w.speed}, named_value{"for", &w.run_for},
        named_value{"token_cost", &w.token_cost}, named_value{"workers", &w.workers}, named_value{"door", &w.door},
        named_value{"deadline", &w.deadline}}) {
    if (!*value) continue;
    throw bad_input(assignment(key, **value) +
                    ": this is a flight, its arrivals are taken as they were, leave it out or take a trace");
  }
}

// Whether other limits were asked for.
bool names_limits(const simulate_request& asked) {
  const written_settings& w = asked.written;
  return asked.config || w.max_tasks || w.max_weight || w.rate || w.burst || w.max_waiters || w.max_waiting_weight ||
         w.overflow || w.priority_ageing || w.max_bypass || w.breaker_expired || w.breaker_pause || w.warn_at ||
         w.strict_window || w.allow_slow_waiters;
}

}  // namespace

exit_status run_simulate(const simulate_request& asked, std::ostream& out) {
  if (asked.file.empty()) throw bad_input("FILE \"\": the name is empty, a file is needed, name one");
  if (!is_flight_file(asked.file)) return play_trace(asked, all_written(asked), out);
  refuse_course(asked.written);
  const flight_log log = read_flight(asked.file);
  if (!names_limits(asked)) return verify(asked, log, out);
  return play_flight(asked, all_written(asked), log, out);
}

}  // namespace weir::tools
