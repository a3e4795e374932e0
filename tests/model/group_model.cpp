// A group whose children are spawned, run and waited for, under every schedule within a bound: the real word of a
// group, queues of children, place to sleep and limit of turns, in the steps of scheduler/groups.md.
//
// The maker spawns two children, the first of which spawns a third, on whatever thread it runs; the maker waits, and
// ends the group at once. A wake-up that is lost is a deadlock; what touches the group after its end, or ends it too
// early, is found by its memory.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>

#include "explorer.hpp"
#include "group_steps.hpp"
#include "holds.hpp"
#include "mutants.hpp"

namespace group_model {

using testing::HasSubstr;

std::function<void(model::scenario&)> group_scenario(const setting& chosen) {
  return [chosen](model::scenario& s) {
    auto m = std::make_shared<machine>(chosen);
    s.label("idle", m->resting);
    s.label("group", *m->group);
    for (std::size_t i = 0; i < 2; ++i) s.label("queue " + std::to_string(i), m->workers[i].children);
    s.thread("maker", [m] { m->make_and_wait(); });
    if (chosen.waits != place::outside) s.thread("helper", [m] { m->help_once(); });
    for (int i = 0; chosen.waits == place::outside && i < chosen.workers; ++i) {
      s.thread("worker " + std::to_string(i), [m, i] { m->work(static_cast<std::size_t>(i)); });
    }
    s.finally([m] { m->all_is_over(); });
  };
}

void expect_held(const model::options& options, const setting& chosen) {
  model::expect_holds(options, group_scenario(chosen));
}

TEST(GroupModel, AWaitInsideEndsAndMissesNoChild) {
  expect_held({.name = "group, waits inside", .preemptions = 3, .spurious_wakes = 1}, {});
  expect_held(model::with_views("group, waits inside, views"), {});
}

TEST(GroupModel, AWaitOutsideEnds) {
  expect_held({.name = "group, waits outside", .preemptions = 3}, {.waits = place::outside});
  expect_held({.name = "group, waits outside, 2 workers", .preemptions = 1}, {.waits = place::outside, .workers = 2});
  expect_held(model::with_views("group, waits outside, views", 1), {.waits = place::outside});
}

TEST(GroupModel, AWaitOfAWorkerEndsAndMissesNoChild) {
  expect_held({.name = "group, worker waits", .preemptions = 3}, {.waits = place::worker});
  expect_held(model::with_views("group, worker waits, views"), {.waits = place::worker});
}

TEST(GroupModel, AWaitEndsWithOneTurn) {
  expect_held({.name = "group, one turn, waits inside", .preemptions = 3}, {.limit = 1});
  expect_held({.name = "group, one turn, waits outside", .preemptions = 2}, {.waits = place::outside, .limit = 1});
  expect_held(model::with_views("group, one turn, waits inside, views"), {.limit = 1});
}

TEST(GroupModel, OneWaitAfterTheOtherEnds) {
  expect_held({.name = "group, two waits inside", .preemptions = 3}, {.rounds = 2});
  expect_held({.name = "group, two waits outside", .preemptions = 2}, {.waits = place::outside, .rounds = 2});
  expect_held({.name = "group, a worker waits twice", .preemptions = 2}, {.waits = place::worker, .rounds = 2});
}

TEST(GroupModel, AWaitEndsInLongRandomSchedules) {
  for (const std::uint32_t limit : {1u, 2u, running_limit::no_limit}) {
    const std::string turns = ", limit " + (limit == running_limit::no_limit ? "none" : std::to_string(limit));
    expect_held({.name = "group, random, outside" + turns, .preemptions = 8, .random = 5'000, .spurious_wakes = 2},
                {.waits = place::outside, .limit = limit, .workers = 2, .rounds = 2});
    expect_held({.name = "group, random, worker" + turns, .preemptions = 8, .random = 5'000, .spurious_wakes = 2},
                {.waits = place::worker, .limit = limit, .rounds = 2});
  }
}

// ---- each step is needed

std::string failure_of(const std::string& name, const setting& chosen) {
  return model::explore({.name = "mistake: " + name, .preemptions = 4}, group_scenario(chosen)).failure;
}
std::string failure_with_views_of(const std::string& name, const setting& chosen) {
  return model::explore(model::with_views("mistake: " + name), group_scenario(chosen)).failure;
}

const auto is_used_after_its_end = testing::AnyOf(HasSubstr("after its end"), HasSubstr("an object ends"));

TEST(GroupModel, NeedsAChildCountedBeforeItIsPushed) {
  EXPECT_THAT(failure_with_views_of("pushes, then counts", {.made = mistake::child_is_pushed_before_it_is_counted}),
              is_used_after_its_end);
}

TEST(GroupModel, NeedsTheLookForAWatcherBehindThePushAndItsFence) {
  const std::pair<mistake, const char*> mistakes[] = {
      {mistake::watcher_is_looked_for_before_the_push, "looks for a watcher, then pushes"},
      {mistake::watcher_is_woken_and_its_bit_stays, "the watcher's bit stays"},
      {mistake::watcher_is_not_woken, "the watcher is not woken"},
  };
  for (const auto& [made, name] : mistakes) {
    EXPECT_THAT(failure_of(name, {.made = made}), HasSubstr("deadlock")) << name;
  }
}

TEST(GroupModel, NeedsTheFencesBetweenAPushAndASleep) {
  EXPECT_THAT(failure_with_views_of("looks for a watcher before the fence",
                                    {.made = mistake::watcher_is_looked_for_before_the_fence}),
              HasSubstr("deadlock"));
  EXPECT_THAT(
      failure_with_views_of("no fence before the second look", {.made = mistake::no_fence_before_the_second_look}),
      HasSubstr("deadlock"));
}

TEST(GroupModel, NeedsTheEndAsTheLastTouch) {
  for (const place waits : {place::inside, place::outside}) {
    EXPECT_THAT(failure_with_views_of("reads the group after the end",
                                      {.waits = waits, .made = mistake::group_is_read_after_the_end}),
                is_used_after_its_end);
    EXPECT_THAT(failure_with_views_of("hands its turn on after the end",
                                      {.waits = waits, .limit = 1, .made = mistake::turn_is_handed_on_after_the_end}),
                is_used_after_its_end);
    EXPECT_THAT(failure_with_views_of("callable is gone after the end",
                                      {.waits = waits, .made = mistake::callable_is_gone_after_the_end}),
                HasSubstr("data race"));
  }
}

TEST(GroupModel, NeedsTheBitsAsTheEndFindsThem) {
  EXPECT_THAT(failure_of("looks for watchers before the end", {.made = mistake::bits_are_read_before_the_end}),
              HasSubstr("deadlock"));
  EXPECT_THAT(failure_of("looks for watchers before the end, outside",
                         {.waits = place::outside, .made = mistake::bits_are_read_before_the_end}),
              HasSubstr("deadlock"));
  EXPECT_THAT(failure_of("workers are not told of the end",
                         {.waits = place::worker, .made = mistake::workers_are_not_told_of_the_end}),
              HasSubstr("deadlock"));
}

TEST(GroupModel, NeedsEachStepOfAWaitInside) {
  const std::pair<mistake, const char*> mistakes[] = {
      {mistake::no_second_look, "no second look"},
      {mistake::second_look_before_the_announcement, "looks, then says that it waits"},
      {mistake::sleeps_on_the_word_of_a_later_look, "sleeps on a later word"},
      {mistake::looks_at_its_own_queue_only, "looks at its own queue only"},
      {mistake::waits_without_an_announcement, "says nothing"},
  };
  for (const auto& [made, name] : mistakes) {
    EXPECT_THAT(failure_of(name, {.made = made}), HasSubstr("deadlock")) << name;
  }
}

TEST(GroupModel, NeedsEachStepOfTheOtherWaits) {
  for (const place waits : {place::outside, place::worker}) {
    EXPECT_THAT(failure_of("says nothing", {.waits = waits, .made = mistake::waits_without_an_announcement}),
                HasSubstr("deadlock"));
  }
  EXPECT_THAT(failure_of("worker does not look", {.waits = place::worker, .made = mistake::no_second_look}),
              HasSubstr("deadlock"));
}

TEST(GroupModel, NeedsTheOrders) {
  const auto experiment = [](const std::string& name, place waits, int preemptions) {
    return model::experiment{model::with_views("group, orders, " + name, preemptions),
                             group_scenario({.waits = waits})};
  };
  const model::mutants m = model::weaken_each_order(
      "group_state.hpp", {experiment("inside", place::inside, 2), experiment("outside", place::outside, 1),
                          experiment("worker", place::worker, 2)});
  EXPECT_EQ(m.killed, 3);
  EXPECT_THAT(m.survivors,
              testing::UnorderedElementsAre(
                  // Who ends a child goes on to nothing that others did, and who waits has done nothing that they need.
                  "end_one fetch_sub: acq_rel -> release", "watch fetch_or: acq_rel -> acquire"));
}

}  // namespace group_model
