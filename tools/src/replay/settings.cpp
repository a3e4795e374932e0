#include "settings.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include <weir/scheduler/cpu_count.hpp>

#include "config/nearest_name.hpp"
#include "setting_values.hpp"

namespace weir::tools {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using written_one = std::optional<written_value>;

constexpr std::uint64_t most_workers = 1'024;
constexpr std::int64_t largest_burst = 1'000'000'000;
constexpr std::int64_t usual_flight_entries = 1'048'576;

constexpr std::array<std::pair<std::string_view, door_verb>, 3> doors{
    {{"try", door_verb::try_submit}, {"enqueue", door_verb::enqueue}, {"block", door_verb::block}}};
constexpr std::array<std::pair<std::string_view, weir::overflow>, 4> overflows{
    {{"reject_new", overflow::reject_new},
     {"drop_oldest", overflow::drop_oldest},
     {"drop_lowest", overflow::drop_lowest},
     {"caller_runs", overflow::caller_runs}}};

template <typename Choice, std::size_t Count>
Choice choice(const given_value& given, const std::array<std::pair<std::string_view, Choice>, Count>& known) {
  std::vector<std::string_view> names;
  std::string all;
  for (const auto& [name, value] : known) {
    if (name == given.text()) return value;
    names.push_back(name);
    all += (all.empty() ? "" : " or ") + std::string(name);
  }
  const std::optional<std::string_view> near = nearest_name(given.text(), names);
  refuse(given, "this is unknown", all + " is possible",
         near ? "perhaps " + std::string(*near) + " is meant" : "choose one of them");
}

std::optional<nanoseconds> deadline_value(const given_value& given) {
  if (given.text() == "none") return std::nullopt;
  return time_value(given, 1us, 1h);
}

std::int64_t flight_entries_value(const given_value& given) {
  if (given.text() == "0") return 0;
  return static_cast<std::int64_t>(
      whole_value(given, std::uint64_t{weir::least_flight_entries}, std::uint64_t{weir::most_flight_entries}));
}

// Reads what was written into the settings, value by value, and then what the values mean together. What is wrong is
// kept and the rest read on, so that all of it is told at once.
class settings_reader {
 public:
  explicit settings_reader(const written_settings& written) : written_(written) {}

  std::vector<finding> wrong_values() && {
    read_values();
    return std::move(wrong_);
  }

  read_settings read_all() && {
    read_values();
    check_rate();
    check_breaker();
    check_door();
    check_report();
    if (wrong_.empty()) check_limits();
    return {std::move(all_), std::move(wrong_)};
  }

 private:
  template <typename Target, typename Read>
  void take(const written_one& value, std::string_view key, Target& target, Read read_value) {
    if (!value) return;
    try {
      target = read_value(given_value{.key = key, .value = *value});
    } catch (const bad_input& error) {
      wrong_.push_back({value->at, error.what()});
      unread_.push_back(&value);
    }
  }

  void take_limit(const written_one& value, std::string_view key, std::int64_t& target, std::int64_t least,
                  std::int64_t most) {
    take(value, key, target, [=](const given_value& given) { return limit_value(given, least, most); });
  }

  void take_count(const written_one& value, std::string_view key, std::int64_t& target, std::uint64_t least,
                  std::uint64_t most) {
    take(value, key, target,
         [=](const given_value& given) { return static_cast<std::int64_t>(whole_value(given, least, most)); });
  }

  // Whether a rule may rely on it: it was left out, or it could be read.
  [[nodiscard]] bool known(const written_one& value) const {
    return std::find(unread_.begin(), unread_.end(), &value) == unread_.end();
  }

  void refuse_together(const written_one& value, std::string_view key, const std::string& why) {
    wrong_.push_back({value->at, assignment(key, *value) + why});
  }

  void read_values() {
    read_pool();
    read_limits();
    read_input();
  }

  void read_pool() {
    all_.workers = static_cast<unsigned>(default_cpu_count().workers);
    take(written_.workers, "workers", all_.workers,
         [](const given_value& given) { return static_cast<unsigned>(whole_value(given, 1, most_workers)); });
    take(written_.door, "door", all_.door, [](const given_value& given) { return choice(given, doors); });
    take(written_.deadline, "deadline", all_.deadline, deadline_value);
  }

  void read_limits() {
    all_.max_tasks = 64 * std::int64_t{all_.workers};
    all_.max_waiters = 64 * std::int64_t{all_.workers};
    take_limit(written_.max_tasks, "max_tasks", all_.max_tasks, 1, weir::largest_max_tasks);
    take(written_.max_weight, "max_weight", all_.max_weight,
         [](const given_value& given) { return limit_value(given, 1, weir::largest_max_weight); });
    take(written_.rate, "rate", all_.rate, rate_value);
    take_count(written_.burst, "burst", all_.burst, 1, largest_burst);
    take_count(written_.max_waiters, "max_waiters", all_.max_waiters, 0, weir::largest_max_tasks);
    take_limit(written_.max_waiting_weight, "max_waiting_weight", all_.max_waiting_weight, 1,
               weir::largest_max_waiting_weight);
    take(written_.overflow, "overflow", all_.overflow,
         [](const given_value& given) { return choice(given, overflows); });
    take_limit(written_.priority_ageing, "priority_ageing", all_.priority_ageing, 0, weir::largest_max_tasks);
    take_limit(written_.max_bypass, "max_bypass", all_.max_bypass, 0, weir::largest_max_tasks);
    take(written_.strict_window, "strict_window", all_.strict_window, truth_value);
    take(written_.allow_slow_waiters, "allow_slow_waiters", all_.allow_slow_waiters, truth_value);
    take_count(written_.breaker_expired, "breaker_expired", all_.breaker.consecutive_expired, 0,
               weir::largest_max_tasks);
    take(written_.breaker_pause, "breaker_pause", all_.breaker.pause,
         [](const given_value& given) { return time_value(given, 1us, 24h); });
    take(written_.warn_at, "warn_at", all_.warn_at,
         [](const given_value& given) { return number_value(given, 0.001, 1); });
    if (written_.flight) all_.flight_entries = usual_flight_entries;
    take(written_.flight_entries, "flight_entries", all_.flight_entries, flight_entries_value);
  }

  void read_input() {
    take(written_.trace, "trace", all_.trace, file_value);
    take(written_.cancel, "cancel", all_.cancel_percent,
         [](const given_value& given) { return number_value(given, 0, 100); });
    take(written_.speed, "speed", all_.speed, [](const given_value& given) { return number_value(given, 1e-3, 1e9); });
    take(written_.repeat, "repeat", all_.repeat,
         [](const given_value& given) { return whole_value(given, 1, 1'000'000'000); });
    take(written_.token_cost, "token_cost", all_.token_cost,
         [](const given_value& given) { return time_value(given, 1ns, 1s); });
    take(written_.run_for, "for", all_.run_for, [](const given_value& given) { return time_value(given, 1ms, 720h); });
    take(written_.seed, "seed", all_.seed,
         [](const given_value& given) { return whole_value(given, 0, ~std::uint64_t{0}); });
    take(written_.json, "json", all_.json, file_value);
    take(written_.flight, "flight", all_.flight, file_value);
    take(written_.strict, "strict", all_.strict, truth_value);
    take(written_.compare, "compare", all_.compare, truth_value);
  }

  void check_rate() {
    if (!known(written_.rate)) return;
    if (written_.rate && !all_.rate.is_unlimited() && !written_.burst) {
      refuse_together(
          written_.rate, "rate",
          ": the burst is missing, a rate has a burst of at least 1, add " + name_at("burst", written_.rate->at));
    }
    if (written_.burst && all_.rate.is_unlimited()) {
      refuse_together(written_.burst, "burst",
                      ": there is no rate, a burst is a part of a rate, add " + name_at("rate", written_.burst->at) +
                          " or leave it out");
    }
  }

  void check_breaker() {
    if (!written_.breaker_pause || all_.breaker.consecutive_expired != 0 || !known(written_.breaker_expired)) return;
    refuse_together(written_.breaker_pause, "breaker_pause",
                    ": nothing makes this pause, say after how many expiries in a row, add " +
                        name_at("breaker_expired", written_.breaker_pause->at) + " or leave it out");
  }

  void check_door() {
    if (all_.door == door_verb::try_submit && (written_.max_waiters || written_.overflow)) {
      const written_one& waiters = written_.max_waiters ? written_.max_waiters : written_.overflow;
      const file_place& at = waiters->at;
      wrong_.push_back({at, name_at(written_.max_waiters ? "max_waiters" : "overflow", at) + with_door(at) +
                                ": nobody waits at this door, waiters belong to enqueue and block, leave out one of "
                                "the two"});
    }
    if (all_.door == door_verb::block && all_.max_waiters == 0 && all_.overflow != overflow::caller_runs &&
        known(written_.overflow)) {
      const file_place& at = written_.max_waiters->at;
      const auto remedy = [&at](std::string_view key, const char* word) {
        return at.file.empty() ? name_at(key, at) + ' ' + word : std::string(key) + " = \"" + word + '"';
      };
      refuse_together(written_.max_waiters, "max_waiters",
                      with_door(at) + ": nobody could wait at the door, block needs at least 1 waiter, use " +
                          remedy("door", "try") + " or " + remedy("overflow", "caller_runs"));
    }
  }

  // The door as it was written, with its place if that is elsewhere than the other's.
  [[nodiscard]] std::string with_door(const file_place& other) const {
    const file_place& at = written_.door->at;
    const std::string where = at.file.empty() || !other.file.empty() ? "" : " (" + place_text(at) + ')';
    return " with " + assignment("door", *written_.door) + where;
  }

  void check_report() {
    std::error_code ignored;
    if (!all_.json.empty() && !all_.trace.empty() && std::filesystem::equivalent(all_.json, all_.trace, ignored)) {
      refuse_together(written_.json, "json",
                      ": this is the trace, a report may not overwrite its input, choose another file");
    }
    if (all_.flight.empty()) return;
    if (!all_.trace.empty() && std::filesystem::equivalent(all_.flight, all_.trace, ignored)) {
      refuse_together(written_.flight, "flight",
                      ": this is the trace, a flight may not overwrite its input, choose another file");
    }
    if (known(written_.flight_entries) && all_.flight_entries == 0) {
      refuse_together(written_.flight, "flight",
                      ": nothing is recorded, " + name_at("flight_entries", written_.flight->at) +
                          " is 0, leave it out or choose at least 1024");
    }
  }

  void check_limits() {
    try {
      (void)weir::check(weir::limits{.max_tasks = all_.max_tasks,
                                     .max_weight = all_.max_weight.value_or(1),
                                     .rate = all_.rate,
                                     .burst = all_.burst,
                                     .max_waiters = all_.max_waiters,
                                     .max_waiting_weight = all_.max_waiting_weight,
                                     .overflow = all_.overflow,
                                     .priority_ageing = all_.priority_ageing,
                                     .max_bypass = all_.max_bypass,
                                     .strict_window = all_.strict_window,
                                     .allow_slow_waiters = may_be_slow(all_),
                                     .breaker = all_.breaker,
                                     .flight_entries = all_.flight_entries});
    } catch (const std::invalid_argument& error) {
      // Each field is in its range: only a rate and a burst can be wrong together.
      wrong_.push_back({written_.burst ? written_.burst->at : file_place{},
                        std::string("these limits are not possible together: ") + error.what()});
    }
  }

  const written_settings& written_;
  settings all_;
  std::vector<finding> wrong_;
  std::vector<const written_one*> unread_;  // what was written and could not be read
};

}  // namespace

std::vector<finding> wrong_values(const written_settings& written) { return settings_reader(written).wrong_values(); }

read_settings read_all(const written_settings& written) { return settings_reader(written).read_all(); }

settings checked(const written_settings& written) {
  read_settings found = read_all(written);
  if (!found.wrong.empty()) throw bad_settings(std::move(found.wrong));
  return std::move(found.all);
}

std::string_view to_string(door_verb door) noexcept {
  for (const auto& [name, value] : doors) {
    if (value == door) return name;
  }
  return "unknown";
}

}  // namespace weir::tools
