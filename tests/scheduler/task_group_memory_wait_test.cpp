// Groups when there is no memory, as far as it cannot be thrown: errors stay until a wait can tell them, and the queues
// of children do without. Not under ThreadSanitizer, whose operator new cannot be replaced with clang.
#include "support/sanitizers.hpp"

#if !WEIR_WITH_TSAN

#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <new>
#include <stdexcept>
#include <string>
#include <weir/weir.hpp>

#include "../../scheduler/src/frame_memory.hpp"
#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/failing_allocation.hpp"
#include "support/pools.hpp"

namespace {

using weir::testing::allocations_of_a_small_frame;
using weir::testing::allocations_open;
using weir::testing::busy_workers;
using weir::testing::eventually;
using weir::testing::expect_children_run;
using weir::testing::expect_conservation;
using weir::testing::failing_allocation;
using weir::testing::failures_of;
using weir::testing::tally;
using weir::testing::without;
using weir::testing::without_one;

struct numbered_error : std::runtime_error {
  explicit numbered_error(int n) : std::runtime_error("a text that is long enough to be allocated"), number(n) {}
  int number;
};

constexpr int failed_children_count = 5;

void spawn_failing_children(weir::pool& pool, weir::task_group& group, std::int64_t live_without) {
  for (int i = 0; i < failed_children_count; ++i) group.spawn([i] { throw numbered_error(i); });
  eventually("the ends of the children", [&] { return pool.metrics().live == live_without; });
}

// All of them are told once, by the first wait that has the memory for it.
void expect_all_errors_told(weir::pool& pool, weir::task_group& group, std::int64_t live_without) {
  spawn_failing_children(pool, group, live_without);
  std::size_t told = 0;
  const int failures = failures_of([&](int k) {
    return without(k, [&](failing_allocation& failing) {
      try {
        group.wait();
      } catch (const weir::group_error& all) {
        failing.over();
        told += all.errors().size();
        for (const std::exception_ptr& e : all.errors()) EXPECT_THROW(std::rethrow_exception(e), numbered_error);
        EXPECT_NE(std::string(all.what()).find("long enough"), std::string::npos) << all.what();
      }
    });
  });
  EXPECT_GE(failures, 2) << "the list, and the text";
  EXPECT_EQ(told, static_cast<std::size_t>(failed_children_count));
  EXPECT_NO_THROW(group.wait()) << "what was told is forgotten";
  expect_children_run(group);
}

void all_errors_in(bool in_task) {
  weir::pool pool({.workers = 2});
  const auto body = [&] {
    const std::int64_t live = pool.metrics().live + (in_task ? 0 : 1);
    weir::task_group group(pool, {.on_error = weir::on_error::keep_going});
    expect_all_errors_told(pool, group, live);
    spawn_failing_children(pool, group, live);  // that nobody has told when the group ends
    EXPECT_EQ(without(1, [&](failing_allocation&) { group.wait(); }), without_one::threw);
  };
  in_task ? pool.run({}, body).value() : body();
  expect_conservation(pool);
  EXPECT_EQ(pool.metrics().failed, 2u * failed_children_count + (in_task ? 0 : 1)) << "and the root";
}

TEST(TaskGroupMemory, WithoutAnyAllErrorsAreToldByTheNextWait) {
  for (const bool in_task : {false, true}) {
    all_errors_in(in_task);  // what the libraries keep for ever is there now
    const std::int64_t before = allocations_open();
    all_errors_in(in_task);
    EXPECT_EQ(allocations_open(), before);
  }
}

TEST(TaskGroupMemory, WithoutAnyTheFirstErrorIsToldByTheNextWait) {
  for (const bool in_task : {false, true}) {
    weir::pool pool({.workers = 2});
    const auto body = [&] {
      const std::int64_t live = pool.metrics().live + (in_task ? 0 : 1);
      weir::task_group group(pool);
      group.spawn([] { throw numbered_error(7); });
      eventually("the end of the child", [&] { return pool.metrics().live == live; });
      int told = 0;
      const int failures = failures_of([&](int k) {
        return without(k, [&](failing_allocation& failing) {
          try {
            group.wait();
          } catch (const numbered_error& e) {
            failing.over();
            told += e.number;
          }
        });
      });
      EXPECT_GE(failures, 1);
      EXPECT_EQ(told, 7) << "once";
    };
    in_task ? pool.run({}, body).value() : body();
    expect_conservation(pool);
  }
}

TEST(TaskGroupMemory, WithoutAnyAChildFailsAlone) {
  weir::pool pool({.workers = 2});
  weir::task_group group(pool, {.on_error = weir::on_error::keep_going});
  tally runs;
  for (int i = 0; i < 10; ++i) {
    group.spawn([&, i] {
      runs.add();
      const failing_allocation failing(i % 2);
      ::operator delete(::operator new(8));  // called so, it is not left out
    });
  }
  try {
    group.wait();
    ADD_FAILURE() << "threw nothing";
  } catch (const weir::group_error& all) {
    EXPECT_EQ(all.errors().size(), 5u);
    for (const std::exception_ptr& e : all.errors()) EXPECT_THROW(std::rethrow_exception(e), std::bad_alloc);
  }
  EXPECT_EQ(runs.count(), 10u);
  expect_children_run(group);
}

// How often the queues ask in vain, at least: else nothing is shown. With AddressSanitizer never, since the form of new
// that does not throw cannot be replaced there.
constexpr std::uint32_t least_failures_of_queues = WEIR_WITH_ASAN ? 0 : 1;

/// Spawns `count` children that add to `runs`, with no memory for anything but their frames; returns how often some was
/// asked for.
std::uint32_t spawn_without_memory_for_queues(weir::task_group& group, tally& runs, std::uint32_t count) {
  std::uint32_t failures = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    failing_allocation failing(allocations_of_a_small_frame + 1);
    group.spawn([&runs] { runs.add(); });
    failing.over();
    if (failing.has_failed()) ++failures;
  }
  return failures;
}

// Else the failures would be those of the cache.
void make_this_threads_cache_of_frames() { weir::detail::give_frame_memory(weir::detail::take_frame_memory(64), 64); }

TEST(TaskGroupMemory, WithoutAnyForTheQueuesEachChildRunsOnce) {
  constexpr std::uint32_t count = 100;
  for (const std::int64_t workers : {1, 2, 4}) {
    for (const std::int64_t max_running : {std::int64_t{weir::unlimited}, std::int64_t{3}}) {
      for (const bool in_task : {false, true}) {
        weir::pool pool({.workers = workers});
        const auto body = [&] {
          make_this_threads_cache_of_frames();
          weir::task_group group(pool, {.max_running = max_running});
          tally runs;
          EXPECT_GE(spawn_without_memory_for_queues(group, runs, count), least_failures_of_queues);
          for (std::uint32_t i = 0; i < count; ++i) {  // there is memory again
            group.spawn([&] { runs.add(); });
          }
          (void)spawn_without_memory_for_queues(group, runs, 2 * count);
          EXPECT_NO_THROW(group.wait());
          EXPECT_EQ(runs.count(), 4 * count);
          expect_children_run(group);
        };
        in_task ? pool.run({}, body).value() : body();
        expect_conservation(pool);
      }
    }
  }
}

TEST(TaskGroupMemory, WithoutAnyForTheQueuesAStopEndsAllThatIsQueued) {
  weir::pool pool({.workers = 3});
  make_this_threads_cache_of_frames();
  {
    busy_workers busy(pool, 3);
    weir::task_group stopped(pool);
    weir::task_group other(pool);
    tally stopped_runs, other_runs;
    std::uint32_t failures = 0;
    for (int i = 0; i < 5; ++i) {
      failures += spawn_without_memory_for_queues(stopped, stopped_runs, 20);
      failures += spawn_without_memory_for_queues(other, other_runs, 20);
    }
    EXPECT_GE(failures, least_failures_of_queues);
    stopped.request_stop();
    EXPECT_EQ(pool.metrics().cancelled, 100u) << "when request_stop has returned";
    EXPECT_EQ(weir::testing::cancelled_thrown_by([&] { stopped.wait(); }), weir::stop_cause::requested);
    busy.release();
    other.wait();
    EXPECT_EQ(stopped_runs.count(), 0u);
    EXPECT_EQ(other_runs.count(), 100u);
  }
  expect_conservation(pool);
}

}  // namespace

#endif
