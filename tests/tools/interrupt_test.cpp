// Ctrl-C, in this process: what it ends, what it does not, and that the books balance whenever it comes.
#include "replay/interrupt.hpp"

#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <pthread.h>
#include <string>
#include <thread>
#include <vector>

#include "replay/random.hpp"
#include "replayed.hpp"
#include "support/event.hpp"
#include "support/seed.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::overload;
using testing::replayed;

// Who takes a signal: the thread that submits, whose sleep it ends, or one that has nothing else to do, as where the
// former is held up. Always one of ours, since ThreadSanitizer holds back what comes to an idle thread that it does not
// know.
enum class taker { submitter, other };

// Sends SIGINT, `delay` after the run has taken over the handler.
std::thread interrupt_after(std::chrono::nanoseconds delay, taker who = taker::submitter) {
  std::signal(SIGINT, SIG_DFL);  // it may be ignored, where these tests run in the background of a shell
  return std::thread([main = ::pthread_self(), delay, who] {
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
    ::pthread_kill(who == taker::submitter ? main : ::pthread_self(), SIGINT);
  });
}

TEST(Interrupt, DrainsAndReports) {
  std::thread interrupter = interrupt_after(0ns);
  const json all = replayed("arrival_s,weight,service_us\n0,1,100\n0,1,100\n3600,1,100\n", {}, 3);
  interrupter.join();
  EXPECT_LE(all["submitted"], 2);
}

TEST(Interrupt, WritesTheFlight) {
  const testing::scratch_file flight("", "run.flight");
  const std::string path = flight.path();
  std::thread interrupter = interrupt_after(0ns);
  (void)replayed("arrival_s,weight,service_us\n0,1,100\n0,1,100\n3600,1,100\n", {"--flight", path.c_str()}, 3);
  interrupter.join();
  EXPECT_EQ(testing::run({"simulate", path.c_str()}).status, 0);
}

TEST(Interrupt, ReachesASubmitterThatWaitsAtTheDoor) {
  // The second request has its token after 1,000 s; until then the submitter stands at the door, for itself or to run
  // it.
  const std::vector<std::vector<const char*>> doors{{"--door", "block"},
                                                    {"--overflow", "caller_runs", "--max-waiters", "0"}};
  for (const std::vector<const char*>& door : doors) {
    SCOPED_TRACE(door[1]);
    std::vector<const char*> flags{"--rate", "0.001", "--burst", "1", "--deadline", "none"};
    flags.insert(flags.end(), door.begin(), door.end());
    std::thread interrupter = interrupt_after(200ms, taker::other);
    const json all = replayed("arrival_s,weight,service_us\n0,1,1\n0,1,1\n", flags, 3);
    interrupter.join();
    EXPECT_LE(all["admitted"], 1);
  }
}

TEST(Interrupt, AtAnyMomentTheBooksBalance) {
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

TEST(Interrupt, SecondInterruptEndsTheProcess) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        std::signal(SIGINT, SIG_DFL);
        const interrupt_watch watch;
        std::raise(SIGINT);
        if (!interrupt_watch::interrupted()) std::_Exit(1);
        const auto later = std::chrono::steady_clock::now() + same_interrupt;
        while (std::chrono::steady_clock::now() < later) std::this_thread::yield();
        std::raise(SIGTERM);
        std::_Exit(2);
      },
      ::testing::ExitedWithCode(130), "interrupted twice");
}

TEST(Interrupt, SignalRightBehindTheFirstIsTheSameInterrupt) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        std::signal(SIGINT, SIG_DFL);
        const interrupt_watch watch;
        std::raise(SIGINT);
        std::raise(SIGTERM);
        std::_Exit(interrupt_watch::interrupted() ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(Interrupt, IgnoredInterruptsStayIgnored) {
  std::signal(SIGINT, SIG_IGN);
  {
    const interrupt_watch watch;
    std::raise(SIGINT);
    EXPECT_FALSE(interrupt_watch::interrupted());
    std::raise(SIGTERM);
    EXPECT_TRUE(interrupt_watch::interrupted());
  }
  EXPECT_EQ(std::signal(SIGINT, SIG_DFL), SIG_IGN);
}

TEST(OnInterrupt, ActsOnceAndNotWithoutAnInterrupt) {
  std::signal(SIGINT, SIG_DFL);
  const interrupt_watch watch;
  int acted = 0;
  {
    const on_interrupt idle([&] { ++acted; });
  }
  EXPECT_EQ(acted, 0);
  testing::event seen;
  {
    const on_interrupt awake([&] {
      ++acted;
      seen.set();
    });
    std::raise(SIGINT);
    seen.await("what is to be done at an interrupt");
  }
  EXPECT_EQ(acted, 1);
}

}  // namespace
}  // namespace weir::tools
