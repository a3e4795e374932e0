#include "config/nearest_name.hpp"

#include <gtest/gtest.h>
#include <string>

namespace weir::tools {
namespace {

const std::vector<std::string_view> policies{"reject_new", "drop_oldest", "drop_lowest", "caller_runs"};
const std::vector<std::string_view> counts{"max_tasks", "max_weight", "rate", "burst", "max_waiters"};

std::string near(std::string_view given, const std::vector<std::string_view>& known) {
  return std::string(nearest_name(given, known).value_or("none"));
}

TEST(NearestName, SlipsOfTheKeyboardAreSeen) {
  EXPECT_EQ(near("max_task", counts), "max_tasks");
  EXPECT_EQ(near("max_taskss", counts), "max_tasks");
  EXPECT_EQ(near("mx_wieght", counts), "max_weight");
  EXPECT_EQ(near("rtae", counts), "rate");
  EXPECT_EQ(near("brust", counts), "burst");
  EXPECT_EQ(near("drop_oldst", policies), "drop_oldest");
}

TEST(NearestName, CaseAndDashesDoNotCount) {
  EXPECT_EQ(near("MaX-Waiters", counts), "max_waiters");
  EXPECT_EQ(near("REJECT-NEW", policies), "reject_new");
}

TEST(NearestName, APartIsEnoughIfItIsOneNamesOnly) {
  EXPECT_EQ(near("waiters", counts), "max_waiters");
  EXPECT_EQ(near("burst_size", counts), "burst");
  EXPECT_EQ(near("caller", policies), "caller_runs");
  EXPECT_EQ(near("drop", policies), "none");
}

TEST(NearestName, WhatIsFarFromAllIsNearNone) {
  EXPECT_EQ(near("", counts), "none");
  EXPECT_EQ(near("x", counts), "none");
  EXPECT_EQ(near("colour", counts), "none");
  EXPECT_EQ(near("block", policies), "none");
  EXPECT_EQ(near(std::string(100'000, 'r'), counts), "none");
  EXPECT_EQ(near("rate", {}), "none");
}

}  // namespace
}  // namespace weir::tools
