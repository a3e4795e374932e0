// A plain post takes a shorter way past the door than other submissions: what that must not let through.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>
#include <weir/weir.hpp>

#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::refusal_reason;
using weir::submit_options;
using weir::testing::busy_workers;
using weir::testing::expect_conservation;
using weir::testing::untouched;
using weir::testing::watched_clock;

// With each of the two kinds of decision words: that of tasks alone, and that of tasks and weights.
class PostShortWay : public testing::TestWithParam<std::int64_t> {
 protected:
  [[nodiscard]] static weir::limits limits() {
    weir::limits with_weights{.max_tasks = 100};
    if (GetParam() != 0) with_weights.max_weight = GetParam();
    return with_weights;
  }
};

INSTANTIATE_TEST_SUITE_P(Doors, PostShortWay, testing::Values(0, 1'000), [](const auto& i) {
  return i.param == 0 ? std::string("tasks") : std::string("tasks_and_weights");
});

TEST_P(PostShortWay, RefusesWhatOtherSubmissionsRefuse) {
  weir::pool pool({.workers = 1, .limits = limits()});
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  for (const submit_options& bad :
       {submit_options{.weight = 0}, submit_options{.weight = -1}, submit_options{.weight = -most - 1},
        submit_options{.weight = (std::int64_t{1} << 32) + 1}, submit_options{.weight = most},
        submit_options{.priority = static_cast<weir::priority>(7)},
        submit_options{.priority = static_cast<weir::priority>(255)}}) {
    untouched callable;
    const auto posted = pool.post(bad, callable);
    ASSERT_FALSE(posted) << bad.weight;
    EXPECT_EQ(to_string(posted.error()), to_string(pool.try_submit(bad, callable).error()));
    const auto all = pool.post_all(bad, std::vector<untouched>(3));
    EXPECT_EQ(all.posted, 0u);
    EXPECT_TRUE(callable.holds());
  }
  EXPECT_EQ(pool.metrics().admitted, 0u);
  expect_conservation(pool);
}

TEST(PostShortWays, EachTakesAToken) {
  watched_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 100, .rate = weir::per_second(1), .burst = 3, .max_waiters = 0},
                   .clock = &clock});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pool.post({}, [] {})) << i;
  untouched callable;
  const auto fourth = pool.post({}, callable);
  ASSERT_FALSE(fourth);
  EXPECT_TRUE(callable.holds());
  clock.advance(1s);
  EXPECT_TRUE(pool.post({}, [] {}));
  EXPECT_FALSE(pool.post({}, [] {}));
  expect_conservation(pool);
  EXPECT_EQ(pool.metrics().admitted, 4u);
}

TEST(PostShortWays, TakesNoMoreWeightThanThereIs) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 100, .max_weight = 10, .max_waiters = 0}});
  busy_workers busy(pool, 1, {.weight = 7});
  EXPECT_FALSE(pool.post({.weight = 4}, [] {}));
  EXPECT_TRUE(pool.post({.weight = 2}, [] {}));
  EXPECT_FALSE(pool.post({.weight = 2}, [] {}));
  EXPECT_TRUE(pool.post({}, [] {}));
  EXPECT_EQ(pool.metrics().weight_in_use, 10);
  EXPECT_EQ(pool.post({.weight = 11}, [] {}).error().reason, refusal_reason::too_heavy);
  busy.release();
  expect_conservation(pool);
}

TEST(PostShortWays, DoesNotPassWhoWaits) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 100, .max_weight = 10}});
  std::string order;
  busy_workers busy(pool, 1, {.weight = 7});
  EXPECT_TRUE(pool.post({.weight = 5}, [&] { order += "heavy "; }));
  EXPECT_EQ(pool.metrics().waiting, 1);
  EXPECT_TRUE(pool.post({}, [&] { order += "light"; })) << "there is room for it, but not for who came before";
  EXPECT_EQ(pool.metrics().waiting, 2);
  busy.release();
  expect_conservation(pool);
  EXPECT_EQ(order, "heavy light");
}

}  // namespace
