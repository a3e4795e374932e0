// The memory orders of the real state word of a task: with views it hands on what its edges promise, and without any
// one of those orders it does not.
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/task_state.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "mutants.hpp"

namespace task_state_orders_model {

using weir::stop_cause;
using weir::task_outcome;
using weir::detail::task_state;
using phase = task_state::phase;

struct task {
  explicit task(phase first) : state(first) {}

  task_state state;
  // Plain, each written once, before the transition that publishes it.
  model::checked<int> frame;   // by who queues it
  model::checked<int> reason;  // by who stops it
  model::checked<int> result;  // by who ends it

  void queue() {
    frame.set(1);
    if (state.grant() == task_state::granted::must_end) {
      model::check(reason.get() == 1, "the reason of the stop");
      end();
    }
  }
  void run() {
    if (!state.try_start()) return;
    model::check(frame.get() == 1, "the frame, for who runs it");
    end();
  }
  void stop() {
    reason.set(1);
    if (state.request_stop(stop_cause::requested) != task_state::stopped::taken) return;
    model::check(frame.get() == 1, "the frame, for who stopped it");
    end();
  }
  void end() {
    result.set(1);
    (void)state.finish(task_outcome::failed);
  }
  void see_result() const { model::check(result.get() == 1, "the result"); }
};

/// One thread for each body, with one task.
template <typename... Bodies>
model::experiment with(const std::string& name, phase first, Bodies... bodies) {
  return {{.name = "task state, views, " + name,
           .preemptions = 3,
           .weak_failures = 1,
           .memory = model::memory_model::views,
           .old_reads = 2},
          [=](model::scenario& s) {
            auto t = std::make_shared<task>(first);
            if (first == phase::queued) t->frame.set(1);
            s.label("state", t->state);
            int count = 0;
            (s.thread("thread " + std::to_string(count++), [=] { bodies(*t); }), ...);
          }};
}

std::vector<model::experiment> experiments() {
  const auto queues = [](task& t) { t.queue(); };
  const auto runs = [](task& t) { t.run(); };
  const auto stops = [](task& t) { t.stop(); };
  return {
      with("queued and run", phase::waiting, queues, runs),
      with("queued and stopped", phase::waiting, queues, stops),
      with("a look at the phase", phase::queued, runs,
           [](task& t) {
             if (t.state.current_phase() == phase::done) t.see_result();
           }),
      with("a look at the end", phase::queued, runs,
           [](task& t) {
             if (t.state.is_done()) t.see_result();
           }),
      with("a look at the outcome", phase::queued, runs,
           [](task& t) {
             if (t.state.outcome() == task_outcome::failed) t.see_result();
           }),
      with("a watcher", phase::queued, runs,
           [](task& t) {
             if (t.state.watch(task_state::watcher::thread)) t.see_result();
           }),
      with("a look at the cause", phase::queued, stops,
           [](task& t) {
             if (t.state.cause() != stop_cause::none) model::check(t.reason.get() == 1, "the reason of the stop");
           }),
      with("a callback", phase::queued, stops,
           [](task& t) {
             if (!t.state.try_start()) return;
             if (t.state.announce_callbacks() != stop_cause::none) {
               model::check(t.reason.get() == 1, "the reason of the stop");
             }
           }),
  };
}

TEST(TaskStateOrders, AreEachNeeded) {
  const model::mutants m = model::weaken_each_order("task_state.hpp", experiments());
  EXPECT_EQ(m.killed, 12);
  EXPECT_THAT(m.survivors, testing::UnorderedElementsAre(
                               // What the task did before it announced, the lock of the registry hands to who calls.
                               "announce_callbacks fetch_or: acq_rel -> acquire",
                               // Nothing that precedes a start or a watch is read by who sees it: a stop and the end
                               // only read the bits.
                               "finish fetch_add: acq_rel -> release", "try_start compare_exchange: acq_rel -> acquire",
                               "watch fetch_or: acq_rel -> acquire"));
}

}  // namespace task_state_orders_model
