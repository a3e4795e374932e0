// What the tests of the gate share: a manual clock, and waiters that are kept and write one diary.
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <vector>

#include "admission/recorded_waiter.hpp"

namespace weir::testing {

using detail::door_request;
using detail::gate;

// Rings are kept, and answered by hand.
class kept_alarm final : public gate::alarm {
 public:
  void get_ready() override { ++readied; }
  void ring_at(time_point at) noexcept override {
    last = at;
    ++rings;
  }
  std::optional<time_point> last;
  int rings = 0;
  int readied = 0;
};

inline void set_max_weight(gate& at, std::int64_t limit) {
  limits next = at.configured();
  next.max_weight = limit;
  at.set_limits(next);
}

class gate_fixture : public ::testing::Test {
 protected:
  // Takes `weight`, which must be there.
  void hold(gate& at, std::uint32_t weight) { ASSERT_TRUE(at.try_admit({.weight = weight}, clock_.now()).granted); }

  // A waiter called `name` in the queue of `at`.
  recorded_waiter& wait(gate& at, const char* name, const door_request& asked) {
    waiters_.push_back(std::make_unique<recorded_waiter>(name, asked, book_));
    EXPECT_TRUE(wait_at(at, *waiters_.back()));
    return *waiters_.back();
  }

  void TearDown() override {
    for (const auto& w : waiters_) EXPECT_LE(w->times_told(), 1) << "told twice";
  }

  manual_clock clock_;
  diary book_;
  std::vector<std::unique_ptr<recorded_waiter>> waiters_;
};

}  // namespace weir::testing
