// The only translation unit that knows the command line library. Values are taken as text and checked by settings.cpp,
// so that each wrong one is told in the same words.
#include "cli.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <ostream>
#include <string>

#include "config/check.hpp"
#include "config/configuration.hpp"
#include "replay/bad_input.hpp"
#include "replay/replay.hpp"
#include "replay/setting_values.hpp"
#include "replay/settings.hpp"
#include "simulate/simulate.hpp"

namespace weir::tools {

namespace {

constexpr const char* replay_summary = "Play recorded or synthetic arrivals against a pool and watch every promise";
constexpr const char* replay_notes =
    "A trace starts with the line TIMESTAMP,ContextTokens,GeneratedTokens (the public Azure LLM inference format) or\n"
    "arrival_s,weight,service_us[,tenant]. TIME has a unit: 500ns, 2us, 250ms, 1.5s, 2min, 1h.\n"
    "Exit status: 0 all promises held, 1 a promise was broken, 2 bad input or a report that cannot be written, 3 "
    "interrupted\n"
    "and drained, 4 the measurement is invalid, 130 interrupted twice.";

constexpr const char* check_summary = "Say what is wrong or doubtful in a file of settings, without running anything";
constexpr const char* check_notes =
    "Prints FILE:LINE:COLUMN: error: or warning: and what to do, or one line if all is well. Warnings are looked for\n"
    "where there are no errors.\n"
    "Exit status: 0 nothing is wrong, warnings aside, 2 something is.";

constexpr const char* simulate_summary =
    "Decide again what a door has decided, or say what other limits would have done";
constexpr const char* simulate_notes =
    "FILE is a flight, as weir replay --flight writes it, or a trace, as weir replay --trace reads it. Of a flight "
    "alone\n"
    "each decision is made again by the same door on the recorded times, and must be identical. With --config or "
    "limits\n"
    "its arrivals and service times go through a door with these limits; a trace goes through it with the work of a\n"
    "replay. Nothing waits in real time.\n"
    "Exit status: 0 all is well, 1 a decision was another one, 2 bad input or a report that cannot be written.";

// A flag, which can also be taken back where a file has set it.
void add_truth(CLI::App& to, const std::string& name, std::optional<written_value>& value, const std::string& help) {
  to.add_flag_callback(
      "--" + name, [&value] { value = written_value(true); }, help);
  to.add_flag_callback(
        "--no-" + name, [&value] { value = written_value(false); }, "No --" + name)
      ->group("Against what the file says");
}

void add_course_options(CLI::App& replay, written_settings& to) {
  replay.option_defaults()->group("Input");
  replay.add_option("--repeat", to.repeat, "Play the input so many times, end to end (1)")->type_name("N");
  replay.add_option("--speed", to.speed, "Arrivals come so many times as fast (1)")->type_name("FACTOR");
  replay.add_option("--for", to.run_for, "Leave out arrivals later than that")->type_name("TIME");
  replay.add_option("--token-cost", to.token_cost, "CPU time of a generated token (2us)")->type_name("TIME");
}

void add_door_options(CLI::App& replay, written_settings& to) {
  replay.option_defaults()->group("Pool and door");
  replay.add_option("--workers", to.workers, "Threads that run requests (usable CPUs)")->type_name("N");
  replay.add_option("--door", to.door, "How requests are handed over: try, enqueue or block (enqueue)")
      ->type_name("VERB");
  replay.add_option("--max-tasks", to.max_tasks, "Most live tasks, or unlimited (64 x workers)")->type_name("N");
  replay.add_option("--max-weight", to.max_weight, "Most admitted weight, or unlimited (16 x median weight x workers)")
      ->type_name("N");
  replay.add_option("--rate", to.rate, "Most admissions per second, or as in 10/min (unlimited); needs --burst")
      ->type_name("RATE");
  replay.add_option("--burst", to.burst, "Admissions that may come at once")->type_name("N");
  replay.add_option("--max-waiters", to.max_waiters, "Most requests waiting at the door (64 x workers)")
      ->type_name("N");
  replay
      .add_option("--max-waiting-weight", to.max_waiting_weight, "Most weight waiting at the door, or unlimited (so)")
      ->type_name("N");
  replay
      .add_option(
          "--overflow", to.overflow,
          "When all places to wait are taken: reject_new, drop_oldest, caller_runs, or drop_lowest, which does what "
          "reject_new does since all requests have one priority (reject_new)")
      ->type_name("POLICY");
  replay
      .add_option("--priority-ageing", to.priority_ageing,
                  "How often one that waits is passed by those a level above it (8); in a replay all have one priority")
      ->type_name("N");
  replay
      .add_option("--max-bypass", to.max_bypass,
                  "How often one that waits for weight is overtaken by lighter ones, or unlimited (0)")
      ->type_name("N");
  add_truth(replay, "strict-window", to.strict_window,
            "Hold the rate by any outside clock, with 1 ms of slack, for one more reading of the clock");
  add_truth(replay, "allow-slow-waiters", to.allow_slow_waiters,
            "Accept a burst with which those who wait do not reach 90 % of the rate");
  replay
      .add_option("--breaker-expired", to.breaker_expired,
                  "Shut the door for a while after so many requests expired in a row, or 0 (0)")
      ->type_name("N");
  replay.add_option("--breaker-pause", to.breaker_pause, "For so long (1s)")->type_name("TIME");
  replay
      .add_option("--warn-at", to.warn_at,
                  "Count how often tasks, weight or waiters reach that part of their limit, from 0.001 to 1")
      ->type_name("SHARE");
  replay.add_option("--deadline", to.deadline, "Of each request from its arrival on, or none (250ms)")
      ->type_name("TIME");
}

void add_replay_options(CLI::App& replay, written_settings& to) {
  replay.footer(replay_notes);
  replay.option_defaults()->group("Input");
  replay.add_option("--trace", to.trace, "Requests to play; without it 15 s of synthetic ones")->type_name("FILE");
  add_course_options(replay, to);
  replay.add_option("--cancel", to.cancel, "Stop that share of the requests at a random moment (0)")
      ->type_name("PERCENT");
  replay.add_option("--seed", to.seed, "Of all that is random (1)")->type_name("N");
  add_door_options(replay, to);
  replay
      .add_option("--flight-entries", to.flight_entries, "Steps of the door to record, or 0 (0; 1048576 with --flight)")
      ->type_name("N");

  replay.option_defaults()->group("Report");
  replay.add_option("--flight", to.flight, "Write what the door has decided there, for weir simulate")
      ->type_name("FILE");
  replay.add_option("--json", to.json, "Write the report there too, as JSON")->type_name("FILE");
  add_truth(replay, "compare", to.compare, "Run oneTBB beside it, without limits and behind a counter");
  add_truth(replay, "strict", to.strict, "Refuse requests that could never be admitted (2) and late submitters (4)");
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

int run_parsed(int count, const char* const* arguments, std::ostream& out, std::ostream& err) {
  CLI::App app("weir: a work-stealing scheduler that cannot be overrun", "weir");
  app.set_version_flag("--version", "weir " WEIR_VERSION);
  app.require_subcommand(1);
  written_settings written;
  std::optional<written_value> config;
  CLI::App& replay = *app.add_subcommand("replay", replay_summary);
  add_replay_options(replay, written);
  replay.add_option("--config", config, "Settings from a TOML file; the command line wins over it")
      ->type_name("FILE")
      ->group("Input");
  check_request checking;
  CLI::App& check = *app.add_subcommand("check", check_summary);
  check.footer(check_notes);
  check.add_option("FILE", checking.file, "Settings for weir replay --config")->required()->type_name("");
  check.add_flag("--explain", checking.explain, "Say in sentences what each limit will mean");
  simulate_request simulating;
  CLI::App& simulate = *app.add_subcommand("simulate", simulate_summary);
  simulate.footer(simulate_notes);
  simulate.add_option("FILE", simulating.file, "A flight or a trace")->required()->type_name("");
  add_course_options(simulate, simulating.written);
  simulate.add_option("--config", simulating.config, "Settings from a TOML file; the command line wins over it")
      ->type_name("FILE");
  add_door_options(simulate, simulating.written);
  simulate.add_option("--json", simulating.written.json, "Write the report there too, as JSON")
      ->type_name("FILE")
      ->group("Report");
  const CLI::App& version = *app.add_subcommand("version", "Print the version");
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error, out, err);
    throw bad_input(one_line(error.what()) + ", see weir " +
                    (replay.parsed()     ? "replay "
                     : check.parsed()    ? "check "
                     : simulate.parsed() ? "simulate "
                                         : "") +
                    "--help");
  }
  if (version.parsed()) {
    out << "weir " WEIR_VERSION "\n";
    return 0;
  }
  if (check.parsed()) return static_cast<int>(run_check(checking, out));
  if (simulate.parsed()) return static_cast<int>(run_simulate(simulating, out));
  const settings asked =
      config ? configured(file_value({.key = "config", .value = *config}), written) : checked(written);
  return static_cast<int>(run_replay(asked, out, err));
}

}  // namespace

int run_command_line(int count, const char* const* arguments, std::ostream& out, std::ostream& err) noexcept {
  constexpr int unusable = static_cast<int>(exit_status::bad_input);
  try {
    const int status = run_parsed(count, arguments, out, err);
    if (out.flush()) return status;
    err << "weir: the standard output cannot be written, all of it needs room there, make some or choose another "
           "file\n";
    return status == static_cast<int>(exit_status::broken) ? status : unusable;
  } catch (const bad_settings& error) {
    for (const finding& one : error.all()) err << "weir: " << told(one) << '\n';
  } catch (const bad_input& error) {
    err << "weir: " << error.what() << '\n';
  } catch (const std::bad_alloc&) {
    err << "weir: there is not enough memory, this host has no more for what was asked, ask for less\n";
  } catch (const std::exception& error) {
    err << "weir: " << one_line(error.what()) << ", this host does not allow it, nothing was measured\n";
  }
  return unusable;
}

}  // namespace weir::tools
