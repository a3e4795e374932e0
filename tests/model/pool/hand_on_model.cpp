// Who is woken, and does not run what somebody was woken for, or not all of it, wakes the next one: real workers
// of a real pool, under every schedule within a bound. What is there goes on only when it has been run by who sleeps:
// a wake-up that is not handed on is a deadlock.
#include <array>
#include <cstddef>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <weir/scheduler/fork_join.hpp>

#include "explorer.hpp"
#include "holds.hpp"
#include "made_tasks.hpp"
#include "quiet_pool.hpp"

namespace hand_on_model {

using testing::HasSubstr;
using weir::detail::run_context;

/// A fork that its owner leaves to a thief.
struct fork_for_a_thief {
  model::flag is_made, is_stolen;

  /// By the owner, while it is there.
  void await_thief() {
    is_made.set();
    is_stolen.await();
  }
};

// ---- two owners, whose forks one thief runs on top of each other

enum class thief_that {
  forks_two_at_once,  // for both of them
  goes_on_with_one,   // when one fork is done
};

class two_owners {
 public:
  two_owners(thief_that how, std::string_view made) : how_(how), pool_(3, made) {}

  void own_lower() {
    lower_task_.run(&pool_.worker(lower), [this](run_context&) {
      weir::fork_join([this] { of_lower_.await_thief(); }, [this] { lower_fork(); });
    });
  }
  void own_upper() {
    upper_task_.run(&pool_.worker(upper), [this](run_context&) {
      weir::fork_join([this] { of_upper_.await_thief(); }, [this] { upper_fork(); });
    });
  }
  void steal() {
    thiefs_task_.run(&pool_.worker(thief), [this](run_context&) { run_fork_of(lower, of_lower_, 0); });
  }

  [[nodiscard]] weir::detail::core& in() { return pool_.in(); }

 private:
  static constexpr int lower = 0, upper = 1, thief = 2;

  void run_fork_of(int owner, const fork_for_a_thief& its, int depth) {
    its.is_made.await();
    model::check(pool_.worker(thief).run_fork_of(pool_.worker(owner), depth), "it is there");
  }

  void lower_fork() {
    of_lower_.is_stolen.set();
    run_fork_of(upper, of_upper_, 1);
    if (how_ == thief_that::goes_on_with_one) {
      weir::fork_join([this] { first_.await(); }, [this] { first_.set(); });
    }
  }
  void upper_fork() {
    of_upper_.is_stolen.set();
    if (how_ == thief_that::forks_two_at_once) forks_two();
  }
  // While one is public, others stay private.
  void forks_two() {
    const auto publishes_two = [this] {
      older_is_gone_.await();
      pool_.worker(thief).forks().publish_all();
      first_.await();
      second_.await();
    };
    const auto first = [this] { begins(first_, second_); };
    const auto second = [this] { begins(second_, first_); };
    weir::fork_join([&] { weir::fork_join([&] { weir::fork_join(publishes_two, second); }, first); },
                    [this] { older_is_gone_.set(); });
  }
  static void begins(model::flag& mine, const model::flag& other) {
    mine.set();
    other.await();
  }

  const thief_that how_;
  model::quiet_pool pool_;
  model::running_task lower_task_{in()}, upper_task_{in()}, thiefs_task_{in()};
  fork_for_a_thief of_lower_, of_upper_;
  model::flag older_is_gone_, first_, second_;
};

std::function<void(model::scenario&)> owners_of(thief_that how, std::string_view made = {}) {
  return [how, made](model::scenario& s) {
    auto w = std::make_shared<two_owners>(how, made);
    s.label("idle", w->in().idle());
    for (const auto& each : w->in().workers()) s.label("worker " + std::to_string(each->index()), *each);
    s.thread("lower owner", [w] { w->own_lower(); });
    s.thread("upper owner", [w] { w->own_upper(); });
    s.thread("thief", [w] { w->steal(); });
    s.finally([w] { model::check(w->in().idle().approx_asleep() == 0, "nobody is left asleep"); });
  };
}

TEST(HandOnModel, WhoTakesOneOfTwoForksWakesTheNext) {
  model::expect_holds({.name = "two forks at once", .preemptions = 1}, owners_of(thief_that::forks_two_at_once));
}

TEST(HandOnModel, HoldsWithViews) {
  model::expect_holds(model::with_views("two forks at once, views", 0), owners_of(thief_that::forks_two_at_once));
  model::expect_holds(model::with_views("thief goes on, views", 1), owners_of(thief_that::goes_on_with_one));
}

TEST(HandOnModel, WhoIsWokenForForksThatItMayNotTakeWakesTheNext) {
  model::expect_holds({.name = "thief goes on", .preemptions = 2}, owners_of(thief_that::goes_on_with_one));
}

std::string failure_of(thief_that how, std::string_view made) {
  return model::explore({.name = "mistake: " + std::string(made), .preemptions = 2}, owners_of(how, made)).failure;
}

// ---- two owners, each with a thief of its own, and one wake-up by who has searched, for the forks of both

class two_thieves {
 public:
  /// @param takes_it_back  one thief runs its fork itself, as soon as its owner has been woken for it.
  two_thieves(bool takes_it_back, std::string_view made) : takes_it_back_(takes_it_back), pool_(5, made) {}

  void own(std::size_t pair) {
    of_pair& p = pairs_[pair];
    if (pair == 1) pairs_[0].fork.is_stolen.await();  // one after the other, for fewer schedules
    tasks_[pair].run(&owner(pair), [this, &p, pair](run_context&) {
      weir::fork_join([&p] { p.fork.await_thief(); }, [this, pair] { stolen(pair); });
    });
    p.is_over.set();
  }
  void steal(std::size_t pair) {
    tasks_[2 + pair].run(&thief(pair), [this, pair](run_context&) {
      pairs_[pair].fork.is_made.await();
      model::check(thief(pair).run_fork_of(owner(pair), 0), "it is there");
    });
  }
  void search() {
    for (const of_pair& p : pairs_) p.fork.is_stolen.await();
    while (in().idle().approx_asleep() != 2) weir::detail::thread_yield();
    model::check(in().idle().begin_search(), "nobody else does");
    searches_.set();
    for (const of_pair& p : pairs_) p.is_public.await();
    in().idle().end_search([this] { return in().needs_workers(); });
    has_woken_.set();
    for (const of_pair& p : pairs_) p.is_over.await();  // what it has found takes long
  }

  [[nodiscard]] weir::detail::core& in() { return pool_.in(); }

 private:
  struct of_pair {
    fork_for_a_thief fork;
    model::flag is_public, is_run, is_over;
  };

  [[nodiscard]] weir::detail::worker& owner(std::size_t pair) { return pool_.worker(static_cast<int>(pair)); }
  [[nodiscard]] weir::detail::worker& thief(std::size_t pair) { return pool_.worker(static_cast<int>(2 + pair)); }

  void stolen(std::size_t pair) {
    of_pair& p = pairs_[pair];
    p.fork.is_stolen.set();
    searches_.await();
    const bool takes_back = takes_it_back_ && pair == 0;
    const auto waits = [this, &p, takes_back] {
      p.is_public.set();
      (takes_back ? has_woken_ : p.is_run).await();
    };
    weir::fork_join(waits, [this, &p, pair] {
      p.is_run.set();
      if (pair == 0) pairs_[1].is_run.await();  // it takes long, whoever runs it
    });
  }

  const bool takes_it_back_;
  model::quiet_pool pool_;
  std::array<model::running_task, 4> tasks_{model::running_task{in()}, model::running_task{in()},
                                            model::running_task{in()}, model::running_task{in()}};
  std::array<of_pair, 2> pairs_;
  model::flag searches_, has_woken_;
};

std::function<void(model::scenario&)> pairs_of(bool takes_it_back, std::string_view made = {}) {
  return [takes_it_back, made](model::scenario& s) {
    auto w = std::make_shared<two_thieves>(takes_it_back, made);
    s.label("idle", w->in().idle());
    for (const auto& each : w->in().workers()) s.label("worker " + std::to_string(each->index()), *each);
    for (const std::size_t pair : {0u, 1u}) {
      s.thread("owner " + std::to_string(pair), [w, pair] { w->own(pair); });
      s.thread("thief " + std::to_string(pair), [w, pair] { w->steal(pair); });
    }
    s.thread("searcher", [w] { w->search(); });
    s.finally([w] { model::check(w->in().idle().approx_asleep() == 0, "nobody is left asleep"); });
  };
}

TEST(HandOnModel, WhoIsWokenForForksOfSeveralThievesWakesTheNext) {
  constexpr long some = 40'000;  // without a preemption there are 1.6 million, which take 20 s
  model::expect_holds({.name = "forks of two thieves", .random = some}, pairs_of(false));
  model::expect_holds({.name = "forks of two thieves, one takes it back", .random = some}, pairs_of(true));
}

TEST(HandOnModel, NeedsEachStepOfWhoIsWokenForForks) {
  for (const bool takes_it_back : {false, true}) {
    const char* const made = takes_it_back ? "owner hands nothing on before it sleeps again" : "owner hands nothing on";
    EXPECT_THAT(model::explore({.name = "mistake: " + std::string(made) + ", two thieves", .preemptions = 0},
                               pairs_of(takes_it_back, made))
                    .failure,
                HasSubstr("deadlock"));
  }
  EXPECT_THAT(failure_of(thief_that::forks_two_at_once, "owner hands nothing on"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(thief_that::goes_on_with_one, "owner hands nothing on at the end"), HasSubstr("deadlock"));
}

// ---- one who waits, may help, and has forks of its own, beside one who searches and one who sleeps

class helper_with_forks {
 public:
  explicit helper_with_forks(std::string_view made) : pool_(3, made, model::no_time, {}, 1) {}

  void wait() {
    mine_.run(&pool_.worker(helper), [this](run_context&) {
      const auto waits = [this] {
        model::check(pool_.worker(helper).join(job_.frame(), {}) == weir::detail::join_end::done, "it ends");
      };
      weir::fork_join(waits, [this] { is_run_.set(); });
    });
  }
  void search() {
    model::check(in().idle().begin_search(), "nobody else does");
    in().idle().end_search([this] { return in().needs_workers(); });
    in().start(job_.frame(), &pool_.worker(searcher), 0);
  }
  void sleep() {
    bool is_searching = false;
    while (!pool_.worker(sleeper).run_fork_of(pool_.worker(helper), 0)) {
      (void)in().idle().sleep(place_, {}, std::exchange(is_searching, true), [this] { return in().needs_workers(); });
    }
    if (is_searching) in().idle().end_search([this] { return in().needs_workers(); });
  }

  [[nodiscard]] weir::detail::core& in() { return pool_.in(); }

 private:
  static constexpr int helper = 0, searcher = 1, sleeper = 2;

  model::quiet_pool pool_;
  model::running_task mine_{in()};
  model::flag is_run_;
  model::lone_job job_{in(), [this] { is_run_.await(); }};
  weir::detail::sleeper place_;
};

std::function<void(model::scenario&)> helps(std::string_view made = {}) {
  return [made](model::scenario& s) {
    auto w = std::make_shared<helper_with_forks>(made);
    s.label("idle", w->in().idle());
    s.thread("searcher", [w] { w->search(); });
    s.thread("sleeper", [w] { w->sleep(); });
    s.thread("helper", [w] { w->wait(); });
    s.finally([w] { model::check(w->in().idle().approx_asleep() == 0, "nobody is left asleep"); });
  };
}

// The one who searches has been asked to look, and wakes the one who fell asleep last: whose forks these are.
TEST(HandOnModel, WhoIsWokenForItsOwnForksWakesTheNext) {
  model::expect_holds({.name = "helper with forks", .preemptions = 1}, helps());
  EXPECT_THAT(
      model::explore({.name = "mistake: helper does not hand on", .preemptions = 1}, helps("helper does not hand on"))
          .failure,
      HasSubstr("deadlock"));
}

}  // namespace hand_on_model
