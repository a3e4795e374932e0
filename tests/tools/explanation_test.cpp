// `weir check --explain`: the sentences, each with numbers that are exact.
#include <gtest/gtest.h>
#include <string>

#include "replayed.hpp"
#include "support/scratch_file.hpp"

namespace weir::tools {
namespace {

using testing::ran;
using testing::run;
using testing::scratch_file;

// All that is printed of a file with this text, behind its first line.
std::string explained(const std::string& text) {
  const scratch_file file("[pool]\nworkers = 2\n" + text, "limits.toml");
  const std::string path = file.path();
  const ran done = run({"check", "--explain", path.c_str()});
  EXPECT_EQ(done.status, 0) << done.out;
  EXPECT_EQ(done.err, "");
  return done.out.substr(done.out.find('\n') + 1);
}

void expect_line(const std::string& text, const std::string& line) {
  const std::string all = explained(text);
  EXPECT_NE(('\n' + all).find('\n' + line + '\n'), std::string::npos) << line << "\nis not in\n" << all;
}

void expect_no_line(const std::string& text, const std::string& start) {
  const std::string all = explained(text);
  EXPECT_EQ(('\n' + all).find('\n' + start), std::string::npos) << all;
}

TEST(Explanation, IsWholeForAServiceWithEachLimit) {
  EXPECT_EQ(
      explained("[limits]\nmax_tasks = 1000\nmax_weight = 64\nrate = 2000\nburst = 100\nmax_waiters = 256\n"
                "overflow = \"reject_new\"\n[replay]\ndoor = \"enqueue\"\ndeadline = \"250ms\"\n"
                "[traffic]\nlargest_weight = 16\nrate = 1500\nat_once = 200\n"),
      "workers 2: at most 2 requests run at a time\n"
      "max_tasks 1,000: at most 1,000 requests are queued or running, children that they spawn included; while all "
      "workers are busy at most 998 of them are queued\n"
      "max_weight 64: the requests that were let in weigh at most 64 together, until they have ended; a heavier one is "
      "refused too_heavy at once; of the heaviest, 16 each, 4 fit at a time\n"
      "rate 2000/s, burst 100: one every 500 us; after 50 ms of quiet 100 may come at once; in any second at most "
      "2,100, "
      "by the limiter's own times of admission; a request counts one, whatever it weighs\n"
      "  who waits reaches 100 % of the rate, also where a timer is 1 ms late\n"
      "max_waiters 256: so many may wait at the door in one line, in their order; at this rate the last in a full line "
      "waits 128 ms, longer if there is no room either; within the deadline of 250 ms the rate can serve all of them\n"
      "overflow reject_new: who comes when all these places are taken is refused waiters_full\n"
      "door enqueue: a request that is over a limit waits by itself; the thread that submits it goes on\n"
      "deadline 250 ms: of each request, from its arrival on, for waiting, queueing and running together; one that has "
      "not started by then never does, and one that runs is asked to stop\n"
      "traffic of 1500/s: it uses 75 % of the rate\n"
      "traffic of 200 at once: where there is room for them the burst lets in 100, and the rate 100 that wait, the "
      "last 50 ms later\n");
}

TEST(Explanation, SaysWhereValuesComeFromThatNobodyWrote) {
  EXPECT_EQ(
      explained(""),
      "workers 2: at most 2 requests run at a time\n"
      "max_tasks 128 (64 x workers): at most 128 requests are queued or running, children that they spawn "
      "included; while all workers are busy at most 126 of them are queued\n"
      "max_weight (16 x median weight x workers): known when the requests of a replay have been read\n"
      "rate unlimited (nothing is said): requests enter as fast as they come, up to the other limits\n"
      "max_waiters 128 (64 x workers): so many may wait at the door in one line, in their order, for room; how "
      "long that takes is up to those that run\n"
      "overflow reject_new (nothing is said): who comes when all these places are taken is refused waiters_full\n"
      "door enqueue (nothing is said): a request that is over a limit waits by itself; the thread that submits it "
      "goes on\n"
      "deadline 250 ms (nothing is said): of each request, from its arrival on, for waiting, queueing and running "
      "together; one that has not started by then never does, and one that runs is asked to stop\n");
}

TEST(Explanation, RatesAreInTheirOwnTime) {
  const std::string own = ", by the limiter's own times of admission; a request counts one, whatever it weighs";
  expect_line(
      "[limits]\nrate = \"10/min\"\nburst = 20\n",
      "rate 10/min, burst 20: one every 6 s; after 120 s of quiet 20 may come at once; in any minute at most 30" + own);
  expect_line(
      "[limits]\nrate = 3\nburst = 2\n",
      "rate 3/s, burst 2: one every 333.33333334375 ms, rounded up to 1/64 ns; after 666.6666666875 ms of quiet 2 "
      "may come at once; in any second at most 4" +
          own);
  expect_line(
      "[limits]\nrate = \"1 per 2 h\"\nburst = 2\n",
      "rate 1 per 7200 s, burst 2: one every 7,200 s; after 14,400 s of quiet 2 may come at once; in any day at "
      "most 14" +
          own);
  expect_line(
      "[limits]\nrate = \"1 per 100 h\"\nburst = 2\n",
      "rate 1 per 360000 s, burst 2: one every 360,000 s; after 720,000 s of quiet 2 may come at once; in any day "
      "at most 2" +
          own);
  expect_line(
      "[limits]\nrate = 2000\nburst = 100\nstrict_window = true\n",
      "rate 2000/s, burst 100: one every 500 us; after 50 ms of quiet 100 may come at once; in any second at most "
      "2,100, and by any outside clock 2,102, since strict_window is set; a request counts one, whatever it "
      "weighs");
}

TEST(Explanation, WaitersThatATimerHoldsUpAreCounted) {
  expect_line(
      "[limits]\nrate = 5000\nburst = 1\nallow_slow_waiters = true\n",
      "  who waits reaches 80 % of the rate where a timer is 50 us late, as on a quiet host, and 16 % where it is "
      "1 ms late; a burst of 6 loses nothing");
  expect_no_line("[limits]\nrate = 5000\nburst = 1\n[replay]\ndoor = \"try\"\n", "  who waits");
}

TEST(Explanation, FlightSaysWhatItCosts) {
  expect_line(
      "[limits]\nflight_entries = 5000\n",
      "flight_entries 5,000: the last 5,000 steps of the door are kept, in 320 kB; each of them takes the lock of "
      "the door, which makes an admission about three times as dear");
  expect_line("[replay]\nflight = \"run.flight\"\n",
              "flight_entries 1,048,576 (for the flight): the last 1,048,576 steps of the door are kept, in 67,108 kB; "
              "each of them takes the lock of the door, which makes an admission about three times as dear");
  expect_no_line("[limits]\nmax_tasks = 5\n", "flight_entries");
}

TEST(Explanation, LineIsHeldAgainstTheDeadline) {
  const std::string line =
      "max_waiters 600: so many may wait at the door in one line, in their order; at this rate the "
      "last in a full line waits 300 ms, longer if there is no room either";
  const std::string limits = "[limits]\nrate = 2000\nburst = 100\nmax_waiters = 600\n";
  expect_line(limits, line +
                          "; within the deadline of 250 ms the rate can serve the first 499, and who comes behind "
                          "these is refused expired at once");
  expect_line(limits + "[replay]\ndeadline = \"100us\"\n",
              line +
                  "; within the deadline of 100 us the rate can serve none of them, and who would have to wait is "
                  "refused expired at once");
  expect_line(limits + "[replay]\ndeadline = \"none\"\n", line);
  expect_line("[limits]\nmax_waiters = 0\n", "max_waiters 0: no place to wait at the door");
}

TEST(Explanation, EachPolicyAndDoorHasASentence) {
  const std::string full = "who comes when all these places are taken ";
  expect_line(
      "[limits]\noverflow = \"drop_oldest\"\n",
      "overflow drop_oldest: " + full + "takes the place of the one that has waited longest, which is refused shed");
  expect_line("[limits]\noverflow = \"drop_lowest\"\n",
              "overflow drop_lowest: " + full +
                  "takes the place of the newest of the lowest priority, if its own is higher, and else is refused "
                  "waiters_full; in a replay all have one priority");
  expect_line("[limits]\noverflow = \"caller_runs\"\n",
              "overflow caller_runs: " + full +
                  "waits with the thread that submits, which then runs it itself; in a replay that thread is the only "
                  "one, and submits nothing meanwhile");
  expect_line("[limits]\nmax_waiters = 0\n",
              "overflow reject_new (nothing is said): who would have to wait is refused waiters_full");
  expect_line("[limits]\nmax_waiters = 0\noverflow = \"drop_oldest\"\n",
              "overflow drop_oldest: who would have to wait is refused waiters_full, since nobody is there to be "
              "dropped");
  expect_line("[replay]\ndoor = \"try\"\n",
              "door try: who is over a limit is refused at once; nobody waits, and max_waiters and overflow are not "
              "looked at");
  expect_line("[replay]\ndoor = \"block\"\n",
              "door block: the thread that submits a request waits while it is over a limit");
  expect_no_line("[replay]\ndoor = \"try\"\n", "max_waiters ");
}

TEST(Explanation, OrderOfTheLineIsSaidWhereItWasWritten) {
  expect_line("[limits]\nmax_waiting_weight = 1000\n",
              "max_waiting_weight 1,000: those who wait at the door weigh at most 1,000 together; a heavier one never "
              "waits");
  expect_line("[limits]\npriority_ageing = 1\n",
              "priority_ageing 1: one that waits is passed at most 1 time by those who come later with a priority one "
              "level higher, and twice as often by those two levels higher; in a replay all have one priority");
  expect_line("[limits]\npriority_ageing = 0\n",
              "priority_ageing 0: one that waits is never passed by those who come later with a priority one level "
              "higher; in a replay all have one priority");
  expect_line("[limits]\nmax_bypass = \"unlimited\"\n",
              "max_bypass unlimited: one that waits for weight is overtaken any number of times by lighter ones behind "
              "it for which there is room");
  expect_no_line("[limits]\nmax_tasks = 5\n", "priority_ageing");
}

TEST(Explanation, BreakerIsSaidWhereThereIsOne) {
  expect_line("[limits]\nbreaker_expired = 5\nbreaker_pause = \"2s\"\n",
              "breaker_expired 5, breaker_pause 2 s: when 5 requests have expired in a row, in line or running, who "
              "comes is refused breaker_open for 2 s; after that one more expiry shuts it again, unless one ends in "
              "time");
  expect_no_line("[limits]\nmax_tasks = 5\n", "breaker");
}

TEST(Explanation, PressureIsSaidWhereItIsAskedFor) {
  expect_line(
      "[limits]\nmax_tasks = 100\nmax_weight = 64\nmax_waiters = 1\nwarn_at = 0.75\n",
      "warn_at 0.75: the door counts as nearly full from 75 tasks (until 66), 48 of weight (until 42), 1 waiters "
      "(until 0)");
  expect_line("[limits]\nmax_tasks = \"unlimited\"\nwarn_at = 1\n[replay]\ndoor = \"try\"\n",
              "warn_at 1: the door counts as nearly full from no limit that can be reached");
  expect_no_line("[limits]\nmax_tasks = 5\n", "warn_at");
}

TEST(Explanation, UnlimitedIsSaid) {
  const std::string limits = "[limits]\nmax_tasks = \"unlimited\"\nmax_weight = \"unlimited\"\nrate = 9\nburst = 9\n";
  expect_line(limits, "max_tasks unlimited: as many requests are queued as come; a pool counts to 16,777,215");
  expect_line(limits, "max_weight unlimited: weights are not counted");
  expect_line("[limits]\nrate = \"unlimited\"\n",
              "rate unlimited: requests enter as fast as they come, up to the other limits");
  expect_line("[replay]\ndeadline = \"none\"\n", "deadline none: a request waits and runs for as long as it takes");
}

TEST(Explanation, TrafficIsHeldAgainstTheRate) {
  const std::string limits = "[limits]\nrate = 2000\nburst = 100\n";
  expect_line(limits + "[traffic]\nrate = 3000\n", "traffic of 3000/s: it uses 150 % of the rate");
  const std::string clump = " at once: where there is room for them the burst lets in 100";
  expect_line(limits + "[traffic]\nat_once = 100\n", "traffic of 100" + clump);
  expect_line(limits + "[traffic]\nat_once = 101\n[replay]\ndoor = \"try\"\n",
              "traffic of 101" + clump + "; 1 is refused");
  expect_line(limits + "max_waiters = 40\n[traffic]\nat_once = 1000\n",
              "traffic of 1,000" + clump + ", and the rate 40 that wait, the last 20 ms later; 860 are refused");
  expect_line(limits + "max_waiters = 600\n[traffic]\nat_once = 1000\n",
              "traffic of 1,000" + clump + ", and the rate 499 that wait, the last 249.5 ms later; 401 are refused");
  expect_line(limits + "max_waiters = 4\noverflow = \"caller_runs\"\n[traffic]\nat_once = 300\n",
              "traffic of 300" + clump + ", and the rate 200 that wait, the last 100 ms later");
}

TEST(Explanation, FollowsWarningsAndNotErrors) {
  const scratch_file file("[limits]\nrate = 5000\nburst = 1\nallow_slow_waiters = true\n", "limits.toml");
  const std::string path = file.path();
  const ran doubtful = run({"check", path.c_str(), "--explain"});
  EXPECT_EQ(doubtful.out.rfind(path + ":3:9: warning: burst = 1: ", 0), 0U) << doubtful.out;
  EXPECT_NE(doubtful.out.find("\nrate 5000/s, burst 1: "), std::string::npos) << doubtful.out;
  const scratch_file wrong("[limits]\nrate = 5000\n", "limits.toml");
  const std::string wrong_path = wrong.path();
  const ran done = run({"check", wrong_path.c_str(), "--explain"});
  EXPECT_EQ(done.status, 2);
  EXPECT_EQ(done.out.find("\nrate"), std::string::npos) << done.out;
}

}  // namespace
}  // namespace weir::tools
