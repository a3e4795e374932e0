// The quota that control groups set, read from made-up trees of /proc and cgroup files. The reader is an internal,
// included by path: a real machine has one tree, and only its owner can change it.
#include <filesystem>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <string_view>
#include <weir/weir.hpp>

#include "../../scheduler/src/cgroup.hpp"
#include "support/made_up_root.hpp"
#include "support/seed.hpp"

namespace {

using weir::detail::read_cpu_quota;
using weir::testing::made_up_root;
using weir::testing::on_v1;
using weir::testing::on_v2;
using weir::testing::put_v1;
using weir::testing::v1_mount;
using weir::testing::v2_mount;

// "1.5 cgroup v2 /a", or "none".
std::string quota_in(const made_up_root& root) {
  const auto found = read_cpu_quota(root.folder());
  if (!found) return "none";
  std::string cpus = std::to_string(found->cpus);
  cpus.erase(cpus.find_last_not_of('0') + 1);
  if (cpus.ends_with('.')) cpus.pop_back();
  return cpus + " cgroup v" + std::to_string(found->cgroup_version) + " " + found->group;
}

TEST(CpuQuota, IsNoneWhereThereAreNoFiles) {
  EXPECT_FALSE(read_cpu_quota("/there/is/no/such/folder"));
  made_up_root root;
  EXPECT_EQ(quota_in(root), "none");
  root.groups("0::/a\n");
  EXPECT_EQ(quota_in(root), "none") << "no mounts";
  root.mounts(v2_mount);
  EXPECT_EQ(quota_in(root), "none") << "no group";
  root.put("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota_in(root), "1.5 cgroup v2 /a") << "now all is there";
}

TEST(CpuQuota, TheSmallestOfTheOwnGroupAndThoseAroundItCounts) {
  made_up_root root;
  on_v2(root, "/a/b/c");
  root.put("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  EXPECT_EQ(quota_in(root), "none");
  root.put("/sys/fs/cgroup/a/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota_in(root), "4 cgroup v2 /a");
  root.put("/sys/fs/cgroup/a/b/cpu.max", "50000 20000\n");
  EXPECT_EQ(quota_in(root), "2.5 cgroup v2 /a/b");
  root.put("/sys/fs/cgroup/a/b/c/cpu.max", "300000 100000\n");
  EXPECT_EQ(quota_in(root), "2.5 cgroup v2 /a/b");
  root.put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(quota_in(root), "1 cgroup v2 /");
  root.put("/sys/fs/cgroup/a/x/cpu.max", "1000 100000\n");
  EXPECT_EQ(quota_in(root), "1 cgroup v2 /") << "another group's is not ours";
}

TEST(CpuQuota, V1CountsInTheSameWay) {
  made_up_root root;
  const std::string cpu = "/sys/fs/cgroup/cpu,cpuacct";
  on_v1(root, "/a/b");
  put_v1(root, cpu + "/a/b", "-1\n", "100000\n");
  EXPECT_EQ(quota_in(root), "none");
  put_v1(root, cpu + "/a", "250000\n", "100000\n");
  EXPECT_EQ(quota_in(root), "2.5 cgroup v1 /a");
  put_v1(root, cpu + "/a/b", "100000\n", "50000\n");
  EXPECT_EQ(quota_in(root), "2 cgroup v1 /a/b");
}

TEST(CpuQuota, V1LooksOnlyWhereTheCpuControllerIs) {
  made_up_root root;
  root.groups("3:cpuacct:/a\n2:cpuset:/a\n1:cpu:/b\n");
  root.mounts(
      "34 31 0:31 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
      "35 31 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
      "33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  for (const char* controller : {"cpuacct", "cpuset"}) {
    for (const char* group : {"/a", "/b"}) {
      put_v1(root, std::string("/sys/fs/cgroup/") + controller + group, "1000", "100000");
    }
  }
  put_v1(root, "/sys/fs/cgroup/cpu/a", "1000", "100000");
  EXPECT_EQ(quota_in(root), "none");
  put_v1(root, "/sys/fs/cgroup/cpu/b", "700000", "100000");
  EXPECT_EQ(quota_in(root), "7 cgroup v1 /b");
}

TEST(CpuQuota, SideBySideTheSmallerOfBothCounts) {
  made_up_root root;
  root.groups("4:cpu,cpuacct:/old\n0::/new\n");
  root.mounts(std::string(v1_mount) + "38 31 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n");
  put_v1(root, "/sys/fs/cgroup/cpu,cpuacct/old", "300000", "100000");
  EXPECT_EQ(quota_in(root), "3 cgroup v1 /old") << "the usual case: v2 has no controllers";
  root.put("/sys/fs/cgroup/unified/new/cpu.max", "200000 100000");
  EXPECT_EQ(quota_in(root), "2 cgroup v2 /new");
}

TEST(CpuQuota, AContainerMayHaveItsOwnGroupMounted) {
  made_up_root root;  // as with v1 by default: no cgroup namespace, and /sys/fs/cgroup is the container's part
  root.groups("4:cpu,cpuacct:/docker/abc\n");
  root.mounts("33 31 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro master:16 - cgroup cgroup rw,cpu,cpuacct\n");
  put_v1(root, "/sys/fs/cgroup/cpu,cpuacct", "50000", "100000");
  EXPECT_EQ(quota_in(root), "0.5 cgroup v1 /docker/abc");
  root.groups("4:cpu,cpuacct:/docker/abc/inner/most\n");
  put_v1(root, "/sys/fs/cgroup/cpu,cpuacct/inner/most", "25000", "100000");
  EXPECT_EQ(quota_in(root), "0.25 cgroup v1 /docker/abc/inner/most");
}

TEST(CpuQuota, AContainerMayHaveACgroupNamespaceOfItsOwn) {
  made_up_root root;
  on_v2(root, "/");
  root.put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota_in(root), "1.5 cgroup v2 /");
}

TEST(CpuQuota, AMountOfAnOuterNamespaceIsAroundUs) {
  made_up_root root;
  root.groups("0::/\n").mounts("30 23 0:26 /../.. /host/cgroup rw - cgroup2 cgroup2 rw\n");
  root.put("/host/cgroup/cpu.max", "600000 100000\n");
  EXPECT_EQ(quota_in(root), "6 cgroup v2 /../..");
  root.mounts("30 23 0:26 ..//../ /host/cgroup rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(quota_in(root), "6 cgroup v2 /../..") << "however it is written";
  root.groups("0::/../sibling\n");
  EXPECT_EQ(quota_in(root), "6 cgroup v2 /../..");
  root.groups("0::/../../cousin\n").put("/host/cgroup/cousin/cpu.max", "500000 100000\n");
  EXPECT_EQ(quota_in(root), "5 cgroup v2 /../../cousin");
}

TEST(CpuQuota, AMountThatDoesNotHoldOurGroupIsNotOurs) {
  made_up_root root;
  for (const char* mounted : {"/docker/other", "/docker/abc/deeper", "/docker/ab", "/../other"}) {
    root.groups("0::/docker/abc\n");
    root.mounts("30 23 0:26 " + std::string(mounted) + " /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    root.put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    EXPECT_EQ(quota_in(root), "none") << mounted;
  }
  root.groups("0::/../outside\n").mounts(v2_mount);
  root.put("/sys/fs/outside/cpu.max", "100000 100000\n").put("/sys/fs/cgroup/outside/cpu.max", "100000 100000\n");
  EXPECT_EQ(quota_in(root), "none") << "a group outside of what is mounted";
}

TEST(CpuQuota, OneOfSeveralMountsMayHoldOurGroup) {
  made_up_root root;
  root.groups("0::/a\n");
  root.mounts("29 23 0:26 /b /elsewhere rw - cgroup2 cgroup2 rw\n" + std::string(v2_mount));
  root.put("/elsewhere/cpu.max", "100000 100000").put("/sys/fs/cgroup/a/cpu.max", "200000 100000");
  EXPECT_EQ(quota_in(root), "2 cgroup v2 /a");
}

TEST(CpuQuota, OddNamesAreRead) {
  made_up_root root;
  root.groups("0::/we:ird, name\n");
  root.mounts("30 23 0:26 / /cg\\040ro\\134up\\0 rw,a - b,c shared:1 master:2 - cgroup2 none rw\n");
  EXPECT_EQ(quota_in(root), "none") << "a mount's options with blanks are malformed";
  root.mounts("30 23 0:26 / /cg\\040ro\\134up\\0 rw shared:1 master:2 unbindable - cgroup2 none rw");
  root.put("/cg ro\\up\\0/we:ird, name/cpu.max", "150000 100000");
  EXPECT_EQ(quota_in(root), "1.5 cgroup v2 /we:ird, name");
  root.mounts("30 23 0:26 / /cg\\040ro\\134up\\0/ rw - cgroup2  rw\n");
  EXPECT_EQ(quota_in(root), "1.5 cgroup v2 /we:ird, name") << "without a source and optional fields";
}

TEST(CpuQuota, WhatMakesNoSenseIsNone) {
  made_up_root root;
  on_v2(root, "/a");
  for (const char* content : {"",
                              "\n",
                              " ",
                              "max",
                              "max 100000",
                              "100000",
                              "100000 ",
                              "100000 0",
                              "0 100000",
                              "-1 100000",
                              "100000 -100000",
                              "1e5 100000",
                              "0x10 100000",
                              "100000 100000 100000",
                              "100000\t100000",
                              "99999999999999999999 100000",
                              "100000 99999999999999999999",
                              "abc def",
                              "1.5 1",
                              "+100000 100000",
                              " 100000 100000"}) {
    root.put("/sys/fs/cgroup/a/cpu.max", content);
    EXPECT_EQ(quota_in(root), "none") << '"' << content << '"';
  }
  root.put("/sys/fs/cgroup/a/cpu.max", std::string_view("100000\0 100000", 14));
  EXPECT_EQ(quota_in(root), "none");
  std::filesystem::remove(root.folder() + "/sys/fs/cgroup/a/cpu.max");
  root.put("/sys/fs/cgroup/a/cpu.max/is_a_folder", "100000 100000");
  EXPECT_EQ(quota_in(root), "none");

  on_v1(root, "/a");
  const std::string a = "/sys/fs/cgroup/cpu,cpuacct/a";
  root.put(a + "/cpu.cfs_quota_us", "100000");
  EXPECT_EQ(quota_in(root), "none") << "no period";
  for (const char* period : {"", "0", "-1", "x"})
    EXPECT_EQ(quota_in(put_v1(root, a, "100000", period)), "none") << period;
  EXPECT_EQ(quota_in(put_v1(root, a, "100000", "100000")), "1 cgroup v1 /a");

  put_v1(root, "/sys/fs/cgroup/cpu,cpuacct", "100000", "100000");
  EXPECT_EQ(quota_in(root.groups("4:cpu")), "none") << "no path";

  on_v2(root, "/a").put("/sys/fs/cgroup/cpu.max", "100000 100000");
  for (const char* groups : {"", "0", "0:", "0:/a", "::", "::\n\n:::\n", "1::/a", "x:cpux:/a", "cpu"}) {
    EXPECT_EQ(quota_in(root.groups(groups)), "none") << groups;
  }
  root.groups("0::/a");
  for (const char* mounts : {"", "-", "30 23 0:26 / /sys/fs/cgroup rw -", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2",
                             "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2", "30 23 0:26 / /sys/fs/cgroup rw",
                             "30 23 0:26 / /sys/fs/cgroup rw - tmpfs cgroup2 rw", "       - cgroup2 cgroup2"}) {
    EXPECT_EQ(quota_in(root.mounts(mounts)), "none") << mounts;
  }
}

// Damaged bytes anywhere: an answer that makes sense, and none outside of what a sanitizer allows.
TEST(CpuQuota, DamagedFilesDoNoHarm) {
  std::mt19937_64 random(weir::testing::seed());
  const std::string groups = "4:cpu,cpuacct:/a/b\n0::/c\n";
  const std::string mounts =
      std::string(v1_mount) + "38 31 0:27 /.. /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw\n";
  const std::string quota = "200000 100000\n";
  const auto damaged = [&](std::string text) {
    static constexpr std::string_view bytes("/:-.,0 \n\\a9\0\xff", 13);
    for (auto n = random() % 4; n != 0 && !text.empty(); --n) {
      const std::size_t at = random() % text.size();
      if (random() % 3 == 0) {
        text.erase(at, 1 + random() % 8);
      } else {
        text[at] = bytes[random() % bytes.size()];
      }
    }
    return text;
  };
  made_up_root root;
  int found = 0;
  for (int i = 0; i < 200; ++i) {
    root.groups(damaged(groups)).mounts(damaged(mounts));
    root.put("/sys/fs/cgroup/uni fied/cpu.max", damaged(quota));
    put_v1(root, "/sys/fs/cgroup/cpu,cpuacct/a", damaged("50000\n"), damaged("100000\n"));
    const auto quota_read = read_cpu_quota(root.folder());
    if (!quota_read) continue;
    ++found;
    EXPECT_GT(quota_read->cpus, 0);
    EXPECT_TRUE(quota_read->group.starts_with('/'));
  }
  EXPECT_GT(found, 20) << "most damage leaves one of the two";
}

}  // namespace
