// The memory orders of the real event count: with views it keeps its promises, and without any one of its orders it does
// not.
#include <weir/queues/event_count.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include <weir/queues/sync.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "mutants.hpp"

namespace {

using weir::detail::atomic;
using weir::detail::event_count;
using weir::detail::memory_order_relaxed;

/// Its guarantee, and nothing that helps it: the condition is relaxed on both sides, and the data are plain.
struct hand_over {
  event_count idle;
  atomic<int> condition{0};
  model::checked<int> data;

  void notify() {
    data.set(7);
    condition.store(1, memory_order_relaxed);
    idle.notify_all();
  }

  /// True if it was a notification that ended the wait: here nothing else does.
  bool wait() {
    const auto key = idle.prepare_wait();
    if (condition.load(memory_order_relaxed) != 0) {
      idle.cancel_wait();
      return false;
    }
    idle.wait(key);
    return true;
  }
};

model::experiment waiters(int count) {
  return {{.name = "event count, views, " + std::to_string(count) + " waiters",
           .preemptions = 2,
           .memory = model::memory_model::views,
           .old_reads = 2},
          [count](model::scenario& s) {
            auto h = std::make_shared<hand_over>();
            s.label("event count", h->idle);
            s.label("condition", h->condition);
            s.thread("notifier", [h] { h->notify(); });
            for (int w = 0; w < count; ++w) {
              s.thread("waiter " + std::to_string(w), [h] {
                if (h->wait()) model::check(h->data.get() == 7, "what came before the notification");
              });
            }
            s.finally([h] { model::check(h->idle.approx_waiters() == 0, "every announcement was withdrawn"); });
          }};
}

TEST(EventCountOrders, AreEachNeeded) {
  const model::mutants m = model::weaken_each_order("event_count.hpp", {waiters(1), waiters(2)});
  EXPECT_EQ(m.killed, 3);
  EXPECT_THAT(m.survivors, testing::ElementsAre(
                               // The fence of notify stands before it and publishes the same. ThreadSanitizer does not
                               // see that fence.
                               "notify fetch_add: release -> relaxed",
                               // Nobody acquires it: a notifier that sees it has nothing to do.
                               "wait_by fetch_sub: release -> relaxed"));
}

}  // namespace
