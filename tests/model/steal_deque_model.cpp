// The real work-stealing deque under every schedule within a bound: each item is taken exactly once, as it was put in,
// also while the ring grows.
//
// The explorer is sequentially consistent, or delays stores, or has views: it finds wrong steps, wrong orders of steps
// and the missing store-load barrier. Each step is left out or misplaced in turn, and with views each order is
// weakened: the explorer must notice.
#include <cstddef>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <weir/queues/steal_deque.hpp>
#include <weir/queues/sync.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "faulty_steal_deque.hpp"
#include "holds.hpp"
#include "mutants.hpp"

namespace steal_deque_model {

using model::deque_mistake;
using testing::HasSubstr;
using weir::detail::steal_deque;
using weir::detail::steal_deque_owner;
using weir::detail::steal_deque_thief;
using weir::detail::steal_result;

// Plain: written by who pushes it, and then by who takes it.
struct item {
  model::checked<int> payload;
  int taken = 0;
};

struct setting {
  std::size_t capacity = 4;
  std::string_view owner = "+++----";  // push, pop; t: trim
  int thieves = 2;
  int steals_each = 2;
  deque_mistake made = deque_mistake::none;
};

constexpr int most_items = 10;
constexpr int payload_of(int index) { return 7 + 11 * index; }

struct work {
  explicit work(const setting& s) : chosen(s), deque(s.capacity), owner(deque, s.made) {}

  setting chosen;
  steal_deque<item> deque;
  steal_deque_owner<model::faulty<item>> owner;
  item items[most_items];
  int pushed = 0;

  void push() {
    item& next = items[pushed];
    next.payload.set(payload_of(pushed++));
    model::check(owner.push(&next), "there is memory");
  }

  void keep(item* got) {
    model::check(got >= items && got < items + pushed, "what is taken was put in");
    model::check(++got->taken == 1, "and is taken once");
    model::check(got->payload.get() == payload_of(static_cast<int>(got - items)), "as it was put in");
    got->payload.set(-1);
  }

  bool pop() {
    item* const got = owner.pop();
    if (got != nullptr) keep(got);
    return got != nullptr;
  }

  void own() {
    for (const char step : chosen.owner) {
      if (step == '+') {
        push();
      } else if (step == 't') {
        owner.trim();
      } else {
        pop();
      }
    }
  }

  void steal() {
    steal_deque_thief<model::faulty<item>> thief(deque, chosen.made);
    for (int i = 0; i < chosen.steals_each; ++i) {
      const steal_result<item> got = thief.steal();
      if (got.how == steal_result<item>::outcome::stolen) keep(got.item);
    }
  }

  void nothing_is_lost() {
    while (pop()) {
    }
    for (int i = 0; i < pushed; ++i) model::check(items[i].taken == 1, "nothing is lost");
  }

  void nothing_is_left() { model::check(steal_deque_thief<item>(deque).looks_empty(), "nothing is left"); }
};

std::shared_ptr<work> start(model::scenario& s, const setting& chosen) {
  auto w = std::make_shared<work>(chosen);
  s.label("deque", w->deque);
  s.thread("owner", [w] { w->own(); });
  for (int t = 0; t < chosen.thieves; ++t) s.thread("thief " + std::to_string(t), [w] { w->steal(); });
  return w;
}

model::result explore(const model::options& options, const setting& chosen) {
  return model::explore(options, [chosen](model::scenario& s) {
    s.finally([w = start(s, chosen)] {
      w->nothing_is_lost();
      w->nothing_is_left();
    });
  });
}

void expect_held(const model::options& options, const setting& chosen) {
  const model::result r = explore(options, chosen);
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete || options.random != 0);
}

TEST(StealDequeModel, GivesEachItemOnce) {
  expect_held({.name = "deque, 2 thieves x 2", .preemptions = 3}, {});
  expect_held({.name = "deque, 1 thief", .preemptions = 4}, {.thieves = 1});
}

TEST(StealDequeModel, GivesTheLastItemOnce) {
  expect_held({.name = "deque, last item", .preemptions = 99}, {.owner = "+-", .thieves = 1});
  expect_held({.name = "deque, last item, 3 thieves", .preemptions = 2}, {.owner = "+-", .thieves = 3});
}

TEST(StealDequeModel, GivesEachItemOnceWhileTheRingIsUsedAgain) {
  expect_held({.name = "deque, used again", .preemptions = 3}, {.capacity = 2, .owner = "++-+-+--"});
}

TEST(StealDequeModel, GivesEachItemOnceWhileItGrows) {
  expect_held({.name = "deque, growing", .preemptions = 3}, {.capacity = 2});
  expect_held({.name = "deque, growing twice", .preemptions = 3}, {.capacity = 2, .owner = "+++++--", .thieves = 1});
}

TEST(StealDequeModel, GivesEachItemOnceInLongRandomSchedules) {
  expect_held({.name = "deque, random", .preemptions = 6, .random = 20'000},
              {.capacity = 2, .owner = "++-+++--+-++----", .thieves = 3, .steals_each = 4});
}

std::string failure_of(const std::string& name, deque_mistake made, setting chosen = {}) {
  chosen.made = made;
  return explore({.name = "mistake: " + name, .preemptions = 3}, chosen).failure;
}

TEST(StealDequeModel, NeedsTheExchangeOnTheLastItem) {
  EXPECT_THAT(failure_of("pop stores top", deque_mistake::pop_takes_the_last_unasked), HasSubstr("taken once"));
}

TEST(StealDequeModel, NeedsTheExchangeOfAThief) {
  EXPECT_THAT(failure_of("steal stores top", deque_mistake::steal_takes_unasked), HasSubstr("taken once"));
}

TEST(StealDequeModel, NeedsBottomLoweredBeforeTopIsRead) {
  EXPECT_THAT(failure_of("top before bottom", deque_mistake::pop_reads_top_first), HasSubstr("taken once"));
}

TEST(StealDequeModel, NeedsBottomRestored) {
  EXPECT_THAT(failure_of("bottom stays low", deque_mistake::pop_leaves_bottom_low, {.owner = "+--+"}),
              HasSubstr("lost"));
}

TEST(StealDequeModel, NeedsTheThiefToReadTopBeforeBottom) {
  EXPECT_THAT(failure_of("thief reads bottom first", deque_mistake::steal_reads_bottom_first), HasSubstr("taken once"));
}

TEST(StealDequeModel, NeedsTheItemReadBeforeTheExchange) {
  EXPECT_THAT(failure_of("item after the exchange", deque_mistake::steal_reads_the_item_last,
                         {.capacity = 2, .owner = "++-++--"}),
              HasSubstr("taken once"));
}

TEST(StealDequeModel, NeedsTheItemWrittenBeforeBottom) {
  EXPECT_THAT(failure_of("bottom before the item", deque_mistake::push_publishes_first), HasSubstr("put in"));
}

TEST(StealDequeModel, NeedsTheRingFilledBeforeItIsPublished) {
  EXPECT_THAT(failure_of("ring before its items", deque_mistake::growth_publishes_first, {.capacity = 2}),
              HasSubstr("put in"));
}

// ---- with delayed stores: what the owner lowers, a thief may not see yet

TEST(StealDequeModel, GivesEachItemOnceWhenStoresAreDelayed) {
  expect_held({.name = "deque, delayed stores", .preemptions = 2, .missed_stores = 2}, {});
  expect_held({.name = "deque, delayed stores, last item", .preemptions = 99, .missed_stores = 2},
              {.owner = "+-", .thieves = 1});
  expect_held({.name = "deque, delayed stores, growing", .preemptions = 2, .missed_stores = 2}, {.capacity = 2});
}

TEST(StealDequeModel, NeedsABarrierInPop) {
  const auto stored = explore({.name = "mistake: pop stores bottom", .preemptions = 2, .missed_stores = 2},
                              {.made = deque_mistake::pop_stores_bottom});
  EXPECT_THAT(stored.failure, HasSubstr("taken once"));
  const auto released = explore({.name = "mistake: pop's exchange is weak",
                                 .preemptions = 2,
                                 .missed_stores = 2,
                                 .weakened = {"pop", "exchange"}},
                                {});
  EXPECT_THAT(released.failure, HasSubstr("taken once"));
}

// ---- with views: what a thief or the owner reads may be old

TEST(StealDequeModel, GivesEachItemOnceWithViews) {
  constexpr auto views = model::memory_model::views;
  expect_held({.name = "deque, views", .preemptions = 2, .memory = views, .old_reads = 2}, {});
  expect_held({.name = "deque, views, last item", .preemptions = 3, .memory = views, .old_reads = 3},
              {.owner = "+-", .thieves = 1});
  expect_held({.name = "deque, views, used again", .preemptions = 2, .memory = views, .old_reads = 1},
              {.capacity = 2, .owner = "++-+-+--", .thieves = 1});
  expect_held({.name = "deque, views, growing", .preemptions = 2, .memory = views, .old_reads = 1}, {.capacity = 2});
}

TEST(StealDequeModel, FreesNoRingThatAThiefReads) {
  constexpr auto views = model::memory_model::views;
  expect_held({.name = "deque, views, trimmed", .preemptions = 2, .memory = views, .old_reads = 1},
              {.capacity = 2, .owner = "+++---t+-", .thieves = 1});
  expect_held({.name = "deque, views, trimmed while it is full", .preemptions = 2, .memory = views, .old_reads = 1},
              {.capacity = 2, .owner = "+++t--t", .steals_each = 1});
}

std::string failure_with_views_of(const std::string& name, deque_mistake made) {
  return explore({.name = "mistake: " + name, .preemptions = 2, .memory = model::memory_model::views, .old_reads = 1},
                 {.capacity = 2, .owner = "+++t", .thieves = 1, .steals_each = 1, .made = made})
      .failure;
}

TEST(StealDequeModel, NeedsTheLookForThievesBeforeARingIsFreed) {
  EXPECT_THAT(failure_with_views_of("trim frees unasked", deque_mistake::trim_frees_unasked),
              testing::AnyOf(HasSubstr("after its end"), HasSubstr("an object ends")));
}

TEST(StealDequeModel, NeedsTheThiefToShowItselfBeforeItReadsTheRing) {
  EXPECT_THAT(failure_with_views_of("thief shows itself late", deque_mistake::steal_reads_the_ring_first),
              testing::AnyOf(HasSubstr("after its end"), HasSubstr("an object ends")));
}

// Without nothing_is_left: its loads come after all threads, where no order is needed, and they would all survive.
model::experiment with(const setting& chosen, int preemptions) {
  const std::string name = std::string(chosen.owner) + " of " + std::to_string(chosen.capacity) + " against " +
                           std::to_string(chosen.thieves) + " x " + std::to_string(chosen.steals_each);
  return {model::with_views("deque, views, " + name, preemptions, 2),
          [chosen](model::scenario& s) { s.finally([w = start(s, chosen)] { w->nothing_is_lost(); }); }};
}

TEST(StealDequeOrders, AreEachNeeded) {
  const model::mutants m = model::weaken_each_order(
      "steal_deque.hpp",
      {with({.owner = "++--", .thieves = 1, .steals_each = 1}, 2), with({.owner = "++--", .thieves = 1}, 2),
       with({.capacity = 2, .owner = "+++--", .thieves = 1, .steals_each = 1}, 2),
       with({.owner = "+-+-", .thieves = 1, .steals_each = 1}, 2), with({.owner = "++--", .steals_each = 1}, 1),
       with({.capacity = 2, .owner = "+++t", .thieves = 1, .steals_each = 1}, 2)});
  EXPECT_EQ(m.killed, 10);
  EXPECT_THAT(m.survivors,
              testing::UnorderedElementsAre(
                  // The exchange on top decides because it is atomic; who may go to it is decided by the
                  // loads before it.
                  "pop compare_exchange: seq_cst -> acq_rel", "pop compare_exchange: seq_cst -> acquire",
                  "pop compare_exchange: seq_cst -> release", "pop compare_exchange: seq_cst -> relaxed",
                  "steal compare_exchange: seq_cst -> acq_rel", "steal compare_exchange: seq_cst -> acquire",
                  "steal compare_exchange: seq_cst -> release", "steal compare_exchange: seq_cst -> relaxed",
                  // What is below the bottom that they restore was taken.
                  "pop store 1: release -> relaxed", "pop store 2: release -> relaxed",
                  // To lose an item, a thief would have to read ahead what is written to its slot after its
                  // exchange, which no view shows.
                  "push load: acquire -> relaxed"));
}

}  // namespace steal_deque_model
