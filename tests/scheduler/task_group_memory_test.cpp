// Groups when there is no memory: a constructor or a spawn that throws has had no effect, and the group and the pool
// are as good as before. What cannot throw is in task_group_memory_wait_test.cpp. Not under ThreadSanitizer, whose
// operator new cannot be replaced with clang.
#include "support/sanitizers.hpp"

#if !WEIR_WITH_TSAN

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <new>
#include <vector>
#include <weir/weir.hpp>

#include "../../scheduler/src/frame_memory.hpp"
#include "support/event.hpp"
#include "support/failing_allocation.hpp"
#include "support/no_frame_memory.hpp"
#include "support/pools.hpp"

namespace {

using namespace std::chrono_literals;
using weir::testing::allocations_open;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::expect_children_run;
using weir::testing::expect_conservation;
using weir::testing::failing_allocation;
using weir::testing::failures_of;
using weir::testing::tally;
using weir::testing::untouched;
using weir::testing::without;
using weir::testing::without_one;

void expect_same_numbers(const weir::pool_metrics& now, const weir::pool_metrics& before) {
  EXPECT_EQ(now.live, before.live);
  EXPECT_EQ(now.weight_in_use, before.weight_in_use);
  EXPECT_EQ(now.waiting, before.waiting);
  EXPECT_EQ(now.children, before.children);
  EXPECT_EQ(now.submitted - now.admitted - now.refused_in_all(),
            before.submitted - before.admitted - before.refused_in_all());
}

// ---- the group

struct group_kind {
  const char* name;
  bool has_deadline = false;
  weir::trace_id trace{};
  std::int64_t weight = 1;
};
constexpr std::array<group_kind, 4> group_kinds{{{.name = "plain"},
                                                 {.name = "deadline", .has_deadline = true},
                                                 {.name = "trace", .trace = {1, 2}},
                                                 {.name = "all", .has_deadline = true, .trace = {1, 2}, .weight = 3}}};

weir::group_options options_of(const group_kind& kind) {
  return {.weight = kind.weight,
          .deadline = kind.has_deadline ? weir::within(1h) : weir::deadline{},
          .trace = kind.trace,
          .max_running = 2};
}

// A new pool for each attempt, since what was allocated once, such as the clock thread, stays.
template <typename Within>
void expect_group_made_or_nothing(const group_kind& kind, Within&& within) {
  const auto attempt = [&](int k) {
    weir::pool pool({.workers = 2, .limits = {.max_tasks = 10, .max_weight = 10}});
    without_one how{};
    within(pool, [&] {
      const weir::pool_metrics before = pool.metrics();
      how = without(k, [&](failing_allocation& failing) {
        weir::task_group group(pool, options_of(kind));
        failing.over();
        expect_children_run(group);
      });
      if (how == without_one::threw) expect_same_numbers(pool.metrics(), before);
      weir::task_group another(pool, options_of(kind));
      expect_children_run(another);
    });
    expect_conservation(pool);
    return how;
  };
  const int failures = failures_of(attempt);
  if (kind.has_deadline) {
    EXPECT_GE(failures, 2) << kind.name << ": the clock thread and its timers";
  }
}

TEST(TaskGroupMemory, WithoutAnyARootIsNotMade) {
  for (const group_kind& kind : group_kinds) {
    expect_group_made_or_nothing(kind, [](weir::pool&, const auto& body) { body(); });
  }
}

TEST(TaskGroupMemory, WithoutAnyAGroupInATaskIsNotMade) {
  for (const group_kind& kind : group_kinds) {
    expect_group_made_or_nothing(kind, [](weir::pool& pool, const auto& body) { pool.run({}, body).value(); });
  }
}

TEST(TaskGroupMemory, WithoutAnyAGroupInAChildIsNotMade) {
  for (const group_kind& kind : group_kinds) {
    expect_group_made_or_nothing(kind, [](weir::pool& pool, const auto& body) {
      weir::task_group outer(pool, {.weight = 2});
      outer.spawn([&] { body(); });
      outer.wait();
    });
  }
}

// ---- a spawn

// A callable whose frame comes from the global allocator, and which allocates when it is copied.
struct large_callable : untouched {
  explicit large_callable(tally& counted_in) : runs(&counted_in) {}
  void operator()() const { runs->add(); }

  tally* runs;
  std::array<std::byte, weir::detail::largest_cached_frame> room{};
  std::vector<int> copied = std::vector<int>(10);
};

/// Spawns by `spawn(callable)` with each allocation failing in turn, until none is left that could: if it throws,
/// nothing has happened. Returns how many children came in, at least one.
template <typename Spawn>
std::uint32_t expect_spawned_or_nothing(weir::pool& pool, tally& runs, Spawn&& spawn) {
  std::uint32_t came_in = 0;
  const int failures = failures_of([&](int k) {
    large_callable callable(runs);
    const weir::pool_metrics before = pool.metrics();
    const std::int64_t open_before = allocations_open();
    const std::uint32_t runs_before = runs.count();
    const without_one how = without(k, [&](failing_allocation&) { spawn(callable); });
    if (how == without_one::threw) {
      EXPECT_EQ(runs.count(), runs_before) << "allocation " << k;
      EXPECT_EQ(allocations_open(), open_before) << "allocation " << k;
      expect_same_numbers(pool.metrics(), before);
    } else {
      ++came_in;
    }
    return how;
  });
  EXPECT_GE(failures, 2) << "the frame, and what the callable has";
  return came_in;
}

TEST(TaskGroupMemory, WithoutAnyASpawnThrowsAndHasHadNoEffect) {
  for (const std::int64_t max_running : {std::int64_t{weir::unlimited}, std::int64_t{1}}) {
    weir::pool pool({.workers = 1, .limits = {.max_tasks = 20}});
    {
      busy_workers busy(pool);
      weir::task_group group(pool, {.max_running = max_running});
      tally runs;
      const auto spawn = [&](large_callable& f) { group.spawn(f); };
      std::uint32_t came_in = expect_spawned_or_nothing(pool, runs, spawn);
      came_in += expect_spawned_or_nothing(pool, runs, spawn);  // with one turn it waits for that
      came_in += expect_spawned_or_nothing(pool, runs, [&](large_callable& f) { EXPECT_TRUE(group.try_spawn(f)); });
      EXPECT_EQ(pool.metrics().live, 2 + came_in) << "the busy one, the group and its children";
      busy.release();
      EXPECT_NO_THROW(group.wait());
      EXPECT_EQ(runs.count(), came_in);
    }
    expect_conservation(pool);
  }
}

TEST(TaskGroupMemory, WithoutAnyASpawnInATaskLosesNoneOfMaxTasks) {
  constexpr std::uint32_t max_tasks = 10;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = max_tasks}});
  pool.run({},
           [&] {
             for (int round = 0; round < 5; ++round) {
               weir::task_group group(pool);
               tally runs;
               std::uint32_t accepted =
                   expect_spawned_or_nothing(pool, runs, [&](large_callable& f) { group.spawn(f); });
               accepted +=
                   expect_spawned_or_nothing(pool, runs, [&](large_callable& f) { EXPECT_TRUE(group.try_spawn(f)); });
               while (group.try_spawn([&] { runs.add(); })) ++accepted;
               EXPECT_EQ(accepted, max_tasks - 1) << "all but this task";
               EXPECT_EQ(runs.count(), 0u);
               EXPECT_NO_THROW(group.wait());
               EXPECT_EQ(runs.count(), accepted);
             }
           })
      .value();
  expect_conservation(pool);
}

TEST(TaskGroupMemory, WithoutAnyASpawnAtTheBoundThrowsAndRunsNothing) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}});
  {
    busy_workers busy(pool);
    weir::task_group group(pool);
    tally runs;
    const std::uint32_t came_in = expect_spawned_or_nothing(pool, runs, [&](large_callable& f) { group.spawn(f); });
    EXPECT_EQ(runs.count(), came_in) << "in spawn";
    EXPECT_NO_THROW(group.wait());
  }
  expect_conservation(pool);
}

TEST(TaskGroupMemory, WithoutAnyASpawnAtTheBoundGivesItsTurnBack) {
  constexpr std::uint32_t turns = 2;
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 2}});
  {
    busy_workers busy(pool);
    weir::task_group group(pool, {.max_running = turns});
    tally runs;
    std::uint32_t came_in = 0;
    for (std::uint32_t i = 0; i < 2 * turns; ++i) {  // with a turn lost the last ones would wait for ever
      came_in += expect_spawned_or_nothing(pool, runs, [&](large_callable& f) { group.spawn(f); });
    }
    EXPECT_EQ(runs.count(), came_in);
    EXPECT_NO_THROW(group.wait());
  }
  expect_conservation(pool);
}

// One turn is taken by who spawns at the bound; the other child, which waits for it, gets it though that spawn fails.
TEST(TaskGroupMemory, WithoutAnyATurnThatIsGivenBackGoesToWhoWaitsForIt) {
  for (int round = 0; round < 20; ++round) {
    weir::pool pool({.workers = 2, .limits = {.max_tasks = 4}});
    {
      busy_workers busy(pool);
      weir::task_group group(pool, {.max_running = 1});
      tally runs;
      event first_runs, first_may_end;
      group.spawn([&] {
        first_runs.set();
        first_may_end.await("the end of the first");
      });
      first_runs.await("the first");
      group.spawn([&] { runs.add(); });  // the fourth task; it waits for its turn
      first_may_end.set();
      // Those that find the turn free take it, those that find the second one queued run that.
      for (int k = 1; k < 4; ++k) {
        (void)without(k, [&](failing_allocation&) { group.spawn(large_callable(runs)); });
      }
      EXPECT_NO_THROW(group.wait());
      EXPECT_GE(runs.count(), 1u);
    }
    expect_conservation(pool);
  }
}

// ---- the frames that are cached

#if !WEIR_WITH_ASAN
TEST(TaskGroupMemory, WithoutAnyForFramesAllThatTakesOneThrowsAndHasHadNoEffect) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 4, .max_weight = 10}});
  auto body = weir::testing::in_background([&] {
    weir::task_group group(pool, {.max_running = 1});
    tally runs;
    {
      busy_workers busy(pool);
      bool root = false, spawned = false, tried = false;
      const weir::pool_metrics before = pool.metrics();
      {
        const weir::testing::no_frame_memory none;
        const auto throws = [](auto&& f) {
          try {
            f();
          } catch (const std::bad_alloc&) {
            return true;
          }
          return false;
        };
        root = throws([&] { weir::task_group another(pool, {.weight = 4}); });
        spawned = throws([&] { group.spawn([&] { runs.add(); }); });
        tried = throws([&] { (void)group.try_spawn([&] { runs.add(); }); });
      }
      EXPECT_TRUE(root);
      EXPECT_TRUE(spawned);
      EXPECT_TRUE(tried);
      expect_same_numbers(pool.metrics(), before);
      busy.release();
    }
    EXPECT_NO_THROW(group.wait());
    EXPECT_EQ(runs.count(), 0u);
    expect_children_run(group);
    weir::task_group another(pool, {.weight = 9});
    expect_children_run(another);
  });
  weir::testing::get(body);
  expect_conservation(pool);
}

TEST(TaskGroupMemory, WithoutAnyForFramesATaskKeepsItsGroups) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 4}});
  pool.run({},
           [&] {
             weir::task_group group(pool);
             tally runs;
             int thrown = 0;
             {
               const weir::testing::no_frame_memory none;
               const auto count_throw = [&](auto&& f) {
                 try {
                   f();
                 } catch (const std::bad_alloc&) {
                   ++thrown;
                 }
               };
               weir::task_group plain(pool);  // takes no memory
               count_throw([&] { weir::task_group traced(pool, {.trace = {1, 2}}); });
               count_throw([&] { weir::task_group timed(pool, {.deadline = weir::within(1h)}); });
               for (int i = 0; i < 10; ++i) {
                 count_throw([&] { group.spawn([&] { runs.add(); }); });
                 count_throw([&] { plain.spawn([&] { runs.add(); }); });
               }
               plain.wait();
             }
             EXPECT_EQ(thrown, 22);
             group.wait();
             EXPECT_EQ(runs.count(), 0u);
             expect_children_run(group);
           })
      .value();
  expect_conservation(pool);
}
#endif

}  // namespace

#endif
