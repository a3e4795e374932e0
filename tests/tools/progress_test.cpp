#include "replay/progress.hpp"

#include <gtest/gtest.h>
#include <string>

namespace weir::tools {
namespace {

using namespace std::chrono_literals;

progress_sample now() {
  progress_sample sample{.elapsed = 9s,
                         .arrivals_end = 15s,
                         .submitted = 30'000,
                         .admitted = 12'000,
                         .live_tasks = 128,
                         .max_tasks = 128,
                         .queue_p99 = 182ms};
  sample.refused[static_cast<std::size_t>(refusal_reason::waiters_full)] = 300;
  sample.refused[static_cast<std::size_t>(refusal_reason::timed_out)] = 2'900;
  return sample;
}

std::string without_colour(std::string text) {
  for (std::size_t at = text.find('\x1b'); at != std::string::npos; at = text.find('\x1b'))
    text.erase(at, text.find('m', at) - at + 1);
  return text;
}

TEST(LiveLine, ShowsBarTimeToGoRatesAndBounds) {
  EXPECT_EQ(live_line(now(), {.elapsed = 8s, .admitted = 7'000}, {.name = "weir", .width = 200}),
            "[#########-------]  60 % ETA 6.0 s | admitted 5,000/s | refused 3,200/s: 2,900/s timed_out, 300/s "
            "waiters_full | "
            "live 128 of 128 | queue p99 182 ms");
}

TEST(LiveLine, FitsAnyWidthWithoutWrapping) {
  for (std::size_t width = 0; width < 200; ++width) {
    for (const bool colour : {false, true}) {
      const std::string line = live_line(now(), {.elapsed = 8s}, {.name = "weir", .width = width, .colour = colour});
      const std::string seen = without_colour(line);
      EXPECT_LE(seen.size(), width == 0 ? 0 : width - 1);
      EXPECT_EQ(colour && !seen.empty(), line != seen) << width;
    }
  }
}

TEST(LiveLine, NarrowTerminalLosesTheReasonsFirst) {
  EXPECT_EQ(live_line(now(), {.elapsed = 8s, .admitted = 7'000}, {.name = "weir", .width = 100}),
            "[#########-------]  60 % ETA 6.0 s | admitted 5,000/s | refused 3,200/s | live 128 of 128");
  EXPECT_EQ(live_line(now(), {.elapsed = 8s}, {.name = "weir", .width = 40}), "[#########-------]  60 % ETA 6.0 s");
}

TEST(LiveLine, AfterTheLastArrivalItDrains) {
  progress_sample late = now();
  late.elapsed = 16s;
  const std::string line = live_line(late, now(), {.name = "weir", .width = 60});
  EXPECT_EQ(line.substr(0, 34), "[################] 100 % draining ");
}

TEST(LiveLine, UnlimitedTasksShowNoBound) {
  progress_sample open = now();
  open.max_tasks = 0;
  EXPECT_NE(live_line(open, {}, {.width = 200}).find("| live 128 |"), std::string::npos);
}

TEST(LiveLine, NothingYetIsNoDivisionByZero) {
  EXPECT_EQ(live_line({}, {}, {.width = 200}),
            "[################] 100 % draining | admitted 0/s | refused 0/s | live 0 | queue p99 0 ns");
}

TEST(PlainLine, IsOneLineWithoutEscapes) {
  EXPECT_EQ(plain_line(now(), {.elapsed = 8s, .admitted = 7'000}, {.name = "weir", .width = 10, .colour = true}),
            "weir: 9.0 s of 15.0 s, admitted 5,000/s, refused 3,200/s: 2,900/s timed_out, 300/s waiters_full, live 128 "
            "of 128, "
            "queue p99 182 ms");
}

}  // namespace
}  // namespace weir::tools
