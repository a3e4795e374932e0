// The length of the stress tests, which is read from the environment.
#include "support/rounds.hpp"

#include <cstdlib>
#include <gtest/gtest.h>
#include <optional>
#include <stdexcept>
#include <string>

#include "support/eventually.hpp"

namespace weir::testing {
namespace {

// Sets WEIR_STRESS for as long as it lives.
class with_stress {
 public:
  explicit with_stress(const char* value) {
    if (const char* const given = std::getenv("WEIR_STRESS")) before_ = given;
    ::setenv("WEIR_STRESS", value, 1);
  }
  ~with_stress() { before_ ? ::setenv("WEIR_STRESS", before_->c_str(), 1) : ::unsetenv("WEIR_STRESS"); }
  with_stress(const with_stress&) = delete;
  with_stress& operator=(const with_stress&) = delete;

 private:
  std::optional<std::string> before_;
};

TEST(StressFactor, MultipliesRoundsAndTimes) {
  const with_stress set("100");
  EXPECT_EQ(stress_factor(), 100);
  EXPECT_EQ(stress_time(), std::chrono::seconds(70));
  EXPECT_EQ(scaled(9) % 300, 0);
}

TEST(StressFactor, WhatWouldLeaveATestEmptyIsRefused) {
  for (const char* const wrong : {"0", "-3", "", "many", "2x", "99999999999"}) {
    const with_stress set(wrong);
    EXPECT_THROW((void)stress_factor(), std::invalid_argument) << wrong;
  }
}

TEST(Patience, OutlastsAStressTestOfAnyFactor) {
  EXPECT_GE(patience, 10 * stress_time());
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";  // starts this program again, with its own factor
  const with_stress set("100");
  EXPECT_EXIT(std::_Exit(patience >= 10 * stress_time() ? 0 : 1), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace weir::testing
