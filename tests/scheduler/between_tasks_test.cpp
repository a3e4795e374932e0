// Code of the user's that the pool runs between tasks: it may use the pool, and may not wait, since it could wait for
// itself.
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::refusal_reason;
using weir::testing::busy_workers;
using weir::testing::event;
using weir::testing::expect_conservation;
using weir::testing::refusal_thrown_by;

// Does something in its destructor, once it is in the pool.
template <typename F>
class at_end {
 public:
  explicit at_end(F act) : act_(std::move(act)) {}
  at_end(at_end&& other) noexcept : act_(std::move(other.act_)) { is_in_pool_ = true; }
  ~at_end() {
    if (is_in_pool_) act_();
  }
  void operator()() const { ADD_FAILURE() << "it was to be ended unrun"; }

 private:
  F act_;
  bool is_in_pool_ = false;
};

// What every wait says in such code.
void expect_no_wait_is_possible(weir::pool& pool, weir::job<void>& other) {
  EXPECT_EQ(refusal_thrown_by([&] { other.wait(); }).reason, refusal_reason::would_deadlock);
  EXPECT_EQ(pool.submit({}, [] {}).error().reason, refusal_reason::would_deadlock);
  weir::limiter limiter({.max_tasks = 1});
  EXPECT_EQ(limiter.acquire().error().reason, refusal_reason::would_deadlock);
  EXPECT_TRUE(limiter.try_acquire());
  const auto posted = pool.post({}, [] {});
  EXPECT_TRUE(posted || posted.error().reason == refusal_reason::closed);
}

TEST(BetweenTasks, AGroupIsNeitherMadeNorWaitedForThere) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 3}});
  busy_workers busy(pool);
  weir::task_group group(pool);
  group.spawn([] {});
  bool ended = false;
  auto queued = pool.enqueue(
      {}, at_end([&] {
        EXPECT_EQ(refusal_thrown_by([&] { group.wait(); }).reason, refusal_reason::would_deadlock);
        EXPECT_EQ(refusal_thrown_by([&] { weir::task_group another(pool); }).reason, refusal_reason::would_deadlock);
        weir::testing::untouched f;
        EXPECT_EQ(refusal_thrown_by([&] { group.spawn(f); }).reason, refusal_reason::tasks_full)
            << "nothing runs at once here";
        EXPECT_TRUE(f.holds());
        ended = true;
      }));
  queued->request_stop();
  EXPECT_TRUE(ended);
  busy.release();
  group.wait();
}

TEST(BetweenTasks, ACallableThatNeverRanMayNotWaitInItsDestructor) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 3}});
  busy_workers busy(pool);
  auto other = std::move(*pool.try_submit({}, [] {}));
  int ended = 0;
  const auto act = [&] {
    expect_no_wait_is_possible(pool, other);
    ++ended;
  };
  auto queued = std::move(*pool.try_submit({}, at_end(act)));
  auto at_door = std::move(*pool.enqueue({}, at_end(act)));
  queued.request_stop();
  EXPECT_EQ(ended, 1);
  at_door.request_stop();
  EXPECT_TRUE(at_door.is_done());
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(pool.submit_until(weir::within(0s), {}, [] {}).error().reason, refusal_reason::timed_out)
      << "out here it may";
  busy.release();
  other.get();
  expect_conservation(pool);
}

TEST(BetweenTasks, AJobThatEndsInTheDestructorOfACallableIsAskedToStopAndNotAwaited) {
  weir::pool pool({.workers = 2});
  event running, go;
  auto other = std::make_unique<weir::job<void>>(std::move(*pool.try_submit({}, [&](weir::stop_token stop) {
    running.set();
    weir::testing::eventually("the stop", [&] { return stop.stop_requested(); });
    go.await("the release");
  })));
  running.await("the task");
  busy_workers busy(pool);
  auto queued = pool.try_submit({}, at_end([&] { other.reset(); }));
  queued->request_stop();
  EXPECT_EQ(other, nullptr) << "though its task still runs";
  go.set();
  busy.release();
  expect_conservation(pool);
}

TEST(BetweenTasks, AStopCallbackOnTheClockThreadMayNotWait) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 2, .clock = &clock});
  event running, called, go;
  auto other = std::move(*pool.try_submit({}, [&] { go.await("the release"); }));
  auto job = pool.try_submit({.deadline = weir::within(5ms, clock)}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      expect_no_wait_is_possible(pool, other);
      EXPECT_EQ(*pool.run({}, [] { return 5; }), 5) << "a child of the task, here";
      EXPECT_EQ(pool.shutdown().how, weir::shutdown_report::status::would_deadlock);
      called.set();
    });
    running.set();
    called.await("the callback");
  });
  running.await("the task");
  clock.await_sleepers(1);
  clock.advance(5ms);
  job->get();
  go.set();
  other.get();
  expect_conservation(pool);
}

TEST(BetweenTasks, HandlersOfLateRefusalsMayUseThePool) {
  weir::pool* of = nullptr;
  weir::job<void>* other = nullptr;
  int told = 0;
  weir::pool_options options{.workers = 1,
                             .limits = {.max_tasks = 2, .max_waiters = 1, .overflow = weir::overflow::drop_oldest}};
  options.on_refused = [&](const weir::late_refusal& late) {
    EXPECT_EQ(late.why.reason, refusal_reason::shed);
    EXPECT_EQ(refusal_thrown_by([&] { other->wait(); }).reason, refusal_reason::would_deadlock);
    ++told;
    EXPECT_FALSE(of->try_submit({}, [] {})) << "two are live";
  };
  weir::pool pool(options);
  of = &pool;
  busy_workers busy(pool);
  auto queued = std::move(*pool.try_submit({}, [] {}));
  other = &queued;
  EXPECT_TRUE(pool.post({}, [] {}));
  EXPECT_TRUE(pool.post({}, [] {}));
  EXPECT_EQ(told, 1);
  busy.release();
  queued.get();
  expect_conservation(pool);
}

TEST(BetweenTasks, AHandlerThatThrowsAtALateRefusalIsDropped) {
  ::testing::internal::CaptureStderr();
  weir::pool_options options{.workers = 1, .limits = {.max_tasks = 1}};
  options.on_refused = [](const weir::late_refusal&) { throw 5; };
  {
    weir::pool pool(options);
    busy_workers busy(pool);
    EXPECT_TRUE(pool.post({}, [] {}));
    auto closing = weir::testing::in_background([&] { return pool.shutdown().clean(); });
    weir::testing::eventually("the refusal", [&] { return pool.metrics().waiting == 0; });
    busy.release();
    EXPECT_TRUE(weir::testing::get(closing));
    expect_conservation(pool);
  }
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("on_refused threw"), std::string::npos);
}

struct admitted_and_waits {
  weir::pool* pool;
  refusal_reason* seen;
  void on_admit(weir::time_point) noexcept {
    (void)pool->run({}, [] {});  // inline on a worker, refused elsewhere, and back in any case
    *seen = pool->submit({}, [] {}).error().reason;
  }
  void operator()() const {}
};

TEST(BetweenTasks, ACallableMayNotWaitWhenItIsToldOfItsAdmission) {
  weir::pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_waiters = 1}});
  refusal_reason at_once{}, at_grant{};
  {
    busy_workers busy(pool);
    EXPECT_TRUE(pool.post({}, admitted_and_waits{&pool, &at_grant}));
  }
  weir::testing::await_rest(pool);
  EXPECT_EQ(at_grant, refusal_reason::would_deadlock);
  pool.try_submit({}, admitted_and_waits{&pool, &at_once})->get();
  EXPECT_EQ(at_once, refusal_reason::would_deadlock);
  expect_conservation(pool);
}

TEST(BetweenTasks, ATaskOfACallerMayNotWaitWhenItIsToldOfItsAdmission) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1,
                   .limits = {.max_tasks = 1, .max_waiters = 0, .overflow = weir::overflow::caller_runs},
                   .clock = &clock});
  refusal_reason seen{};
  busy_workers busy(pool);
  auto submitting = weir::testing::in_background([&] {
    return pool.post({}, admitted_and_waits{&pool, &seen}).has_value();
  });
  clock.await_sleepers(1);
  busy.release();
  EXPECT_TRUE(weir::testing::get(submitting));
  EXPECT_EQ(seen, refusal_reason::would_deadlock);
}

// A result that waits in its destructor, unless it was moved from.
struct waits_at_its_end {
  weir::job<void>* other;
  weir::testing::tally* refused;
  waits_at_its_end(weir::job<void>& waits_for, weir::testing::tally& counted) : other(&waits_for), refused(&counted) {}
  waits_at_its_end(waits_at_its_end&& from) noexcept
      : other(std::exchange(from.other, nullptr)), refused(from.refused) {}
  ~waits_at_its_end() {
    if (other == nullptr) return;
    EXPECT_EQ(refusal_thrown_by([&] { other->wait(); }).reason, refusal_reason::would_deadlock);
    refused->add();
  }
};

TEST(BetweenTasks, AResultThatNobodyTookMayNotWaitInItsDestructor) {
  weir::pool pool({.workers = 2});
  event go;
  weir::testing::tally refused;
  auto other = std::move(*pool.try_submit({}, [&] { go.await("the release"); }));
  event was_let_go;  // before the task ends, so that its result ends with the task and not with the job
  auto let_go = pool.try_submit({}, [&] {
    was_let_go.await("the end of the job");
    return waits_at_its_end(other, refused);
  });
  std::move(*let_go).detach();
  was_let_go.set();
  refused.await(1, "the end of a result that nobody took");
  go.set();
  other.get();
  expect_conservation(pool);
}

TEST(BetweenTasks, AnotherPoolThatIsIdleMayEndThere) {
  weir::pool pool({.workers = 1});
  busy_workers busy(pool);
  auto other = std::make_shared<weir::pool>(weir::pool_options{.workers = 1});
  other->run({}, [] {}).value();
  auto queued = pool.try_submit({}, [held = std::move(other)] {});
  queued->request_stop();
  EXPECT_EQ(queued->outcome(), weir::task_outcome::cancelled);
}

TEST(BetweenTasks, AnotherPoolWithLiveTasksMayNotEndThere) {
  EXPECT_DEATH(
      {
        weir::pool pool({.workers = 1});
        busy_workers busy(pool);
        auto other = std::make_shared<weir::pool>(weir::pool_options{.workers = 1});
        event go;
        EXPECT_TRUE(other->post({}, [&] { go.await("nothing"); }));
        auto queued = pool.try_submit({}, [held = std::move(other)] {});
        queued->request_stop();
      },
      "a pool with live tasks was destroyed by a callable that never ran");
}

}  // namespace
