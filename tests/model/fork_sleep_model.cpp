// The owner of a stolen fork, who sleeps, and its thief, under every schedule within a bound: the real state word of a
// fork, fork stacks and place to sleep.
//
// The thief forks for the stolen fork, and goes on only when that has been run, which nobody but the sleeping owner can
// do: so a wake-up that is lost is a deadlock, whether it was for an end, for new forks, or for the thief's name.
#include <array>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <weir/queues/fork_stack.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/fork.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "idle.hpp"
#include "mutants.hpp"

namespace fork_sleep_model {

using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::fork_job;
using weir::detail::fork_stack;
using weir::detail::fork_stack_owner;
using weir::detail::fork_stack_thief;
using weir::detail::fork_state;
using weir::detail::idle;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_release;
using weir::detail::pushed;
using weir::detail::sleeper;

enum class fork_sleep_mistake {
  none,
  owner_does_not_say_that_it_sleeps,
  owner_asks_for_the_end_only,
  owner_does_not_look_for_forks,
  thief_tells_of_no_end,
  thief_tells_of_no_name,
  thief_tells_of_no_forks,
  owner_does_not_ask_whether_it_goes_on,
  thief_begins_no_epoch,
};

struct pair_of_workers {
  explicit pair_of_workers(fork_sleep_mistake m, bool goes_on) : made(m), thief_goes_on(goes_on) {}

  struct side {
    fork_stack<fork_job> stack;
    fork_stack_owner<fork_job> own{stack};
    sleeper bed;
  };

  fork_sleep_mistake made;
  bool thief_goes_on;  // it takes its own fork back if it can, ends, and forks something else
  idle place{2};
  std::array<side, 2> workers;
  fork_job outer{}, inner{}, later{};
  atomic<std::uint32_t> inner_is_run{0};
  model::checked<int> result{0};  // what the fork makes, published by its end

  void push(side& by, fork_job& f, bool tells = true) {
    const pushed how = by.own.push(&f);
    model::check(how == pushed::published, "there is room, and nothing else to steal");
    if (tells) place.notify_of_forks();
  }

  void own() {
    push(workers[0], outer);
    if (workers[0].own.pop()) return;  // not stolen
    while (!outer.state.look().is_done) {
      const fork_state::view now = outer.state.look();
      if (now.is_taken) {
        model::check(now.taker == 1, "the thief's name");
        if (steal_for(now) != nullptr) {
          run_inner();
          continue;
        }
      }
      sleep(now);
    }
    model::check(result.get() == 1, "the end publishes what the fork has made");
    workers[0].own.forget_newest();
  }

  void sleep(const fork_state::view& now) {
    fork_stack<fork_job>* const forks = now.is_taken ? &workers[1].stack : nullptr;
    place.sleep(workers[0].bed, {.work = false, .fork = true, .forks = forks, .from = now.from}, false, [&] {
      fork_state::view then =
          made == fork_sleep_mistake::owner_does_not_say_that_it_sleeps ? outer.state.look() : outer.state.await();
      const bool has_changed = then.is_done || (made != fork_sleep_mistake::owner_asks_for_the_end_only && then != now);
      return has_changed || (made != fork_sleep_mistake::owner_does_not_look_for_forks && forks != nullptr &&
                             !fork_stack_thief<fork_job>(*forks).looks_empty(now.from));
    });
  }

  fork_job* steal_for(const fork_state::view& now) {
    fork_stack_thief<fork_job> thief(workers[1].stack);
    const bool asks = made != fork_sleep_mistake::owner_does_not_ask_whether_it_goes_on;
    fork_job* const f = thief.steal_while(now.from, [&] { return !asks || !outer.state.look().is_done; });
    model::check(f == nullptr || f == &inner, "the owner takes what was forked for its fork, and nothing else");
    return f;
  }

  void run_inner() {
    inner_is_run.store(1, memory_order_release);
    weir::detail::futex_wake(&inner_is_run, 1);
  }

  void steal() {
    fork_job* const f = fork_stack_thief<fork_job>(workers[0].stack).steal();
    if (f == nullptr) return;
    side& self = workers[1];
    const bool owner_sleeps = f->state.take(1, self.own.size());
    if (owner_sleeps && made != fork_sleep_mistake::thief_tells_of_no_name) place.wake(workers[0].bed);
    push(self, inner, made != fork_sleep_mistake::thief_tells_of_no_forks);
    if (!thief_goes_on || !self.own.pop()) {
      while (inner_is_run.load(memory_order_acquire) == 0) {
        weir::detail::futex_wait(inner_is_run, 0, std::chrono::nanoseconds(-1));
      }
      self.own.forget_newest();
    }
    result.set(1);
    if (made != fork_sleep_mistake::thief_begins_no_epoch) self.own.next_epoch();
    if (f->state.finish(false) && made != fork_sleep_mistake::thief_tells_of_no_end) place.wake(workers[0].bed);
    if (!thief_goes_on) return;
    // At the same index.
    push(self, later);
    model::check(self.own.pop(), "nobody takes what is not for him");
  }
};

std::function<void(model::scenario&)> pair_scenario(fork_sleep_mistake made = fork_sleep_mistake::none,
                                                    bool thief_goes_on = false) {
  return [made, thief_goes_on](model::scenario& s) {
    auto w = std::make_shared<pair_of_workers>(made, thief_goes_on);
    s.label("idle", w->place);
    s.label("outer", w->outer);
    s.label("inner is run", w->inner_is_run);
    for (int i = 0; i < 2; ++i) {
      s.label("stack " + std::to_string(i), w->workers[static_cast<std::size_t>(i)].stack);
      s.label("bed " + std::to_string(i), w->workers[static_cast<std::size_t>(i)].bed);
    }
    s.thread("owner", [w] { w->own(); });
    s.thread("thief", [w] { w->steal(); });
    s.finally([w] { model::check(w->place.approx_asleep() == 0, "nobody is left asleep"); });
  };
}

model::result explore_pair(const model::options& options, fork_sleep_mistake made = fork_sleep_mistake::none) {
  return model::explore(options, pair_scenario(made));
}

TEST(ForkSleepModel, LosesNoWakeUp) {
  const model::result r = explore_pair({.name = "stolen fork, asleep", .preemptions = 5, .spurious_wakes = 1});
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

TEST(ForkSleepModel, LosesNoWakeUpWhenStoresAreDelayed) {
  const model::result r =
      explore_pair({.name = "stolen fork, asleep, delayed stores", .preemptions = 3, .missed_stores = 2});
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

const model::experiment pair_with_views = {
    {.name = "stolen fork, asleep, views", .preemptions = 3, .memory = model::memory_model::views, .old_reads = 1},
    pair_scenario()};

TEST(ForkSleepModel, LosesNoWakeUpWithViews) {
  const model::result r = model::explore(pair_with_views.how, pair_with_views.setup);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(ForkSleepModel, NeedsTheOrders) {
  const model::mutants m = model::weaken_each_order("fork_state.hpp", {pair_with_views});
  EXPECT_THAT(m.survivors, testing::UnorderedElementsAre());
}

const model::experiment pair_that_goes_on = {{.name = "stolen fork, thief goes on, views",
                                              .preemptions = 3,
                                              .memory = model::memory_model::views,
                                              .old_reads = 1},
                                             pair_scenario(fork_sleep_mistake::none, true)};

TEST(ForkSleepModel, LeavesToTheThiefWhatItForksAfterwards) {
  for (const int spurious : {0, 1}) {
    const model::result r = model::explore(
        {.name = "stolen fork, thief goes on", .preemptions = 4, .spurious_wakes = spurious}, pair_that_goes_on.setup);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
  const model::result r = model::explore(pair_that_goes_on.how, pair_that_goes_on.setup);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

// The owner's look at the stack may see what was made public after the end of its fork, and its question after that look
// an old state of the fork, unless the look is acquire and the publishing release. (What the exchange of a steal
// publishes is plain data that this model does not have: fork_stack_model.cpp.)
TEST(ForkSleepModel, NeedsTheOrdersByWhichAnEpochIsSeen) {
  model::experiment e = pair_that_goes_on;
  e.how.preemptions = 2;
  e.how.old_reads = 3;  // of each look at the state
  const model::mutants m = model::weaken_each_order("fork_stack.hpp", {e});
  EXPECT_EQ(m.killed, 2);
  EXPECT_THAT(m.survivors, testing::ElementsAre("steal_while compare_exchange: acquire -> relaxed"));
}

TEST(ForkSleepModel, NeedsEachStepOfLeapfrogging) {
  const std::pair<fork_sleep_mistake, const char*> mistakes[] = {
      {fork_sleep_mistake::owner_does_not_ask_whether_it_goes_on, "owner does not ask"},
      {fork_sleep_mistake::thief_begins_no_epoch, "no epoch"},
  };
  for (const auto& [made, name] : mistakes) {
    const model::result r =
        model::explore({.name = std::string("mistake: ") + name, .preemptions = 4}, pair_scenario(made, true));
    EXPECT_THAT(r.failure, HasSubstr("nothing else")) << name;
  }
}

TEST(ForkSleepModel, NeedsEachStep) {
  const std::pair<fork_sleep_mistake, const char*> mistakes[] = {
      {fork_sleep_mistake::owner_does_not_say_that_it_sleeps, "owner says nothing"},
      {fork_sleep_mistake::owner_asks_for_the_end_only, "owner asks for the end only"},
      {fork_sleep_mistake::owner_does_not_look_for_forks, "owner does not look for forks"},
      {fork_sleep_mistake::thief_tells_of_no_end, "no word of the end"},
      {fork_sleep_mistake::thief_tells_of_no_name, "no word of the name"},
      {fork_sleep_mistake::thief_tells_of_no_forks, "no word of forks"},
  };
  for (const auto& [made, name] : mistakes) {
    EXPECT_THAT(explore_pair({.name = std::string("mistake: ") + name, .preemptions = 3}, made).failure,
                HasSubstr("deadlock"))
        << name;
  }
}

}  // namespace fork_sleep_model
