// The memory orders of the real work-stealing deque: with views each item is taken once and as it was put in, and
// without any one of its orders it is not.
#include <cstddef>
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
#include "mutants.hpp"

namespace steal_deque_orders_model {

using weir::detail::steal_deque;
using weir::detail::steal_deque_owner;
using weir::detail::steal_deque_thief;
using weir::detail::steal_result;

struct setting {
  std::string_view owner;  // push, pop
  int thieves = 1;
  int steals_each = 1;
  std::size_t capacity = 4;
};

constexpr int most_items = 6;

/// Plain: written by who pushes it, and then by who takes it.
struct item {
  model::checked<int> payload;
  int taken = 0;
};

struct work {
  explicit work(const setting& s) : chosen(s), deque(s.capacity), owner(deque) {}

  setting chosen;
  steal_deque<item> deque;
  steal_deque_owner<item> owner;
  item items[most_items];
  int pushed = 0;

  void keep(item* got) {
    model::check(got >= items && got < items + pushed, "what is taken was put in");
    model::check(++got->taken == 1, "and is taken once");
    model::check(got->payload.get() == static_cast<int>(got - items), "as it was put in");
    got->payload.set(-1);
  }

  bool pop() {
    item* const got = owner.pop();
    if (got != nullptr) keep(got);
    return got != nullptr;
  }

  void own() {
    for (const char step : chosen.owner) {
      if (step == '-') {
        pop();
        continue;
      }
      item& next = items[pushed];
      next.payload.set(pushed++);
      model::check(owner.push(&next), "there is memory");
    }
  }

  void steal() {
    steal_deque_thief<item> thief(deque);
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
};

model::experiment with(const setting& chosen, int preemptions, int old_reads = 2) {
  const std::string name = std::string(chosen.owner) + " of " + std::to_string(chosen.capacity) + " against " +
                           std::to_string(chosen.thieves) + " x " + std::to_string(chosen.steals_each);
  return {{.name = "deque, views, " + name,
           .preemptions = preemptions,
           .memory = model::memory_model::views,
           .old_reads = old_reads},
          [chosen](model::scenario& s) {
            auto w = std::make_shared<work>(chosen);
            s.label("deque", w->deque);
            s.thread("owner", [w] { w->own(); });
            for (int t = 0; t < chosen.thieves; ++t) s.thread("thief " + std::to_string(t), [w] { w->steal(); });
            s.finally([w] { w->nothing_is_lost(); });
          }};
}

TEST(StealDequeOrders, AreEachNeeded) {
  const model::mutants m = model::weaken_each_order(
      "steal_deque.hpp", {with({.owner = "++--"}, 2), with({.owner = "++--", .steals_each = 2}, 2),
                          with({.owner = "+++--", .capacity = 2}, 2), with({.owner = "+-+-"}, 2),
                          with({.owner = "++--", .thieves = 2}, 1)});
  EXPECT_EQ(m.killed, 7);
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

}  // namespace steal_deque_orders_model
