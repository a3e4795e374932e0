// The real state word of a task under every schedule within a bound: one owner, one end, nobody left asleep.
//
// The threads do with the word what the scheduler does: a worker pops the entry, a joiner claims or sleeps, others
// request stop, the door grants. A lost wake-up is a deadlock.
#include <weir/scheduler/detail/task_state.hpp>

#include <gtest/gtest.h>

#include <memory>

#include <weir/queues/sync.hpp>

#include "explorer.hpp"

namespace {

using weir::stop_cause;
using weir::task_outcome;
using weir::detail::task_state;
using phase = task_state::phase;

struct task {
  explicit task(phase first) : state(first) {}

  task_state state;
  // Plain: written by the owner of the task alone, which the word decides.
  int ran = 0;
  int dropped = 0;
  int permits_back = 0;
  int ended = 0;

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

  void pop() {
    if (state.try_start()) run();
  }
  // True: it was queued and is ours.
  bool stop(stop_cause why) {
    if (state.request_stop(why) != task_state::stopped::taken) return false;
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

TEST(TaskStateModel, OneOfPopStopAndClaimOwnsTheTaskAndTheWaiterWakes) {
  const auto r = model::explore({.name = "pop against stop against join", .preemptions = 4, .spurious_wakes = 1},
                                [](model::scenario& s) {
                                  auto t = std::make_shared<task>(phase::queued);
                                  s.thread("worker", [t] { t->pop(); });
                                  s.thread("canceller", [t] { (void)t->stop(stop_cause::requested); });
                                  s.thread("joiner", [t] {
                                    if (t->state.try_start()) {
                                      t->run();
                                    } else {
                                      t->sleep_until_done(task::last_look::yes);
                                    }
                                  });
                                  s.finally([t] { ended_once(*t); });
                                });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

TEST(TaskStateModel, TwoCancellersAndADeadlineHaveOneWinner) {
  const auto r =
      model::explore({.name = "stop against stop", .preemptions = 4, .weak_failures = 1}, [](model::scenario& s) {
        auto t = std::make_shared<task>(phase::queued);
        s.thread("job", [t] { (void)t->stop(stop_cause::requested); });
        s.thread("clock", [t] { (void)t->stop(stop_cause::deadline); });
        s.thread("worker", [t] { t->pop(); });
        s.finally([t] {
          ended_once(*t);
          model::check(t->ran == 1 || t->state.cause() != stop_cause::none, "what was not run has a cause");
        });
      });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

// The door grants while stop is requested: the granter ends it if it sees the stop, else it is queued and may be taken
// there.
TEST(TaskStateModel, AGrantAndAStopDoNotLoseTheTaskBetweenThem) {
  const auto r = model::explore({.name = "grant against stop", .preemptions = 5}, [](model::scenario& s) {
    auto t = std::make_shared<task>(phase::waiting);
    auto queued = std::make_shared<weir::detail::atomic<int>>(0);
    s.thread("granter", [t, queued] {
      if (t->state.grant() == task_state::granted::must_end) {
        t->end_unrun();
      } else {
        queued->store(1, weir::detail::memory_order_release);
      }
    });
    s.thread("canceller", [t] {
      const task_state::stopped how = t->state.request_stop(stop_cause::requested);
      if (how == task_state::stopped::taken) t->end_unrun();
    });
    s.thread("worker", [t, queued] {
      if (queued->load(weir::detail::memory_order_acquire) == 1) t->pop();
    });
    s.finally([t, queued] {
      if (t->ended == 0 && queued->load(weir::detail::memory_order_acquire) == 1)
        t->pop();  // a worker comes in the end
      ended_once(*t);
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

// A callback is registered while stop is requested: it is called by one of the two, and by one only.
TEST(TaskStateModel, AStopAndARegistrationDoNotMissEachOther) {
  const auto r = model::explore({.name = "stop against callback", .preemptions = 5}, [](model::scenario& s) {
    auto t = std::make_shared<task>(phase::queued);
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
  });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

// The mutant: whoever waits sleeps without a last look. It must be caught, or the tests above say nothing.
TEST(TaskStateModel, WithoutTheLookBeforeSleepingAWakeUpIsLost) {
  const auto r = model::explore({.name = "no look before sleeping", .preemptions = 2}, [](model::scenario& s) {
    auto t = std::make_shared<task>(phase::queued);
    s.thread("worker", [t] { t->pop(); });
    s.thread("waiter", [t] { t->sleep_until_done(task::last_look::no); });
    s.finally([t] { ended_once(*t); });
  });
  EXPECT_FALSE(r.passed());
  EXPECT_NE(r.failure.find("deadlock"), std::string::npos) << r.report;
}

}  // namespace
