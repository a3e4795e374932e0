// The real state word of a task under every schedule within a bound: one owner, one end, nobody left asleep.
//
// The threads do with the word what the scheduler does: a worker pops the entry, a joiner claims or sleeps, others
// request stop, the door grants. A lost wake-up is a deadlock. Each transition is then done wrongly, and the explorer
// must notice.
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <weir/queues/sync.hpp>

#include "explorer.hpp"
#include "faulty_task_state.hpp"

namespace task_state_model {

using model::faulty_task_state;
using model::state_mistake;
using testing::HasSubstr;
using weir::stop_cause;
using weir::task_outcome;
using weir::detail::task_state;
using phase = task_state::phase;

struct task {
  task(phase first, state_mistake made) : state(first, made) {}

  faulty_task_state state;
  // Plain: written by the owner of the task alone, which the word decides.
  int ran = 0;
  int dropped = 0;
  int permits_back = 0;
  int ended = 0;
  bool stopped_at_door = false;  // written by who asked it

  void end(task_outcome how) {
    model::check(permits_back == 0 && ended == 0, "the task ends once");
    ++permits_back;
    ++ended;
    const task_state::watchers waked = state.finish(how);
    if (waked.threads) weir::detail::futex_wake(&state.word(), weir::detail::wake_all);
  }
  void run() {
    ++ran;
    model::check(dropped == 0, "what was ended unrun is not run");
    end(task_outcome::completed);
  }
  void end_unrun() {
    ++dropped;
    model::check(ran == 0, "what ran is not ended unrun");
    end(task_outcome::cancelled);
  }

  bool try_run() {
    if (!state.try_start()) return false;
    model::check(!stopped_at_door && !state.has_cause(), "what was asked to stop before it began does not begin");
    run();
    return true;
  }
  // True: it was queued and is ours.
  bool stop(stop_cause why) {
    const task_state::stopped how = state.request_stop(why);
    stopped_at_door |= how == task_state::stopped::at_door;
    if (how != task_state::stopped::taken) return false;
    end_unrun();
    return true;
  }

  enum class last_look { yes, no };
  void sleep_until_done(last_look look) {
    for (;;) {
      const bool done = state.watch(task_state::watcher::thread);
      if (look == last_look::yes && done) break;
      const auto seen = state.word().load(weir::detail::memory_order_acquire);
      if (look == last_look::yes && task_state::is_done(seen)) break;
      weir::detail::futex_wait(state.word(), seen, std::chrono::nanoseconds(-1));
      if (state.is_done()) break;
    }
    model::check(permits_back == 1, "the permit is back before the end is seen");
  }
};

void ended_once(const task& t) {
  model::check(t.ended == 1 && t.ran + t.dropped == 1, "it ended once, run or unrun");
  model::check(t.state.is_done(), "the word says so");
}

using setup = void (*)(model::scenario&, state_mistake);

void expect_held(model::options options, setup with) {
  options.missed_stores = 2;
  const auto r = model::explore(options, [with](model::scenario& s) { with(s, state_mistake::none); });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

std::string failure_of(const std::string& name, state_mistake made, setup with) {
  return model::explore({.name = "mistake: " + name}, [=](model::scenario& s) { with(s, made); }).failure;
}

// ---- the ways of a task

void popped_stopped_and_claimed(model::scenario& s, state_mistake made) {
  auto t = std::make_shared<task>(phase::queued, made);
  s.thread("worker", [t] { t->try_run(); });
  s.thread("canceller", [t] { (void)t->stop(stop_cause::requested); });
  s.thread("joiner", [t] {
    if (!t->try_run()) t->sleep_until_done(task::last_look::yes);
  });
  s.finally([t] { ended_once(*t); });
}

void stopped_twice(model::scenario& s, state_mistake made) {
  auto t = std::make_shared<task>(phase::queued, made);
  s.thread("job", [t] { (void)t->stop(stop_cause::requested); });
  s.thread("clock", [t] { (void)t->stop(stop_cause::deadline); });
  s.thread("worker", [t] { t->try_run(); });
  s.finally([t] {
    ended_once(*t);
    model::check(t->ran == 1 || t->state.cause() != stop_cause::none, "what was not run has a cause");
  });
}

// The door grants while stop is requested: the granter ends it if it sees the stop, else it is queued and may be taken
// there.
void granted_and_stopped(model::scenario& s, state_mistake made) {
  auto t = std::make_shared<task>(phase::waiting, made);
  auto queued = std::make_shared<weir::detail::atomic<int>>(0);
  s.thread("granter", [t, queued] {
    if (t->state.grant() == task_state::granted::must_end) {
      t->end_unrun();
    } else {
      queued->store(1, weir::detail::memory_order_release);
    }
  });
  s.thread("canceller", [t] { (void)t->stop(stop_cause::requested); });
  s.thread("worker", [t, queued] {
    if (queued->load(weir::detail::memory_order_acquire) == 1) t->try_run();
  });
  s.finally([t, queued] {
    // A worker comes in the end.
    if (t->ended == 0 && queued->load(weir::detail::memory_order_acquire) == 1) t->try_run();
    ended_once(*t);
  });
}

// A callback is registered while stop is requested: it is called by one of the two, and by one only.
void registered_and_stopped(model::scenario& s, state_mistake made) {
  auto t = std::make_shared<task>(phase::queued, made);
  auto calls = std::make_shared<int>(0);
  s.thread("task", [t, calls] {
    if (!t->state.try_start()) return;
    if (t->state.announce_callbacks() != stop_cause::none) ++*calls;
  });
  s.thread("canceller", [t, calls] {
    const task_state::stopped how = t->state.request_stop(stop_cause::requested);
    if (how == task_state::stopped::running_with_callbacks) ++*calls;
    if (how == task_state::stopped::taken) *calls = 1;  // never started: there is no callback to call
  });
  s.finally([calls] { model::check(*calls == 1, "called once"); });
}

void popped_and_claimed(model::scenario& s, state_mistake made) {
  auto t = std::make_shared<task>(phase::queued, made);
  s.thread("worker", [t] { t->try_run(); });
  s.thread("joiner", [t] {
    if (!t->try_run()) t->sleep_until_done(task::last_look::yes);
  });
  s.finally([t] { ended_once(*t); });
}

void run_and_awaited(model::scenario& s, state_mistake made) {
  auto t = std::make_shared<task>(phase::queued, made);
  s.thread("worker", [t] { t->try_run(); });
  s.thread("waiter", [t] { t->sleep_until_done(task::last_look::yes); });
  s.finally([t] { ended_once(*t); });
}

TEST(TaskStateModel, OneOfPopStopAndClaimOwnsTheTaskAndTheWaiterWakes) {
  expect_held({.name = "pop against stop against join", .preemptions = 4, .spurious_wakes = 1},
              popped_stopped_and_claimed);
}

TEST(TaskStateModel, OneOfPopAndClaimRunsTheTask) {
  expect_held({.name = "pop against join", .preemptions = 9, .spurious_wakes = 2, .weak_failures = 1},
              popped_and_claimed);
}

TEST(TaskStateModel, TwoCancellersAndADeadlineHaveOneWinner) {
  expect_held({.name = "stop against stop", .preemptions = 4, .weak_failures = 1}, stopped_twice);
}

TEST(TaskStateModel, AGrantAndAStopDoNotLoseTheTaskBetweenThem) {
  expect_held({.name = "grant against stop", .preemptions = 5}, granted_and_stopped);
}

TEST(TaskStateModel, AStopAndARegistrationDoNotMissEachOther) {
  expect_held({.name = "stop against callback", .preemptions = 5}, registered_and_stopped);
}

TEST(TaskStateModel, AnEndAndAWaiterDoNotMissEachOther) {
  expect_held({.name = "end against wait", .preemptions = 9, .spurious_wakes = 2}, run_and_awaited);
}

TEST(TaskStateModel, KeepsItsPromisesWithViews) {
  const auto expect_held_with_views = [](const char* name, setup with) {
    const auto r = model::explore({.name = std::string(name) + ", views",
                                   .preemptions = 3,
                                   .spurious_wakes = 1,
                                   .memory = model::memory_model::views,
                                   .old_reads = 2},
                                  [with](model::scenario& s) { with(s, state_mistake::none); });
    EXPECT_TRUE(r.passed()) << r.report;
    EXPECT_TRUE(r.complete);
  };
  expect_held_with_views("pop against stop against join", popped_stopped_and_claimed);
  expect_held_with_views("pop against join", popped_and_claimed);
  expect_held_with_views("stop against stop", stopped_twice);
  expect_held_with_views("grant against stop", granted_and_stopped);
  expect_held_with_views("stop against callback", registered_and_stopped);
  expect_held_with_views("end against wait", run_and_awaited);
}

// ---- the mistakes; each must be noticed, or the tests above say nothing

TEST(TaskStateModel, WithoutTheLookBeforeSleepingAWakeUpIsLost) {
  const auto r = model::explore({.name = "mistake: no look before sleeping"}, [](model::scenario& s) {
    auto t = std::make_shared<task>(phase::queued, state_mistake::none);
    s.thread("worker", [t] { t->try_run(); });
    s.thread("waiter", [t] { t->sleep_until_done(task::last_look::no); });
    s.finally([t] { ended_once(*t); });
  });
  EXPECT_THAT(r.failure, HasSubstr("deadlock"));
}

TEST(TaskStateModel, AnEndInTwoStepsMissesAWaiter) {
  EXPECT_THAT(failure_of("end", state_mistake::finish_in_two_steps, run_and_awaited), HasSubstr("deadlock"));
}

TEST(TaskStateModel, AWaiterInTwoStepsUndoesTheEnd) {
  EXPECT_THAT(failure_of("watch", state_mistake::watch_in_two_steps, run_and_awaited), HasSubstr("deadlock"));
}

TEST(TaskStateModel, AStartInTwoStepsHasTwoStarters) {
  EXPECT_THAT(failure_of("start", state_mistake::start_in_two_steps, popped_and_claimed), HasSubstr("ends once"));
}

TEST(TaskStateModel, AStopInTwoStepsEndsWhatAnotherOwns) {
  EXPECT_THAT(failure_of("stop", state_mistake::stop_in_two_steps, stopped_twice), HasSubstr("ends once"));
}

TEST(TaskStateModel, AStopNotedBeforeItTakesIsOvertakenByAStart) {
  EXPECT_THAT(failure_of("stop, then take", state_mistake::stop_noted_and_then_taken, stopped_twice),
              HasSubstr("does not begin"));
}

TEST(TaskStateModel, AGrantInTwoStepsForgetsAStop) {
  EXPECT_THAT(failure_of("grant", state_mistake::grant_in_two_steps, granted_and_stopped), HasSubstr("does not begin"));
}

TEST(TaskStateModel, AGrantThatIgnoresAStopStartsTheStopped) {
  EXPECT_THAT(failure_of("blind grant", state_mistake::grant_that_ignores_a_stop, granted_and_stopped),
              HasSubstr("does not begin"));
}

TEST(TaskStateModel, ARegistrationInTwoStepsMissesAStop) {
  EXPECT_THAT(failure_of("callback", state_mistake::announcement_in_two_steps, registered_and_stopped),
              HasSubstr("called once"));
}

}  // namespace task_state_model
