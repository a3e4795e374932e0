// How a pool came to its number of workers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir {

/// What a control group allows of the CPUs' time.
struct cpu_quota {
  double cpus = 0;         ///< CPU time per time: 1.5 is one CPU and half of another.
  int cgroup_version = 2;  ///< 1 or 2.
  std::string group;       ///< As this process sees it, e.g. "/service"; "/" is the outermost that it sees.
};

/// What decided how many workers a pool has. Looked up when the pool is made: what changes later is not seen.
struct cpu_count {
  enum class reason : std::uint8_t {
    configured,  ///< pool_options::workers, which is taken as it is given.
    affinity,    ///< The CPUs that the thread may use which made the pool.
    cgroup_v1,   ///< A quota that allows less than the affinity, rounded up.
    cgroup_v2,   ///< The same.
  };

  reason why = reason::affinity;
  int workers = 1;                   ///< Threads of the pool.
  int usable = 1;                    ///< The workers by default: the affinity or the quota, at least 1, at most 1024.
  int affinity = 1;                  ///< CPUs that the thread might use which made the pool; cpusets count here.
  std::optional<cpu_quota> quota{};  ///< The smallest of this process's control groups, if any has one.
};

/// The workers that a pool without pool_options::workers would have if the calling thread made it now, and why; without
/// making one. `workers` and `usable` are the same then, 1 to 1024, and the reason is never `configured`.
/// @throws std::bad_alloc.
/// Any thread, at any time; by their affinities two threads may get different answers. Blocking: it reads two files of
/// /proc, and one or two for each control group, and allocates; no answer is kept.
[[nodiscard]] cpu_count default_cpu_count();

/// E.g. "4 workers: cgroup v2 quota 3.5 CPUs in /foo, affinity 16", the reason first.
[[nodiscard]] std::string to_string(const cpu_count& count);

}  // namespace weir
