// A probe is this program, started again with --probe and a name; it writes its numbers to its standard output.
#include "probe.hpp"

#include <cstdio>
#include <spawn.h>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.hpp"

extern char** environ;

namespace weir::perf {
namespace {

std::vector<const probe*>& all_probes() {
  static std::vector<const probe*> probes;
  return probes;
}

std::string read_all(int from) {
  std::string text;
  char buffer[256];
  for (ssize_t got; (got = ::read(from, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

}  // namespace

probe::probe(std::string_view name, measurement how) : name_(name), how_(how) { all_probes().push_back(this); }

std::vector<double> probe::in_its_own_process() const {
  int ends[2];
  require(::pipe(ends) == 0, "no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  std::string program = "weir_perf", option = "--probe", name(name_), smoke = "--smoke";
  char* arguments[] = {program.data(), option.data(), name.data(), is_smoke_test ? smoke.data() : nullptr, nullptr};
  pid_t child = 0;
  const int started = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  require(started == 0, "no process for a probe");

  std::istringstream text(read_all(ends[0]));
  ::close(ends[0]);
  int status = 0;
  require(::waitpid(child, &status, 0) == child && status == 0, "a probe has failed");
  std::vector<double> numbers;
  for (double number; text >> number;) numbers.push_back(number);
  return numbers;
}

int print_probe(std::string_view name) {
  for (const probe* each : all_probes()) {
    if (each->name_ != name) continue;
    for (const double number : each->how_()) std::printf("%.9g\n", number);
    return 0;
  }
  std::fprintf(stderr, "weir_perf: no probe has this name\n");
  return 2;
}

}  // namespace weir::perf
