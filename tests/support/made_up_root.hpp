// A made-up root folder, with the files of /proc and of control groups that a test names.
#pragma once

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "support/scratch_file.hpp"

namespace weir::testing {

/// A root folder with the files that a test names; gone after it.
class made_up_root {
 public:
  made_up_root& put(const std::string& path, std::string_view content) {
    const std::filesystem::path file = folder() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << content;
    EXPECT_TRUE(out.flush()) << file;
    return *this;
  }
  made_up_root& groups(std::string_view lines) { return put("/proc/self/cgroup", lines); }
  made_up_root& mounts(std::string_view lines) { return put("/proc/self/mountinfo", lines); }
  [[nodiscard]] std::string folder() const { return holder_.folder(); }

 private:
  scratch_file holder_;
};

inline constexpr std::string_view v2_mount =
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
inline constexpr std::string_view v1_mount =
    "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:16 - cgroup cgroup rw,cpu,cpuacct\n";

/// A machine with cgroup v2, this process in `group`.
inline made_up_root& on_v2(made_up_root& root, const std::string& group) {
  return root.groups("0::" + group + "\n").mounts(v2_mount);
}
inline made_up_root& on_v1(made_up_root& root, const std::string& group) {
  return root.groups("5:cpuset:/\n4:cpu,cpuacct:" + group + "\n1:name=systemd:/elsewhere\n").mounts(v1_mount);
}
inline made_up_root& put_v1(made_up_root& root, const std::string& folder, std::string_view quota,
                            std::string_view period) {
  return root.put(folder + "/cpu.cfs_quota_us", quota).put(folder + "/cpu.cfs_period_us", period);
}

}  // namespace weir::testing
