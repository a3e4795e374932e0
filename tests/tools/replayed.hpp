// What tests of `weir replay` share: a run on a small input, through its command line and its JSON.
#pragma once

#include <cstdint>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cli.hpp"
#include "report_keys.hpp"
#include "support/scratch_file.hpp"

namespace weir::testing {

/// What a command line left behind.
struct ran {
  int status = -1;
  std::string out, err;
};

/// Runs this command line in this process.
inline ran run(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "weir");
  std::ostringstream out;
  std::ostringstream err;
  const int status = tools::run_command_line(static_cast<int>(arguments.size()), arguments.data(), out, err);
  return {status, out.str(), err.str()};
}

/// `count` requests, one each 50 us, with weights 1 to 10 and services of 100 us: an overload for any two CPUs.
[[nodiscard]] inline std::string overload(int count, int service_us = 100) {
  std::string text = "arrival_s,weight,service_us\n";
  for (int i = 0; i < count; ++i) {
    text += std::to_string(i * 50e-6) + ',' + std::to_string(1 + i * 7 % 10) + ',' + std::to_string(service_us) + '\n';
  }
  return text;
}

/// Runs with `--json` on this trace and reads the report; checks what must hold in every run.
inline nlohmann::json replayed(const std::string& trace, std::vector<const char*> flags, int expected_status = 0) {
  const scratch_file file(trace);
  const std::string report_path = file.folder() + "/report.json";
  std::vector<const char*> arguments{"replay", "--trace", file.path().c_str(), "--json", report_path.c_str()};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const std::string path = file.path();
  arguments[2] = path.c_str();
  const ran done = run(arguments);
  EXPECT_EQ(done.status, expected_status) << done.out << done.err;
  std::ifstream in(report_path);
  const auto all = nlohmann::json::parse(in);
  std::set<std::string> keys = report_keys();
  for (const char* const asked_for : {"compare", "pressure"}) {
    if (all.contains(asked_for)) keys.insert(asked_for);
  }
  EXPECT_EQ(keys_of(all), keys);
  EXPECT_EQ(keys_of(all["refused"]), refusal_keys());
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

}  // namespace weir::testing
