// Every option of `weir replay` can be set from a file: one that is added later and has no key fails here.
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "config/configuration.hpp"
#include "config/setting_names.hpp"
#include "replayed.hpp"
#include "support/scratch_file.hpp"

namespace weir::tools {
namespace {

using testing::scratch_file;

// A value for each key, as a file has it, that is not what it is without; and what else the file must say then.
struct option_sample {
  std::string value;
  std::string with = {};
};
const std::map<std::string, option_sample> option_samples{
    {"workers", {"7"}},
    {"max_tasks", {"5"}},
    {"max_weight", {"\"unlimited\""}},
    {"rate", {"\"10/min\"", "limits.burst = 3"}},
    {"burst", {"3", "limits.rate = 200"}},
    {"max_waiters", {"0"}},
    {"max_waiting_weight", {"77"}},
    {"overflow", {"\"drop_oldest\""}},
    {"priority_ageing", {"3"}},
    {"max_bypass", {"\"unlimited\""}},
    {"strict_window", {"true"}},
    {"allow_slow_waiters", {"true"}},
    {"breaker_expired", {"5"}},
    {"breaker_pause", {"\"2s\"", "limits.breaker_expired = 3"}},
    {"warn_at", {"0.5"}},
    {"flight_entries", {"5000"}},
    {"door", {"\"try\""}},
    {"deadline", {"\"none\""}},
    {"trace", {"\"requests.csv\""}},
    {"repeat", {"\"2\""}},
    {"speed", {"2.5"}},
    {"for", {"\"10ms\""}},
    {"token_cost", {"\"1us\""}},
    {"cancel", {"12.5"}},
    {"seed", {"\"18446744073709551615\""}},
    {"json", {"\"report.json\""}},
    {"flight", {"\"run.flight\""}},
    {"compare", {"true"}},
    {"strict", {"true"}},
};

// The options in the help of `weir replay`, as keys.
std::set<std::string> options_of_the_help() {
  const std::string help = testing::run({"replay", "--help"}).out;
  const std::regex option("\n +(?:-h,)?--([a-z-]+)");
  std::set<std::string> keys;
  for (std::sregex_iterator at(help.begin(), help.end(), option), end; at != end; ++at) {
    std::string key = (*at)[1];
    for (char& letter : key) letter = letter == '-' ? '_' : letter;
    if (key != "help" && key != "config" && key.rfind("no_", 0) != 0) keys.insert(key);
  }
  return keys;
}

const setting_name* named(const std::string& key) {
  for (const setting_name& one : setting_names) {
    if (one.key == key) return &one;
  }
  return nullptr;
}

std::string assigned(const std::string& key, const std::string& value) {
  return std::string(named(key)->section) + '.' + key + " = " + value + '\n';
}

TEST(ConfigOptions, EachOptionHasAKeyAndNoKeyIsWithoutOne) {
  std::set<std::string> keys;
  for (const setting_name& one : setting_names) keys.emplace(one.key);
  EXPECT_EQ(options_of_the_help(), keys);
}

TEST(ConfigOptions, EachIsSetByAFile) {
  for (const std::string& key : options_of_the_help()) {
    SCOPED_TRACE(key);
    ASSERT_TRUE(option_samples.contains(key)) << "give a sample of a new option";
    ASSERT_NE(named(key), nullptr);
    const option_sample& sample = option_samples.at(key);
    const scratch_file alone(sample.with + '\n', "alone.toml");
    const scratch_file file(sample.with + '\n' + assigned(key, sample.value), "limits.toml");
    if (key != "rate" && key != "burst") {
      EXPECT_FALSE(configured(file.path(), {}) == configured(alone.path(), {}));
    } else {
      EXPECT_NE(configured(file.path(), {}).rate, weir::rate(weir::unlimited));
    }
  }
}

TEST(ConfigOptions, EachMeansWhatItMeansOnTheCommandLine) {
  for (const auto& [key, sample] : option_samples) {
    SCOPED_TRACE(key);
    const scratch_file file(sample.with + '\n' + assigned(key, sample.value), "limits.toml");
    const scratch_file rest(sample.with + '\n', "rest.toml");
    std::string word = sample.value;
    if (word.front() == '"') word = word.substr(1, word.size() - 2);
    written_settings flags;
    flags.*named(key)->value = word;
    EXPECT_TRUE(configured(file.path(), {}) == configured(rest.path(), flags));
  }
}

TEST(ConfigOptions, TheCommandLineWinsOverEach) {
  for (const auto& [key, sample] : option_samples) {
    SCOPED_TRACE(key);
    const scratch_file file(sample.with + '\n' + assigned(key, sample.value), "limits.toml");
    written_settings flags;
    flags.*named(key)->value = key == "deadline"                                               ? "1s"
                               : key == "overflow"                                             ? "caller_runs"
                               : key == "door"                                                 ? "block"
                               : key == "trace" || key == "json" || key == "flight"            ? "other"
                               : key == "for" || key == "token_cost" || key == "breaker_pause" ? "77ms"
                               : key == "flight_entries"                                       ? "9000"
                               : key == "warn_at"                                              ? "0.9"
                               : sample.value == "true"                                        ? "false"
                                                                                               : "9";
    written_settings both = flags;
    if (key == "rate") both.burst = "3";
    if (key == "burst") both.rate = "200";
    if (key == "breaker_pause") both.breaker_expired = "3";
    EXPECT_TRUE(configured(file.path(), flags) == checked(both));
  }
}

}  // namespace
}  // namespace weir::tools
