// `weir check`: each error and warning that it has of its own, with its place, and its exit status.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "program.hpp"
#include "replayed.hpp"
#include "support/scratch_file.hpp"

namespace weir::tools {
namespace {

using testing::ran;
using testing::run;
using testing::scratch_file;

// What the check prints of a file with this text, without the folder.
std::string checked_text(const std::string& text, int expected_status) {
  const scratch_file file(text, "limits.toml");
  const std::string path = file.path();
  const ran done = run({"check", path.c_str()});
  EXPECT_EQ(done.status, expected_status) << done.out;
  EXPECT_EQ(done.err, "");
  std::string said = done.out;
  const std::string folder = file.folder() + '/';
  for (std::size_t at = said.find(folder); at != std::string::npos; at = said.find(folder))
    said.erase(at, folder.size());
  return said;
}

std::string warned(const std::string& text) { return checked_text(text, 0); }

const std::string all_is_well = "limits.toml: ok\n";
const std::string rate_and_burst = "rate = 2000\nburst = 100\n";

TEST(Check, AFileThatIsRightIsOneLine) {
  EXPECT_EQ(warned(""), all_is_well);
  EXPECT_EQ(warned("[limits]\n" + rate_and_burst + "max_waiters = 256\n"), all_is_well);
}

TEST(Check, ErrorsAreInTheOrderOfTheFile) {
  EXPECT_EQ(
      checked_text("[replay]\ndeadline = 250\n[limits]\nmax_task = 5\nrate = 200\n[traffic]\nat_once = 0\n", 2),
      "limits.toml:2:12: error: deadline = 250: the unit is missing, ns, us, ms, s, min and h are known, write it "
      "behind the number, such as \"250ms\"\n"
      "limits.toml:4:1: error: max_task: there is no such setting, [limits] has max_tasks, max_weight, rate, "
      "burst, max_waiters, max_waiting_weight, overflow, priority_ageing, max_bypass, strict_window, "
      "allow_slow_waiters, breaker_expired, breaker_pause, warn_at and flight_entries, perhaps max_tasks is meant\n"
      "limits.toml:5:8: error: rate = 200: the burst is missing, a rate has a burst of at least 1, add burst\n"
      "limits.toml:7:11: error: at_once = 0: out of range, 1 to 2147483647 is possible, choose a number in that "
      "range\n");
}

TEST(Check, ABurstWithoutARateIsAnError) {
  EXPECT_EQ(checked_text("[limits]\nburst = 5\n", 2),
            "limits.toml:2:9: error: burst = 5: there is no rate, a burst is a part of a rate, add rate or leave it "
            "out\n");
}

TEST(Check, WhatIsNoTomlIsAnErrorWithItsPlace) {
  EXPECT_EQ(checked_text("[limits]\nrate = 1\nrate = 2\n", 2),
            "limits.toml:3:8: error: this is no TOML (Error while parsing key-value pair: cannot redefine existing "
            "integer 'rate'), words and numbers with units stand in quotes, such as \"250ms\", correct the line\n");
}

TEST(Check, FilesThatCannotBeReadAreErrors) {
  const scratch_file folder("");
  const std::string missing = folder.folder() + "/missing.toml";
  EXPECT_EQ(run({"check", missing.c_str()}).status, 2);
  EXPECT_EQ(run({"check", missing.c_str()}).out,
            missing +
                ":1:1: error: the file cannot be opened (No such file or directory), a file that can be read is "
                "needed, check the path\n");
  EXPECT_EQ(run({"check", ""}).err, "weir: FILE \"\": the name is empty, a file is needed, name one\n");
  EXPECT_EQ(run({"check"}).err, "weir: FILE is required, see weir check --help\n");
}

TEST(Check, RequestsThatAreAlwaysTooHeavyAreAnError) {
  EXPECT_EQ(checked_text("[limits]\nmax_weight = 64\n[traffic]\nlargest_weight = 65\n", 2),
            "limits.toml:4:18: error: largest_weight = 65: max_weight is 64, what is heavier is refused too_heavy "
            "whenever it comes, raise max_weight or split what is so heavy\n");
  EXPECT_EQ(warned("[limits]\nmax_weight = 64\n[traffic]\nlargest_weight = 64\n"), all_is_well);
  EXPECT_EQ(warned("[limits]\nmax_weight = \"unlimited\"\n[traffic]\nlargest_weight = 65\n"), all_is_well);
  EXPECT_EQ(warned("[traffic]\nlargest_weight = 65\n"), all_is_well);
}

TEST(Check, ALineThatIsLongerThanTheDeadlineIsDoubtful) {
  EXPECT_EQ(warned("[limits]\n" + rate_and_burst + "max_waiters = 500\n"),
            "limits.toml:4:15: warning: max_waiters = 500: at 2000/s the last in line would wait 250 ms, the deadline "
            "is 250 ms, those behind the first 499 are refused expired when they come, so many places are enough\n");
  EXPECT_EQ(warned("[limits]\n" + rate_and_burst + "max_waiters = 499\n"), all_is_well);
  EXPECT_EQ(warned("[limits]\n" + rate_and_burst + "max_waiters = 500\n[replay]\ndeadline = \"none\"\n"), all_is_well);
  EXPECT_EQ(warned("[limits]\nrate = 2\nburst = 10\n[pool]\nworkers = 2\n"),
            "limits.toml:2:8: warning: max_waiters is 128 if nothing is said: at 2/s the last in line would wait 64 s, "
            "the deadline is 250 ms, nobody who has to wait is served in time, raise the rate or the deadline\n");
}

TEST(Check, PlacesThatNobodyHasAskedForAreNotDoubtful) {
  EXPECT_EQ(warned("[limits]\nrate = 20\nburst = 10\n"), all_is_well);
}

TEST(Check, WaitersThatTheTimerHoldsUpAreDoubtful) {
  EXPECT_EQ(warned("[limits]\nrate = 5000\nburst = 1\nallow_slow_waiters = true\n"),
            "limits.toml:3:9: warning: burst = 1: the timer that lets in those who wait is 50 us late on a quiet host, "
            "at 5000/s they reach 80 % of the rate, a burst of 6 loses nothing\n");
  EXPECT_EQ(warned("[limits]\nrate = 2000\nburst = 2\n"),
            "limits.toml:3:9: warning: burst = 2: the timer that lets in those who wait is up to 1 ms late on a busy "
            "host, at 2000/s they reach 66 % of the rate, a burst of 3 loses nothing\n");
  EXPECT_EQ(warned("[limits]\nrate = 2000\nburst = 3\n"), all_is_well);
  EXPECT_EQ(warned("[limits]\nrate = 2000\nburst = 1\n[replay]\ndoor = \"try\"\n"), all_is_well);
  EXPECT_EQ(warned("[limits]\nrate = 2000\nburst = 1\nmax_waiters = 0\n"), all_is_well);
}

TEST(Check, ABurstThatFindsNoRoomIsDoubtful) {
  EXPECT_EQ(
      warned("[limits]\n" + rate_and_burst + "max_tasks = 64\nmax_waiters = 30\n"),
      "limits.toml:3:9: warning: burst = 100: of so many at once at least 6 are refused, max_tasks and max_waiters "
      "have room for 94, raise the one or lower the other\n");
  EXPECT_EQ(warned("[limits]\n" + rate_and_burst + "max_tasks = 64\n[replay]\ndoor = \"try\"\n"),
            "limits.toml:3:9: warning: burst = 100: of so many at once at least 36 are refused, max_tasks has room for "
            "64, raise the one or lower the other\n");
  EXPECT_EQ(warned("[limits]\n" + rate_and_burst + "max_tasks = \"unlimited\"\nmax_waiters = 1\n"), all_is_well);
  EXPECT_EQ(warned("[limits]\n" + rate_and_burst + "max_tasks = 64\nmax_waiters = 1\noverflow = \"caller_runs\"\n"),
            all_is_well);
}

TEST(Check, LimitsBelowTheWorkersAreDoubtful) {
  EXPECT_EQ(warned("[pool]\nworkers = 4\n[limits]\nmax_tasks = 3\nmax_weight = 2\n"),
            "limits.toml:4:13: warning: max_tasks = 3 is less than the 4 workers: the others have nothing but forks of "
            "these, set at least as many tasks as workers\n"
            "limits.toml:5:14: warning: max_weight = 2 is less than the 4 workers, and each request weighs 1 at least: "
            "the other workers have nothing but forks and children of these, raise it\n");
}

TEST(Check, PoliciesThatDoNothingAreDoubtful) {
  EXPECT_EQ(
      warned("[limits]\nmax_waiters = 0\noverflow = \"drop_oldest\"\n"),
      "limits.toml:3:12: warning: overflow = \"drop_oldest\": max_waiters is 0 and nobody is there to be dropped, "
      "each newcomer is refused, set max_waiters or leave this out\n");
  EXPECT_EQ(
      warned("[limits]\noverflow = \"caller_runs\"\n[replay]\ndoor = \"block\"\n"),
      "limits.toml:2:12: warning: overflow = \"caller_runs\" with door = \"block\": the thread that submits waits "
      "when the line is full as well, uncounted, and max_waiters bounds nothing, choose another policy or another "
      "door\n");
  EXPECT_EQ(
      warned("[limits]\nstrict_window = true\n"),
      "limits.toml:2:17: warning: strict_window = true: there is no rate, windows are those of a rate, add one or "
      "leave this out\n");
  EXPECT_EQ(warned("[limits]\nstrict_window = false\n"), all_is_well);
}

TEST(Check, APauseNeedsWhatMakesIt) {
  EXPECT_EQ(checked_text("[limits]\nbreaker_pause = \"1s\"\n", 2),
            "limits.toml:2:17: error: breaker_pause = \"1s\": nothing makes this pause, say after how many expiries in "
            "a row, add breaker_expired or leave it out\n");
  EXPECT_EQ(warned("[limits]\nbreaker_pause = \"1s\"\nbreaker_expired = 3\n"), all_is_well);
}

TEST(Check, WeightThatNeverWaitsIsDoubtful) {
  const std::string limits = "[limits]\nmax_weight = 64\nmax_waiting_weight = 15\n[traffic]\nlargest_weight = ";
  EXPECT_EQ(warned(limits + "16\n"),
            "limits.toml:3:22: warning: max_waiting_weight = 15: of requests that weigh up to 16 those above it never "
            "wait, they are let in at once or refused, raise it\n");
  EXPECT_EQ(warned(limits + "15\n"), all_is_well);
}

TEST(Check, NoLimitAtAllIsDoubtful) {
  EXPECT_EQ(
      warned("[limits]\nmax_tasks = \"unlimited\"\nmax_weight = \"unlimited\"\n"),
      "limits.toml:2:13: warning: max_tasks and max_weight are unlimited and there is no rate: a pool counts to "
      "16,777,215 tasks and lets in all up to that, an overload is then paid in memory and in time, set one of the "
      "three\n");
}

TEST(Check, TrafficAboveTheLimitsIsDoubtful) {
  EXPECT_EQ(warned("[limits]\n" + rate_and_burst + "[traffic]\nrate = 3000\n"),
            "limits.toml:5:8: warning: rate = 3000: the limits let in 2000/s, in the long run at most 66 % of these "
            "enter, raise the limit if the others are wanted\n");
  EXPECT_EQ(warned("[limits]\n" + rate_and_burst + "[traffic]\nrate = \"2000/s\"\n"), all_is_well);
  EXPECT_EQ(warned("[limits]\nrate = 30\nburst = 10\n[traffic]\nrate = \"1800/min\"\n"), all_is_well);
}

TEST(Check, ManyAtOnceAreHeldAgainstBurstRoomAndDeadline) {
  EXPECT_EQ(
      warned("[limits]\n" + rate_and_burst + "max_waiters = 50\n[traffic]\nat_once = 151\n"),
      "limits.toml:6:11: warning: at_once = 151: 100 enter at once, by burst, and 50 can wait, at least 1 of these "
      "are refused, raise burst or max_waiters\n");
  EXPECT_EQ(warned("[limits]\n" + rate_and_burst + "max_waiters = 50\n[traffic]\nat_once = 150\n"), all_is_well);
  EXPECT_EQ(warned("[limits]\nmax_tasks = 8\n[replay]\ndoor = \"try\"\n[traffic]\nat_once = 10\n[pool]\nworkers = 2\n"),
            "limits.toml:6:11: warning: at_once = 10: 8 enter at once, by max_tasks, and nobody waits, at least 2 of "
            "these are refused, raise max_tasks\n");
  EXPECT_EQ(warned("[limits]\nrate = 100\nburst = 10\nmax_waiters = 50\n[traffic]\nat_once = 40\n[replay]\ndeadline = "
                   "\"501ms\"\n"),
            all_is_well);
  EXPECT_EQ(warned("[limits]\nrate = 100\nburst = 10\nmax_waiters = 30\n[traffic]\nat_once = 40\n[replay]\ndeadline = "
                   "\"299ms\"\n"),
            "limits.toml:4:15: warning: max_waiters = 30: at 100/s the last in line would wait 300 ms, the deadline is "
            "299 ms, those behind the first 29 are refused expired when they come, so many places are enough\n"
            "limits.toml:6:11: warning: at_once = 40: behind a burst of 10 the last of these would wait 300 ms, the "
            "deadline is 299 ms, raise the burst\n");
}

TEST(Check, AShareBelowOnePercentIsDoubtful) {
  EXPECT_EQ(warned("[replay]\ncancel = 0.05\n"),
            "limits.toml:2:10: warning: cancel = 0.05: this is less than one percent, 5 is 5 % and 0.05 is one in two "
            "thousand, check that a share in percent was meant\n");
  EXPECT_EQ(warned("[replay]\ncancel = 1\n"), all_is_well);
}

TEST(Check, ATraceThatIsNotThereIsDoubtful) {
  const scratch_file trace("");
  EXPECT_EQ(warned("[replay]\ntrace = '" + trace.path() + "'\n"), all_is_well);
  EXPECT_EQ(warned("[replay]\ntrace = \"no/such/trace.csv\"\n"),
            "limits.toml:2:9: warning: trace = \"no/such/trace.csv\": it cannot be read (No such file or directory), a "
            "name is looked up from where weir is started, check the path\n");
}

TEST(Check, ItIsTheProgramThatSaysSo) {
  const scratch_file right("[limits]\n" + rate_and_burst, "limits.toml");
  const testing::finished good = testing::run_program({"check", right.path()});
  EXPECT_EQ(good.status, 0);
  EXPECT_EQ(good.out, right.path() + ": ok\n");
  const scratch_file wrong("[limits]\nrate = 0\n", "limits.toml");
  const testing::finished bad = testing::run_program({"check", wrong.path()});
  EXPECT_EQ(bad.status, 2);
  EXPECT_EQ(bad.out.rfind(wrong.path() + ":2:8: error: rate = 0: out of range, ", 0), 0U) << bad.out;
  EXPECT_EQ(bad.err, "");
}

}  // namespace
}  // namespace weir::tools
