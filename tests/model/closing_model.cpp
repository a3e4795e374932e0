// The end of the real gate under every schedule within a bound: who waits for a closed gate to be empty is woken by the
// last that leaves it, whether that held a permit, stood in line, or had only been promised a place. A lost wake is a
// deadlock.
#include <weir/admission/detail/gate.hpp>

#include <gtest/gtest.h>

#include <chrono>

#include <weir/admission/detail/thread_waiter.hpp>

#include "explorer.hpp"
#include "gate_steps.hpp"

namespace closing_model {

using weir::detail::gate;
using weir::detail::gate_steps;

enum class mistake { none, silent_release, silent_place };

model::result closing(mistake made, int closers, int preemptions, int old_reads = 0) {
  const auto memory = old_reads == 0 ? model::memory_model::sequential : model::memory_model::views;
  const model::options bounds{.name = "closing", .preemptions = preemptions, .memory = memory, .old_reads = old_reads};
  return model::explore(bounds, [=](model::scenario& s) {
    auto* const at = new gate({.max_tasks = 1}, weir::steady_clock_source());
    s.label("gate", *at);
    model::check(at->try_admit({}, {}).granted, "an empty gate admits");
    model::check(at->reserve({}).has_value(), "there is a place");
    s.thread("holder", [=] { made == mistake::silent_release ? gate_steps::release_silently(*at) : at->release(1); });
    s.thread("promised", [=] {
      made == mistake::silent_place ? gate_steps::give_a_place_up_silently(*at) : at->cancel_reservation(1);
    });
    for (int i = 0; i < closers; ++i) {
      s.thread("closer", [at] {
        at->close();
        model::check(at->wait_until_empty(weir::time_point::max()), "nothing is left");
        model::check(at->tasks_in_use() == 0 && at->waiting() == 0, "nothing comes after it is empty");
      });
    }
    s.finally([at] { delete at; });
  });
}

TEST(ClosingModel, TheLastThatLeavesWakesWhoWaitsForIt) {
  const model::result r = closing(mistake::none, 2, 2);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(ClosingModel, TheLastThatLeavesWakesWhoWaitsForItWithViews) {
  const model::result r = closing(mistake::none, 1, 2, 2);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(ClosingModel, ASilentReleaseIsNoticed) { EXPECT_FALSE(closing(mistake::silent_release, 1, 2).passed()); }

TEST(ClosingModel, ASilentPlaceIsNoticed) { EXPECT_FALSE(closing(mistake::silent_place, 1, 2).passed()); }

// One in line, admitted or refused as it comes, beside a close.
TEST(ClosingModel, OneInLineLeavesTheGateEmpty) {
  const model::result r =
      model::explore({.name = "closing beside a waiter", .preemptions = 2, .missed_stores = 1}, [](model::scenario& s) {
        auto* const at = new gate({.max_tasks = 1}, weir::steady_clock_source());
        s.label("gate", *at);
        model::check(at->try_admit({}, {}).granted, "an empty gate admits");
        s.thread("holder", [at] { at->release(1); });
        s.thread("waiter", [at] {
          const auto got = weir::detail::acquire(*at, {});
          model::check(got.has_value() || got.error().reason == weir::refusal_reason::closed, "admitted or closed");
          if (got) at->release(1);
        });
        s.thread("closer", [at] {
          at->close();
          model::check(at->wait_until_empty(weir::time_point::max()), "nothing is left");
        });
        s.finally([at] { delete at; });
      });
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

}  // namespace closing_model
