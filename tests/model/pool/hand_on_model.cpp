// Who is woken, and does not run what somebody was woken for, or not all of it, wakes the next one: three real workers
// of a real pool, under every schedule within a bound. What is there goes on only when it has been run by who sleeps:
// a wake-up that is not handed on is a deadlock.
#include <cstdint>
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
      weir::fork_join([this] { until_stolen(of_lower_); }, [this] { lower_fork(); });
    });
  }
  void own_upper() {
    upper_task_.run(&pool_.worker(upper), [this](run_context&) {
      weir::fork_join([this] { until_stolen(of_upper_); }, [this] { upper_fork(); });
    });
  }
  void steal() {
    thiefs_task_.run(&pool_.worker(thief), [this](run_context&) { run_fork_of(lower, of_lower_, 0); });
  }

  [[nodiscard]] weir::detail::core& in() { return pool_.in(); }

 private:
  static constexpr int lower = 0, upper = 1, thief = 2;

  struct fork_of_one {
    model::flag is_made, is_stolen;
  };

  static void until_stolen(fork_of_one& mine) {
    mine.is_made.set();
    mine.is_stolen.await();
  }
  void run_fork_of(int owner, const fork_of_one& its, int depth) {
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
  fork_of_one of_lower_, of_upper_;
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

TEST(HandOnModel, NeedsEachStepOfWhoIsWokenForForks) {
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
