// The whole of `weir replay` on small inputs, through its command line and its JSON.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "replayed.hpp"
#include "support/scratch_file.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::overload;
using testing::ran;
using testing::replayed;
using testing::run;
using testing::scratch_file;

TEST(Replay, QuietTraceIsAdmittedWhole) {
  const json all = replayed("arrival_s,weight,service_us\n0,1,10\n0.001,2,10\n0.002,3,10\n", {"--deadline", "none"});
  EXPECT_EQ(all["submitted"], 3);
  EXPECT_EQ(all["completed"], 3);
  EXPECT_EQ(all["seed"], 1);
  EXPECT_LE(all["max_weight_seen"], 6);
  EXPECT_TRUE(all["worst_window_ratio"].is_null());
}

TEST(Replay, BoundsHoldUnderOverloadAtEachDoor) {
  for (const char* const door : {"try", "enqueue", "block"}) {
    SCOPED_TRACE(door);
    const json all =
        replayed(overload(2'000), {"--door", door, "--max-tasks", "4", "--max-weight", "15", "--workers", "2"});
    EXPECT_EQ(all["submitted"], 2'000);
    EXPECT_LE(all["max_tasks_seen"], 4);
    EXPECT_LE(all["max_weight_seen"], 15);
    EXPECT_GT(all["completed"], 0);
  }
}

TEST(Replay, SaysHowOftenTheDoorWasNearlyFull) {
  const json all = replayed(overload(2'000), {"--max-tasks", "4", "--workers", "2", "--warn-at", "0.75"});
  EXPECT_EQ(all["pressure"]["warn_at"], 0.75);
  EXPECT_GE(all["pressure"]["times"], 1);
  EXPECT_GT(all["pressure"]["high_s"], 0);
  EXPECT_LE(all["pressure"]["high_s"], all["wall_s"]);
  EXPECT_FALSE(replayed(overload(10), {}).contains("pressure"));
}

TEST(Replay, RateHoldsInEveryWindowByBothClocks) {
  const json all = replayed(overload(2'000, 1), {"--rate", "5000", "--burst", "20", "--max-tasks", "1000"});
  EXPECT_GT(all["worst_window_ratio"], 0.5);
  EXPECT_LE(all["worst_window_ratio"], 1);
  EXPECT_LE(all["worst_window_ratio_observed"], 1);
  EXPECT_GE(all["observed_skew_us"], 0);
  EXPECT_LE(all["admitted"].get<double>(), 20 + 5'000 * all["wall_s"].get<double>() + 1);
}

TEST(Replay, StrictWindowIsKeptAndNamed) {
  const scratch_file file(overload(2'000, 1));
  const std::string path = file.path();
  const ran done = run({"replay", "--trace", path.c_str(), "--rate", "5000", "--burst", "20", "--strict-window"});
  EXPECT_EQ(done.status, 0) << done.out << done.err;
  EXPECT_NE(done.out.find(", 5000/s with bursts of 20 in a strict window, "), std::string::npos) << done.out;
}

TEST(Replay, PromisesHoldWithOneWorkerAndWithManyMoreThanCpus) {
  for (const char* const workers : {"1", "64"}) {
    SCOPED_TRACE(workers);
    const json all = replayed(overload(1'500), {"--workers", workers, "--max-tasks", "8"});
    EXPECT_EQ(all["workers"], std::stoi(workers));
    EXPECT_LE(all["max_tasks_seen"], 8);
  }
}

TEST(Replay, CancelledRequestsAreCountedOnce) {
  const json all = replayed(overload(2'000), {"--cancel", "50", "--max-tasks", "4", "--seed", "7"});
  EXPECT_GT(all["refused"]["cancelled"].get<int>() + all["cancelled"].get<int>(), 0);
}

TEST(Replay, EachOverflowPolicyKeepsTheBounds) {
  for (const char* const policy : {"reject_new", "drop_oldest", "drop_lowest", "caller_runs"}) {
    SCOPED_TRACE(policy);
    const json all = replayed(overload(1'000), {"--overflow", policy, "--max-waiters", "3", "--max-tasks", "2"});
    EXPECT_LE(all["max_tasks_seen"], 2);
  }
}

TEST(Replay, RepeatPlaysAllOfThemAgain) { EXPECT_EQ(replayed(overload(300), {"--repeat", "4"})["submitted"], 1'200); }

TEST(Replay, ForEndsTheArrivals) {
  const json all = replayed(overload(2'000), {"--for", "10ms"});
  EXPECT_EQ(all["submitted"], 201);  // those due at 0, 50 us, ... 10,000 us
}

TEST(Replay, FirstLineSaysWhatForLeavesOut) {
  const scratch_file file(overload(2'000));
  const std::string path = file.path();
  const std::string start = "trace.csv, 2,000 requests within 100 ms";
  EXPECT_NE(run({"replay", "--trace", path.c_str(), "--for", "10ms"})
                .out.find(start + ", of which those of the first 10 ms\n"),
            std::string::npos);
  EXPECT_NE(run({"replay", "--trace", path.c_str(), "--for", "1s"}).out.find(start + "\n"), std::string::npos);
}

TEST(Replay, SpeedPlaysFaster) {
  const json all = replayed("arrival_s,weight,service_us\n0,1,1\n3600,1,1\n", {"--speed", "1000000"});
  EXPECT_EQ(all["submitted"], 2);
}

TEST(Replay, TooHeavyIsRefusedWithOneWarningUnlessStrict) {
  const std::string trace = "arrival_s,weight,service_us\n0,5,1\n0,50,1\n0,60,1\n0,0,1\n";
  const scratch_file file(trace);
  const std::string path = file.path();
  const ran done = run({"replay", "--trace", path.c_str(), "--max-weight", "10"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_NE(done.err.find("weir: warning: --max-weight 10: the heaviest request weighs 60"), std::string::npos)
      << done.err;
  const std::string weightless = path + ":5:3: a request weighs 0, the least weight is 1 and less is refused invalid, ";
  EXPECT_NE(done.err.find("weir: warning: " + weightless), std::string::npos) << done.err;
  EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 2) << done.err;
  const json all = replayed(trace, {"--max-weight", "10"});
  EXPECT_EQ(all["refused"]["too_heavy"], 2);
  EXPECT_EQ(all["refused"]["invalid"], 1);

  const ran strict = run({"replay", "--trace", path.c_str(), "--max-weight", "10", "--strict"});
  EXPECT_EQ(strict.status, 2);
  EXPECT_EQ(strict.out, "");
  EXPECT_EQ(strict.err.rfind("weir: --max-weight 10: the heaviest request weighs 60", 0), 0U) << strict.err;
  const ran weightless_only = run({"replay", "--trace", path.c_str(), "--max-weight", "100", "--strict"});
  EXPECT_EQ(weightless_only.status, 2);
  EXPECT_EQ(weightless_only.err.rfind("weir: " + weightless, 0), 0U) << weightless_only.err;
}

TEST(Replay, WeightlessRequestsAreNamedByTheFirstInEachFormat) {
  const scratch_file file(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,5,1\n2023-11-16 18:15:46.5,0,1\n"
      "2023-11-16 18:15:47,0,1\n2023-11-16 18:15:47,0,1\n");
  const std::string path = file.path();
  const ran done = run({"replay", "--trace", path.c_str(), "--max-weight", "10", "--strict"});
  EXPECT_EQ(done.err.rfind("weir: " + path + ":3:23: a request weighs 0 (and 2 more), ", 0), 0U) << done.err;
}

TEST(Replay, MoreAdmissionsThanCanBeKeptAreRefusedBeforeAnythingRuns) {
  const scratch_file file(overload(5'000));
  const std::string path = file.path();
  const ran done = run({"replay", "--trace", path.c_str(), "--repeat", "1000000000", "--speed", "1000000000", "--rate",
                        "10", "--burst", "1"});
  EXPECT_EQ(done.status, 2);
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(done.err,
            "weir: --repeat 1000000000 with --rate: the times of 5000000000000 admissions are too many, at most "
            "4398046511104 can be kept, ask for fewer or leave out the rate\n");
}

TEST(Replay, NoRoomForTheTimesOfAllAdmissionsIsOneLineAndStatusTwo) {
  // 64 TB of addresses, of which this process may not have any more than a few GB for a moment.
  const scratch_file file(overload(5'000));
  const std::string path = file.path();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit tight = before;
  tight.rlim_cur = std::min<rlim_t>(before.rlim_max, (pages << 12U) + (rlim_t{4} << 30U));
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &tight), 0);
  const ran done = run({"replay", "--trace", path.c_str(), "--repeat", "800000000", "--speed", "1000000000", "--rate",
                        "10", "--burst", "1"});
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(done.status, 2);
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(done.err, "weir: there is not enough memory, this host has no more for what was asked, ask for less\n");
}

TEST(Replay, CompareRunsThreeColumns) {
  const json all = replayed(overload(600), {"--compare", "--max-tasks", "4"});
  ASSERT_EQ(all["compare"].size(), 3U);
  EXPECT_EQ(all["compare"][0]["name"], "weir");
  EXPECT_EQ(all["compare"][1]["name"], "oneTBB, no limit");
  EXPECT_EQ(all["compare"][1]["admitted"], 600);
  EXPECT_EQ(all["compare"][1]["completed"], 600);
  EXPECT_EQ(all["compare"][2]["name"], "oneTBB + counter");
  EXPECT_EQ(all["compare"][2]["admitted"].get<int>() + all["compare"][2]["refused"].get<int>(), 600);
  EXPECT_EQ(all["compare"][2]["completed"], all["compare"][2]["admitted"]);
}

TEST(Replay, NothingIsWrittenWhenTheInputIsBad) {
  const scratch_file file("arrival_s,weight,service_us\n0,1,1\n0,x,1\n");
  const std::string path = file.path();
  const std::string report = file.folder() + "/report.json";
  const ran done = run({"replay", "--trace", path.c_str(), "--json", report.c_str()});
  EXPECT_EQ(done.status, 2);
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(
      done.err,
      "weir: " + path +
          ":3:3: weight \"x\" is no whole number, a whole number from 0 to 2147483647 is needed, correct the cell\n");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(file.folder())) ++files;
  EXPECT_EQ(files, 1U);
}

TEST(Replay, OldReportStaysWhenTheNewRunFails) {
  const scratch_file trace("arrival_s,weight,service_us\n");
  const scratch_file report("old", "report.json");
  const std::string trace_path = trace.path();
  const std::string report_path = report.path();
  const ran done = run({"replay", "--trace", trace_path.c_str(), "--json", report_path.c_str()});
  EXPECT_EQ(done.status, 2);
  EXPECT_EQ(done.err, "weir: " + trace_path +
                          ":2:1: there are no requests, at least one is needed, add lines below the header\n");
  std::ifstream in(report_path);
  std::string content;
  in >> content;
  EXPECT_EQ(content, "old");
}

TEST(Replay, ReportThatCannotBeWrittenIsToldBeforeTheRun) {
  const scratch_file file("arrival_s,weight,service_us\n0,1,1\n");
  const std::string path = file.path();
  for (const std::string& where : {file.folder() + "/missing/report.json", file.folder()}) {
    const ran done = run({"replay", "--trace", path.c_str(), "--json", where.c_str()});
    EXPECT_EQ(done.status, 2);
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(done.err.rfind("weir: --json " + where + ": nothing can be written there", 0), 0U) << done.err;
  }
}

TEST(CommandLine, HelpAndVersionAreAnswered) {
  EXPECT_EQ(run({"version"}).out, "weir " WEIR_VERSION "\n");
  EXPECT_EQ(run({"--version"}).out, "weir " WEIR_VERSION "\n");
  EXPECT_EQ(run({"--help"}).status, 0);
  EXPECT_EQ(run({"version", "--help"}).status, 0);
  const ran help = run({"replay", "--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* const flag :
       {"--trace",       "--door",     "--workers",  "--max-tasks", "--max-weight", "--rate",         "--burst",
        "--max-waiters", "--overflow", "--deadline", "--cancel",    "--speed",      "--repeat",       "--token-cost",
        "--for",         "--seed",     "--strict",   "--json",      "--compare",    "--strict-window"}) {
    EXPECT_NE(help.out.find(flag), std::string::npos) << flag;
  }
}

TEST(CommandLine, WhatIsNotUnderstoodIsOneLineAndStatusTwo) {
  const std::vector<std::vector<const char*>> wrong{{},
                                                    {"replya"},
                                                    {"replay", "--bogus"},
                                                    {"replay", "--seed"},
                                                    {"replay", "--seed", "1", "--seed", "2"},
                                                    {"replay", "surplus"},
                                                    {"replay", "--max-tasks", "-5"},
                                                    {"replay", "--rate", "nan"},
                                                    {"replay", "--rate", "2000"},
                                                    {"replay", "--speed", "0"},
                                                    {"replay", "--deadline", "250"}};
  for (const auto& arguments : wrong) {
    const ran done = run(arguments);
    EXPECT_EQ(done.status, 2) << done.err;
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(done.err.rfind("weir: ", 0), 0U) << done.err;
    EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
  }
}

TEST(CommandLine, EachWrongSettingHasALine) {
  const ran done = run({"replay", "--workers", "0", "--deadline", "250"});
  EXPECT_EQ(done.status, 2);
  EXPECT_EQ(done.err,
            "weir: --workers \"0\": out of range, 1 to 1024 is possible, choose a number in that range\n"
            "weir: --deadline \"250\": the unit is missing, ns, us, ms, s, min and h are known, write it behind the "
            "number, such as 250ms\n");
}

}  // namespace
}  // namespace weir::tools
