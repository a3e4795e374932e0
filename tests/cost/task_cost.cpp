// Tasks: submitted by tasks and from outside, stolen, stopped.
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <vector>

#include "../../scheduler/src/frame_memory.hpp"
#include "measure.hpp"

namespace {

using namespace weir::cost;

// Runs `n` tasks of which each posts the next one, after a first one.
counts cost_of_a_chain(weir::pool& pool, std::uint64_t n) {
  counts before, after;
  event done;
  std::function<void(std::uint64_t)> link = [&](std::uint64_t left) {
    if (left == n) before = so_far();
    if (left == 0) {
      after = so_far();
      done.set();
      return;
    }
    pool.post({}, [&link, left] { link(left - 1); }).value();
  };
  run_in_a_task(pool, [&] { link(n); });
  done.await("the last task of the chain");
  return after - before;
}

TEST(TaskCost, OfAPostInATask) {
  resting_pool pool(1);
  (void)cost_of_a_chain(*pool, 1);  // the worker has frames in its cache from here on
  expect(post_in_task, cost_of_a_chain(*pool, post_in_task.times));
}

TEST(TaskCost, OfASubmitInATaskAndItsGet) {
  resting_pool pool(1);
  counts c;
  run_in_a_task(*pool, [&] {
    (*pool->try_submit({}, [] {})).get();
    c = cost_of([&] {
      for (std::uint64_t i = 0; i < get_in_task.times; ++i) (*pool->try_submit({}, [] {})).get();
    });
  });
  expect(get_in_task, c);
}

TEST(TaskCost, OfARunInATask) {
  resting_pool pool(1);
  counts c;
  run_in_a_task(*pool, [&] {
    (void)pool->run({}, [] {});
    c = cost_of([&] {
      for (std::uint64_t i = 0; i < run_in_task.times; ++i) (void)pool->run({}, [] {});
    });
  });
  expect(run_in_task, c);
}

// Posts `n` tasks to a pool whose worker is busy, and lets it run them: what both cost.
struct backlog_cost {
  counts posts;
  counts runs;
};

backlog_cost cost_of_a_backlog(weir::pool& pool, std::uint64_t n) {
  backlog_cost c;
  event busy, go, done;
  counts before;
  std::uint64_t ran = 0;
  const auto task = [&] {
    if (ran == 0) before = so_far();
    if (ran == n) {
      c.runs = so_far() - before;
      done.set();
    }
    ++ran;
  };
  pool.post({},
            [&] {
              busy.set();
              go.await("the posts");
            })
      .value();
  busy.await("a busy worker");
  pool.post({}, task).value();
  c.posts = cost_of([&] {
    for (std::uint64_t i = 0; i < n; ++i) pool.post({}, task).value();
  });
  const std::uint64_t waits = so_far().futex_waits;
  go.set();
  done.await("the last task");
  await_waits(waits + 1);
  return c;
}

TEST(TaskCost, OfAPostFromOutsideAndOfItsRun) {
  resting_pool pool(1);
  (void)cost_of_a_backlog(*pool, entry_period);  // the queue has its memory from here on
  const backlog_cost c = cost_of_a_backlog(*pool, entry_period);
  expect(post, c.posts);
  expect(run_posted, c.runs);
}

TEST(TaskCost, OfAPostThatIsTimedAndOfItsRun) {
  resting_pool pool(1, 1);
  (void)cost_of_a_backlog(*pool, entry_period);
  const backlog_cost c = cost_of_a_backlog(*pool, entry_period);
  expect(timed_post, c.posts - post.whole);
  expect(run_timed, c.runs - run_posted.whole);
}

TEST(TaskCost, OfATimedJobInATask) {
  resting_pool pool(1, 1);
  counts c;
  run_in_a_task(*pool, [&] {
    (*pool->try_submit({}, [] {})).get();
    c = cost_of([&] {
      for (std::uint64_t i = 0; i < get_in_task.times; ++i) (*pool->try_submit({}, [] {})).get();
    });
  });
  expect(timed_job, c - get_in_task.whole);
}

TEST(TaskCost, OfAStolenTask) {
  constexpr std::uint64_t n = stolen_task.times;
  resting_pool pool(2);
  weir::testing::tally busy;
  event go, done;
  counts before, c;
  std::int64_t slabs_kept = 0;
  const auto kept = [] { return weir::detail::frame_memory_in_use().kept; };
  std::uint64_t ran = 0;
  const auto occupy = [&] {
    busy.add();
    go.await("the entries to steal");
  };
  pool->post({},
             [&] {
               busy.add();
               busy.await(2, "the other worker");
               for (std::uint64_t i = 0; i <= n; ++i) {
                 pool->post({},
                            [&] {
                              if (ran == 0) {
                                slabs_kept = -kept();
                                before = so_far();
                              }
                              if (ran == n) {
                                c = so_far() - before;
                                slabs_kept += kept();
                                done.set();
                              }
                              ++ran;
                            })
                     .value();
               }
               go.set();
               done.await("the last stolen task");
             })
      .value();
  pool->post({}, occupy).value();
  done.await("the last stolen task");
  // Whether a slab is empty with one of these frames hangs on what else the process has made. It takes a lock.
  c.pool_rmws -= static_cast<std::uint64_t>(slabs_kept);
  expect(stolen_task, c);
}

TEST(TaskCost, OfAWakeUp) {
  resting_pool pool(1);
  const auto wake_it = [&] {
    for (std::uint64_t i = 0; i < wake_up.times; ++i) {
      const std::uint64_t waits = so_far().futex_waits;
      pool->post({}, [] {}).value();
      await_waits(waits + 1);
    }
  };
  wake_it();  // the queue has its memory from here on
  expect(wake_up, cost_of(wake_it));
}

TEST(TaskCost, OfASearchBeforeASleep) {
  const auto cost_of_a_wake_up = [](weir::duration search_time) {
    const std::uint64_t waits_before = so_far().futex_waits;
    weir::pool pool({.workers = 1, .search_time = search_time, .time_one_in = hardly_ever});
    await_waits(waits_before + 1);
    pool.post({}, [] {}).value();
    await_waits(waits_before + 2);
    return cost_of([&] {
      pool.post({}, [] {}).value();
      await_waits(waits_before + 3);
    });
  };
  expect(search, cost_of_a_wake_up(std::chrono::microseconds(20)) - cost_of_a_wake_up(weir::duration::zero()));
}

TEST(TaskCost, OfARefusal) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 0}, .time_one_in = hardly_ever});
  event busy, go;
  pool.post({},
            [&] {
              busy.set();
              go.await("the refusals");
            })
      .value();
  busy.await("a busy worker");
  const counts c = cost_of([&] {
    for (std::uint64_t i = 0; i < pool_refusal.times; ++i) (void)pool.try_submit({}, [] {});
  });
  const counts of_posts = cost_of([&] {
    for (std::uint64_t i = 0; i < post_refusal.times; ++i) (void)pool.post({}, [] {});
  });
  go.set();
  expect(pool_refusal, c);
  expect(post_refusal, of_posts);
}

// A callable at a shut door: the second time, when the memory of the first is there again.
TEST(TaskCost, OfAWaitAtTheDoor) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 100}, .time_one_in = hardly_ever});
  counts of_waits;
  for (int round = 0; round < 2; ++round) {
    event busy, go, done;
    pool.post({},
              [&] {
                busy.set();
                go.await("the waits");
              })
        .value();
    busy.await("a busy worker");
    of_waits = cost_of([&] {
      for (std::uint64_t i = 0; i < post_wait.times; ++i) pool.post({}, [] {}).value();
    });
    pool.post({}, [&] { done.set(); }).value();
    go.set();
    done.await("the last of those that waited");
  }
  expect(post_wait, of_waits);
}

TEST(TaskCost, OfAStop) {
  resting_pool pool(1);
  event busy, go;
  auto running = pool->try_submit({}, [&] {
    busy.set();
    go.await("the stops");
  });
  busy.await("a busy worker");
  std::vector<weir::job<void>> queued;
  for (std::uint64_t i = 0; i < stop_queued.times; ++i) queued.push_back(std::move(*pool->try_submit({}, [] {})));
  const counts of_queued = cost_of([&] {
    for (auto& j : queued) j.request_stop();
  });
  const counts of_running = cost_of([&] { running->request_stop(); });
  go.set();
  expect(stop_queued, of_queued);
  expect(stop_running, of_running);
}

}  // namespace
