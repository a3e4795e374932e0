// Forks that are stolen, under every schedule within a bound: the real steps of the thief, of the owner that waits for
// its fork, runs meanwhile what was forked for it, and sleeps, and of whoever forks, in real workers of a real pool.
//
// The thief forks for the stolen fork, and goes on only when that has been run, which nobody but the sleeping owner can
// do: so a wake-up that is lost is a deadlock, whether it was for an end, for new forks, or for the thief's name. Or it
// takes its own fork back, ends, and forks something else: that, and what it had forked before, is nothing that an
// owner may take which waits for that fork alone. With views the orders of the state and of the stack are weakened in
// turn.
#include <chrono>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/fork_join.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "holds.hpp"
#include "mutants.hpp"
#include "quiet_pool.hpp"

namespace forks_model {

using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_release;
using weir::detail::run_context;

/// What the thief does with the fork that it has stolen, and beside it.
enum class thief_that {
  waits,              // for the fork that it makes in it, which only the owner can run
  takes_it_back,      // if nobody has stolen it; afterwards, at the same index, it forks for another task
  has_forked_before,  // for another task, and steals on top of that
};

constexpr int owner = 0, thief = 1;

class two_workers {
 public:
  two_workers(thief_that how, std::string_view made) : how_(how), pool_(2, made) {}

  void own() {
    mine_.run(&pool_.worker(owner), [this](run_context&) {
      weir::fork_join([] {}, [this] { outer(); });
      model::check(made_by_outer_.get() == 1, "the end publishes what the fork has made");
      model::check(pool_.worker(owner).forks().size() == 0, "what is joined is forgotten");
    });
  }

  void steal() {
    others_.run(&pool_.worker(thief), [this](run_context&) {
      const auto steals = [this] { (void)pool_.worker(thief).run_fork_of(pool_.worker(owner), 0); };
      const auto not_for_the_owner = [] {
        model::check(here() == thief, "the owner takes what was forked for its fork, and nothing else");
      };
      if (how_ == thief_that::has_forked_before) {
        weir::fork_join(steals, not_for_the_owner);
      } else {
        steals();
      }
      if (how_ == thief_that::takes_it_back) weir::fork_join([] {}, not_for_the_owner);
    });
  }

  void nobody_is_left() { model::check(pool_.in().idle().approx_asleep() == 0, "nobody is left asleep"); }

  [[nodiscard]] weir::detail::core& in() { return pool_.in(); }

 private:
  static int here() { return run_context::current()->on->index(); }

  // Runs where it is stolen, or else where it was forked.
  void outer() {
    const bool waits = how_ == thief_that::waits && here() == thief;
    weir::fork_join(
        [&] {
          while (waits && inner_is_run_.load(memory_order_acquire) == 0) sleep();
        },
        [this] { inner(); });
    made_by_outer_.set(1);
  }

  void sleep() { weir::detail::futex_wait(inner_is_run_, 0, std::chrono::nanoseconds(-1)); }

  void inner() {
    made_by_inner_.set(made_by_inner_.get() + 1);
    inner_is_run_.store(1, memory_order_release);
    weir::detail::futex_wake(&inner_is_run_, 1);
  }

  const thief_that how_;
  model::quiet_pool pool_;
  model::running_task mine_{pool_.in()}, others_{pool_.in()};
  atomic<std::uint32_t> inner_is_run_{0};
  model::checked<int> made_by_outer_{0};
  model::checked<int> made_by_inner_{0};
};

std::function<void(model::scenario&)> forks_of(thief_that how, std::string_view made = {}) {
  return [how, made](model::scenario& s) {
    auto w = std::make_shared<two_workers>(how, made);
    s.label("idle", w->in().idle());
    s.label("owner's forks", w->in().workers()[owner]->forks());
    s.label("thief's forks", w->in().workers()[thief]->forks());
    s.thread("owner", [w] { w->own(); });
    s.thread("thief", [w] { w->steal(); });
    s.finally([w] { w->nobody_is_left(); });
  };
}

void expect_held(const model::options& options, thief_that how) { model::expect_holds(options, forks_of(how)); }

TEST(ForksModel, LosesNoWakeUp) {
  expect_held({.name = "stolen forks", .preemptions = 3, .spurious_wakes = 1}, thief_that::waits);
  expect_held({.name = "stolen forks, delayed stores", .preemptions = 2, .missed_stores = 2}, thief_that::waits);
}

TEST(ForksModel, LeavesToTheThiefWhatIsNotForkedForTheStolenFork) {
  for (const thief_that how : {thief_that::takes_it_back, thief_that::has_forked_before}) {
    expect_held({.name = "stolen forks, thief goes on", .preemptions = 3, .spurious_wakes = 1}, how);
  }
}

// ---- with views

model::experiment with_views(const std::string& name, thief_that how, int old_reads) {
  return {model::with_views("stolen forks, views, " + name, 2, old_reads), forks_of(how)};
}

const auto waits = with_views("thief waits", thief_that::waits, 1);
// Of each look at the state of a fork, and its owner looks three times before it takes something.
const auto goes_on = with_views("thief goes on", thief_that::takes_it_back, 3);
const auto forked_before = with_views("thief has forked before", thief_that::has_forked_before, 1);

TEST(ForksModel, LosesNoWakeUpWithViews) {
  for (const model::experiment& e : {waits, goes_on, forked_before}) {
    model::expect_holds(e);
  }
}

TEST(ForksModel, NeedsTheOrdersOfTheState) {
  EXPECT_THAT(model::weaken_each_order("fork_state.hpp", {waits}).survivors, testing::IsEmpty());
}

// The owner's look at the stack may see what was made public after the end of its fork, and its question after that
// look an old state of the fork, unless the look is acquire and the publishing release.
TEST(ForksModel, NeedsTheOrdersOfTheStack) {
  const model::mutants m = model::weaken_each_order("fork_stack.hpp", {goes_on, waits});
  EXPECT_GT(m.killed, 0);
  EXPECT_THAT(m.survivors, testing::Each(HasSubstr("looks_empty"))) << "that one is in joins_model.cpp";
}

TEST(ForksModel, NeedsTheOrderOfWhoForksAndTheFenceOfWhoSleeps) {
  const model::mutants m = model::weaken_each_order("idle.hpp", {waits});
  EXPECT_GT(m.killed, 1);
  EXPECT_THAT(m.survivors, testing::IsEmpty());
}

// ---- mistakes: forks.mistakes

std::string failure_of(thief_that how, std::string_view made) {
  const int preemptions = how == thief_that::waits ? 3 : 4;
  return model::explore({.name = "mistake: " + std::string(made), .preemptions = preemptions}, forks_of(how, made))
      .failure;
}

TEST(ForksModel, NeedsEachStep) {
  for (const std::string_view made : {"owner does not say that it sleeps", "owner asks for the end only",
                                      "owner does not look for forks", "owner does not say whose forks it sleeps for",
                                      "thief tells of no end", "thief tells of no name", "thief tells of no forks"}) {
    EXPECT_THAT(failure_of(thief_that::waits, made), HasSubstr("deadlock")) << made;
  }
  EXPECT_THAT(failure_of(thief_that::waits, "owner forgets no fork"), HasSubstr("forgotten"));
}

TEST(ForksModel, NeedsEachStepOfLeapfrogging) {
  for (const std::string_view made : {"owner does not ask whether it goes on", "runner begins no segment"}) {
    EXPECT_THAT(failure_of(thief_that::takes_it_back, made), HasSubstr("nothing else")) << made;
  }
  for (const std::string_view made : {"owner takes what lies below", "thief names a lower index"}) {
    EXPECT_THAT(failure_of(thief_that::has_forked_before, made), HasSubstr("nothing else")) << made;
  }
}

}  // namespace forks_model
