// The real flag of stops at forks, with views: a stop that was asked for is seen by a fork, whoever else raises it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/stop_flag.hpp>
#include <weir/scheduler/detail/task_state.hpp>

#include "explorer.hpp"
#include "holds.hpp"
#include "mutants.hpp"

namespace stop_flag_model {

using weir::detail::stop_flag;
using weir::detail::task_state;

enum class other_raiser { stop_of_another_task, worker_itself };

struct forking_task {
  forking_task() { (void)state.try_start(); }

  task_state state{task_state::phase::queued};
  stop_flag flag;
  bool has_seen = false;  // the worker's

  void fork() {
    if (!flag.is_up()) return;
    flag.take_down();
    has_seen = state.cause() != weir::stop_cause::none;
    if (has_seen) flag.raise_own();
  }
};

model::experiment stops_and_forks(other_raiser other) {
  return {model::with_views("stop flag", 4, 2), [other](model::scenario& s) {
            auto w = std::make_shared<forking_task>();
            s.thread("who stops", [w] {
              (void)w->state.request_stop(weir::stop_cause::requested);
              w->flag.raise();
            });
            if (other == other_raiser::stop_of_another_task) s.thread("who stops another", [w] { w->flag.raise(); });
            s.thread("worker", [w, other] {
              if (other == other_raiser::worker_itself) w->flag.raise_own();  // it comes to the task, or back to it
              w->fork();
            });
            // Else no later fork would look.
            s.finally([w] { model::check(w->has_seen || w->flag.is_up(), "the stop is not lost"); });
          }};
}

const model::experiment with_another_stop = stops_and_forks(other_raiser::stop_of_another_task);
const model::experiment with_own_raise = stops_and_forks(other_raiser::worker_itself);

TEST(StopFlag, LosesNoStop) {
  for (const auto* e : {&with_another_stop, &with_own_raise}) {
    model::expect_holds(*e);
  }
}

TEST(StopFlag, NeedsTheOrders) {
  const model::mutants m = model::weaken_each_order("stop_flag.hpp", {with_another_stop, with_own_raise});
  EXPECT_THAT(m.survivors, testing::IsEmpty());
}

}  // namespace stop_flag_model
