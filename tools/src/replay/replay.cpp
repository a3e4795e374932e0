#include "replay.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

#include <weir/scheduler/cpu_count.hpp>

#include "bad_input.hpp"
#include "interrupt.hpp"
#include "peak_memory.hpp"
#include "pool_run.hpp"
#include "promises.hpp"
#include "repeated.hpp"
#include "report.hpp"
#include "report_file.hpp"
#include "setting_values.hpp"
#include "simulate/flight_file.hpp"
#include "stamp_log.hpp"
#include "survey.hpp"
#include "synthetic.hpp"
#include "tbb_run.hpp"
#include "trace_file.hpp"

namespace weir::tools {

namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::milliseconds latest_submitter{5};
constexpr std::chrono::hours longest_run{10 * 365 * 24};

// The arrivals, read once to the end and found to be good, and the speed of this host.
struct input {
  std::unique_ptr<request_source> source;
  survey all;
  std::unique_ptr<repeated> played;
  cpu_speed cpu;
  std::string name;
};

unsigned usable_cpus() { return static_cast<unsigned>(default_cpu_count().usable); }

input open_input(const settings& asked) {
  input in;
  const unsigned threads = std::min(asked.workers, usable_cpus());
  if (asked.trace.empty()) {
    in.cpu = calibrate(threads);
    const double mean_service_s = synthetic::mean_tokens() * std::chrono::duration<double>(asked.token_cost).count();
    const double capacity = in.cpu.parallel / mean_service_s;
    in.source = std::make_unique<synthetic>(
        synthetic::settings{.seed = asked.seed, .capacity_per_s = capacity, .token_cost = asked.token_cost});
    in.name = "synthetic arrivals at 0.5, 3 and 0.7 times the capacity of " +
              count_text(static_cast<std::int64_t>(capacity)) + "/s";
  } else {
    in.source = std::make_unique<trace_file>(asked.trace, asked.token_cost);
    in.name = std::filesystem::path(asked.trace).filename().string();
  }
  in.all = survey_of(*in.source);
  if (in.all.requests == 0) {
    if (asked.trace.empty())
      throw bad_input("--token-cost " + time_text(asked.token_cost) +
                      ": this host would complete no request in time, the synthetic arrivals last 15 s, choose less");
    throw bad_input_at(asked.trace, 2, 1, "there are no requests", "at least one is needed",
                       "add lines below the header");
  }
  in.played = std::make_unique<repeated>(*in.source, in.all, asked.repeat);
  if (!asked.rate.is_unlimited() && in.played->requests() > stamp_log::most) {
    throw bad_input("--repeat " + std::to_string(asked.repeat) + " with --rate: the times of " +
                    std::to_string(in.played->requests()) + " admissions are too many, at most " +
                    std::to_string(stamp_log::most) + " can be kept, ask for fewer or leave out the rate");
  }
  if (static_cast<double>(in.played->span().count()) / asked.speed >
      static_cast<double>(nanoseconds(longest_run).count())) {
    char speed[32];
    std::snprintf(speed, sizeof speed, "%g", asked.speed);
    throw bad_input(
        std::string("--speed ") + speed +
        ": the run would take longer than ten years, which is the limit, choose a higher speed or fewer repetitions");
  }
  if (!asked.trace.empty()) in.cpu = calibrate(threads);
  return in;
}

run_plan plan_of(const settings& asked, const input& in) {
  run_plan plan;
  plan.arrivals = in.played.get();
  plan.requests = in.played->requests();
  plan.span = at_speed(in.played->span(), asked.speed);
  plan.heavy_above = in.all.heavy_decile;
  plan.cpu = in.cpu;
  plan.workers = asked.workers;
  plan.limits = limits_for(asked, in.all.median_weight);
  plan.door = asked.door;
  plan.deadline = asked.deadline;
  plan.cancel_percent = asked.cancel_percent;
  plan.speed = asked.speed;
  plan.run_for = asked.run_for;
  plan.seed = asked.seed;
  plan.keeps_flight = !asked.flight.empty();
  plan.sees_pressure = asked.warn_at.has_value();
  return plan;
}

// Requests that the door will refuse whatever its state: a warning, or with --strict the end.
std::vector<std::string> hopeless_requests(const settings& asked, const input& in, const limits& door) {
  std::vector<std::string> found;
  if (std::int64_t{in.all.heaviest} > door.max_weight) {
    found.push_back("--max-weight " + std::to_string(door.max_weight) + ": the heaviest request weighs " +
                    count_text(in.all.heaviest) +
                    ", what is heavier than the limit is refused too_heavy, raise the limit to admit it");
  }
  if (in.all.weightless > 0) {
    const request& first = in.all.first_weightless;
    const std::uint64_t others = in.all.weightless - 1;
    const std::string more = others > 0 ? " (and " + count_text(static_cast<std::int64_t>(others)) + " more)" : "";
    found.emplace_back(bad_input_at(asked.trace, first.line, first.weight_column, "a request weighs 0" + more,
                                    "the least weight is 1 and less is refused invalid",
                                    "correct it to have it admitted")
                           .what());
  }
  if (asked.strict && !found.empty()) throw bad_input(found.front());
  return found;
}

report report_of(const settings& asked, const input& in, const run_plan& plan, const pool_result& seen) {
  report all;
  all.version = WEIR_VERSION;
  all.input = in.name + ", " + count_text(static_cast<std::int64_t>(plan.requests)) +
              (plan.requests == 1 ? " request within " : " requests within ") + time_text(plan.span);
  if (plan.run_for && *plan.run_for < plan.span)
    all.input += ", of which those of the first " + time_text(*plan.run_for);
  all.limits = door_text(plan.limits, plan.door, plan.workers, plan.deadline);
  all.priority = seen.priority;
  all.seed = asked.seed;
  all.workers = asked.workers;
  if (plan.limits.max_tasks <= largest_max_tasks) all.max_tasks = plan.limits.max_tasks;
  if (plan.limits.max_weight <= largest_max_weight) all.max_weight = plan.limits.max_weight;
  all.ours = seen.books;
  if (plan.sees_pressure) all.pressure = seen.pressure;
  all.warn_at = plan.limits.warn_at;
  if (seen.by_limiter)
    all.window = {.by_limiter = seen.by_limiter->ratio, .by_own_clock = seen.by_own_clock->ratio, .skew = seen.skew};
  all.peak_rss_bytes = peak_memory();
  all.promises = judge(plan, seen);
  all.interrupted = seen.interrupted;
  if (seen.books.lag.p99 > latest_submitter) {
    all.measurement_invalid = true;
    all.warnings.push_back(
        "the submitter was " + time_text(seen.books.lag.p99) + " late at the 99th percentile, " +
        time_text(latest_submitter) +
        " is the limit, and the arrivals were not those asked for; use a quieter host or a lower speed");
  }
  const double stretched = static_cast<double>(seen.books.work_took.count()) /
                           static_cast<double>(std::max<std::int64_t>(seen.books.work_asked.count(), 1));
  if (asked.workers <= usable_cpus() && stretched > 1.5) {
    all.warnings.push_back(
        "requests ran " + std::to_string(static_cast<int>(stretched * 100)) +
        " % of their CPU time long, this host was busy with other work; use a quieter host for figures");
  }
  return all;
}

// The runs beside ours, one after the other. None is reported that was interrupted.
void run_beside(const run_plan& plan, report& all) {
  for (const tbb_door door : {tbb_door::open, tbb_door::counter}) {
    if (interrupt_watch::interrupted()) break;
    plan.arrivals->rewind();
    outcome column = run_on_tbb(plan, door);
    if (!interrupt_watch::interrupted()) all.beside.push_back(std::move(column));
  }
  if (interrupt_watch::interrupted()) all.interrupted = true;
}

}  // namespace

exit_status status_of(const report& of, bool strict) noexcept {
  if (!of.all_held()) return exit_status::broken;
  if (of.interrupted) return exit_status::interrupted;
  if (strict && of.measurement_invalid) return exit_status::invalid;
  return exit_status::held;
}

exit_status run_replay(const settings& asked, std::ostream& out, std::ostream& err) {
  std::unique_ptr<report_file> json;
  if (!asked.json.empty()) json = std::make_unique<report_file>(asked.json);
  std::unique_ptr<report_file> flight;
  if (!asked.flight.empty()) flight = std::make_unique<report_file>(asked.flight, "--flight");
  const input in = open_input(asked);
  const run_plan plan = plan_of(asked, in);
  const std::vector<std::string> hopeless = hopeless_requests(asked, in, plan.limits);
  for (const std::string& warning : hopeless) err << "weir: warning: " << warning << std::endl;

  const interrupt_watch watch;
  const pool_result seen = run_on_pool(plan);
  report all = report_of(asked, in, plan, seen);
  all.warnings.insert(all.warnings.begin(), hopeless.begin(), hopeless.end());
  if (asked.compare) run_beside(plan, all);
  out << to_text(all) << std::flush;

  const exit_status status = status_of(all, asked.strict);
  try {
    if (flight) flight->write(to_text(seen.flight));
    if (json) json->write(to_json(all));
  } catch (const bad_input& error) {
    if (status != exit_status::broken) throw;
    err << "weir: " << error.what() << std::endl;
  }
  return status;
}

}  // namespace weir::tools
