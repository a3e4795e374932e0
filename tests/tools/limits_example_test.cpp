// The file of settings that comes with weir: right, whole, and as the README has it.
#include <fstream>
#include <gtest/gtest.h>
#include <regex>
#include <sstream>
#include <string>

#include "config/setting_names.hpp"
#include "config/traffic.hpp"
#include "replayed.hpp"
#include "support/scratch_file.hpp"

namespace weir::tools {
namespace {

using testing::ran;
using testing::run;
using testing::scratch_file;

const std::string example_path = WEIR_SOURCE_DIR "/tools/limits.example.toml";

std::string whole_text(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

TEST(LimitsExample, IsRight) {
  const ran done = run({"check", example_path.c_str()});
  EXPECT_EQ(done.status, 0);
  EXPECT_EQ(done.out, example_path + ": ok\n");
}

TEST(LimitsExample, IsRightWithWhatIsCommentedOut) {
  const std::string all = std::regex_replace(whole_text(example_path), std::regex("\n#([a-z])"), "\n$1");
  const scratch_file file(all, "limits.toml");
  const std::string path = file.path();
  const ran done = run({"check", path.c_str()});
  EXPECT_EQ(done.status, 0) << done.out;
  EXPECT_NE(done.out.find(": warning: trace = \"trace.csv\": it cannot be read "), std::string::npos) << done.out;
  EXPECT_EQ(done.out.find('\n') + 1, done.out.size()) << done.out;  // and no more than that
}

TEST(LimitsExample, NamesEverySetting) {
  const std::string all = whole_text(example_path);
  const auto expect_named = [&](std::string_view key) {
    EXPECT_TRUE(std::regex_search(all, std::regex("\n#?" + std::string(key) + " = "))) << key;
  };
  for (const setting_name& one : setting_names) expect_named(one.key);
  for (const traffic_name& one : traffic_names) expect_named(one.key);
}

TEST(LimitsExample, IsPlayed) {
  const scratch_file trace("arrival_s,weight,service_us\n0,16,10\n");
  const std::string path = trace.path();
  const ran done = run({"replay", "--config", example_path.c_str(), "--trace", path.c_str()});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_NE(done.out.find("door: enqueue, 2 workers, at most 1,000 tasks of weight 64, 2000/s with bursts of 100, 256 "
                          "waiters, deadline 250 ms\n"),
            std::string::npos)
      << done.out;
}

TEST(LimitsExample, IsExplainedAsTheReadmeHasIt) {
  const std::string readme = whole_text(WEIR_SOURCE_DIR "/README.md");
  std::istringstream lines(run({"check", "--explain", example_path.c_str()}).out);
  int quoted_there = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("rate ", 0) != 0 && line.rfind("max_waiters ", 0) != 0) continue;
    EXPECT_NE(readme.find('\n' + line + '\n'), std::string::npos) << line;
    ++quoted_there;
  }
  EXPECT_EQ(quoted_there, 2);
}

}  // namespace
}  // namespace weir::tools
