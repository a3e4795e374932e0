// The real gate, its word, its queue and its lock, under every schedule within a bound: never more inside than the
// limit, first in first out, nobody barges past who waits, everybody is told once, and no grant is lost (that is a
// deadlock here). Each step that the protocol of admission/README.md names is left out in turn, and the explorer must
// notice.
#include <weir/admission/detail/gate.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <weir/admission/detail/thread_waiter.hpp>

#include "semaphore_door.hpp"

namespace semaphore_model {

// ---- who holds all goes away, while two come

model::result release_and_two_that_wait(mistake made, int preemptions, memory_model memory = {}) {
  return model::explore(bounds("release and two that wait", preemptions, memory),
                        with_door(three, made, [](model::scenario& s, door& d) {
                          d.hold(3);
                          for (const std::uint32_t weight : {2U, 3U}) {
                            auto p = std::make_shared<person>(weight);
                            s.thread(weight == 2 ? "two" : "three", [&d, p] {
                              if (d.enter(*p)) d.leave(p->weight());
                            });
                          }
                          s.thread("holder", [&d] { d.leave(3); });
                        }));
}

TEST(SemaphoreModel, AReleaseReachesEverybodyWhoWaits) {
  const model::result r = release_and_two_that_wait(mistake::none, 3);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(SemaphoreModel, JoiningWithoutALookLosesAGrant) {
  EXPECT_FALSE(release_and_two_that_wait(mistake::no_look_after_joining, 2).passed());
}

TEST(SemaphoreModel, LookingBeforeTheBitIsSetLosesAGrant) {
  EXPECT_FALSE(release_and_two_that_wait(mistake::look_before_announcing, 2).passed());
}

TEST(SemaphoreModel, ReleasingWithoutALookLosesAGrant) {
  EXPECT_FALSE(release_and_two_that_wait(mistake::no_look_after_releasing, 2).passed());
}

// ---- a heavy one at the head gives up, with a light one behind it that fits already

model::result head_that_leaves(mistake made, int preemptions, memory_model memory = {}) {
  return model::explore(bounds("head that leaves", preemptions, memory),
                        with_door(three, made, [](model::scenario& s, door& d) {
                          d.hold(d.kept = 2);
                          auto heavy = std::make_shared<person>(3);
                          auto light = std::make_shared<person>(1);
                          s.thread("heavy", [&d, heavy] {
                            d.join(*heavy);
                            d.withdraw(*heavy);
                            heavy->sleep_until_told();
                            model::check(!heavy->granted, "there was no room for it");
                          });
                          s.thread("light", [&d, light] {
                            if (d.enter(*light)) d.leave(1);
                            model::check(light->granted, "the light one is let in, without a release");
                          });
                        }));
}

TEST(SemaphoreModel, AHeadThatLeavesLetsTheNextIn) {
  const model::result r = head_that_leaves(mistake::none, 4);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(SemaphoreModel, LeavingWithoutALookLosesAGrant) {
  EXPECT_FALSE(head_that_leaves(mistake::no_look_after_leaving, 2).passed());
}

// ---- newcomers that do not wait, beside one that does

model::result newcomers_and_a_heavy_one(mistake made, int preemptions, memory_model memory = {}) {
  return model::explore(bounds("newcomers and a heavy one", preemptions, memory),
                        with_door(three, made, [](model::scenario& s, door& d) {
                          d.hold(2);
                          auto heavy = std::make_shared<person>(3);
                          auto first = std::make_shared<person>(1);
                          s.thread("heavy", [&d, heavy] {
                            if (d.enter(*heavy)) d.leave(3);
                          });
                          s.thread("newcomer", [&d, first] {
                            if (d.try_to_enter(*first)) d.leave(1);
                          });
                          s.thread("holder", [&d] { d.leave(2); });
                        }));
}

TEST(SemaphoreModel, NobodyBargesPastTheHead) {
  const model::result r = newcomers_and_a_heavy_one(mistake::none, 3);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(SemaphoreModel, BargingIsNoticed) { EXPECT_FALSE(newcomers_and_a_heavy_one(mistake::barging, 2).passed()); }

TEST(SemaphoreModel, LosesNobodyWithViews) {
  for (const auto scenario : {release_and_two_that_wait, head_that_leaves, newcomers_and_a_heavy_one}) {
    const model::result r = scenario(mistake::none, 2, memory_model::views);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

// ---- everything at once around one waiter: it hears exactly one outcome, and what it was granted is not lost

TEST(SemaphoreModel, ReleaseCancelAndCloseTellAWaiterOnce) {
  const model::result r = model::explore({.name = "release, cancel and close", .preemptions = 3, .missed_stores = 1},
                                         with_door(three, mistake::none, [](model::scenario& s, door& d) {
                                           d.hold(3);
                                           auto p = std::make_shared<person>(2);
                                           s.thread("waiter", [&d, p] {
                                             d.join(*p);
                                             d.withdraw(*p);
                                             p->sleep_until_told();
                                             if (!p->granted) return;
                                             d.is_inside(*p);
                                             d.leave(2);
                                           });
                                           s.thread("holder", [&d] { d.leave(3); });
                                           s.thread("closer", [&d] { d.at.close(); });
                                         }));
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(SemaphoreModel, AResizeLosesNobody) {
  const model::result r =
      model::explore({.name = "resize", .preemptions = 3, .missed_stores = 1},
                     with_door(three, mistake::none, [](model::scenario& s, door& d) {
                       d.hold(2);
                       auto p = std::make_shared<person>(2);
                       s.thread("waiter", [&d, p] {
                         if (d.enter(*p)) {
                           d.leave(2);
                         } else {
                           model::check(p->why == refusal_reason::too_heavy, "only while the limit was 1");
                         }
                       });
                       s.thread("holder", [&d] { d.leave(2); });
                       s.thread("resizer", [&d] {
                         for (const std::int64_t limit : {1, 3}) {
                           weir::limits next = three;
                           next.max_weight = limit;
                           d.at.set_limits(next);
                         }
                       });
                     }));
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

// ---- with the model's clock, which passes when nobody can run, and the thread's own waiting

// Both attempts hold room while they look for the one token there is; who comes meanwhile finds none, and waits.
model::result attempts_and_one_that_waits(mistake made, int preemptions) {
  constexpr weir::limits rated{.max_tasks = 2, .rate = weir::per_second(1), .burst = 1};
  return model::explore({.name = "attempts and one that waits", .preemptions = preemptions}, [=](model::scenario& s) {
    auto* const d = new door(rated, made, weir::steady_clock_source());
    s.label("door", d->at);
    for (const char* const name : {"first", "second"}) {
      s.thread(name, [=] {
        const weir::time_point now = d->at.clock().now();
        const bool granted = made == mistake::no_look_after_an_attempt ? gate_steps::attempt_without_a_look(d->at, now)
                                                                       : d->at.try_admit({}, now).granted;
        if (granted) ++d->kept;
      });
    }
    s.thread("waiter", [=] {
      model::check(weir::detail::acquire(d->at, {}).has_value(), "who waits is admitted in the end");
      d->at.release(1);
    });
    s.finally([d] {
      model::check(d->kept <= 1, "there was one token");
      for (; d->kept != 0; --d->kept) d->at.release(1);
      model::check(d->at.tasks_in_use() == 0, "all was given back");
      delete d;
    });
  });
}

TEST(SemaphoreModel, RoomThatAnAttemptGivesBackReachesWhoWaits) {
  const model::result r = attempts_and_one_that_waits(mistake::none, 3);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(SemaphoreModel, AnAttemptThatGivesBackWithoutALookLosesAGrant) {
  EXPECT_FALSE(attempts_and_one_that_waits(mistake::no_look_after_an_attempt, 3).passed());
}

TEST(SemaphoreModel, AThreadThatTimesOutWhileItIsGrantedLosesNothing) {
  const model::result r =
      model::explore({.name = "time-out and grant", .preemptions = 2, .timeouts = 1}, [](model::scenario& s) {
        auto* const d = new door(three, mistake::none, weir::steady_clock_source());
        s.label("door", d->at);
        d->hold(3);
        const auto until = [d](std::chrono::milliseconds wait) { return weir::deadline(d->at.clock().now() + wait); };
        s.thread("patient", [=] {
          if (weir::detail::acquire(d->at, {.weight = 2})) d->at.release(2);
        });
        s.thread("impatient", [=] {
          const auto got = weir::detail::acquire(d->at, {.weight = 3, .patience = until(std::chrono::milliseconds(5))});
          model::check(got.has_value() || got.error().reason == refusal_reason::timed_out, "granted or timed out");
          if (got) d->at.release(3);
        });
        s.thread("holder", [d] { d->at.release(3); });
        s.finally([d] {
          model::check(d->at.weight_in_use() == 0 && d->at.waiting() == 0, "all was given back");
          delete d;
        });
      });
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

}  // namespace semaphore_model
