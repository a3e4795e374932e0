// What `weir replay --config` makes of files, good and bad: each message with its place.
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "config/configuration.hpp"
#include "replayed.hpp"
#include "support/scratch_file.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;
using testing::ran;
using testing::run;
using testing::scratch_file;

settings settings_of(const std::string& text, const written_settings& flags = {}) {
  return configured(scratch_file(text, "limits.toml").path(), flags);
}

// What the program says of a file with this text, without its own name and the folder.
std::string said_of(const std::string& text, std::vector<const char*> flags = {}) {
  const scratch_file file(text, "limits.toml");
  const std::string path = file.path();
  std::vector<const char*> arguments{"replay", "--config", path.c_str()};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const ran done = run(arguments);
  EXPECT_EQ(done.status, 2) << done.out;
  EXPECT_EQ(done.out, "");
  std::string said = done.err;
  for (const std::string& known : {std::string("weir: "), file.folder() + '/'}) {
    for (std::size_t at = said.find(known); at != std::string::npos; at = said.find(known))
      said.erase(at, known.size());
  }
  return said;
}

TEST(Configuration, NumbersMayBeTextsAndTheOtherWayRound) {
  EXPECT_EQ(settings_of("[pool]\nworkers = \"3\"\n").workers, 3U);
  EXPECT_EQ(settings_of("[limits]\nmax_tasks = 1_000\n").max_tasks, 1'000);
  EXPECT_EQ(settings_of("[limits]\nmax_tasks = 0x10\n").max_tasks, 16);
  EXPECT_EQ(settings_of("[limits]\nmax_tasks = \"unlimited\"\n").max_tasks, std::int64_t{weir::unlimited});
  EXPECT_EQ(settings_of("[replay]\nspeed = 3\n").speed, 3);
  EXPECT_EQ(settings_of("[replay]\nspeed = 1e3\n").speed, 1'000);
  EXPECT_EQ(settings_of("[replay]\nseed = 18446744073709551\n").seed, 18446744073709551U);
  EXPECT_TRUE(settings_of("[replay]\nstrict = \"true\"\n").strict);
}

TEST(Configuration, RatesAreExactInEachForm) {
  const auto rate_of = [](const std::string& rate) {
    return settings_of("[limits]\nburst = 1\nrate = " + rate + '\n').rate;
  };
  EXPECT_EQ(rate_of("200"), weir::per_second(200));
  EXPECT_EQ(rate_of("\"200\""), weir::per_second(200));
  EXPECT_EQ(rate_of("\"200/s\""), weir::per_second(200));
  EXPECT_EQ(rate_of("\"10/min\""), weir::per_minute(10));
  EXPECT_EQ(rate_of("\"1 per 3 s\""), weir::per(1, 3s));
  EXPECT_EQ(rate_of("0.1"), weir::per(1, 10s));
  EXPECT_EQ(rate_of("200.0"), weir::per_second(200));
  EXPECT_EQ(rate_of("1e3"), weir::per_second(1'000));
}

TEST(Configuration, DottedAndInlineSectionsAreSections) {
  EXPECT_EQ(settings_of("pool.workers = 3\n").workers, 3U);
  EXPECT_EQ(settings_of("pool = {workers = 3}\n").workers, 3U);
  EXPECT_EQ(settings_of("\xEF\xBB\xBF[pool]\r\nworkers = 3\r\n").workers, 3U);
}

TEST(Configuration, NothingAtAllIsTheDefaults) {
  for (const char* const text : {"", "\n\n", "# only a comment\n", "[limits]\n[replay]\n[pool]\n[traffic]\n"}) {
    EXPECT_TRUE(settings_of(text) == checked({})) << text;
  }
}

TEST(Configuration, AllThatIsWrongIsToldAtOnceInItsOrder) {
  EXPECT_EQ(
      said_of("[replay]\n"
              "deadline = 250\n"
              "[limits]\n"
              "max_task = 5\n"
              "  max_tasks = 0\n"
              "rate = \"fast\"\n"
              "burst = 1.5\n"
              "max_waiters = -1\n"
              "overflow = \"drop_oldst\"\n"
              "[pool]\n"
              "workers = true\n"),
      "limits.toml:2:12: deadline = 250: the unit is missing, ns, us, ms, s, min and h are known, write it behind "
      "the number, such as \"250ms\"\n"
      "limits.toml:4:1: max_task: there is no such setting, [limits] has max_tasks, max_weight, rate, burst, "
      "max_waiters, max_waiting_weight, overflow, priority_ageing, max_bypass, strict_window, allow_slow_waiters, "
      "breaker_expired, breaker_pause, warn_at and "
      "flight_entries, perhaps max_tasks is meant\n"
      "limits.toml:5:15: max_tasks = 0: out of range, 1 to 16777215 is possible, choose a number in that range\n"
      "limits.toml:6:8: rate = \"fast\": this is no rate, 0.000000001 to 1000000000 a second is possible, write "
      "admissions per second, such as 2000 or 0.5, or as in 10/min and 1 per 3 s\n"
      "limits.toml:7:9: burst = 1.5: this is no whole number, 1 to 1000000000 is possible, write digits only\n"
      "limits.toml:8:15: max_waiters = -1: out of range, 0 to 16777215 is possible, choose a number in that "
      "range\n"
      "limits.toml:9:12: overflow = \"drop_oldst\": this is unknown, reject_new or drop_oldest or drop_lowest or "
      "caller_runs is possible, perhaps drop_oldest is meant\n"
      "limits.toml:11:11: workers = true: this is no whole number, 1 to 1024 is possible, write digits only\n");
}

TEST(Configuration, ValuesOfTheWrongKindAreNamed) {
  EXPECT_EQ(said_of("[replay]\ntrace = 5\n"),
            "limits.toml:2:9: trace = 5: this is no name, the name of a file is needed, write it in quotes\n");
  EXPECT_EQ(said_of("[replay]\njson = \"\"\n"),
            "limits.toml:2:8: json = \"\": the name is empty, a file is needed, name one or leave the line out\n");
  EXPECT_EQ(said_of("[replay]\ntrace = \"a\\u0000b\"\n"),
            "limits.toml:2:9: trace = \"a\\x00b\": there is a zero byte in the name, the names of files have none, "
            "correct it\n");
  EXPECT_EQ(said_of("[limits]\nrate = 1e300\nburst = 1\n"),
            "limits.toml:2:8: rate = 1000000000000000052504760255204420248704...: out of range, 0.000000001 to "
            "1000000000 a second is possible, choose a rate in that range, or leave it out for no limit\n");
  EXPECT_EQ(said_of("[replay]\nstrict = 1\n"),
            "limits.toml:2:10: strict = 1: this is neither yes nor no, true or false is possible, write one\n");
  EXPECT_EQ(said_of("[pool]\nworkers = 2.0\n"),
            "limits.toml:2:11: workers = 2.0: this is no whole number, 1 to 1024 is possible, write digits only\n");
  EXPECT_EQ(said_of("[replay]\nspeed = nan\n"),
            "limits.toml:2:9: speed = nan: this is no finite number, 0.001 to 1000000000 is possible, write a plain "
            "number\n");
  const std::string one_value = ", one value is needed, write a number, a text in quotes, true or false\n";
  EXPECT_EQ(said_of("[limits]\nrate = [200]\n"), "limits.toml:2:1: rate: this is an array" + one_value);
  EXPECT_EQ(said_of("[limits.rate]\nx = 1\n"), "limits.toml:1:9: rate: this is a section" + one_value);
  EXPECT_EQ(said_of("[[limits.rate]]\nx = 1\n"), "limits.toml:1:10: rate: this is a list of sections" + one_value);
  EXPECT_EQ(said_of("[limits]\nrate = 2026-11-21\n"), "limits.toml:2:1: rate: this is a date" + one_value);
}

TEST(Configuration, NamesThatAreUnknownLeadToTheNearest) {
  const std::string sections = "pool, limits, replay and traffic are the sections, ";
  EXPECT_EQ(said_of("[limit]\nrate = 5\n"),
            "limits.toml:1:2: limit: there is no such section, " + sections + "perhaps [limits] is meant\n");
  EXPECT_EQ(said_of("[colours]\n"),
            "limits.toml:1:2: colours: there is no such section, " + sections + "take it out\n");
  EXPECT_EQ(said_of("\"a\\nb\" = 1\n"),
            "limits.toml:1:1: \"a\\x0ab\": there is no such section, " + sections + "take it out\n");
  EXPECT_EQ(said_of("rate = 5\n"),
            "limits.toml:1:1: rate: this stands in no section, " + sections + "move it below [limits]\n");
  EXPECT_EQ(
      said_of("limits = 5\n"),
      "limits.toml:1:1: limits: this is a value, it is the name of a section, write [limits] once and its settings "
      "below\n");
  EXPECT_EQ(said_of("[[pool]]\nworkers = 1\n"),
            "limits.toml:1:3: pool: this is a list of sections, it is the name of a section, write [pool] once and its "
            "settings below\n");
  EXPECT_EQ(said_of("[pool]\nburst = 1\n"),
            "limits.toml:2:1: burst: there is no such setting, [pool] has workers, move it below [limits]\n");
  EXPECT_EQ(said_of("[pool]\nmax-waiter = 1\n"),
            "limits.toml:2:1: max-waiter: there is no such setting, [pool] has workers, perhaps max_waiters below "
            "[limits] is meant\n");
  EXPECT_EQ(said_of("[pool]\nzebra = 1\n"),
            "limits.toml:2:1: zebra: there is no such setting, [pool] has workers, take it out\n");
}

TEST(Configuration, RulesOfSeveralValuesSpeakAsTheFileDoes) {
  EXPECT_EQ(said_of("[limits]\nrate = 200\n"),
            "limits.toml:2:8: rate = 200: the burst is missing, a rate has a burst of at least 1, add burst\n");
  EXPECT_EQ(said_of("[limits]\nrate = \"200/s\"\n"),
            "limits.toml:2:8: rate = \"200/s\": the burst is missing, a rate has a burst of at least 1, add burst\n");
  EXPECT_EQ(said_of("[limits]\nburst = 5\n"),
            "limits.toml:2:9: burst = 5: there is no rate, a burst is a part of a rate, add rate or leave it out\n");
  EXPECT_EQ(
      said_of("[limits]\nmax_waiters = 5\n[replay]\ndoor = \"try\"\n"),
      "limits.toml:2:15: max_waiters with door = \"try\": nobody waits at this door, waiters belong to enqueue and "
      "block, leave out one of the two\n");
  EXPECT_EQ(said_of("[limits]\nmax_waiters = 0\n[replay]\ndoor = \"block\"\n"),
            "limits.toml:2:15: max_waiters = 0 with door = \"block\": nobody could wait at the door, block needs at "
            "least 1 waiter, use door = \"try\" or overflow = \"caller_runs\"\n");
  // The rest is the bucket's own rule.
  const std::string start = "limits.toml:3:9: these limits are not possible together: the burst is 100000000: ";
  EXPECT_EQ(said_of("[limits]\nrate = 0.001\nburst = 100_000_000\n").substr(0, start.size()), start);
}

TEST(Configuration, TheCommandLineWins) {
  EXPECT_EQ(settings_of("[pool]\nworkers = 3\n", {.workers = "5"}).workers, 5U);
  EXPECT_EQ(settings_of("[limits]\nrate = 200\nburst = 5\n", {.rate = "300"}).burst, 5);
  EXPECT_EQ(settings_of("[limits]\nburst = 5\n", {.rate = "300"}).rate, weir::per_second(300));
  EXPECT_FALSE(settings_of("[replay]\nstrict = true\n", {.strict = "false"}).strict);
}

TEST(Configuration, WhatTheCommandLineLeavesWithoutMeaningIsLeftOut) {
  EXPECT_EQ(settings_of("[limits]\nrate = 200\nburst = 5\n", {.rate = "unlimited"}).burst, 0);
  EXPECT_EQ(settings_of("[limits]\nmax_waiters = 5\noverflow = \"drop_oldest\"\n", {.door = "try"}).door,
            door_verb::try_submit);
}

TEST(Configuration, TheCommandLineAgainstTheFileNamesBothPlaces) {
  EXPECT_EQ(said_of("[replay]\ndoor = \"try\"\n", {"--max-waiters", "5"}),
            "--max-waiters with door = \"try\" (limits.toml:2:8): nobody waits at this door, waiters belong to enqueue "
            "and block, leave out one of the two\n");
  EXPECT_EQ(said_of("[limits]\nmax_tasks = 0\n", {"--workers", "0"}),
            "--workers \"0\": out of range, 1 to 1024 is possible, choose a number in that range\n"
            "limits.toml:2:13: max_tasks = 0: out of range, 1 to 16777215 is possible, choose a number in that "
            "range\n");
}

TEST(Configuration, FlagsOfAFileCanBeTakenBack) {
  const scratch_file trace("arrival_s,weight,service_us\n0,60,1\n");
  const scratch_file file("[replay]\nstrict = true\ntrace = '" + trace.path() + "'\n[limits]\nmax_weight = 10\n");
  const std::string path = file.path();
  EXPECT_EQ(run({"replay", "--config", path.c_str()}).status, 2);
  const ran mild = run({"replay", "--config", path.c_str(), "--no-strict"});
  EXPECT_EQ(mild.status, 0) << mild.err;
  EXPECT_NE(mild.out.find(" tasks of weight 10, "), std::string::npos) << mild.out;
}

TEST(Configuration, WhatIsNoTomlIsPassedOnWithItsPlace) {
  const std::string rest = "), words and numbers with units stand in quotes, such as \"250ms\", correct the line\n";
  const auto expect_told = [&](const std::string& text, const std::string& start) {
    const std::string said = said_of(text);
    EXPECT_EQ(said.rfind(start, 0), 0U) << said;
    EXPECT_NE(said.find(rest), std::string::npos) << said;
    EXPECT_EQ(said.find('\n') + 1, said.size()) << said;
  };
  const std::string none = ": this is no TOML (";
  expect_told("[limits]\nrate = 200/s\n", "limits.toml:2:11" + none);
  expect_told("[replay]\ndeadline = 250ms\n", "limits.toml:2:15" + none);
  expect_told("[limits]\noverflow = drop_oldest\n", "limits.toml:2:12" + none);
  expect_told("[limits]\nrate = 1\nrate = 2\n", "limits.toml:3:8" + none);
  expect_told("[limits]\nrate = 1\n[limits]\nburst = 2\n", "limits.toml:3:1" + none);
  expect_told("[limits\n", "limits.toml:1:8" + none);
  expect_told("{\"limits\": {}}\n", "limits.toml:1:1" + none);
  expect_told("[replay]\nseed = 18446744073709551615\n", "limits.toml:2:28" + none);
  expect_told("\xFF\xFE garbage", "limits.toml:1:1" + none);
  expect_told(std::string("a\0b = 1\n", 8), "limits.toml:1:2" + none);
  expect_told("x = \"\xC3\xA4\" \xC3\xA4\n", "limits.toml:1:9" + none);
  expect_told("x = " + std::string(1'000, '['), "limits.toml:1:");
}

TEST(Configuration, FilesThatCannotBeReadAreTold) {
  const scratch_file folder("");
  const auto said = [&](const std::string& path) { return run({"replay", "--config", path.c_str()}); };
  const std::string missing = folder.folder() + "/missing.toml";
  EXPECT_EQ(said(missing).err, "weir: " + missing +
                                   ":1:1: the file cannot be opened (No such file or directory), a file that can be "
                                   "read is needed, check the path\n");
  EXPECT_EQ(said(folder.folder()).err,
            "weir: " + folder.folder() + ":1:1: this is a directory, a file is needed, name one in it\n");
  EXPECT_EQ(said("").err, "weir: --config \"\": the name is empty, a file is needed, name one or leave the flag out\n");
  EXPECT_EQ(
      said("/dev/zero").err,
      "weir: /dev/zero:1:1: the file is too long, a configuration has at most 64 KiB, check that this is the file "
      "that was meant\n");
  for (const std::string& path : {missing, folder.folder(), std::string(), std::string("/dev/zero")}) {
    EXPECT_EQ(said(path).status, 2);
    EXPECT_EQ(said(path).out, "");
  }
}

TEST(Configuration, GarbageOfAnyLengthIsRefusedInOneLine) {
  std::string garbage;
  for (std::uint32_t state = 1; garbage.size() < 10'000'000;) {
    state = state * 1'664'525 + 1'013'904'223;
    garbage += static_cast<char>(state >> 24U);
  }
  for (const std::size_t size : {std::size_t{100}, std::size_t{60'000}, garbage.size()}) {
    const std::string said = said_of(garbage.substr(0, size));
    EXPECT_EQ(said.rfind("limits.toml:1:", 0), 0U) << said;
    EXPECT_EQ(said.find('\n') + 1, said.size()) << said;
  }
}

TEST(Configuration, NamesOfManyPointsAreRefusedBeforeTheyAreNested) {
  std::string points = "a";
  while (points.size() < 50'000) points += ".a";
  for (const std::string& text :
       {points + " = 1\n", "# comment\n[" + points + "]\n", "x = {s = \"#\", " + points + " = 1}\n"}) {
    const std::string said = said_of(text);
    EXPECT_NE(said.find(":1: there are more than 1000 points in names and values up to here, "), std::string::npos)
        << said;
  }
  EXPECT_TRUE(settings_of("# " + std::string(5'000, '.') + "\n") == checked({}));
}

}  // namespace
}  // namespace weir::tools
