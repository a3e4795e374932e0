// Whom a worker that looks for work asks first: the one from whom it stole last. Told by counts alone: of many workers
// one is idle, and of the others only one has what can be stolen, so that each question beyond the first is counted.
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"

namespace {

using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::eventually;

constexpr int many_workers = 16;
constexpr int all_but_one = many_workers - 1;

const weir::pool_options of_many{.workers = many_workers, .search_time = weir::duration::zero()};

std::uint64_t attempts_of(const weir::pool& pool, int worker) {
  return pool.metrics().workers.at(static_cast<std::size_t>(worker)).steal_attempts;
}

void await_the_thief(const weir::pool& pool) {
  eventually("the only idle worker asleep", [&] { return pool.metrics().asleep == 1; });
}

// What the idle worker asks until it has found one task, and then until it knows that there is no other: whom it asks
// first, and after that all.
constexpr std::uint64_t when_the_first_has_it = 1;
constexpr std::uint64_t when_nobody_has_any = 1 + all_but_one;

enum class stolen_kind { task, child, fork };

// On a worker: has `f` run by the only one that is idle.
template <typename F>
void let_it_be_stolen(weir::pool& pool, stolen_kind what, F&& f) {
  event ran;
  const auto run = [&] {
    f();
    ran.set();
  };
  const auto await = [&] { ran.await("the thief"); };
  switch (what) {
    case stolen_kind::task:
      pool.post({}, run).value();
      await();
      break;
    case stolen_kind::child: {
      weir::task_group group(pool);
      group.spawn(run);
      await();
      group.wait();
      break;
    }
    case stolen_kind::fork:
      weir::fork_join(await, run);
  }
  await_the_thief(pool);
}

// On a worker. What is stolen from it is asked for here first, by who has stolen from it before.
void expect_to_be_asked_first(weir::pool& pool, stolen_kind what) {
  std::vector<std::uint64_t> before;
  for (int w = 0; w < many_workers; ++w) before.push_back(attempts_of(pool, w));
  int thief = -1;
  let_it_be_stolen(pool, what, [&] { thief = weir::current_worker(); });
  EXPECT_EQ(attempts_of(pool, thief) - before.at(static_cast<std::size_t>(thief)),
            when_the_first_has_it + when_nobody_has_any);
}

// A theft of each kind is remembered, for each kind.
TEST(LastVictim, IsAskedFirst) {
  for (const stolen_kind first : {stolen_kind::task, stolen_kind::child, stolen_kind::fork}) {
    for (const stolen_kind then : {stolen_kind::task, stolen_kind::child, stolen_kind::fork}) {
      for (int round = 0; round < 5; ++round) {
        weir::pool pool(of_many);
        busy_workers busy(pool, many_workers - 2);
        pool.run({},
                 [&] {
                   await_the_thief(pool);
                   let_it_be_stolen(pool, first, [] {});
                   expect_to_be_asked_first(pool, then);
                 })
            .value();
      }
    }
  }
}

// While it runs what it has stolen, too.
TEST(LastVictim, IsAskedFirstWithinWhatWasStolen) {
  for (int round = 0; round < 5; ++round) {
    weir::pool pool(of_many);
    busy_workers busy(pool, many_workers - 2);
    pool.run({},
             [&] {
               await_the_thief(pool);
               event is_stolen, there_is_more, over;
               pool.post({},
                         [&] {
                           is_stolen.set();
                           there_is_more.await("a second task of the same victim");
                           const std::uint64_t before = attempts_of(pool, weir::current_worker());
                           EXPECT_TRUE(pool.try_run_one());
                           EXPECT_EQ(attempts_of(pool, weir::current_worker()) - before, when_the_first_has_it);
                           over.set();
                         })
                   .value();
               is_stolen.await("the thief");
               EXPECT_TRUE(pool.post({}, [] {}));
               there_is_more.set();
               over.await("the end of what was stolen");
             })
        .value();
  }
}

// The last one, and not the one whose task has ended last.
TEST(LastVictim, IsOfATheftWithinAnotherThatHasEnded) {
  for (int round = 0; round < 5; ++round) {
    weir::pool pool(of_many);
    busy_workers busy(pool, many_workers - 3);
    event is_stolen, there_is_more, outer_is_over, over;
    auto inner_victim = pool.try_submit({}, [&] {
      is_stolen.await("the outer theft");
      EXPECT_TRUE(pool.post({}, [] {}));
      there_is_more.set();
      outer_is_over.await("the end of what was stolen first");
      await_the_thief(pool);
      expect_to_be_asked_first(pool, stolen_kind::task);
      over.set();
    });
    auto outer_victim = pool.try_submit({}, [&] {
      await_the_thief(pool);
      pool.post({},
                [&] {
                  is_stolen.set();
                  there_is_more.await("a task of another victim");
                  EXPECT_TRUE(pool.try_run_one());
                  outer_is_over.set();
                })
          .value();
      over.await("the end of the test");
    });
    inner_victim->get();
    outer_victim->get();
  }
}

}  // namespace
