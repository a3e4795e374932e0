// What the system says of the calling thread, and of weir's.
#pragma once

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <vector>

#include "support/eventually.hpp"

namespace weir::testing {

inline std::string name_of_this_thread() {
  char name[16] = {};
  EXPECT_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
  return name;
}

/// Its affinity, by number.
inline std::vector<int> cpus_of_this_thread() {
  cpu_set_t set;
  EXPECT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

/// The kernel takes a thread that was joined off its list a moment later.
inline void await_no_threads_of_weir() {
  eventually("the end of all threads of weir", [] {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string name;
      std::ifstream in(entry.path() / "comm");
      if (std::getline(in, name) && name.starts_with("weir-")) return false;
    }
    return true;
  });
}

}  // namespace weir::testing
