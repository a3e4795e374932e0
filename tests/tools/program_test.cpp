// The program itself, as a shell starts it: what it leaves behind, what it makes of signals and of outputs that do not
// take the report, and what it says about itself.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "program.hpp"
#include "support/sanitizers.hpp"
#include "support/scratch_file.hpp"

namespace weir::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
namespace fs = std::filesystem;

const std::string header = "arrival_s,weight,service_us\n";

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

std::set<std::string> files_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

std::uint64_t peak_of(const scratch_file& trace) {
  const std::string report = trace.folder() + "/report.json";
  EXPECT_EQ(run_program({"replay", "--trace", trace.path(), "--json", report}).status, 0);
  return json::parse(content_of(report))["peak_rss_bytes"];
}

TEST(Program, PeakMemoryIsItsOwnAndNotThatOfItsParent) {
  const scratch_file trace(header + "0,1,1\n");
  const std::uint64_t before = peak_of(trace);
  constexpr std::size_t much = 128'000'000;
  std::vector<char> mine(much);
  for (std::size_t at = 0; at < mine.size(); at += 4'096) mine[at] = 1;
  const std::uint64_t after = peak_of(trace);
  EXPECT_GT(before, 100'000U);
  EXPECT_LT(after, before + much / 2);
  EXPECT_EQ(mine[8'192], 1);
}

TEST(Program, KilledInTheMiddleLeavesNoFileBehind) {
  const scratch_file trace(header + "0,1,1\n60,1,1\n");
  const std::set<std::string> only{"trace.csv"};
  program weir({"replay", "--trace", trace.path(), "--json", trace.folder() + "/report.json"});
  weir.await_watch();
  EXPECT_EQ(files_in(trace.folder()), only);
  weir.send(SIGKILL);
  EXPECT_EQ(weir.finish().status, 128 + SIGKILL);
  EXPECT_EQ(files_in(trace.folder()), only);
}

TEST(Program, ReportThroughALinkKeepsTheLink) {
  const scratch_file trace(header + "0,1,1\n");
  const std::string link = trace.folder() + "/link.json";
  const std::string real = trace.folder() + "/real.json";
  std::ofstream(real) << std::string(100'000, 'x');  // longer than the report: nothing of it may stay
  fs::create_symlink("real.json", link);
  EXPECT_EQ(run_program({"replay", "--trace", trace.path(), "--json", link}).status, 0);
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(json::parse(content_of(real))["submitted"], 1);
}

TEST(Program, ReportToAnOutputComesBehindTheText) {
  // As with --json /dev/stdout, by a link of our own that nobody else needs.
  const scratch_file trace(header + "0,1,1\n");
  const std::string link = trace.folder() + "/stdout";
  const std::string output = trace.folder() + "/output";
  fs::create_symlink("/proc/self/fd/1", link);
  for (const std::string& named : {link, output}) {
    EXPECT_EQ(run_program({"replay", "--trace", trace.path(), "--json", named}, {.output = output}).status, 0);
    EXPECT_TRUE(fs::is_symlink(link));
    const std::string all = content_of(output);
    EXPECT_EQ(all.rfind("weir replay ", 0), 0U);
    const std::size_t start = all.find("\n{\n");
    ASSERT_NE(start, std::string::npos) << all;
    EXPECT_EQ(json::parse(all.substr(start))["submitted"], 1);
    fs::remove(output);
  }
}

TEST(Program, OutputThatTakesNothingIsOneLineAndStatusTwo) {
  const scratch_file trace(header + "0,1,1\n");
  const auto expect_told = [](const finished& done, const std::string& start) {
    EXPECT_EQ(done.status, 2);
    EXPECT_EQ(done.err.rfind(start, 0), 0U) << done.err;
    EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
  };
  expect_told(run_program({"replay", "--trace", trace.path()}, {.output = "/dev/full"}),
              "weir: the standard output cannot be written, ");
  expect_told(run_program({"version"}, {.output = "/dev/full"}), "weir: the standard output cannot be written, ");
  const finished json_lost = run_program({"replay", "--trace", trace.path(), "--json", "/dev/full"});
  expect_told(json_lost, "weir: --json /dev/full: the report could not be written (No space left on device), ");
  EXPECT_NE(json_lost.out.find("all promises held"), std::string::npos);
}

TEST(Program, OneInterruptDrainsAndReports) {
  const scratch_file trace(header + "0,1,300000\n60,1,1\n");
  const std::string report = trace.folder() + "/report.json";
  program weir({"replay", "--trace", trace.path(), "--deadline", "none", "--json", report},
               {.environment = {"TERM=xterm"}, .on_terminal = true});
  weir.await_error("admitted");
  weir.send(SIGINT);
  const finished done = weir.finish();
  EXPECT_EQ(done.status, 3);
  EXPECT_NE(done.out.find("\ninterrupted and drained; all promises held\n"), std::string::npos) << done.out;
  EXPECT_EQ(json::parse(content_of(report))["completed"], 1);
}

TEST(Program, ASignalToItAndOneToItsGroupAreOneInterrupt) {
  // As `timeout` does it. Two kinds, since a second one of the same kind may come as one with the first.
  const scratch_file trace(header + "0,1,1\n60,1,1\n");
  program weir({"replay", "--trace", trace.path()});
  weir.await_watch();
  weir.send(SIGTERM);
  weir.send(SIGINT);
  EXPECT_EQ(weir.finish().status, 3);
}

TEST(Program, InterruptsThatWereIgnoredStayIgnored) {
  const scratch_file trace(header + "0,1,1\n1,1,1\n");
  program weir({"replay", "--trace", trace.path()}, {.ignores_interrupts = true});
  weir.await_watch(SIGTERM);
  weir.send(SIGINT);
  const finished done = weir.finish();
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_NE(done.out.find("submitted                        2"), std::string::npos) << done.out;
}

#if !WEIR_WITH_TSAN  // it holds signals back from a thread that sleeps by a system call that it does not know
TEST(Program, SecondInterruptEndsItWithoutAReport) {
  const scratch_file trace(header + "0,1,60000000\n");
  program weir({"replay", "--trace", trace.path(), "--deadline", "none"},
               {.environment = {"TERM=xterm"}, .on_terminal = true});
  weir.await_error("live 1 ");
  int sent = 0;
  do {
    weir.send(SIGINT);
    ++sent;
  } while (!weir.ends_within(250ms));  // what comes within 200 ms of the first is the same
  const finished done = weir.finish();
  EXPECT_EQ(done.status, 130);
  EXPECT_EQ(done.out, "");
  EXPECT_NE(done.err.find("interrupted twice"), std::string::npos) << done.err;
  EXPECT_GE(sent, 2);
}
#endif

TEST(Program, LateSubmitterIsToldAndWithStrictHasItsStatus) {
  // All due at once: handing over the last of them takes far longer than the 5 ms that are allowed.
  std::string all = header;
  for (int i = 0; i < 200'000; ++i) all += "0,1,1\n";
  const scratch_file trace(all);
  const std::vector<std::string> usual{"replay", "--trace", trace.path(), "--door", "try", "--max-tasks", "1"};
  std::vector<std::string> strictly = usual;
  strictly.emplace_back("--strict");
  const finished mild = run_program(usual);
  const finished strict = run_program(strictly);
  EXPECT_EQ(mild.status, 0) << mild.err;
  EXPECT_EQ(strict.status, 4) << strict.err;
  for (const finished& one : {mild, strict})
    EXPECT_NE(one.out.find(" late at the 99th percentile, 5 ms is the limit"), std::string::npos) << one.out;
}

TEST(Program, ShowsColourOnATerminalUnlessToldNotTo) {
  const scratch_file trace(header + "0,1,1\n60,1,1\n");
  const std::vector<std::string> arguments{"replay", "--trace", trace.path()};
  program colourful(arguments, {.environment = {"TERM=xterm", "NO_COLOR="}, .on_terminal = true});  // empty: not set
  program plain(arguments, {.environment = {"TERM=xterm", "NO_COLOR=1"}, .on_terminal = true});
  program piped(arguments, {.environment = {"TERM=xterm"}});
  for (program* const live : {&colourful, &plain}) {
    live->await_error("admitted");
    live->send(SIGINT);
  }
  const finished with = colourful.finish();
  EXPECT_EQ(with.status, 3);
  EXPECT_NE(with.err.find("\x1b[3"), std::string::npos) << with.err;
  const finished without = plain.finish();
  EXPECT_EQ(without.status, 3);
  EXPECT_EQ(without.err.find("\x1b[3"), std::string::npos) << without.err;
  EXPECT_NE(without.err.find("\x1b[K"), std::string::npos) << without.err;

  piped.await_error("\n", 2);
  piped.send(SIGINT);
  const finished lines = piped.finish();
  EXPECT_EQ(lines.status, 3);
  EXPECT_EQ(lines.err.find_first_of("\x1b\r"), std::string::npos) << lines.err;
  double first = 0;
  double second = 0;
  ASSERT_EQ(std::sscanf(lines.err.c_str(), "weir: %lf s of 60.0 s, %*[^\n]\nweir: %lf s of", &first, &second), 2)
      << lines.err;
  EXPECT_GE(first, 1.9);
  EXPECT_GE(second - first, 0.1);  // where the first came late the second still comes in time
  EXPECT_GE(second, 3.9);
}

}  // namespace
}  // namespace weir::testing
