// The count of a pool's stops and what groups keep of it, in the steps of scheduler/groups.md ("Stops"), over the real
// count and the real state words: nested groups, of which some is stopped while children of others ask whether they
// are.
//
// Who knows that a stop is over, and asks below it, is told so, and its cause, whatever others have found and kept
// meanwhile, also if it was stopped by another one who is not that far; what a group was told is told there for good;
// and a child that is pushed meanwhile is found by who stops, or finds the stop.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/task_state.hpp>

#include "explorer.hpp"
#include "holds.hpp"
#include "mutants.hpp"
#include "stop_count.hpp"

namespace stop_count_model {

using testing::HasSubstr;
using weir::stop_cause;
using weir::detail::atomic;
using weir::detail::full_fence;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::detail::stop_count;
using weir::detail::task_state;

enum class mistake {
  none,
  // of who stops
  counts_before_it_writes_the_cause,
  does_not_count,
  counts_after_the_look,
  has_no_fence,
  leaves_at_once_if_it_was_stopped,
  // of who asks
  keeps_no_cause,
  reads_the_count_after_the_words,
  keeps_the_count_though_it_has_found_a_cause,
  keeps_the_count_for_a_group_below,
  // of who pushes
  asks_before_its_fence,
};

inline constexpr std::size_t levels = 3;
inline constexpr std::size_t top = 0, middle = 1, leaf = 2;

struct setting {
  std::vector<std::size_t> stopped = {};  // one thread each
  std::vector<std::size_t> askers = {};   // one thread each
  int questions = 1;                      // of each asker
  bool one_pushes = false;                // a child of the lowest group
  mistake made = mistake::none;
};

struct nested_group {
  task_state stop{task_state::phase::running};
  atomic<std::uint64_t> unstopped_at{~std::uint64_t{0}};
};

class machine {
 public:
  explicit machine(const setting& s) : chosen(s) {}

  const setting chosen;
  stop_count stops;
  std::array<nested_group, levels> groups;

  void stop(std::size_t level) {
    if (with(mistake::counts_before_it_writes_the_cause)) stops.raise();
    const stop_cause above = cause_of(level);
    const bool is_first = groups[level].stop.request_stop(above != stop_cause::none ? above : cause_at(level)) !=
                          task_state::stopped::was_stopped_or_over;  // 1
    if (is_first || !with(mistake::leaves_at_once_if_it_was_stopped)) {
      if (counts_in_time()) stops.raise();  // 2
    }
    if (is_first) {
      if (!with(mistake::has_no_fence)) full_fence();
      take_what_is_queued();  // 3
      if (with(mistake::counts_after_the_look)) stops.raise();
    }
    is_over[level].store(true, memory_order_release);  // what the program knows of it
  }

  // What a child of the group at that level does.
  void ask(std::size_t level) {
    for (int i = 0; i < chosen.questions; ++i) {
      const bool must_be_told = is_below_a_stop_that_is_over(level);
      const stop_cause told = cause_of(level);
      model::check(!must_be_told || told != stop_cause::none, "who asks after a stop is told of it");
      model::check(told == stop_cause::none || is_cause_above(told, level), "nobody is told of a stop beside it");
      if (told != stop_cause::none) was_told[level].store(told, memory_order_relaxed);
    }
  }

  void push_a_child() {
    if (cause_of(leaf) != stop_cause::none) return;
    is_queued.store(true, memory_order_relaxed);
    if (with(mistake::asks_before_its_fence)) {
      if (cause_of(leaf) != stop_cause::none) take_what_is_queued();
      return;
    }
    full_fence();
    if (cause_of(leaf) != stop_cause::none) take_what_is_queued();
  }

  void all_is_over() {
    for (std::size_t level = 0; level < levels; ++level) {
      const stop_cause before = was_told[level].load(memory_order_relaxed);
      for (int i = 0; i < 2; ++i) {
        const stop_cause told = cause_of(level);
        model::check((told != stop_cause::none) == is_stopped(level) && is_cause_above(told, level),
                     "each is told a cause in the end, and of no other stop");
        model::check(before == stop_cause::none || told == before, "what was told is told for good");
      }
    }
    if (!chosen.one_pushes || !is_stopped(leaf)) return;
    model::check(!is_queued.load(memory_order_relaxed), "no child that was stopped stays");
  }

 private:
  [[nodiscard]] bool with(mistake m) const { return chosen.made == m; }
  [[nodiscard]] bool counts_in_time() const {
    return !with(mistake::counts_before_it_writes_the_cause) && !with(mistake::does_not_count) &&
           !with(mistake::counts_after_the_look);
  }
  // Each level has one of its own, so that it can be told which stop was seen.
  static stop_cause cause_at(std::size_t level) {
    constexpr std::array causes{stop_cause::requested, stop_cause::deadline, stop_cause::shutdown};
    return causes[level];
  }

  stop_cause cause_of(std::size_t level) {
    std::uint64_t count = stops.read();                                                           // 1
    if (groups[level].unstopped_at.load(memory_order_relaxed) == count) return stop_cause::none;  // (3) of group.hpp
    stop_cause found = stop_cause::none;
    for (std::size_t at = level + 1; at-- > 0 && found == stop_cause::none;) {  // 2
      if (at != level && groups[at].unstopped_at.load(memory_order_relaxed) == count) break;
      found = groups[at].stop.cause();
    }
    if (with(mistake::reads_the_count_after_the_words)) count = stops.read();
    if (found == stop_cause::none || with(mistake::keeps_the_count_though_it_has_found_a_cause)) {
      groups[level].unstopped_at.store(count, memory_order_relaxed);  // 3
    }
    if (found == stop_cause::none && with(mistake::keeps_the_count_for_a_group_below)) {
      for (nested_group& below : groups) below.unstopped_at.store(count, memory_order_relaxed);
    }
    if (found == stop_cause::none || with(mistake::keeps_no_cause)) return found;
    (void)groups[level].stop.request_stop(found);  // 4
    return groups[level].stop.cause();
  }

  void take_what_is_queued() {
    if (is_queued.load(memory_order_relaxed)) is_queued.store(false, memory_order_relaxed);
  }

  bool is_below_a_stop_that_is_over(std::size_t level) const {
    for (const std::size_t at : chosen.stopped) {
      if (at <= level && is_over[at].load(memory_order_acquire)) return true;
    }
    return false;
  }
  bool is_stopped(std::size_t level) const {
    return std::any_of(chosen.stopped.begin(), chosen.stopped.end(), [level](std::size_t at) { return at <= level; });
  }
  // Or none.
  bool is_cause_above(stop_cause cause, std::size_t level) const {
    if (cause == stop_cause::none) return true;
    for (std::size_t at = 0; at <= level; ++at) {
      if (cause_at(at) == cause) return true;
    }
    return false;
  }

  atomic<bool> is_queued{false};
  std::array<atomic<bool>, levels> is_over{};
  std::array<atomic<stop_cause>, levels> was_told{};  // by askers
};

std::function<void(model::scenario&)> scenario_of(const setting& chosen) {
  return [chosen](model::scenario& s) {
    auto m = std::make_shared<machine>(chosen);
    s.label("stops", m->stops);
    s.label("top", m->groups[top]);
    s.label("middle", m->groups[middle]);
    s.label("leaf", m->groups[leaf]);
    for (const std::size_t level : chosen.stopped) {
      s.thread("who stops " + std::to_string(level), [m, level] { m->stop(level); });
    }
    for (std::size_t i = 0; i < chosen.askers.size(); ++i) {
      const std::size_t level = chosen.askers[i];
      s.thread("asker " + std::to_string(i) + " of " + std::to_string(level), [m, level] { m->ask(level); });
    }
    if (chosen.one_pushes) s.thread("who pushes", [m] { m->push_a_child(); });
    s.finally([m] { m->all_is_over(); });
  };
}

model::options in_turn(const std::string& name, int preemptions) { return {.name = name, .preemptions = preemptions}; }
model::options with_views(const std::string& name, int preemptions) { return model::with_views(name, preemptions, 2); }

void expect_held(const model::options& options, const setting& chosen) {
  model::expect_holds(options, scenario_of(chosen));
}

const std::array<std::string, levels> names{"top", "middle", "leaf"};

TEST(StopCountModel, WhoAsksAfterAStopIsToldWhateverWasKept) {
  for (const std::size_t level : {top, middle, leaf}) {
    const std::string name = "stop of the " + names[level];
    expect_held(in_turn(name, 3), {.stopped = {level}, .askers = {leaf, middle}, .questions = 2});
    expect_held(with_views(name + ", views", 2), {.stopped = {level}, .askers = {leaf, middle}, .questions = 2});
  }
}

TEST(StopCountModel, OfTwoStopsNoneIsLost) {
  for (const auto& [one, other] : {std::pair{top, middle}, std::pair{top, leaf}, std::pair{middle, leaf}}) {
    const std::string name = "stops of the " + names[one] + " and the " + names[other];
    expect_held(in_turn(name, 2), {.stopped = {one, other}, .askers = {leaf, middle}});
    expect_held(with_views(name + ", views", 2), {.stopped = {one, other}, .askers = {leaf}});
  }
  expect_held({.name = "three stops, random", .preemptions = 8, .random = 5'000},
              {.stopped = {top, middle, leaf}, .askers = {leaf, middle, top}, .questions = 2, .one_pushes = true});
}

TEST(StopCountModel, AChildThatIsPushedDuringAStopDoesNotStay) {
  for (const std::size_t level : {top, middle, leaf}) {
    const std::string name = "push against a stop of the " + names[level];
    expect_held(in_turn(name, 3), {.stopped = {level}, .askers = {leaf}, .one_pushes = true});
    expect_held(with_views(name + ", views", 2), {.stopped = {level}, .askers = {leaf}, .one_pushes = true});
  }
}

std::string failure_of(const model::options& options, const setting& chosen) {
  return model::explore(options, scenario_of(chosen)).failure;
}

TEST(StopCountModel, NeedsTheCountBetweenTheCauseAndTheLook) {
  const std::vector<std::size_t> both{leaf, middle};
  EXPECT_THAT(failure_of(in_turn("mistake: counts before it writes the cause", 2),
                         {.stopped = {top}, .askers = both, .made = mistake::counts_before_it_writes_the_cause}),
              HasSubstr("told"));
  EXPECT_THAT(failure_of(in_turn("mistake: does not count", 2),
                         {.stopped = {top}, .askers = both, .made = mistake::does_not_count}),
              HasSubstr("told"));
  EXPECT_THAT(failure_of(in_turn("mistake: counts after the look", 2),
                         {.stopped = {top}, .one_pushes = true, .made = mistake::counts_after_the_look}),
              HasSubstr("no child"));
}

TEST(StopCountModel, NeedsTheCountFromBeforeTheWordsAndOfNoneStopped) {
  const std::pair<mistake, const char*> mistakes[] = {
      {mistake::reads_the_count_after_the_words, "reads the count after the words"},
      {mistake::keeps_the_count_though_it_has_found_a_cause, "keeps the count though it has found a cause"},
  };
  for (const auto& [made, name] : mistakes) {
    EXPECT_THAT(failure_of(in_turn(std::string("mistake: ") + name, 2),
                           {.stopped = {top}, .askers = {leaf, middle}, .made = made}),
                HasSubstr("told"))
        << name;
  }
  EXPECT_THAT(failure_of(in_turn("mistake: keeps the count for a group below", 2),
                         {.stopped = {leaf}, .askers = {middle}, .made = mistake::keeps_the_count_for_a_group_below}),
              HasSubstr("told"));
}

TEST(StopCountModel, NeedsBothFencesOfAPush) {
  const std::pair<mistake, const char*> mistakes[] = {
      {mistake::has_no_fence, "who stops has no fence"},
      {mistake::asks_before_its_fence, "who pushes asks before its fence"},
  };
  for (const auto& [made, name] : mistakes) {
    EXPECT_THAT(failure_of(with_views(std::string("mistake: ") + name, 2),
                           {.stopped = {top}, .one_pushes = true, .made = made}),
                HasSubstr("no child"))
        << name;
  }
}

TEST(StopCountModel, NeedsToTellOfAStopThatAnotherOneMakesJustNow) {
  for (const auto& stopped : {std::vector{middle, middle}, std::vector{top, middle}}) {
    const setting of{.stopped = stopped, .askers = {middle, leaf}, .questions = 2};
    expect_held(in_turn("two stops at once", 2), of);
    setting bad = of;
    bad.made = mistake::leaves_at_once_if_it_was_stopped;
    EXPECT_THAT(failure_of(in_turn("mistake: leaves at once if it was stopped", 2), bad), HasSubstr("who asks after"));
  }
}

TEST(StopCountModel, NeedsTheCauseKeptThatWasTold) {
  const setting of{.stopped = {top, middle}, .askers = {leaf, middle}, .questions = 2};
  expect_held(in_turn("a stop below another", 2), of);
  setting bad = of;
  bad.made = mistake::keeps_no_cause;
  EXPECT_THAT(failure_of(in_turn("mistake: keeps no cause", 2), bad), HasSubstr("for good"));
}

std::vector<model::experiment> experiments() {
  return {{with_views("a stop", 2), scenario_of({.stopped = {top}, .askers = {leaf, middle}})},
          {with_views("two stops", 2), scenario_of({.stopped = {top, leaf}, .askers = {leaf}})},
          {with_views("a push", 2), scenario_of({.stopped = {middle}, .askers = {leaf}, .one_pushes = true})}};
}

TEST(StopCountModel, NeedsTheReleaseOfACountAndTheAcquireOfARead) {
  const model::mutants m = model::weaken_each_order("stop_count.hpp", experiments());
  // Who stops reads nothing by the count; and between it and the look stands a fence.
  EXPECT_THAT(m.survivors,
              testing::ElementsAre("raise fetch_add: seq_cst -> acq_rel", "raise fetch_add: seq_cst -> release"));
}

// They publish what the owner of a task has done; the causes are published by the count.
TEST(StopCountModel, NeedsNoOrderOfTheWords) {
  EXPECT_EQ(model::weaken_each_order("task_state.hpp", experiments()).killed, 0);
}

}  // namespace stop_count_model
