// What the sources of a pool ask the system for, as the explorer's programs have it.
#include "time_slice.hpp"
#include "topology.hpp"

namespace weir::detail {

int affinity_of_this_thread(std::size_t, cpu_set_t*) noexcept { return -1; }

topology read_topology(std::optional<std::int64_t> configured, const std::string&, affinity_reader) {
  return {.count = {.why = cpu_count::reason::configured, .workers = static_cast<int>(configured.value_or(1))},
          .cpus = {}};
}

int run_this_thread_on(std::span<const int>) { return 0; }

void ask_for_time_slice(duration) noexcept {}

}  // namespace weir::detail
