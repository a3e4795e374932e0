// The order of the real gate's line under every schedule within a bound: an urgent one that becomes the head, and light
// ones that overtake a heavy head, are let in without a release, and nobody is overtaken more often than may be.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>

#include "semaphore_door.hpp"

namespace semaphore_model {
namespace {

// Two light ones beside a heavy one that finds no room before the end, and one of the two at a time.
model::result light_ones_and_a_heavy_head(mistake made, const weir::limits& configured, std::uint8_t priority,
                                          int preemptions, memory_model memory = {}) {
  return model::explore(bounds("light ones and a heavy head", preemptions, memory),
                        with_door(configured, made, [=](model::scenario& s, door& d) {
                          d.hold(2);
                          auto heavy = std::make_shared<person>(3);
                          s.thread("heavy", [&d, heavy] {
                            if (d.enter(*heavy)) d.leave(3);
                          });
                          auto left = std::make_shared<int>(2);
                          for (const char* const name : {"light", "other"}) {
                            auto p = std::make_shared<person>(1, priority);
                            s.thread(name, [&d, p, left] {
                              if (d.enter(*p)) d.leave(1);
                              if (--*left == 0) d.leave(2);
                            });
                          }
                        }));
}

constexpr std::uint8_t urgent = 2;

TEST(LineModel, AnUrgentHeadIsLetInWithoutARelease) {
  const model::result r = light_ones_and_a_heavy_head(mistake::none, three, urgent, 3);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(LineModel, BecomingTheHeadWithoutALookLosesAGrant) {
  EXPECT_FALSE(light_ones_and_a_heavy_head(mistake::no_look_after_joining, three, urgent, 2).passed());
}

TEST(LineModel, LightOnesOvertakeWithoutARelease) {
  weir::limits configured = three;
  configured.max_bypass = 2;
  const model::result r = light_ones_and_a_heavy_head(mistake::none, configured, 1, 3);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(LineModel, OvertakingWithoutALookLosesAGrant) {
  weir::limits configured = three;
  configured.max_bypass = 2;
  EXPECT_FALSE(light_ones_and_a_heavy_head(mistake::no_look_after_joining, configured, 1, 2).passed());
}

TEST(LineModel, WhoMayNotOvertakeWaits) {
  weir::limits configured = three;
  configured.max_bypass = 1;
  EXPECT_FALSE(light_ones_and_a_heavy_head(mistake::none, configured, 1, 2).passed())
      << "the second light one waits for the heavy one, which waits for the end of both";
}

}  // namespace
}  // namespace semaphore_model
