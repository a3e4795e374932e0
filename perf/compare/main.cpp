// weir_compare: prints `question subject threads nanoseconds share` a line, for run.sh. What hangs is ended by the
// system.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stop_token>
#include <string_view>
#include <thread>
#include <unistd.h>

#include "question.hpp"

namespace weir::perf {
namespace {

constexpr const char* usage =
    "weir_compare [--smoke | --ms N] [--only QUESTION] | --list\n"
    "  --ms N    each row takes at least N ms (20)\n"
    "  --smoke   each row once, with few operations: a look at whether the results are right\n";

// As many operations as take `shortest` seconds. Several threads are looked at in short windows until they all run at
// the same time in one; where none of 20 is so, since others have their CPUs, the best counts.
timed measure(const row& asked, double shortest) {
  if (asked.threads > 1) shortest /= 4;
  std::int64_t each = 200;
  timed best = asked.ask(each);
  while (!is_smoke_test && best.seconds < shortest) {
    const double wanted = 1.2 * shortest / std::max(best.seconds, 1e-9);
    each = static_cast<std::int64_t>(static_cast<double>(each) * std::clamp(wanted, 2.0, 16.0));
    best = asked.ask(each);
  }
  for (int again = 1; again < 20 && !is_smoke_test && best.share < 0.95; ++again) {
    const timed next = asked.ask(each);
    if (next.share > best.share) best = next;
  }
  return best;
}

void list(const rows& all) {
  std::string_view last;
  for (const row& one : all) {
    if (one.question != last) std::printf("%s\n", one.question.data());
    last = one.question;
  }
}

int compare(int argc, char** argv) {
  rows all;
  for (const auto add : {add_permits, add_door, add_rates, add_gate, add_queued}) add(all);
  double shortest = 0.02;
  std::string_view only;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--list") return list(all), 0;
    if (argument == "--smoke") {
      is_smoke_test = true;
    } else if (argument == "--ms" && i + 1 < argc) {
      shortest = std::atof(argv[++i]) / 1e3;
    } else if (argument == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else {
      return std::fputs(usage, stderr), 2;
    }
  }
  ::alarm(is_smoke_test ? 50 : 600);
  // glibc's mutex is not atomic while a process has one thread, as no service that needs a door has.
  std::jthread other([](const std::stop_token& stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  for (const row& one : all) {
    if (!only.empty() && one.question != only) continue;
    const timed taken = measure(one, shortest);
    std::printf("%s %s %d %.2f %.2f\n", one.question.data(), one.subject.data(), one.threads,
                taken.seconds * 1e9 / static_cast<double>(taken.operations), taken.share);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace weir::perf

int main(int argc, char** argv) { return weir::perf::compare(argc, argv); }
