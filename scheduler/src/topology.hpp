// The CPUs that a pool may use, and the number of its workers with what decided it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <sched.h>
#include <span>
#include <string>
#include <vector>

#include <weir/scheduler/cpu_count.hpp>

namespace weir::detail {

struct topology {
  cpu_count count;
  std::vector<int> cpus;  // of the affinity, by number; empty if the system does not tell
};

/// As sched_getaffinity, of the calling thread.
using affinity_reader = int (*)(std::size_t bytes, cpu_set_t* set);
[[nodiscard]] int affinity_of_this_thread(std::size_t bytes, cpu_set_t* set) noexcept;

/// Looks at the calling thread's affinity and this process's control groups.
/// @param configured  pool_options::workers.
/// @param root  the folder for read_cpu_quota.
/// @throws std::bad_alloc.
[[nodiscard]] topology read_topology(std::optional<std::int64_t> configured, const std::string& root = {},
                                     affinity_reader read_affinity = affinity_of_this_thread);

/// Lets the calling thread run on these CPUs only, at least one. Returns 0 or the system's error.
/// @throws std::bad_alloc.
[[nodiscard]] int run_this_thread_on(std::span<const int> cpus);

}  // namespace weir::detail
