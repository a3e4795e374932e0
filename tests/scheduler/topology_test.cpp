// How many workers a pool has, and why: the affinity of the thread that makes it, the quota of its control groups, what
// is configured. The reader is an internal, included by path, since a real machine has one answer.
#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <optional>
#include <sched.h>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <weir/weir.hpp>

#include "../../scheduler/src/topology.hpp"
#include "support/eventually.hpp"
#include "support/made_up_root.hpp"

namespace {

using reason = weir::cpu_count::reason;
using weir::detail::read_topology;
using weir::detail::topology;
using weir::testing::made_up_root;
using weir::testing::on_v1;
using weir::testing::on_v2;
using weir::testing::put_v1;

int four_cpus(std::size_t bytes, cpu_set_t* set) {
  CPU_ZERO_S(bytes, set);
  for (const unsigned cpu : {0u, 1u, 5u, 7u}) CPU_SET_S(cpu, bytes, set);
  return 0;
}

topology with_quota(const std::string& cpu_max, std::optional<std::int64_t> configured = {}) {
  made_up_root root;
  on_v2(root, "/foo").put("/sys/fs/cgroup/foo/cpu.max", cpu_max);
  return read_topology(configured, root.folder(), four_cpus);
}

TEST(CpuCount, IsTheAffinityWhereNoQuotaIsLess) {
  for (const char* none_or_more : {"max 100000", "400000 100000", "300001 100000", "9223372036854775807 1", "junk"}) {
    const topology found = with_quota(none_or_more);
    EXPECT_EQ(found.count.why, reason::affinity) << none_or_more;
    EXPECT_EQ(found.count.workers, 4) << none_or_more;
    EXPECT_EQ(found.count.usable, 4);
    EXPECT_EQ(found.count.affinity, 4);
    EXPECT_EQ(found.cpus, (std::vector<int>{0, 1, 5, 7}));
  }
}

TEST(CpuCount, IsTheQuotaRoundedUpWhereThatIsLess) {
  const std::pair<const char*, int> cases[] = {{"1000 1000000", 1},  {"50000 100000", 1},  {"100000 100000", 1},
                                               {"100001 100000", 2}, {"150000 100000", 2}, {"200000 100000", 2},
                                               {"300000 100000", 3}};
  for (const auto& [cpu_max, workers] : cases) {
    const topology found = with_quota(cpu_max);
    EXPECT_EQ(found.count.workers, workers) << cpu_max;
    EXPECT_EQ(found.count.usable, workers) << cpu_max;
    EXPECT_EQ(found.count.why, reason::cgroup_v2) << cpu_max;
    EXPECT_EQ(found.count.affinity, 4);
  }
  made_up_root root;
  put_v1(on_v1(root, "/foo"), "/sys/fs/cgroup/cpu,cpuacct/foo", "150000", "100000");
  const topology v1 = read_topology({}, root.folder(), four_cpus);
  EXPECT_EQ(v1.count.workers, 2);
  EXPECT_EQ(v1.count.why, reason::cgroup_v1);
}

TEST(CpuCount, WhatIsConfiguredIsTakenAsItIs) {
  for (const std::int64_t configured : {1, 3, 64, 1024}) {
    const topology found = with_quota("150000 100000", configured);
    EXPECT_EQ(found.count.workers, configured);
    EXPECT_EQ(found.count.why, reason::configured);
    EXPECT_EQ(found.count.usable, 2) << "what it would have been";
  }
}

TEST(CpuCount, SaysWhyInPlainWords) {
  EXPECT_EQ(to_string(with_quota("350000 100000", 64).count),
            "64 workers: configured, affinity 4, cgroup v2 quota 3.5 CPUs in /foo");
  EXPECT_EQ(to_string(with_quota("250000 100000").count), "3 workers: cgroup v2 quota 2.5 CPUs in /foo, affinity 4");
  EXPECT_EQ(to_string(with_quota("100000 100000").count), "1 worker: cgroup v2 quota 1 CPU in /foo, affinity 4");
  EXPECT_EQ(to_string(with_quota("1000 1000000").count), "1 worker: cgroup v2 quota 0.001 CPUs in /foo, affinity 4");
  EXPECT_EQ(to_string(with_quota("1000000 3").count), "4 workers: affinity 4, cgroup v2 quota 333333.333 CPUs in /foo");
  EXPECT_EQ(to_string(with_quota("max 100000").count), "4 workers: affinity 4, no cgroup quota");
  weir::cpu_count v1{.why = reason::cgroup_v1, .workers = 10, .usable = 10, .affinity = 16};
  v1.quota = {.cpus = 10, .cgroup_version = 1, .group = "/"};
  EXPECT_EQ(to_string(v1), "10 workers: cgroup v1 quota 10 CPUs in /, affinity 16");
}

// A machine of 5000 CPUs, which takes no smaller set, as Linux does.
int of_5000_cpus(std::size_t bytes, cpu_set_t* set) {
  if (bytes < 5000 / 8) {
    errno = EINVAL;
    return -1;
  }
  CPU_ZERO_S(bytes, set);
  for (const unsigned cpu : {3u, 1024u, 4999u}) CPU_SET_S(cpu, bytes, set);
  return 0;
}

TEST(CpuCount, CpusBeyondTheSystemsUsualSetAreCounted) {
  EXPECT_EQ(read_topology({}, "/there/is/no/such/folder", of_5000_cpus).cpus, (std::vector<int>{3, 1024, 4999}));
}

TEST(CpuCount, IsAtMost1024) {
  const auto all_of_2000 = [](std::size_t bytes, cpu_set_t* set) {
    if (of_5000_cpus(bytes, set) != 0) return -1;
    for (unsigned cpu = 0; cpu < 2000; ++cpu) CPU_SET_S(cpu, bytes, set);
    return 0;
  };
  const topology found = read_topology({}, "/there/is/no/such/folder", all_of_2000);
  EXPECT_EQ(found.count.affinity, 2001);
  EXPECT_EQ(found.count.workers, 1024);
}

// How often the readers below were asked. They run on the thread of the test.
int affinity_questions = 0;

template <int Error>
int no_affinity(std::size_t, cpu_set_t*) {
  ++affinity_questions;
  errno = Error;
  return -1;
}

TEST(CpuCount, WithoutAnAffinityItIsWhatTheSystemHas) {
  const auto expect_all = [](const topology& found) {
    const auto all = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    EXPECT_EQ(found.count.affinity, all);
    EXPECT_EQ(found.count.workers, std::min(all, 1024));
    EXPECT_TRUE(found.cpus.empty());
  };
  affinity_questions = 0;
  expect_all(read_topology({}, "/there/is/no/such/folder", no_affinity<EPERM>));
  EXPECT_EQ(affinity_questions, 1) << "a larger set would not help";
  affinity_questions = 0;
  expect_all(read_topology({}, "/there/is/no/such/folder", no_affinity<EINVAL>));
  EXPECT_GT(affinity_questions, 3);
  EXPECT_LT(affinity_questions, 20) << "no set is large enough";
}

TEST(CpuCount, IsThatOfTheThreadThatMakesThePool) {
  const topology here = read_topology({});
  ASSERT_FALSE(here.cpus.empty());
  weir::testing::in_background([&] {
    ASSERT_EQ(weir::detail::run_this_thread_on({&here.cpus.back(), 1}), 0);
    const weir::pool pool;
    const weir::cpu_count count = pool.metrics().cpus;
    EXPECT_EQ(pool.workers(), 1);
    EXPECT_EQ(count.workers, 1);
    EXPECT_EQ(count.affinity, 1);
    EXPECT_EQ(count.why, reason::affinity);
  }).get();
  const weir::cpu_count default_count = weir::pool().metrics().cpus;
  EXPECT_EQ(to_string(default_count), to_string(here.count));
  EXPECT_EQ(weir::pool({.workers = 3}).metrics().cpus.why, reason::configured);
}

TEST(CpuCount, ByDefaultIsThatOfAPoolThatTheThreadWouldMake) {
  const auto expect_that_of_a_pool = [] {
    const weir::cpu_count count = weir::default_cpu_count();
    EXPECT_EQ(to_string(count), to_string(weir::pool().metrics().cpus));
    EXPECT_EQ(count.usable, count.workers);
    EXPECT_NE(count.why, reason::configured);
    return count;
  };
  expect_that_of_a_pool();
  const std::vector<int> all = read_topology({}).cpus;
  ASSERT_FALSE(all.empty());
  weir::testing::in_background([&] {
    ASSERT_EQ(weir::detail::run_this_thread_on({&all.back(), 1}), 0);
    EXPECT_EQ(expect_that_of_a_pool().affinity, 1);
  }).get();
}

}  // namespace
