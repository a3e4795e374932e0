// `weir simulate` and `weir replay --flight`, by the command line.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "replayed.hpp"
#include "simulate/flight_file.hpp"
#include "support/scratch_file.hpp"

namespace weir::testing {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

// A replay of 2,000 requests in 0.1 s at a door that is too small for them, and its flight.
class Simulate : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    trace_ = new scratch_file(overload(2'000));
    flight_ = new std::string(trace_->folder() + "/run.flight");
    const std::string path = trace_->path();
    const ran done = run({"replay", "--trace", path.c_str(), "--flight", flight_->c_str(), "--workers", "2",
                          "--max-tasks", "8", "--max-waiters", "20", "--rate", "15000", "--burst", "50"});
    ASSERT_EQ(done.status, 0) << done.err;
  }
  static void TearDownTestSuite() {
    delete flight_;
    delete trace_;
  }

  static ran simulate(std::vector<const char*> more, const std::string& file = *flight_) {
    std::vector<const char*> arguments{"simulate", file.c_str()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  static nlohmann::json simulated(std::vector<const char*> more, const std::string& file = *flight_) {
    const std::string path = trace_->folder() + "/report.json";
    more.insert(more.end(), {"--json", path.c_str()});
    const ran done = simulate(more, file);
    EXPECT_EQ(done.status, 0) << done.err;
    return nlohmann::json::parse(content_of(path));
  }
  static std::uint64_t refused_in_all(const nlohmann::json& all) {
    std::uint64_t sum = 0;
    for (const auto& [reason, count] : all["refused"].items()) sum += count.get<std::uint64_t>();
    return sum;
  }

  static scratch_file* trace_;
  static std::string* flight_;
};
scratch_file* Simulate::trace_ = nullptr;
std::string* Simulate::flight_ = nullptr;

TEST_F(Simulate, AFlightOfAReplayIsDecidedAgain) {
  const ran done = simulate({});
  EXPECT_EQ(done.status, 0) << done.out;
  EXPECT_TRUE(std::regex_search(done.out, std::regex("run.flight, [0-9,]+ entries within .*, 0 lost before them\n"
                                                     "[0-9,]+ decisions in [0-9,]+ entries: the twin's are identical")))
      << done.out;
}

TEST_F(Simulate, AFlightIsCheckedForPrograms) {
  const nlohmann::json all = simulated({});
  EXPECT_EQ(all["identical"], true);
  EXPECT_EQ(all["first_difference"], nullptr);
  EXPECT_EQ(all["compared"], all["entries"]);
  EXPECT_GT(all["decisions"], 2'000);
}

TEST_F(Simulate, ADecisionThatIsOtherwiseIsReportedWithItsTicket) {
  const std::string text = content_of(*flight_);
  const std::string other = std::regex_replace(text, std::regex(",attempt,yes,"), ",attempt,rate_limited,",
                                               std::regex_constants::format_first_only);
  ASSERT_NE(text, other);
  const scratch_file file(other, "other.flight");
  const ran done = simulate({}, file.path());
  EXPECT_EQ(done.status, 1);
  EXPECT_NE(done.out.find("THE TWIN DECIDED OTHERWISE at ticket 0, after 0 entries that are identical\n"
                          "  recorded  attempt rate_limited,"),
            std::string::npos)
      << done.out;
  EXPECT_NE(done.out.find("  the twin  attempt yes,"), std::string::npos) << done.out;
}

TEST_F(Simulate, TheRecordedLimitsAdmitAboutWhatWasAdmitted) {
  const nlohmann::json all = simulated({"--max-tasks", "8"});
  EXPECT_EQ(all["submitted"], 2'000);
  EXPECT_EQ(all["submitted"], all["admitted"].get<std::uint64_t>() + refused_in_all(all));
  std::uint64_t recorded = 0;
  for (const flight_entry& e : tools::read_flight(*flight_).entries) {
    if (e.op == flight_op::granted || (e.op == flight_op::attempt && e.verdict == flight_verdict::yes)) ++recorded;
  }
  EXPECT_GT(recorded, 100U);
  EXPECT_NEAR(all["admitted"].get<double>(), static_cast<double>(recorded), 0.1 * static_cast<double>(recorded));
}

TEST_F(Simulate, OtherLimitsOfAFileAdmitOthers) {
  const scratch_file limits("[limits]\nmax_tasks = \"unlimited\"\nrate = \"unlimited\"\nmax_weight = \"unlimited\"\n",
                            "new.toml");
  const std::string path = limits.path();
  const nlohmann::json open = simulated({"--config", path.c_str()});
  EXPECT_EQ(open["admitted"], 2'000);
  const nlohmann::json narrow = simulated({"--config", path.c_str(), "--max-tasks", "1", "--max-waiters", "0"});
  EXPECT_LT(narrow["admitted"], 2'000);
  EXPECT_EQ(narrow["max_tasks_seen"], 1);
  EXPECT_GT(narrow["refused"]["waiters_full"], 0);
  EXPECT_EQ(narrow["limits"][0]["name"], "max_tasks");
  EXPECT_GT(narrow["limits"][0]["mean_use"], 0.1);
  EXPECT_EQ(narrow["slices"].size(), 12U);
}

TEST_F(Simulate, ATraceIsPlayedWithTheWorkOfAReplay) {
  const nlohmann::json all =
      simulated({"--workers", "2", "--max-tasks", "8", "--max-waiters", "20", "--deadline", "none"}, trace_->path());
  EXPECT_EQ(all["submitted"], 2'000);
  EXPECT_EQ(all["workers"], 2);
  // 200 ms of work for two in 100 ms: all of it has room.
  EXPECT_EQ(all["admitted"], 2'000);
  EXPECT_EQ(all["completed"], 2'000);
  const nlohmann::json one = simulated({"--workers", "1", "--max-tasks", "8", "--max-waiters", "20"}, trace_->path());
  EXPECT_NEAR(one["admitted"].get<double>(), 1'028, 2) << "half of them, and who still waits or is live at the end";
  EXPECT_GT(one["limits"][0]["bound_share"], 0.9);
  const nlohmann::json tries = simulated({"--workers", "1", "--max-tasks", "8", "--door", "try"}, trace_->path());
  EXPECT_GT(tries["refused"]["tasks_full"], 900);
}

TEST_F(Simulate, WhatCannotBeUsedIsTold) {
  EXPECT_EQ(simulate({}, "").status, 2);
  EXPECT_EQ(simulate({}, "nowhere.flight").status, 2);
  const ran bad = simulate({"--max-tasks", "none"});
  EXPECT_EQ(bad.status, 2);
  EXPECT_NE(bad.err.find("--max-tasks \"none\": this is no whole number"), std::string::npos) << bad.err;
  const ran course = simulate({"--speed", "2"});
  EXPECT_EQ(course.status, 2);
  EXPECT_NE(course.err.find("--speed 2: this is a flight, its arrivals are taken as they were"), std::string::npos);
  const ran both = simulate({"--burst", "5", "--rate", "unlimited"});
  EXPECT_EQ(both.status, 2) << both.out;
  const std::string text = content_of(*flight_);
  const scratch_file cut(text.substr(0, text.rfind("end entries")), "cut.flight");
  const ran ended = simulate({}, cut.path());
  EXPECT_EQ(ended.status, 2);
  EXPECT_NE(ended.err.find("the file ends before its last line"), std::string::npos) << ended.err;
  EXPECT_EQ(run({"simulate"}).status, 2);
}

TEST_F(Simulate, RealTracesOfAnHourTakeNoTime) {
  const char* const folder = std::getenv("WEIR_TRACE_DIR");
  if (folder == nullptr) return;
  for (const char* const name : {"azure-llm-2023-conv.csv", "azure-llm-2023-code.csv"}) {
    const std::string path = std::string(folder) + '/' + name;
    ASSERT_TRUE(std::filesystem::exists(path)) << path;
    const nlohmann::json all = simulated({"--workers", "2", "--rate", "6", "--burst", "20"}, path);
    EXPECT_GT(all["submitted"], 8'000);
    EXPECT_EQ(all["submitted"], all["admitted"].get<std::uint64_t>() + refused_in_all(all));
    EXPECT_GT(all["simulated_s"].get<double>() / all["wall_s"].get<double>(), 1'000) << "of real time";
  }
}

TEST(ReplayFlight, IsRefusedWhereItCannotBe) {
  const scratch_file trace(overload(3));
  const std::string path = trace.path();
  const ran same = run({"replay", "--trace", path.c_str(), "--flight", path.c_str()});
  EXPECT_EQ(same.status, 2);
  EXPECT_NE(same.err.find("this is the trace, a flight may not overwrite its input"), std::string::npos) << same.err;
  const ran off = run({"replay", "--trace", path.c_str(), "--flight", "x.flight", "--flight-entries", "0"});
  EXPECT_EQ(off.status, 2);
  EXPECT_NE(off.err.find("nothing is recorded, --flight-entries is 0"), std::string::npos) << off.err;
  const ran few = run({"replay", "--trace", path.c_str(), "--flight-entries", "5"});
  EXPECT_EQ(few.status, 2);
  EXPECT_NE(few.err.find("1024 to 16777215 is possible"), std::string::npos) << few.err;
  const ran nowhere = run({"replay", "--trace", path.c_str(), "--flight", "nowhere/x.flight"});
  EXPECT_EQ(nowhere.status, 2);
  EXPECT_NE(nowhere.err.find("--flight nowhere/x.flight: nothing can be written there"), std::string::npos);
}

}  // namespace
}  // namespace weir::testing
