#include "replay/report.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

#include "replay/replay.hpp"
#include "report_keys.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::keys_of;

report sample() {
  report all;
  all.version = "9.8.7";
  all.input = "19,366 requests";
  all.limits = "8 tasks";
  all.priority = "real time";
  all.seed = 42;
  all.workers = 2;
  all.max_tasks = 8;
  all.max_weight = 20'000;
  all.ours.name = "weir";
  all.ours.submitted = 1'000;
  all.ours.admitted = 600;
  all.ours.refused[static_cast<std::size_t>(refusal_reason::timed_out)] = 390;
  all.ours.refused[static_cast<std::size_t>(refusal_reason::too_heavy)] = 10;
  all.ours.completed = 560;
  all.ours.failed = 3;
  all.ours.cancelled = 7;
  all.ours.expired = 30;
  all.ours.in_time = 550;
  all.ours.tasks_seen = 8;
  all.ours.weight_seen = 19'000;
  all.ours.latency = {.p50 = 1ms, .p99 = 20ms, .p999 = 30ms, .max = 31'500us};
  all.ours.queue = {.p50 = 500us, .p99 = 10ms, .p999 = 11ms, .max = 12ms};
  all.ours.lag = {.p50 = 1us, .p99 = 7us, .p999 = 8us, .max = 9us};
  all.ours.arrivals = 2s;
  all.ours.wall = 2500ms;
  all.ours.cpu = 4s;
  all.window = window_ratios{.by_limiter = 0.97, .by_own_clock = 0.98, .skew = 12'500ns};
  all.peak_rss_bytes = 12'345'678;
  all.promises = {{.name = "max_tasks", .bound = 8, .seen = 8, .held = true, .text = "live tasks"},
                  {.name = "window_rate", .bound = 1, .seen = 0.97, .held = true, .text = "admissions"}};
  return all;
}

TEST(ReportJson, HasExactlyTheKeysOfItsSchema) {
  const json all = json::parse(to_json(sample()));
  const std::set<std::string> times{"p50", "p99", "p999", "max"};
  EXPECT_EQ(keys_of(all), testing::report_keys());
  EXPECT_EQ(keys_of(all["latency_us"]), times);
  EXPECT_EQ(keys_of(all["queue_us"]), times);
  EXPECT_EQ(keys_of(all["promises"][0]), (std::set<std::string>{"name", "bound", "seen", "held"}));
  EXPECT_EQ(keys_of(all["refused"]), testing::refusal_keys());
}

TEST(ReportJson, TellsOfPressureIfThatWasAskedFor) {
  report of = sample();
  of.pressure = pressure_seen{.times = 3, .high = 1'500ms};
  of.warn_at = 0.75;
  const json all = json::parse(to_json(of));
  EXPECT_EQ(all["pressure"]["warn_at"], 0.75);
  EXPECT_EQ(all["pressure"]["times"], 3);
  EXPECT_EQ(all["pressure"]["high_s"], 1.5);
  EXPECT_NE(to_text(of).find("pressure  high 3 times, 1.5 s in all, from 75 % of a limit on\n"), std::string::npos)
      << to_text(of);
}

TEST(ReportJson, ValuesHaveTheirUnits) {
  const json all = json::parse(to_json(sample()));
  EXPECT_EQ(all["schema"], "weir.replay/1");
  EXPECT_EQ(all["version"], "9.8.7");
  EXPECT_EQ(all["seed"], 42);
  EXPECT_EQ(all["offered_per_s"], 500.0);
  EXPECT_EQ(all["goodput_per_s"], 220.0);
  EXPECT_EQ(all["refused"]["timed_out"], 390);
  EXPECT_EQ(all["latency_us"]["max"], 31'500.0);
  EXPECT_EQ(all["queue_us"]["p50"], 500.0);
  EXPECT_EQ(all["submitter_lag_us"], 7.0);
  EXPECT_EQ(all["observed_skew_us"], 12.5);
  EXPECT_EQ(all["wall_s"], 2.5);
  EXPECT_EQ(all["cpu_s"], 4.0);
  EXPECT_EQ(all["peak_rss_bytes"], 12'345'678);
  EXPECT_TRUE(all["promises"][0]["seen"].is_number_integer());
  EXPECT_EQ(all["promises"][1]["seen"], 0.97);
  EXPECT_EQ(all["promises"][1]["held"], true);
}

TEST(ReportJson, WhatDoesNotApplyIsNull) {
  report unlimited = sample();
  unlimited.max_tasks.reset();
  unlimited.max_weight.reset();
  unlimited.window.reset();
  const json all = json::parse(to_json(unlimited));
  for (const char* const key :
       {"max_tasks", "max_weight", "worst_window_ratio", "worst_window_ratio_observed", "observed_skew_us"}) {
    EXPECT_TRUE(all[key].is_null()) << key;
  }
}

TEST(ReportJson, NothingSubmittedIsNoDivisionByZero) {
  const json all = json::parse(to_json(report{}));
  EXPECT_EQ(all["offered_per_s"], 0.0);
  EXPECT_EQ(all["goodput_per_s"], 0.0);
}

TEST(ReportJson, ComparedColumnsComeOursFirst) {
  report compared = sample();
  compared.beside.resize(2);
  compared.beside[0].name = "oneTBB";
  compared.beside[1].name = "oneTBB + counter";
  const json all = json::parse(to_json(compared));
  ASSERT_EQ(all["compare"].size(), 3U);
  EXPECT_EQ(all["compare"][0]["name"], "weir");
  EXPECT_EQ(all["compare"][0]["goodput_per_s"], 220.0);
  EXPECT_EQ(all["compare"][2]["name"], "oneTBB + counter");
}

TEST(ReportText, SaysWhatHeldAndWhatDidNot) {
  report all = sample();
  EXPECT_NE(to_text(all).find("\nall promises held\n"), std::string::npos);
  EXPECT_TRUE(all.all_held());
  all.promises[0].seen = 9;
  all.promises[0].held = false;
  EXPECT_FALSE(all.all_held());
  const std::string text = to_text(all);
  EXPECT_NE(text.find("\nA PROMISE WAS BROKEN\n"), std::string::npos);
  EXPECT_NE(text.find("BROKEN"), std::string::npos);
}

TEST(ReportText, WhatHeldDecidesTheStatusBeforeWhatWasMeasured) {
  report all = sample();
  EXPECT_EQ(status_of(all, true), exit_status::held);
  all.measurement_invalid = true;
  EXPECT_EQ(status_of(all, false), exit_status::held);
  EXPECT_EQ(status_of(all, true), exit_status::invalid);
  all.interrupted = true;
  EXPECT_EQ(status_of(all, true), exit_status::interrupted);
  all.promises[0].held = false;
  EXPECT_EQ(status_of(all, true), exit_status::broken);
}

TEST(ReportText, NamesReasonsThatOccurredOnly) {
  const std::string text = to_text(sample());
  EXPECT_NE(text.find("timed_out"), std::string::npos);
  EXPECT_NE(text.find("390"), std::string::npos);
  EXPECT_EQ(text.find("breaker_open"), std::string::npos);
}

TEST(ReportText, ColumnsStandSideBySide) {
  report compared = sample();
  compared.beside.resize(2);
  compared.beside[0].name = "oneTBB, no limit";
  compared.beside[1].name = "oneTBB + counter";
  const std::string text = to_text(compared);
  const std::size_t heading = text.find("\nside by side");
  ASSERT_NE(heading, std::string::npos);
  const std::string line = text.substr(heading + 1, text.find('\n', heading + 1) - heading - 1);
  EXPECT_LT(line.find("weir"), line.find("oneTBB, no limit"));
  EXPECT_LT(line.find("oneTBB, no limit"), line.find("oneTBB + counter"));
}

}  // namespace
}  // namespace weir::tools
