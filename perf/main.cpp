// weir_perf: Google Benchmark's options, and --smoke: every benchmark once, with tiny sizes, to see that all results
// are right.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "measure.hpp"
#include "probe.hpp"

int main(int argc, char** argv) {
  std::vector<char*> arguments;
  std::string_view probe_name;
  for (int i = 0; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--smoke") {
      weir::perf::is_smoke_test = true;
    } else if (argument == "--probe" && i + 1 < argc) {
      probe_name = argv[++i];
    } else {
      arguments.push_back(argv[i]);
    }
  }
  // What hangs is ended by the system.
  ::alarm(weir::perf::is_smoke_test || !probe_name.empty() ? 120 : 7'200);
  if (!probe_name.empty()) return weir::perf::print_probe(probe_name);

  std::string shortest = "--benchmark_min_time=0.000001";
  if (weir::perf::is_smoke_test) arguments.insert(arguments.begin() + 1, shortest.data());
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
