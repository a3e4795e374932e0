// The event count with real threads. What every interleaving does is shown by tests/model/event_count_model.cpp.
#include <chrono>
#include <cstdint>
#include <future>
#include <gtest/gtest.h>
#include <vector>
#include <weir/queues/event_count.hpp>
#include <weir/queues/sync.hpp>

#include "support/eventually.hpp"

namespace {

using namespace std::chrono_literals;
using weir::detail::atomic;
using weir::detail::event_count;
using weir::detail::memory_order_acq_rel;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::testing::eventually;
using weir::testing::get;
using weir::testing::in_background;

/// The epoch, by the only way to see it.
event_count::key epoch_of(event_count& idle) {
  const auto key = idle.prepare_wait();
  idle.cancel_wait();
  return key;
}

/// Sleeps until `condition` holds, as the header shows it.
template <typename Condition>
void await(event_count& idle, Condition condition) {
  while (!condition()) {
    const auto key = idle.prepare_wait();
    if (condition()) {
      idle.cancel_wait();
      return;
    }
    idle.wait(key);
  }
}

TEST(EventCount, NotifyingNobodyWritesNothing) {
  event_count idle;
  const auto before = epoch_of(idle);
  idle.notify_one();
  idle.notify_all();
  EXPECT_EQ(epoch_of(idle), before);
}

TEST(EventCount, NotifyingAnAnnouncedWaiterMovesTheEpoch) {
  event_count idle;
  const auto first = idle.prepare_wait();
  idle.notify_one();
  const auto second = idle.prepare_wait();
  EXPECT_NE(second, first);
  idle.notify_all();
  EXPECT_NE(idle.prepare_wait(), second);
  for (int i = 0; i < 3; ++i) idle.cancel_wait();
}

TEST(EventCount, CountsAnnouncementsUntilTheyAreWithdrawn) {
  event_count idle;
  EXPECT_EQ(idle.approx_waiters(), 0u);
  const auto key = idle.prepare_wait();
  static_cast<void>(idle.prepare_wait());
  EXPECT_EQ(idle.approx_waiters(), 2u);
  idle.cancel_wait();
  EXPECT_EQ(idle.approx_waiters(), 1u);
  idle.wait(key, 0ns);
  EXPECT_EQ(idle.approx_waiters(), 0u);
}

TEST(EventCount, WaitEndsAtItsTimeout) {
  event_count idle;
  auto waiting = in_background([&] { idle.wait(idle.prepare_wait(), 1us); });
  get(waiting, "a wait with a timeout");
}

TEST(EventCount, WaitDoesNotBeginAfterANotification) {
  event_count idle;
  auto waiting = in_background([&] {
    const auto key = idle.prepare_wait();
    idle.notify_one();
    idle.wait(key);
  });
  get(waiting, "a wait on an old key");
}

TEST(EventCount, NotifyOneWakesASleeper) {
  event_count idle;
  atomic<bool> open{false};
  auto waiting = in_background([&] { await(idle, [&] { return open.load(memory_order_relaxed); }); });
  eventually("a waiter", [&] { return idle.approx_waiters() == 1; });
  open.store(true, memory_order_relaxed);
  idle.notify_one();
  get(waiting, "a notified waiter");
  EXPECT_EQ(idle.approx_waiters(), 0u);
}

TEST(EventCount, NotifyAllWakesEverySleeper) {
  event_count idle;
  atomic<bool> open{false};
  std::vector<std::future<void>> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(in_background([&] { await(idle, [&] { return open.load(memory_order_relaxed); }); }));
  }
  eventually("all waiters", [&] { return idle.approx_waiters() == 8; });
  open.store(true, memory_order_relaxed);
  idle.notify_all();
  for (auto& one : waiting) get(one, "one of all notified");
}

TEST(EventCount, NotifyOneWakesSomebodyForEachTicket) {
  event_count idle;
  atomic<int> tickets{0};
  atomic<int> taken{0};
  const auto take = [&] {
    int seen = tickets.load(memory_order_relaxed);
    while (seen > 0) {
      if (tickets.compare_exchange_weak(seen, seen - 1, memory_order_acq_rel, memory_order_relaxed)) return true;
    }
    return false;
  };
  std::vector<std::future<void>> waiting;
  for (int i = 0; i < 6; ++i) {
    waiting.push_back(in_background([&] {
      await(idle, take);
      taken.fetch_add(1, memory_order_release);
    }));
  }
  eventually("all waiters", [&] { return idle.approx_waiters() == 6; });
  for (int i = 1; i <= 6; ++i) {
    tickets.fetch_add(1, memory_order_relaxed);
    idle.notify_one();
    eventually("a ticket taken", [&] { return taken.load(memory_order_acquire) == i; });
  }
  for (auto& one : waiting) get(one, "one with a ticket");
}

TEST(EventCount, WhatPrecedesANotificationIsSeenAfterTheWait) {
  event_count idle;
  int plain = 0;  // no atomic beside it: only the notification orders the two accesses, and ThreadSanitizer would tell
  auto waiting = in_background([&] {
    const auto first = idle.prepare_wait();
    for (;;) {
      const bool over = epoch_of(idle) != first;  // else the wait was ended by a signal
      idle.wait(first);
      if (over) return plain;
      static_cast<void>(idle.prepare_wait());
    }
  });
  eventually("a waiter", [&] { return idle.approx_waiters() > 0; });
  plain = 42;
  idle.notify_one();
  EXPECT_EQ(get(waiting, "a notified waiter"), 42);
}

TEST(EventCount, WorksWhileTheEpochWraps) {
  event_count idle(0xffff'fffeU);
  atomic<int> round{0};
  auto waiting = in_background([&] {
    for (int i = 1; i <= 4; ++i) await(idle, [&] { return round.load(memory_order_relaxed) >= i; });
  });
  for (int i = 1; i <= 4; ++i) {
    eventually("a waiter", [&] { return idle.approx_waiters() == 1; });
    round.store(i, memory_order_relaxed);
    idle.notify_one();
  }
  get(waiting, "a waiter across the wrap");
}

TEST(EventCount, TheEpochWrapsToZero) {
  event_count last(0xffff'ffffU);
  event_count first;
  const auto key = last.prepare_wait();
  last.notify_one();
  last.wait(key);
  EXPECT_EQ(epoch_of(last), epoch_of(first));
}

}  // namespace
