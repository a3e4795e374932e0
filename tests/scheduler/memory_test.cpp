// Memory: what a submission allocates is given back, whatever its end; and what happens when there is none. Not under
// ThreadSanitizer, whose operator new cannot be replaced with clang.
#include "support/sanitizers.hpp"

#if !WEIR_WITH_TSAN

#include <array>
#include <cstddef>
#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <vector>
#include <weir/weir.hpp>

#include "../../scheduler/src/frame_memory.hpp"
#include "support/allocations.hpp"
#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/failing_allocation.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::testing::allocations_until_failure;
using weir::testing::busy_workers;
using weir::testing::bytes_open;
using weir::testing::expect_conservation;
using weir::testing::failing_allocation;
using weir::testing::failures_of;
using weir::testing::open_allocations;
using weir::testing::untouched;
using weir::testing::without;
using weir::testing::without_one;

std::int64_t open() { return open_allocations.load(weir::detail::memory_order_relaxed); }

// Every end that a task can have, in one pool.
void a_full_life() {
  weir::testing::watched_clock clock;
  weir::pool_options options{
      .workers = 2, .limits = {.max_tasks = 8, .max_waiters = 4}, .clock = &clock, .stop_grace = 0ms};
  options.on_failure = [](const weir::task_failure&) {};
  weir::pool pool(options);
  pool.try_submit({.name = "completed"}, [p = std::make_unique<int>(1)] { return std::make_unique<int>(*p); })->get();
  try {
    pool.submit({.trace = {1, 1}},
                [] { throw std::runtime_error("failed, with a text that is long enough to be allocated"); })
        ->get();
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(pool.post({}, [p = std::make_unique<int>(1)] { throw 1; }));
  (void)*pool.run({}, [&] { return *pool.run({}, [] { return std::make_unique<int>(2); }); });
  std::move(*pool.try_submit({}, [] { return std::make_unique<int>(3); })).detach();
  weir::testing::await_rest(pool);
  busy_workers busy(pool, 2);
  std::vector<weir::job<std::unique_ptr<int>>> jobs;
  for (int i = 0; i < 6; ++i) {
    jobs.push_back(std::move(*pool.try_submit({.deadline = weir::within(std::chrono::milliseconds(i + 1), clock)},
                                              [p = std::make_unique<int>(i)]() mutable { return std::move(p); })));
  }
  for (int i = 0; i < 4; ++i) {
    jobs.push_back(std::move(*pool.enqueue({.deadline = weir::within(std::chrono::milliseconds(i + 1), clock)},
                                           [p = std::make_unique<int>(i)]() mutable { return std::move(p); })));
  }
  EXPECT_FALSE(pool.post({}, [p = std::make_unique<int>(1)] {}));
  jobs[5].request_stop();
  jobs[9].request_stop();
  clock.advance(2ms);
  weir::testing::eventually("the deadlines", [&] { return jobs[0].is_done() && jobs[1].is_done(); });
  jobs.erase(jobs.begin() + 2);
  std::move(jobs[2]).detach();
  EXPECT_EQ(pool.shutdown(weir::deadline(clock.now())).live, 2);
  busy.release();
}

TEST(PoolMemory, IsGivenBackWhateverTheEnd) {
  a_full_life();  // what the libraries keep for ever is there now
  const std::int64_t before = open();
  for (int i = 0; i < 5; ++i) a_full_life();
  EXPECT_EQ(open(), before);
}

TEST(PoolMemory, HusksAndFramesGoBackAfterABurst) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1'000}});
  const auto burst = [&] {
    busy_workers busy(pool);
    std::vector<weir::job<void>> jobs;
    for (int i = 0; i < 900; ++i) jobs.push_back(std::move(*pool.try_submit({}, [p = std::make_unique<int>(i)] {})));
    for (std::size_t i = 0; i < jobs.size(); i += 2) jobs[i].request_stop();
    busy.release();
    for (auto& job : jobs) job.wait();
  };
  burst();
  weir::testing::eventually("an empty injector", [&] { return pool.metrics().queued == 0; });
  const std::int64_t before = open();
  for (int i = 0; i < 3; ++i) burst();
  weir::testing::eventually("the last frame", [&] { return open() <= before; });
  expect_conservation(pool);
}

// A callable whose frame is too large for the caches: its memory comes from the global allocator, and can be made to
// fail.
struct large {
  std::array<std::byte, weir::detail::largest_cached_frame> room{};
};
struct large_untouched : untouched, large {};

TEST(PoolMemory, AJobAndAPostAllocateNothingButForALargeCallable) {
  constexpr std::int64_t small_frame = WEIR_WITH_ASAN ? 1 : 0;  // there each frame is allocated, so that it is watched
  weir::pool pool({.workers = 1});
  busy_workers busy(pool);
  {
    auto warm = pool.try_submit({}, [] {});
    EXPECT_TRUE(pool.post({}, [] {}));
  }
  const std::int64_t before = open();
  auto job = pool.try_submit({}, [] { return 5; });
  EXPECT_EQ(open(), before + small_frame);
  EXPECT_TRUE(pool.post({}, [] {}));
  EXPECT_EQ(open(), before + 2 * small_frame);
  auto large_job = pool.try_submit({}, [room = large{}] { return room.room.size(); });
  EXPECT_EQ(open(), before + 2 * small_frame + 1);
  busy.release();
  job->get();
  large_job->get();
}

#if !WEIR_WITH_ASAN
TEST(PoolMemory, FramesGoBackToTheSystemAfterABurst) {
  constexpr int burst = 400'000;
  // All of one size: those that are timed are larger, and lie in slabs of their own.
  weir::pool pool({.workers = 1, .limits = {.max_tasks = burst + 1}, .time_one_in = 0});
  const auto use = [] { return weir::detail::frame_memory_in_use(); };
  const std::int64_t before = use().slabs;
  {
    busy_workers busy(pool);
    for (int i = 0; i < burst; ++i) ASSERT_TRUE(pool.post({}, [] {}));
    // 64 bytes a frame, and 1 % for the heads of slabs.
    const std::int64_t most = burst * 64LL * 101 / 100 / static_cast<std::int64_t>(weir::detail::slab_size) + 1;
    EXPECT_GE(use().slabs - before, most * 9 / 10) << "else nothing is shown below";
    EXPECT_LE(use().slabs - before, most);
    busy.release();
  }
  weir::testing::await_rest(pool);
  // But for what is kept, and one slab with what the threads' caches have.
  weir::testing::eventually("the slabs", [&] { return use().slabs <= before + 1; });
  EXPECT_LE(use().kept, weir::detail::kept_slabs);
}

// Adds so many entries to a queue of the only worker, by `add`, which is called in a task, and expects that the memory
// for them is not kept while the worker sleeps. Not under AddressSanitizer: its operators for arrays are its own.
template <typename Add>
void expect_memory_back_before_a_sleep(Add&& add) {
  constexpr std::int64_t entries = 1 << 16;
  constexpr auto least = static_cast<std::int64_t>(entries * sizeof(void*));
  weir::pool pool({.workers = 1, .limits = {.max_tasks = entries + 1}, .search_time = 0ns});
  weir::testing::eventually("the worker's first sleep", [&] { return pool.metrics().asleep == 1; });
  const std::int64_t before = bytes_open();
  const auto grown = pool.run({}, [&] {
    weir::task_group group(pool);
    for (std::int64_t i = 0; i < entries; ++i) add(pool, group);
    const std::int64_t by = bytes_open() - before;
    group.wait();
    return by;
  });
  EXPECT_GE(*grown, least) << "else nothing is shown below";
  weir::testing::await_rest(pool);
  weir::testing::eventually("the memory of a queue that has grown", [&] { return bytes_open() - before < least / 2; });
}

TEST(PoolMemory, ADequeThatHasGrownGoesBackBeforeItsWorkerSleeps) {
  expect_memory_back_before_a_sleep([](weir::pool& pool, weir::task_group&) { EXPECT_TRUE(pool.post({}, [] {})); });
}

TEST(PoolMemory, AQueueOfChildrenThatHasGrownGoesBackBeforeItsWorkerSleeps) {
  expect_memory_back_before_a_sleep([](weir::pool&, weir::task_group& group) { group.spawn([] {}); });
}
#endif

// Calls `submit` with an untouched callable and the k-th allocation failing, for every k until it succeeds.
template <typename Submit>
void expect_strong_guarantee(weir::pool& pool, Submit&& submit) {
  const int failures = failures_of([&](int k) {
    large_untouched callable;
    const auto before = pool.metrics();
    const without_one how = without(k, [&](failing_allocation&) { submit(callable); });
    if (how != without_one::threw) {
      // A post is not waited for by its submitter, and the next comparison needs a pool at rest.
      weir::testing::eventually("the end of what was submitted", [&] { return pool.metrics().live <= before.live; });
      return how;
    }
    EXPECT_TRUE(callable.holds()) << "allocation " << k;
    const auto after = pool.metrics();
    EXPECT_EQ(after.live, before.live);
    EXPECT_EQ(after.weight_in_use, before.weight_in_use);
    EXPECT_EQ(after.waiting, before.waiting);
    EXPECT_EQ(after.submitted - after.admitted - after.refused_in_all(),
              before.submitted - before.admitted - before.refused_in_all() +
                  static_cast<std::uint64_t>(after.waiting - before.waiting));
    return how;
  });
  EXPECT_GT(failures, 0) << "nothing was made to fail";
}

TEST(PoolMemory, WithoutAnyASubmissionThrowsAndHasHadNoEffect) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 100, .max_weight = 100}});
  const weir::deadline later = weir::within(1h);
  expect_strong_guarantee(pool, [&](large_untouched& f) { pool.try_submit({}, f)->wait(); });
  expect_strong_guarantee(pool, [&](large_untouched& f) { pool.submit({.deadline = later}, std::move(f))->wait(); });
  expect_strong_guarantee(pool, [&](large_untouched& f) { (void)pool.post({.weight = 7}, f); });
  expect_strong_guarantee(pool, [&](large_untouched& f) { (void)pool.post({.deadline = later}, f); });
  expect_strong_guarantee(pool, [&](large_untouched& f) { (void)pool.enqueue({.weight = 7}, f)->wait(); });
  expect_conservation(pool);
  busy_workers busy(pool, 1, {.weight = 100});
  std::vector<weir::job<void>> waiting;
  waiting.reserve(10);
  expect_strong_guarantee(
      pool, [&](large_untouched& f) { waiting.push_back(std::move(*pool.enqueue({.deadline = later}, f))); });
  expect_strong_guarantee(pool, [&](large_untouched& f) { (void)pool.post({}, f); });
  busy.release();
  for (auto& job : waiting) job.get();
  expect_conservation(pool);
}

TEST(PoolMemory, WithoutAnyThePoolIsNotMade) {
  const int failures = failures_of([](int k) {
    return without(k, [](failing_allocation& failing) {
      weir::pool pool({.workers = 3});
      failing.over();
      EXPECT_EQ(*pool.run({}, [] { return 2; }), 2);
    });
  });
  EXPECT_GT(failures, 2);
}

TEST(PoolMemory, WithoutAnyATaskFailsAlone) {
  weir::pool pool({.workers = 1});
  auto job = pool.try_submit({}, [] {
    allocations_until_failure = 1;
    return std::make_unique<int>(1);
  });
  EXPECT_THROW((void)job->get(), std::bad_alloc);
  auto with_std_token = pool.try_submit({}, [](std::stop_token) { return 1; });
  EXPECT_EQ(with_std_token->get(), 1);
  expect_conservation(pool);
}

}  // namespace

#endif
