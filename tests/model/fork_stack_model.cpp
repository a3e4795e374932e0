// The real fork stack under every schedule within a bound: each fork is run exactly once, by its owner or by one thief,
// as it was pushed, and a join comes after the run.
//
// Its orders are acquire and release at most, so that the sequentially consistent explorer checks the steps alone. Each
// is left out or misplaced in turn, and with views each order is weakened: the explorer must notice.
#include <chrono>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <weir/queues/fork_stack.hpp>
#include <weir/queues/sync.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "faulty_fork_stack.hpp"
#include "holds.hpp"
#include "mutants.hpp"

namespace fork_stack_model {

using model::fork_mistake;
using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::pushed;

constexpr std::uint32_t fork_capacity = 4;
constexpr int most_forks = 10;

// Plain, but for the flag: written by who pushes it, and then by who runs it.
struct fork_item {
  model::checked<int> payload;
  model::checked<int> runs;
  atomic<std::uint32_t> done{0};  // release by the thief, acquire by the owner that joins
};

struct fork_setting {
  std::string_view owner = "++--";  // push, join the newest
  int thieves = 1;
  int steals_each = 2;
  fork_mistake made = fork_mistake::none;
};

using modelled_stack = weir::detail::fork_stack<fork_item, fork_capacity>;
using modelled_owner = weir::detail::fork_stack_owner<model::faulty_fork<fork_item>, fork_capacity>;
using modelled_thief = weir::detail::fork_stack_thief<model::faulty_fork<fork_item>, fork_capacity>;

struct fork_work {
  explicit fork_work(const fork_setting& s) : chosen(s), owner(stack, s.made) {}

  fork_setting chosen;
  modelled_stack stack;
  modelled_owner owner;
  fork_item items[most_forks];
  int next = 0;
  std::vector<fork_item*> open;  // pushed and not joined

  void run(fork_item* f) {
    model::check(f >= items && f < items + next, "what is run was pushed");
    model::check(f->payload.get() == static_cast<int>(f - items) + 1, "as it was pushed");
    f->runs.set(f->runs.get() + 1);
    model::check(f->runs.get() == 1, "and is run once");
  }

  void push() {
    fork_item& f = items[next++];
    f.payload.set(next);
    model::check(owner.push(&f) != pushed::full, "there is room");
    open.push_back(&f);
  }

  void join() {
    fork_item& newest = *open.back();
    open.pop_back();
    if (owner.pop()) {
      run(&newest);
      return;
    }
    while (newest.done.load(weir::detail::memory_order_acquire) == 0) {
      weir::detail::futex_wait(newest.done, 0, std::chrono::nanoseconds(-1));
    }
    model::check(newest.runs.get() == 1, "what was stolen was run before its join");
    owner.forget_newest();
  }

  void own() {
    for (const char step : chosen.owner) {
      if (step == '+') {
        push();
      } else {
        join();
      }
    }
  }

  void steal() {
    modelled_thief thief(stack, chosen.made);
    for (int i = 0; i < chosen.steals_each; ++i) {
      fork_item* const f = thief.steal();
      if (f == nullptr) continue;
      run(f);
      f->done.store(1, weir::detail::memory_order_release);
      weir::detail::futex_wake(&f->done, 1);
    }
  }

  void nothing_is_lost() {
    while (!open.empty()) join();
    for (int i = 0; i < next; ++i) model::check(items[i].runs.get() == 1, "nothing is lost");
    model::check(owner.size() == 0, "nothing is left");
    model::check(owner.push(&items[0]) == pushed::published, "the next one can be stolen at once");
  }
};

auto forks_of(const fork_setting& chosen) {
  return [chosen](model::scenario& s) {
    auto w = std::make_shared<fork_work>(chosen);
    s.label("stack", w->stack);
    s.thread("owner", [w] { w->own(); });
    for (int t = 0; t < chosen.thieves; ++t) s.thread("thief " + std::to_string(t), [w] { w->steal(); });
    s.finally([w] { w->nothing_is_lost(); });
  };
}

void expect_forks_held(const model::options& options, const fork_setting& chosen) {
  model::expect_holds(options, forks_of(chosen));
}

TEST(ForkStackModel, RunsEachForkOnce) {
  expect_forks_held({.name = "forks, 1 thief", .preemptions = 5}, {.owner = "+++-+--+--"});
  expect_forks_held({.name = "forks, 2 thieves", .preemptions = 4}, {.owner = "+++-+---", .thieves = 2});
}

TEST(ForkStackModel, RunsTheOnlyForkOnce) {
  expect_forks_held({.name = "one fork", .preemptions = 99}, {.owner = "+-", .steals_each = 1});
  expect_forks_held({.name = "one fork after the other", .preemptions = 5}, {.owner = "+-+-+-", .thieves = 2});
}

TEST(ForkStackModel, RunsEachForkOnceInLongRandomSchedules) {
  expect_forks_held({.name = "forks, random", .preemptions = 6, .random = 20'000},
                    {.owner = "++-+++-+---++---", .thieves = 3, .steals_each = 3});
}

std::string fork_failure_of(const std::string& name, fork_mistake made, fork_setting chosen = {}) {
  chosen.made = made;
  return model::explore({.name = "mistake: " + name, .preemptions = 3}, forks_of(chosen)).failure;
}

TEST(ForkStackModel, NeedsTheSlotWrittenBeforeItIsPublished) {
  EXPECT_THAT(fork_failure_of("published first", fork_mistake::push_publishes_first), HasSubstr("pushed"));
}

TEST(ForkStackModel, NeedsAPopToAskForAPublicFork) {
  EXPECT_THAT(fork_failure_of("pop asks nobody", fork_mistake::pop_takes_a_public_one_unasked), HasSubstr("run once"));
}

TEST(ForkStackModel, NeedsTheExchangeOfPop) {
  EXPECT_THAT(fork_failure_of("pop stores", fork_mistake::pop_stores_the_split), HasSubstr("run once"));
}

TEST(ForkStackModel, NeedsTheWordSetBackAfterAStolenFork) {
  EXPECT_THAT(fork_failure_of("split stays", fork_mistake::forget_leaves_the_split), HasSubstr("stolen at once"));
}

TEST(ForkStackModel, NeedsTheExchangeOfAThief) {
  EXPECT_THAT(fork_failure_of("steal stores", fork_mistake::steal_takes_unasked), HasSubstr("run once"));
}

TEST(ForkStackModel, NeedsTheSlotReadAfterItWasTaken) {
  EXPECT_THAT(fork_failure_of("slot read first", fork_mistake::steal_reads_the_slot_first, {.owner = "+-+-"}),
              HasSubstr("run once"));
}

// ---- with views: a thief sees a fork, and the owner its end, only by the orders

model::experiment forks_with(const fork_setting& chosen, int preemptions) {
  const std::string name = std::string(chosen.owner) + " against " + std::to_string(chosen.thieves) + " x " +
                           std::to_string(chosen.steals_each);
  return {model::with_views("forks, views, " + name, preemptions, 2), forks_of(chosen)};
}

TEST(ForkStackOrders, AreEachNeeded) {
  const model::mutants m =
      model::weaken_each_order("fork_stack.hpp", {forks_with({.owner = "+++-+---"}, 3),
                                                  forks_with({.owner = "+-+-+-", .thieves = 2, .steals_each = 1}, 3),
                                                  forks_with({.owner = "++-+--", .thieves = 2}, 2)});
  EXPECT_EQ(m.killed, 1);
  // Needed by who sleeps, and by who takes only what belongs to one fork; and nobody does here: pool/forks_model.cpp
  // shows them.
  EXPECT_THAT(m.survivors,
              testing::ElementsAre("publish fetch_add: seq_cst -> acq_rel", "publish fetch_add: seq_cst -> release",
                                   "steal_while load: acquire -> relaxed"));
}

}  // namespace fork_stack_model
