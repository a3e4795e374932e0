#include "peak_memory.hpp"

#include <fstream>
#include <string>
#include <sys/resource.h>

namespace weir::tools {

std::uint64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    std::uint64_t kilobytes = 0;
    if (name == "VmHWM:" && status >> kilobytes) return kilobytes * 1'024;
  }
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<std::uint64_t>(used.ru_maxrss) * 1'024;
}

}  // namespace weir::tools
