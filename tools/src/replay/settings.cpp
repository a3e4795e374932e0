#include "settings.hpp"

#include <array>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include <weir/scheduler/cpu_count.hpp>

#include "bad_input.hpp"
#include "setting_values.hpp"

namespace weir::tools {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t most_workers = 1'024;
constexpr std::int64_t largest_burst = 1'000'000'000;

constexpr std::array<std::pair<std::string_view, door_verb>, 3> doors{
    {{"try", door_verb::try_submit}, {"enqueue", door_verb::enqueue}, {"block", door_verb::block}}};
constexpr std::array<std::pair<std::string_view, weir::overflow>, 4> overflows{
    {{"reject_new", overflow::reject_new},
     {"drop_oldest", overflow::drop_oldest},
     {"drop_lowest", overflow::drop_lowest},
     {"caller_runs", overflow::caller_runs}}};

template <typename Choice, std::size_t Count>
Choice choice(const given_value& given, const std::array<std::pair<std::string_view, Choice>, Count>& known) {
  std::string names;
  for (const auto& [name, value] : known) {
    if (name == given.text) return value;
    names += (names.empty() ? "" : " or ") + std::string(name);
  }
  throw bad_input(std::string(given.flag) + ' ' + quoted(given.text) + ": this is unknown, " + names +
                  " is possible, choose one of them");
}

// Stores what `read` makes of a flag's text, if the flag was given.
template <typename Target, typename Read>
void take(const std::optional<std::string>& text, std::string_view flag, Target& target, Read read) {
  if (text) target = read(given_value{.flag = flag, .text = *text});
}

void check_combination(const written_settings& written, const settings& all) {
  if (written.rate && !all.rate.is_unlimited() && !written.burst) {
    throw bad_input("--rate " + *written.rate +
                    ": the burst is missing, a rate has a burst of at least 1, add --burst");
  }
  if (written.burst && all.rate.is_unlimited()) {
    throw bad_input("--burst " + *written.burst +
                    ": there is no rate, a burst is a part of a rate, add --rate or leave it out");
  }
  if (all.door == door_verb::try_submit && (written.max_waiters || written.overflow)) {
    throw bad_input(
        std::string(written.max_waiters ? "--max-waiters" : "--overflow") +
        " with --door try: nobody waits at this door, waiters belong to enqueue and block, leave out one of the two");
  }
  if (all.door == door_verb::block && all.max_waiters == 0 && all.overflow != overflow::caller_runs) {
    throw bad_input(
        "--max-waiters 0 with --door block: nobody could wait at the door, block needs at least 1 waiter, use --door "
        "try or --overflow caller_runs");
  }
  std::error_code ignored;
  if (!all.json.empty() && !all.trace.empty() && std::filesystem::equivalent(all.json, all.trace, ignored)) {
    throw bad_input("--json " + all.json +
                    ": this is the trace, a report may not overwrite its input, choose another file");
  }
  try {
    (void)weir::check(weir::limits{.max_tasks = all.max_tasks,
                                   .max_weight = all.max_weight.value_or(1),
                                   .rate = all.rate,
                                   .burst = all.burst,
                                   .max_waiters = all.max_waiters,
                                   .overflow = all.overflow});
  } catch (const std::invalid_argument& error) {
    throw bad_input(std::string("these limits are not possible together: ") + error.what());
  }
}

}  // namespace

settings checked(const written_settings& written) {
  settings all;
  take(written.trace, "--trace", all.trace, [](const given_value& given) {
    if (given.text.empty())
      throw bad_input("--trace \"\": the name is empty, a file is needed, name one or leave the flag out");
    return std::string(given.text);
  });
  take(written.door, "--door", all.door, [](const given_value& given) { return choice(given, doors); });
  all.workers = static_cast<unsigned>(default_cpu_count().workers);
  take(written.workers, "--workers", all.workers,
       [](const given_value& given) { return static_cast<unsigned>(whole_value(given, 1, most_workers)); });
  all.max_tasks = 64 * std::int64_t{all.workers};
  all.max_waiters = 64 * std::int64_t{all.workers};
  take(written.max_tasks, "--max-tasks", all.max_tasks,
       [](const given_value& given) { return limit_value(given, 1, weir::largest_max_tasks); });
  take(written.max_weight, "--max-weight", all.max_weight,
       [](const given_value& given) { return limit_value(given, 1, weir::largest_max_weight); });
  take(written.rate, "--rate", all.rate, rate_value);
  take(written.burst, "--burst", all.burst,
       [](const given_value& given) { return static_cast<std::int64_t>(whole_value(given, 1, largest_burst)); });
  take(written.max_waiters, "--max-waiters", all.max_waiters, [](const given_value& given) {
    return static_cast<std::int64_t>(whole_value(given, 0, weir::largest_max_tasks));
  });
  take(written.overflow, "--overflow", all.overflow, [](const given_value& given) { return choice(given, overflows); });
  take(written.deadline, "--deadline", all.deadline,
       [](const given_value& given) -> std::optional<std::chrono::nanoseconds> {
         if (given.text == "none") return std::nullopt;
         return time_value(given, 1us, 1h);
       });
  take(written.cancel, "--cancel", all.cancel_percent,
       [](const given_value& given) { return number_value(given, 0, 100); });
  take(written.speed, "--speed", all.speed, [](const given_value& given) { return number_value(given, 1e-3, 1e9); });
  take(written.repeat, "--repeat", all.repeat,
       [](const given_value& given) { return whole_value(given, 1, 1'000'000'000); });
  take(written.token_cost, "--token-cost", all.token_cost,
       [](const given_value& given) { return time_value(given, 1ns, 1s); });
  take(written.run_for, "--for", all.run_for, [](const given_value& given) { return time_value(given, 1ms, 720h); });
  take(written.seed, "--seed", all.seed,
       [](const given_value& given) { return whole_value(given, 0, ~std::uint64_t{0}); });
  take(written.json, "--json", all.json, [](const given_value& given) {
    if (given.text.empty())
      throw bad_input("--json \"\": the name is empty, a file is needed, name one or leave the flag out");
    return std::string(given.text);
  });
  all.strict = written.strict;
  all.compare = written.compare;
  check_combination(written, all);
  return all;
}

std::string_view to_string(door_verb door) noexcept {
  for (const auto& [name, value] : doors) {
    if (value == door) return name;
  }
  return "unknown";
}

}  // namespace weir::tools
