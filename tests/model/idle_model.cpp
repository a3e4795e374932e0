// The real place where workers sleep, under every schedule within a bound: no item is left beside a worker that sleeps,
// though none is woken while one searches.
//
// Producers put items into a set of bits, and say so for each; workers take them. Some items end only when all others
// have been taken, so that a worker that was not woken is a deadlock, and not only a delay. With delayed stores each of
// the fences is needed, too.
#include <bit>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <weir/queues/sync.hpp>

#include "explorer.hpp"
#include "holds.hpp"
#include "idle.hpp"
#include "mutants.hpp"

namespace idle_model {

using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::idle;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::detail::memory_order_seq_cst;
using weir::detail::sleeper;

/// How the place is used wrongly.
enum class idle_mistake {
  none,
  sleep_without_a_look,
  end_the_search_without_a_look,
  leave_without_ending_the_search,
  notify_before_publishing,
};

struct idle_setting {
  int producers = 1;
  int items_each = 2;
  int workers = 2;
  bool items_wait = true;  // each for all others: with no more items than workers
  bool by_rmw = false;     // producers rely on the order of the read-modify-write that makes an item visible
  idle_mistake made = idle_mistake::none;
};

struct modelled_workers {
  explicit modelled_workers(const idle_setting& s)
      : chosen(s), place(s.workers), left(static_cast<std::uint32_t>(s.producers * s.items_each)) {}

  idle_setting chosen;
  idle place;
  sleeper beds[3];
  atomic<std::uint32_t> items{0};  // a bit each
  atomic<std::uint32_t> left;      // to be taken
  atomic<bool> stop{false};
  int taken[8] = {};  // times; plain: who took the bit touches it

  void produce(int producer) {
    for (int i = 0; i < chosen.items_each; ++i) {
      const std::uint32_t bit = std::uint32_t{1} << (producer * chosen.items_each + i);
      if (chosen.by_rmw) {
        items.fetch_or(bit, memory_order_seq_cst);
        place.notify_after_rmw();
        continue;
      }
      if (chosen.made == idle_mistake::notify_before_publishing) place.notify();
      items.fetch_or(bit, memory_order_release);
      if (chosen.made != idle_mistake::notify_before_publishing) place.notify();
    }
  }

  [[nodiscard]] bool sees_work() const {
    return items.load(chosen.by_rmw ? memory_order_seq_cst : memory_order_relaxed) != 0 ||
           stop.load(memory_order_relaxed);
  }

  // True: there was one.
  bool take_one(bool& is_searching) {
    std::uint32_t seen = items.load(memory_order_acquire);
    while (seen != 0) {
      if (!items.compare_exchange_weak(seen, seen & (seen - 1), memory_order_acquire, memory_order_acquire)) continue;
      end_search(is_searching);
      ++taken[std::countr_zero(seen)];
      run();
      return true;
    }
    return false;
  }

  void run() {
    if (left.fetch_sub(1, memory_order_relaxed) == 1) {
      weir::detail::futex_wake(&left, weir::detail::wake_all);
      stop.store(true, memory_order_relaxed);
      place.notify();
      return;
    }
    if (!chosen.items_wait) return;
    for (std::uint32_t now; (now = left.load(memory_order_acquire)) != 0;) {
      weir::detail::futex_wait(left, now, std::chrono::nanoseconds(-1));
    }
  }

  void end_search(bool& is_searching) {
    if (!std::exchange(is_searching, false)) return;
    const bool looks = chosen.made != idle_mistake::end_the_search_without_a_look;
    place.end_search([&] { return looks && sees_work(); });
  }

  void work(int worker) {
    bool is_searching = false;
    for (;;) {
      if (take_one(is_searching)) continue;
      if (!is_searching) is_searching = place.begin_search();
      if (is_searching && take_one(is_searching)) continue;
      if (stop.load(memory_order_relaxed)) {
        if (chosen.made != idle_mistake::leave_without_ending_the_search) end_search(is_searching);
        return;
      }
      const bool looks = chosen.made != idle_mistake::sleep_without_a_look;
      place.sleep(beds[worker], {}, std::exchange(is_searching, true), [&] { return looks && sees_work(); });
    }
  }
};

std::function<void(model::scenario&)> idle_scenario(const idle_setting& chosen) {
  return [chosen](model::scenario& s) {
    auto w = std::make_shared<modelled_workers>(chosen);
    s.label("idle", w->place);
    s.label("items", w->items);
    s.label("left", w->left);
    s.label("stop", w->stop);
    for (int i = 0; i < 3; ++i) s.label("bed " + std::to_string(i), w->beds[i]);
    for (int p = 0; p < chosen.producers; ++p) s.thread("producer " + std::to_string(p), [=] { w->produce(p); });
    for (int i = 0; i < chosen.workers; ++i) s.thread("worker " + std::to_string(i), [=] { w->work(i); });
    s.finally([=] {
      for (int i = 0; i < chosen.producers * chosen.items_each; ++i) model::check(w->taken[i] == 1, "taken once");
    });
  };
}

model::result explore_idle(const model::options& options, const idle_setting& chosen) {
  return model::explore(options, idle_scenario(chosen));
}

void expect_no_loss(const model::options& options, const idle_setting& chosen) {
  const model::result r = explore_idle(options, chosen);
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete || options.random != 0);
}

TEST(IdleModel, LeavesNoItemBesideASleeper) {
  expect_no_loss({.name = "idle, 1 producer, 2 workers", .preemptions = 2, .spurious_wakes = 1}, {});
  expect_no_loss({.name = "idle, 2 producers, 2 workers", .preemptions = 2}, {.producers = 2, .items_each = 1});
  expect_no_loss({.name = "idle, 1 worker", .preemptions = 4, .spurious_wakes = 1},
                 {.items_each = 3, .workers = 1, .items_wait = false});
  expect_no_loss({.name = "idle, 3 workers", .preemptions = 1}, {.items_each = 3, .workers = 3});
}

TEST(IdleModel, LeavesNoItemBesideASleeperInLongRandomSchedules) {
  expect_no_loss({.name = "idle, random", .preemptions = 6, .random = 20'000, .spurious_wakes = 2},
                 {.producers = 3, .items_each = 1, .workers = 3});
  expect_no_loss({.name = "idle, random, many items", .preemptions = 6, .random = 20'000, .spurious_wakes = 2},
                 {.producers = 2, .items_each = 4, .workers = 3, .items_wait = false});
}

TEST(IdleModel, LeavesNoItemBesideASleeperWhenStoresAreDelayed) {
  expect_no_loss({.name = "idle, delayed stores", .preemptions = 2, .missed_stores = 2},
                 {.items_each = 1, .workers = 1, .items_wait = false});
  expect_no_loss({.name = "idle, delayed stores, 2 workers", .preemptions = 1, .missed_stores = 2}, {});
}

model::experiment idle_with_views(const std::string& name, int preemptions, const idle_setting& chosen) {
  return {model::with_views("idle, views, " + name, preemptions), idle_scenario(chosen)};
}

const auto one_with_views = idle_with_views("1 worker", 3, {.items_each = 1, .workers = 1, .items_wait = false});
const auto two_with_views = idle_with_views("2 workers", 2, {});
const auto one_by_rmw =
    idle_with_views("by read-modify-write", 3, {.items_each = 1, .workers = 1, .items_wait = false, .by_rmw = true});

TEST(IdleModel, LeavesNoItemBesideASleeperWithViews) {
  const auto two_producers = idle_with_views("2 producers", 1, {.producers = 2, .items_each = 1});
  const auto two_by_rmw = idle_with_views("2 workers, by read-modify-write", 2, {.by_rmw = true});
  for (const model::experiment& e : {two_producers, one_by_rmw, two_by_rmw}) {
    model::expect_holds(e);
  }
}

TEST(IdleModel, NeedsTheOrderOfEachFence) {
  const model::mutants m = model::weaken_each_order("idle.hpp", {one_with_views, two_with_views, one_by_rmw});
  EXPECT_EQ(m.killed, 4);
  EXPECT_EQ(m.total, 4);
}

// What the edge of a wake hands over are the links of the sleeper, plain data that the explorer does not see.
TEST(IdleModel, ShowsNoOrderOfAWake) {
  const model::mutants m = model::weaken_each_order("idle.cpp", {one_with_views});
  EXPECT_THAT(m.survivors,
              testing::UnorderedElementsAre("wait load: acquire -> relaxed", "rouse store: release -> relaxed"));
}

std::string idle_failure_of(const std::string& name, idle_mistake made, idle_setting chosen = {}) {
  chosen.made = made;
  return explore_idle({.name = "mistake: " + name, .preemptions = 2}, chosen).failure;
}

TEST(IdleModel, NeedsALookBeforeSleeping) {
  EXPECT_THAT(idle_failure_of("no look before sleeping", idle_mistake::sleep_without_a_look), HasSubstr("deadlock"));
}

TEST(IdleModel, NeedsALookOfTheLastWhoSearched) {
  EXPECT_THAT(idle_failure_of("no look after searching", idle_mistake::end_the_search_without_a_look),
              HasSubstr("deadlock"));
}

TEST(IdleModel, NeedsTheEndOfTheSearchOfWhoLeaves) {
  EXPECT_THAT(idle_failure_of("leaves searching", idle_mistake::leave_without_ending_the_search,
                              {.items_each = 1, .workers = 3}),
              HasSubstr("deadlock"));
}

TEST(IdleModel, NeedsTheWorkBeforeTheNotification) {
  EXPECT_THAT(idle_failure_of("notify, then publish", idle_mistake::notify_before_publishing), HasSubstr("deadlock"));
}

// The fence of settle follows the unlock of a mutex, which lets no store pass either where stores are delayed and
// nothing else is. Views show it.
TEST(IdleModel, NeedsItsFencesWhenStoresAreDelayed) {
  for (const char* function : {"notify", "end_search"}) {
    const model::result r = explore_idle({.name = std::string("mistake: no fence in ") + function,
                                          .preemptions = 2,
                                          .missed_stores = 2,
                                          .weakened = {function, "fence"}},
                                         {});
    EXPECT_THAT(r.failure, HasSubstr("deadlock")) << function;
  }
}

}  // namespace idle_model
