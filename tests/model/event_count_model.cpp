// The real event count under every schedule within a bound: no wake-up is lost, and each step of its use is needed.
//
// Producers put items into a set of bits, notifying once for each; the last of them stops the workers. Workers take
// items and sleep on the event count when there are none. A lost wake-up is a deadlock. With delayed stores each of the
// two fences is needed, too.
#include <weir/queues/event_count.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <memory>
#include <string>

#include <weir/queues/sync.hpp>

#include "explorer.hpp"

namespace {

using weir::detail::atomic;
using weir::detail::event_count;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;

/// How the event count is used wrongly.
enum class mistake {
  none,
  no_look_after_announcing,
  announce_anew_after_looking,  // sleeps on a key that is younger than the look
  notify_before_publishing,
  ask_for_waiters_before_publishing,
  notify_one_to_stop,
};

struct setting {
  int producers = 2;
  int items_each = 1;
  int workers = 2;
  mistake made = mistake::none;
  std::uint32_t start_epoch = 0;
};

struct idle_pool {
  explicit idle_pool(const setting& s) : idle(s.start_epoch), left(s.producers * s.items_each), chosen(s) {}

  // As in the pool: pending is raised before an item can be found and lowered after it was taken. Who sleeps has seen
  // it 0.
  event_count idle;
  atomic<int> pending{0};
  atomic<std::uint32_t> items{0};  // a bit each
  atomic<int> left;                // to be taken
  atomic<bool> stop{false};
  setting chosen;
  int taken[32] = {};  // times; plain: who took the bit touches it

  void put(int item) {
    pending.fetch_add(1, memory_order_relaxed);
    items.fetch_or(std::uint32_t{1} << item, memory_order_release);
  }

  void publish(int item) {
    switch (chosen.made) {
      case mistake::notify_before_publishing:
        idle.notify_one();
        put(item);
        break;
      case mistake::ask_for_waiters_before_publishing: {
        const bool anybody = idle.approx_waiters() != 0;
        put(item);
        if (anybody) idle.notify_one();
        break;
      }
      default:
        put(item);
        idle.notify_one();
    }
  }

  void produce(int producer) {
    for (int i = 0; i < chosen.items_each; ++i) publish(producer * chosen.items_each + i);
  }

  bool take() {
    std::uint32_t seen = items.load(memory_order_acquire);
    while (seen != 0) {
      if (!items.compare_exchange_weak(seen, seen & (seen - 1), memory_order_acquire)) continue;
      ++taken[std::countr_zero(seen)];
      pending.fetch_sub(1, memory_order_relaxed);
      if (left.fetch_sub(1, memory_order_relaxed) == 1) stop_workers();
      return true;
    }
    return false;
  }

  // Only after the last item was taken: an earlier stop would wake whoever sleeps beside an item, and hide the loss.
  void stop_workers() {
    stop.store(true, memory_order_relaxed);
    chosen.made == mistake::notify_one_to_stop ? idle.notify_one() : idle.notify_all();
  }

  void work() {
    for (;;) {
      if (take()) continue;
      if (stop.load(memory_order_relaxed)) return;
      auto key = idle.prepare_wait();
      if (chosen.made != mistake::no_look_after_announcing &&
          (pending.load(memory_order_relaxed) != 0 || stop.load(memory_order_relaxed))) {
        idle.cancel_wait();
        weir::detail::thread_yield();  // the item may not be there yet
        continue;
      }
      if (chosen.made == mistake::announce_anew_after_looking) {
        key = idle.prepare_wait();
        idle.cancel_wait();
      }
      idle.wait(key);
    }
  }
};

model::result explore(const model::options& options, const setting& chosen) {
  return model::explore(options, [chosen](model::scenario& s) {
    auto pool = std::make_shared<idle_pool>(chosen);
    s.label("event count", pool->idle);
    s.label("pending", pool->pending);
    s.label("items", pool->items);
    s.label("stop", pool->stop);
    s.label("left", pool->left);
    for (int p = 0; p < chosen.producers; ++p) s.thread("producer " + std::to_string(p), [=] { pool->produce(p); });
    for (int w = 0; w < chosen.workers; ++w) s.thread("worker " + std::to_string(w), [=] { pool->work(); });
    s.finally([=] {
      for (int i = 0; i < chosen.producers * chosen.items_each; ++i) model::check(pool->taken[i] == 1, "taken once");
      model::check(pool->pending.peek() == 0, "nothing is pending");
      model::check(pool->idle.approx_waiters() == 0, "every announcement was withdrawn");
    });
  });
}

TEST(EventCount, LosesNoWakeUp) {
  const model::result r =
      explore({.name = "event count, 2 producers and 2 workers", .preemptions = 2, .spurious_wakes = 1}, {});
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

TEST(EventCount, LosesNoWakeUpOfSeveralItems) {
  const model::result r =
      explore({.name = "event count, 2 items each", .preemptions = 1, .spurious_wakes = 1}, {.items_each = 2});
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

TEST(EventCount, LosesNoWakeUpOfOneProducer) {
  const model::result r =
      explore({.name = "event count, 1 producer", .preemptions = 3, .spurious_wakes = 1}, {.producers = 1});
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

TEST(EventCount, LosesNoWakeUpOfOneWorker) {
  const model::result r =
      explore({.name = "event count, 1 worker", .preemptions = 4, .spurious_wakes = 1}, {.workers = 1});
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

TEST(EventCount, WakesAllWhoSleepWhenAllAreMeant) {
  const model::result r = explore({.name = "event count, 3 workers", .preemptions = 1, .spurious_wakes = 1},
                                  {.producers = 1, .workers = 3});
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

TEST(EventCount, LosesNoWakeUpWhenTheEpochWraps) {
  for (const std::uint32_t start : {0xffff'ffffU, 0xffff'fffeU}) {
    const model::result r =
        explore({.name = "event count, epoch from " + std::to_string(start), .preemptions = 1, .spurious_wakes = 1},
                {.start_epoch = start});
    EXPECT_TRUE(r.passed()) << r.report;
    EXPECT_TRUE(r.complete);
  }
}

TEST(EventCount, LosesNoWakeUpInLongRandomSchedules) {
  const model::result r =
      explore({.name = "event count, random", .preemptions = 6, .random = 50'000, .spurious_wakes = 2},
              {.producers = 3, .items_each = 3, .workers = 3});
  EXPECT_TRUE(r.passed()) << r.report;
}

// With delayed stores: the announcement and the look, or the store and the look for waiters, pass each other unless a
// fence is between them.
constexpr int missed = 2;

TEST(EventCount, LosesNoWakeUpWhenStoresAreDelayed) {
  for (const setting& chosen :
       {setting{.producers = 1}, setting{.workers = 1}, setting{.producers = 1, .workers = 1}}) {
    const std::string name = std::to_string(chosen.producers) + " and " + std::to_string(chosen.workers);
    const model::result r = explore({.name = "event count, delayed stores, " + name,
                                     .preemptions = 2,
                                     .spurious_wakes = 1,
                                     .missed_stores = missed},
                                    chosen);
    EXPECT_TRUE(r.passed()) << r.report;
    EXPECT_TRUE(r.complete);
  }
}

TEST(EventCount, LosesNoWakeUpWithViews) {
  for (const setting& chosen :
       {setting{.producers = 1}, setting{.workers = 1}, setting{.producers = 1, .workers = 1, .start_epoch = ~0U}}) {
    const std::string name = std::to_string(chosen.producers) + " and " + std::to_string(chosen.workers);
    const model::result r = explore({.name = "event count, views, " + name,
                                     .preemptions = 2,
                                     .spurious_wakes = 1,
                                     .memory = model::memory_model::views,
                                     .old_reads = 1},
                                    chosen);
    EXPECT_TRUE(r.passed()) << r.report;
    EXPECT_TRUE(r.complete);
  }
}

using testing::HasSubstr;

TEST(EventCount, NeedsItsFencesWhenStoresAreDelayed) {
  for (const char* function : {"prepare_wait", "notify"}) {
    const model::result r = explore({.name = std::string("mistake: no fence in ") + function,
                                     .preemptions = 2,
                                     .missed_stores = missed,
                                     .weakened = {function, "fence"}},
                                    {.producers = 1, .workers = 1});
    EXPECT_THAT(r.failure, HasSubstr("deadlock")) << function;
  }
}

/// The first failure of a pool that makes a mistake.
std::string failure_of(const std::string& name, mistake made, int workers = 2) {
  return explore({.name = "mistake: " + name, .preemptions = 2}, {.workers = workers, .made = made}).failure;
}

TEST(EventCount, NeedsALookBetweenAnnouncingAndSleeping) {
  EXPECT_THAT(failure_of("no look", mistake::no_look_after_announcing), HasSubstr("deadlock"));
}

TEST(EventCount, NeedsTheKeyFromBeforeTheLook) {
  EXPECT_THAT(failure_of("younger key", mistake::announce_anew_after_looking), HasSubstr("deadlock"));
}

TEST(EventCount, NeedsTheStoreBeforeTheNotification) {
  EXPECT_THAT(failure_of("notify, then publish", mistake::notify_before_publishing), HasSubstr("deadlock"));
}

TEST(EventCount, NeedsTheStoreBeforeTheLookForWaiters) {
  EXPECT_THAT(failure_of("ask, publish, notify", mistake::ask_for_waiters_before_publishing), HasSubstr("deadlock"));
}

TEST(EventCount, NeedsToWakeAllForWhatAllWaitFor) {
  EXPECT_THAT(failure_of("stop with notify_one", mistake::notify_one_to_stop, 3), HasSubstr("deadlock"));
}

}  // namespace
