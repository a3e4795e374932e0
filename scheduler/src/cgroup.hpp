// The quota of CPU time that control groups set for this process: cgroup v1, v2, or both side by side. Linux's formats:
// cgroups(7), proc_pid_mountinfo(5), and the kernel's cgroup-v2.rst and sched-bwc.rst.
#pragma once

#include <optional>
#include <string>

#include <weir/scheduler/cpu_count.hpp>

namespace weir::detail {

/// The smallest quota of this process's own groups and of all groups around them that it can see; nothing where none
/// has one, and nothing for what is missing or makes no sense.
/// @param root  the folder in which /proc and the mounts lie, without a slash at its end; empty: the system's root.
/// @throws std::bad_alloc. Blocking: it reads two files of /proc, and one or two for each group.
[[nodiscard]] std::optional<cpu_quota> read_cpu_quota(const std::string& root = {});

}  // namespace weir::detail
