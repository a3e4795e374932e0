// The whole of `weir replay` on small inputs, through its command line and its JSON.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <pthread.h>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "cli.hpp"
#include "replay/interrupt.hpp"
#include "replay/random.hpp"
#include "support/scratch_file.hpp"
#include "support/seed.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::scratch_file;

struct ran {
  int status = -1;
  std::string out, err;
};

ran run(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "weir");
  std::ostringstream out;
  std::ostringstream err;
  const int status = run_command_line(static_cast<int>(arguments.size()), arguments.data(), out, err);
  return {status, out.str(), err.str()};
}

// `count` requests, one each 50 us, with weights 1 to 10 and services of 100 us: an overload for any two CPUs.
std::string overload(int count, int service_us = 100) {
  std::string text = "arrival_s,weight,service_us\n";
  for (int i = 0; i < count; ++i) {
    text += std::to_string(i * 50e-6) + ',' + std::to_string(1 + i * 7 % 10) + ',' + std::to_string(service_us) + '\n';
  }
  return text;
}

// Runs with `--json` on this trace and reads the report; checks what must hold in every run.
json replayed(const std::string& trace, std::vector<const char*> flags, int expected_status = 0) {
  const scratch_file file(trace);
  const std::string report_path = file.folder() + "/report.json";
  std::vector<const char*> arguments{"replay", "--trace", file.path().c_str(), "--json", report_path.c_str()};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const std::string path = file.path();
  arguments[2] = path.c_str();
  const ran done = run(arguments);
  EXPECT_EQ(done.status, expected_status) << done.out << done.err;
  std::ifstream in(report_path);
  const json all = json::parse(in);
  std::uint64_t refused = 0;
  for (const auto& [reason, count] : all["refused"].items()) refused += count.get<std::uint64_t>();
  EXPECT_EQ(all["submitted"], refused + all["admitted"].get<std::uint64_t>());
  EXPECT_EQ(all["admitted"].get<std::uint64_t>(),
            all["completed"].get<std::uint64_t>() + all["failed"].get<std::uint64_t>() +
                all["cancelled"].get<std::uint64_t>() + all["expired"].get<std::uint64_t>());
  EXPECT_EQ(all["failed"], 0);
  for (const auto& promise : all["promises"]) EXPECT_TRUE(promise["held"].get<bool>()) << promise;
  return all;
}

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

TEST(Replay, RateHoldsInEveryWindowByBothClocks) {
  const json all = replayed(overload(2'000, 1), {"--rate", "5000", "--burst", "20", "--max-tasks", "1000"});
  EXPECT_GT(all["worst_window_ratio"], 0.5);
  EXPECT_LE(all["worst_window_ratio"], 1);
  EXPECT_LE(all["worst_window_ratio_observed"], 1);
  EXPECT_GE(all["observed_skew_us"], 0);
  EXPECT_LE(all["admitted"].get<double>(), 20 + 5'000 * all["wall_s"].get<double>() + 1);
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
  EXPECT_NE(done.err.find("1 requests weigh 0"), std::string::npos) << done.err;
  EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 2) << done.err;
  const json all = replayed(trace, {"--max-weight", "10"});
  EXPECT_EQ(all["refused"]["too_heavy"], 2);
  EXPECT_EQ(all["refused"]["invalid"], 1);

  const ran strict = run({"replay", "--trace", path.c_str(), "--max-weight", "10", "--strict"});
  EXPECT_EQ(strict.status, 2);
  EXPECT_EQ(strict.out, "");
  EXPECT_EQ(strict.err.rfind("weir: --max-weight 10: the heaviest request weighs 60", 0), 0U) << strict.err;
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

// Sends SIGINT to the calling thread from another, `delay` after the run has taken over the handler. It goes to this
// thread, since ThreadSanitizer holds back what comes to an idle thread of a library that it does not know.
std::thread interrupt_after(std::chrono::nanoseconds delay) {
  return std::thread([main = ::pthread_self(), delay] {
    const auto limit = std::chrono::steady_clock::now() + 30s;
    const auto handled = [] {
      struct sigaction now {};
      ::sigaction(SIGINT, nullptr, &now);
      return now.sa_handler != SIG_DFL;
    };
    while (!handled()) {
      if (std::chrono::steady_clock::now() > limit) return;  // the run ends by itself and the test says so
      std::this_thread::yield();
    }
    const auto moment = std::chrono::steady_clock::now() + delay;
    while (std::chrono::steady_clock::now() < moment) std::this_thread::yield();
    ::pthread_kill(main, SIGINT);
  });
}

TEST(Replay, InterruptDrainsAndReports) {
  std::thread interrupter = interrupt_after(0ns);
  const json all = replayed("arrival_s,weight,service_us\n0,1,100\n0,1,100\n3600,1,100\n", {"--for", "60s"}, 3);
  interrupter.join();
  EXPECT_LE(all["submitted"], 2);
  EXPECT_LT(all["wall_s"], 60);
}

TEST(Replay, InterruptedAtAnyMomentTheBooksBalance) {
  random_stream random(testing::seed(), 0);
  for (int round = 0; round < 8; ++round) {
    const std::string trace = overload(1'500) + "60,1,1\n";  // so that the run does not end before the signal
    const auto delay = std::chrono::nanoseconds(static_cast<std::int64_t>(random.uniform() * 120e6));
    SCOPED_TRACE(delay.count());
    const char* const door = round % 3 == 0 ? "try" : round % 3 == 1 ? "enqueue" : "block";
    std::thread interrupter = interrupt_after(delay);
    const json all = replayed(trace, {"--max-tasks", "4", "--door", door, "--cancel", "20"}, 3);
    interrupter.join();
    EXPECT_LE(all["max_tasks_seen"], 4);
  }
}

TEST(Replay, SecondInterruptEndsTheProcess) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        const interrupt_watch watch;
        std::raise(SIGINT);
        if (!interrupt_watch::interrupted()) std::_Exit(1);
        std::raise(SIGTERM);
        std::_Exit(2);
      },
      ::testing::ExitedWithCode(130), "interrupted twice");
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
  for (const char* const flag : {"--trace", "--door", "--workers", "--max-tasks", "--max-weight", "--rate", "--burst",
                                 "--max-waiters", "--overflow", "--deadline", "--cancel", "--speed", "--repeat",
                                 "--token-cost", "--for", "--seed", "--strict", "--json", "--compare"}) {
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

}  // namespace
}  // namespace weir::tools
