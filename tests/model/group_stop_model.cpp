// A stop of a group against its spawns, its turns and its ends, under every schedule within a bound: the real word of a
// group, limit of turns, state word of the stop and queue of children, in the steps of scheduler/groups.md.
//
// What is queued when a group was asked to stop is ended by who stops it, by who spawned it or by who handed it its
// turn: here no worker comes for it afterwards.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>
#include <weir/queues/keyed_queue.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/detail/group_state.hpp>
#include <weir/scheduler/detail/running_limit.hpp>
#include <weir/scheduler/detail/task_state.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "holds.hpp"

namespace group_stop_model {

using testing::HasSubstr;
using weir::stop_cause;
using weir::detail::atomic;
using weir::detail::frame;
using weir::detail::full_fence;
using weir::detail::group_state;
using weir::detail::memory_order_relaxed;
using weir::detail::running_limit;
using weir::detail::task_state;

enum class mistake {
  none,
  spawner_does_not_look,
  spawner_looks_before_the_push,
  spawner_has_no_fence,
  stopper_looks_first,
  stopper_has_no_fence,
  turn_is_handed_on_without_a_look,
  turn_ends_with_who_did_not_run,
  turn_is_handed_on_twice,
  runs_at_once_without_a_turn,
};

struct setting {
  std::uint32_t limit = running_limit::no_limit;
  std::size_t children = 1;
  std::size_t spawners = 1;  // the children in equal parts
  std::size_t runners = 0;
  std::size_t most_runs = 1;  // of each runner
  bool is_stopped = true;
  bool at_once = false;  // one more child runs on the first spawner's thread, if it gets a turn
  mistake made = mistake::none;
};

constexpr weir::detail::frame_ops no_ops{};

struct family;

struct child : frame {
  child() : frame(no_ops, task_state::phase::running, 0, weir::task_name{}, std::source_location::current()) {}

  family* of = nullptr;
  child* next = nullptr;
  bool is_counted = false;
  int ended = 0;
  model::checked<int> made{0};  // by who spawns it, for who ends it
};

struct family {
  explicit family(std::uint32_t limit) : turns(limit) {}

  group_state state;
  running_limit turns;
  task_state stop{task_state::phase::running};
};

class machine {
 public:
  explicit machine(const setting& s) : chosen(s), group(s.limit) {}

  const setting chosen;
  family group;
  weir::detail::keyed_queue<child, family, &child::of, &child::next> queued;
  child children[5];
  atomic<int> something{0};  // for the bodies to look at

  void spawn(std::size_t first, std::size_t count) {
    if (chosen.at_once && first == 0) run_at_once();
    for (std::size_t i = first; i < first + count; ++i) {
      if (is_stopped()) return;  // 1
      child& c = children[i];
      c.of = &group;
      c.made.set(1);
      c.is_counted = true;
      group.state.begin_one();  // 4
      if (with(mistake::spawner_looks_before_the_push) && is_stopped()) end_queued();
      if (group.turns.take_or_hold_back(c)) push_and_look(c);
    }
  }

  void stop() {
    if (with(mistake::stopper_looks_first)) end_queued();
    if (group.stop.request_stop(stop_cause::requested) == task_state::stopped::was_stopped_or_over) return;
    if (!with(mistake::stopper_looks_first)) end_queued();
  }

  void run_some() {
    for (std::size_t i = 0; i < chosen.most_runs; ++i) {
      if (child* const c = queued.take_oldest()) start(*c);
    }
  }

  void all_is_over() {
    while (!chosen.is_stopped) {
      child* const c = queued.take_oldest();
      if (c == nullptr) break;
      start(*c);
    }
    for (const child& c : children) model::check(c.ended == (c.is_counted ? 1 : 0), "each child ends, and once");
    model::check(group.state.is_over() && queued.looks_empty(), "nothing is left behind");
    for (std::uint32_t i = 0; group.turns.is_set() && i < group.turns.most(); ++i) {
      model::check(group.turns.try_take(), "all turns are given back");
    }
  }

 private:
  [[nodiscard]] bool with(mistake m) const { return chosen.made == m; }
  [[nodiscard]] bool is_stopped() const { return group.stop.cause() != stop_cause::none; }

  void push_and_look(child& c) {
    queued.push(&c);                                         // 5
    if (!with(mistake::spawner_has_no_fence)) full_fence();  // 6
    const bool looks = !with(mistake::spawner_does_not_look) && !with(mistake::spawner_looks_before_the_push);
    if (looks && is_stopped()) end_queued();  // 8
  }

  void end_queued() {
    if (!with(mistake::stopper_has_no_fence)) full_fence();
    weir::detail::keyed_queue<child, family, &child::of, &child::next>::cursor from;
    while (child* const c = queued.take_if([](const family&) { return true; }, from)) start(*c);
  }

  void start(child& c) {
    model::check(c.made.get() == 1, "as it was made");
    if (is_stopped()) return end(c, !with(mistake::turn_ends_with_who_did_not_run));
    run_body();
    end(c, true);
  }

  void run_body() {
    model::check(++running <= chosen.limit, "no more run at once than may");
    (void)something.load(memory_order_relaxed);
    --running;
  }

  // As a part of who spawns it: the turn is its own, or there is none.
  void run_at_once() {
    child& c = children[4];
    if (is_stopped() || (!with(mistake::runs_at_once_without_a_turn) && !group.turns.try_take())) return;
    c.is_counted = true;
    group.state.begin_one();
    run_body();
    end(c, !with(mistake::runs_at_once_without_a_turn));
  }

  void end(child& c, bool has_turn) {
    if (has_turn) hand_turn_on();
    if (has_turn && with(mistake::turn_is_handed_on_twice)) hand_turn_on();
    end_without_turn(c);
  }

  void end_without_turn(child& c) {
    ++c.ended;
    (void)group.state.end_one();
  }

  void hand_turn_on() {
    while (frame* const next = group.turns.pass_on()) {
      child& c = static_cast<child&>(*next);
      if (with(mistake::turn_is_handed_on_without_a_look)) {
        queued.push(&c);
        return full_fence();
      }
      if (!is_stopped()) return push_and_look(c);
      end_without_turn(c);
    }
  }

  std::uint32_t running = 0;
};

std::function<void(model::scenario&)> stop_scenario(const setting& chosen) {
  return [chosen](model::scenario& s) {
    auto m = std::make_shared<machine>(chosen);
    s.label("group", m->group.state);
    s.label("stop", m->group.stop);
    s.label("queue", m->queued);
    for (std::size_t i = 0; i < chosen.spawners; ++i) {
      const std::size_t each = chosen.children / chosen.spawners;
      s.thread("spawner " + std::to_string(i), [m, i, each] { m->spawn(i * each, each); });
    }
    if (chosen.is_stopped) s.thread("stopper", [m] { m->stop(); });
    for (std::size_t i = 0; i < chosen.runners; ++i) {
      s.thread("runner " + std::to_string(i), [m] { m->run_some(); });
    }
    s.finally([m] { m->all_is_over(); });
  };
}

model::options with_views(const std::string& name, int preemptions = 2) {
  return model::with_views(name, preemptions, 2);
}

void expect_held(const model::options& options, const setting& chosen) {
  model::expect_holds(options, stop_scenario(chosen));
}

TEST(GroupStopModel, EndsWhatIsQueuedWithoutAWorker) {
  expect_held({.name = "stop against a spawn", .preemptions = 4}, {});
  expect_held({.name = "stop against two spawns", .preemptions = 2}, {.children = 2, .spawners = 2});
  expect_held({.name = "stop against spawns and a run", .preemptions = 2}, {.children = 2, .runners = 1});
  expect_held(with_views("stop against a spawn, views", 3), {});
  expect_held(with_views("stop against two spawns, views", 1), {.children = 2, .spawners = 2});
}

TEST(GroupStopModel, EndsWhatWaitsForATurnWithoutAWorker) {
  expect_held({.name = "stop against turns, no runner", .preemptions = 3}, {.limit = 1, .children = 3});
  expect_held({.name = "stop against turns, a runner", .preemptions = 2}, {.limit = 1, .children = 3, .runners = 1});
  expect_held({.name = "stop against two turns, two runners", .preemptions = 1},
              {.limit = 2, .children = 3, .runners = 2});
  expect_held(with_views("stop against turns, views", 1), {.limit = 1, .children = 2, .runners = 1});
}

TEST(GroupTurnsModel, RunsNoMoreAtOnceThanMayAndLeavesNoneBehind) {
  for (const std::uint32_t limit : {1u, 2u}) {
    const std::string turns = std::to_string(limit) + (limit == 1 ? " turn" : " turns");
    expect_held({.name = turns + ", 3 children", .preemptions = 2},
                {.limit = limit, .children = 3, .runners = 2, .most_runs = 2, .is_stopped = false});
    expect_held({.name = turns + ", 2 spawners", .preemptions = limit == 1 ? 2 : 1},
                {.limit = limit, .children = 2, .spawners = 2, .runners = 2, .is_stopped = false, .at_once = true});
    expect_held({.name = turns + ", a stop in between", .preemptions = 1},
                {.limit = limit, .children = 3, .runners = 2});
    expect_held({.name = turns + ", random", .preemptions = 8, .random = 5'000},
                {.limit = limit, .children = 4, .spawners = 2, .runners = 3, .most_runs = 2, .at_once = true});
  }
}

std::string failure_of(const std::string& name, const setting& chosen) {
  return model::explore({.name = "mistake: " + name, .preemptions = 3}, stop_scenario(chosen)).failure;
}

TEST(GroupStopModel, NeedsTheLookOfWhoSpawns) {
  const std::pair<mistake, const char*> mistakes[] = {
      {mistake::spawner_does_not_look, "spawner does not look"},
      {mistake::spawner_looks_before_the_push, "spawner looks before the push"},
      {mistake::stopper_looks_first, "looks, then stops"},
  };
  for (const auto& [made, name] : mistakes) {
    EXPECT_THAT(failure_of(name, {.made = made}), HasSubstr("each child ends")) << name;
  }
}

TEST(GroupStopModel, NeedsBothFences) {
  const std::pair<mistake, const char*> mistakes[] = {
      {mistake::spawner_has_no_fence, "spawner has no fence"},
      {mistake::stopper_has_no_fence, "stopper has no fence"},
  };
  for (const auto& [made, name] : mistakes) {
    const model::result r = model::explore(with_views(std::string("mistake: ") + name), stop_scenario({.made = made}));
    EXPECT_THAT(r.failure, HasSubstr("each child ends")) << name;
  }
}

TEST(GroupStopModel, NeedsTheLookOfWhoHandsATurnOn) {
  EXPECT_THAT(failure_of("turn is handed on without a look",
                         {.limit = 1, .children = 2, .runners = 1, .made = mistake::turn_is_handed_on_without_a_look}),
              HasSubstr("each child ends"));
}

TEST(GroupTurnsModel, NeedsEachTurnHandedOnOnce) {
  EXPECT_THAT(failure_of("who did not run keeps its turn",
                         {.limit = 1, .children = 2, .made = mistake::turn_ends_with_who_did_not_run}),
              HasSubstr("each child ends"));
  EXPECT_THAT(failure_of("a turn is handed on twice", {.limit = 1,
                                                       .children = 3,
                                                       .runners = 2,
                                                       .most_runs = 2,
                                                       .is_stopped = false,
                                                       .made = mistake::turn_is_handed_on_twice}),
              HasSubstr("no more run"));
  EXPECT_THAT(failure_of("runs at once without a turn", {.limit = 1,
                                                         .children = 2,
                                                         .spawners = 2,
                                                         .runners = 1,
                                                         .is_stopped = false,
                                                         .at_once = true,
                                                         .made = mistake::runs_at_once_without_a_turn}),
              HasSubstr("no more run"));
}

}  // namespace group_stop_model
