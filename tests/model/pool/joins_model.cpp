// A worker that waits for a job or a group beside one that runs it, under every schedule within a bound: the real
// waits, the real run of a task and of a child, and the real steps of who forks and who spawns, in real workers of a
// real pool.
//
// What runs makes a fork, or a child of a group of its own, and goes on only when that has been run, which nobody but
// the waiter can do: so a wake-up that is lost is a deadlock. Or it takes it back and ends, and its worker runs a task
// that forks at the same index, and spawns: that is nothing that the waiter may take, though it may have looked before.
// Before it takes it back another task may run on top: one that it joins, or an unrelated one that forks there.
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <weir/scheduler/detail/group.hpp>
#include <weir/scheduler/fork_join.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "holds.hpp"
#include "made_tasks.hpp"
#include "mutants.hpp"
#include "quiet_pool.hpp"

namespace joins_model {

using testing::HasSubstr;
using weir::detail::group;
using weir::detail::run_context;

enum class awaited { job, group };
/// What is made there: a fork, a fork of a job that it waits for and runs itself, or the child of a group; or one that
/// forks, which the one who waits may take, so that the other one has its fork to run.
enum class made { fork, fork_of_a_job, child, child_that_forks };
enum class maker_that { waits, goes_on, joins_another, helps, helps_and_waits };

struct scene {
  awaited what;
  made part;
  maker_that how;
};

constexpr int waiter = 0, runner = 1;

class two_workers {
 public:
  two_workers(scene of, std::string_view made) : of_(of), pool_(2, made) {}

  void wait() {
    mine_.run(&pool_.worker(waiter), [this](run_context&) {
      if (of_.what == awaited::group) return wait_for_group();
      has_begun_.await();
      model::check(pool_.worker(waiter).join(job_.frame(), {}) == weir::detail::join_end::done, "it ends");
      model::check(made_by_part_.get() + made_by_body_.get() == 2, "the end publishes what was made");
    });
  }

  void run() {
    if (of_.what == awaited::job) {
      in().start(job_.frame(), &pool_.worker(runner), 0);
    } else {
      has_begun_.await();
      in().start_child(*child_, &pool_.worker(runner), 0);
    }
    if (of_.how != maker_that::waits && of_.how != maker_that::helps_and_waits) run_other();
  }

  void nobody_is_left() {
    model::check(part_is_run_.is_set(), "what was made is run");
    model::check(!in().idle().notify(), "nobody counts as asleep");
  }

  [[nodiscard]] weir::detail::core& in() { return pool_.in(); }

 private:
  static int here() { return run_context::current()->on->index(); }

  void wait_for_group() {
    group all(in(), {}, std::source_location::current());
    child_ = &model::lone_child(all, [this] { body(); });
    has_begun_.set();
    model::check(pool_.worker(waiter).wait_for(all) == weir::detail::join_end::done, "it ends");
    model::check(made_by_part_.get() + made_by_body_.get() == 2, "the end publishes what was made");
  }

  // Of what is waited for, on the other worker.
  void body() {
    makes_parts();
    made_by_body_.set(1);
  }

  void makes_parts() {
    if (of_.what == awaited::job) has_begun_.set();
    switch (of_.part) {
      case made::fork:
        return forks();
      case made::fork_of_a_job:
        model::check(pool_.worker(runner).join(inner_job_.frame(), {}) == weir::detail::join_end::done, "it ends");
        return;
      case made::child:
        return spawns([this] { part(); });
      case made::child_that_forks:
        return spawns([this] { forks(); });
    }
  }

  void forks() {
    weir::fork_join([this] { wait_for_part(); }, [this] { part(); });
  }
  void spawns(model::work child) {
    group all(in(), {}, std::source_location::current());
    weir::detail::worker& by = pool_.worker(here());
    model::spawn(all, by, std::move(child));
    if (of_.part == made::child) wait_for_part();
    model::check(by.wait_for(all) == weir::detail::join_end::done, "it ends");
  }
  // While it is public.
  void wait_for_part() {
    switch (of_.how) {
      case maker_that::waits:
        return part_is_run_.await();
      case maker_that::goes_on:
        return;
      case maker_that::joins_another:
        return model::run_other(pool_.worker(runner), 0, [] {});
      case maker_that::helps:
        return model::run_other(pool_.worker(runner), 1, forks_not_for_the_waiter);
      case maker_that::helps_and_waits:
        model::run_other(pool_.worker(runner), 1, [] {});
        return part_is_run_.await();
    }
  }
  void part() {
    made_by_part_.set(made_by_part_.get() + 1);
    part_is_run_.set();
  }

  // What has nothing to do with it.
  void run_other() {
    model::run_other(pool_.worker(runner), 0, [this] {
      if (of_.part == made::child) {
        spawns(not_for_the_waiter);
      } else {
        forks_not_for_the_waiter();
      }
    });
  }
  static void not_for_the_waiter() {
    model::check(here() == runner, "the waiter takes what is part of what it waits for, and nothing else");
  }
  static void forks_not_for_the_waiter() {
    weir::fork_join([] {}, not_for_the_waiter);
  }

  const scene of_;
  model::quiet_pool pool_;
  model::running_task mine_{in()};
  model::lone_job job_{in(), [this] { body(); }};
  model::lone_job inner_job_{in(), [this] { forks(); }};
  weir::detail::frame* child_ = nullptr;
  model::flag has_begun_, part_is_run_;
  model::checked<int> made_by_body_{0};
  model::checked<int> made_by_part_{0};
};

std::function<void(model::scenario&)> joins_of(scene of, std::string_view made = {}) {
  return [of, made](model::scenario& s) {
    auto w = std::make_shared<two_workers>(of, made);
    s.label("idle", w->in().idle());
    s.label("waiter's worker", *w->in().workers()[waiter]);
    s.label("runner's worker", *w->in().workers()[runner]);
    s.thread("waiter", [w] { w->wait(); });
    s.thread("runner", [w] { w->run(); });
    s.finally([w] { w->nobody_is_left(); });
  };
}

std::string name_of(scene of) {
  const char* const what = of.what == awaited::job ? "a job" : "a group";
  const char* const part = of.part == made::fork               ? " that forks"
                           : of.part == made::child            ? " that spawns"
                           : of.part == made::child_that_forks ? " that spawns what forks"
                                                               : " that waits for one that forks";
  const char* const how = of.how == maker_that::waits           ? ""
                          : of.how == maker_that::goes_on       ? ", and another task"
                          : of.how == maker_that::joins_another ? ", one that it joins, and another task"
                          : of.how == maker_that::helps         ? ", one on top, and another task"
                                                                : ", after one on top";
  return std::string(what) + part + how;
}

constexpr scene all_scenes[] = {
    {awaited::job, made::fork, maker_that::waits},
    {awaited::job, made::fork, maker_that::goes_on},
    {awaited::job, made::fork_of_a_job, maker_that::waits},
    {awaited::job, made::child, maker_that::waits},
    {awaited::job, made::child, maker_that::goes_on},
    {awaited::group, made::fork, maker_that::waits},
    {awaited::group, made::fork, maker_that::goes_on},
    {awaited::group, made::child, maker_that::waits},
    {awaited::group, made::child, maker_that::goes_on},
    {awaited::job, made::child_that_forks, maker_that::waits},
    {awaited::group, made::child_that_forks, maker_that::waits},
    {awaited::job, made::fork, maker_that::joins_another},
    {awaited::group, made::fork, maker_that::joins_another},
    {awaited::job, made::fork, maker_that::helps},
    {awaited::group, made::fork, maker_that::helps},
    {awaited::job, made::fork, maker_that::helps_and_waits},
    {awaited::group, made::fork, maker_that::helps_and_waits},
};

void expect_held(const model::options& options, scene of) { model::expect_holds(options, joins_of(of)); }

TEST(JoinsModel, LosesNoWakeUpAndTakesNothingElse) {
  for (const scene of : all_scenes) {
    const int spurious = of.how == maker_that::waits ? 1 : 0;
    // The waiter looks while one that is joined runs, and takes when the next task runs.
    const int preemptions = of.what == awaited::job && of.how == maker_that::joins_another ? 3 : 2;
    expect_held({.name = "waits for " + name_of(of), .preemptions = preemptions, .spurious_wakes = spurious}, of);
  }
}

// ---- with views

model::experiment with_views(scene of) {
  return {model::with_views("waits for " + name_of(of) + ", views", 1), joins_of(of)};
}

constexpr scene job_that_forks = {awaited::job, made::fork, maker_that::waits};
constexpr scene job_and_another = {awaited::job, made::fork, maker_that::goes_on};
constexpr scene job_that_spawns = {awaited::job, made::child, maker_that::waits};
constexpr scene group_that_forks = {awaited::group, made::fork, maker_that::waits};
constexpr scene group_and_another = {awaited::group, made::fork, maker_that::goes_on};
constexpr scene group_that_spawns = {awaited::group, made::child, maker_that::waits};

TEST(JoinsModel, LosesNoWakeUpWithViews) {
  for (const scene of : all_scenes) {
    const model::experiment e = with_views(of);
    model::expect_holds(e);
  }
}

// The two of who takes a fork forks_model.cpp has. (That what is said of the stack is said by release, and read by
// acquire, no schedule can show here: a thread does its operations one after the other, so that the epoch is there
// before the new place is.)
TEST(JoinsModel, NeedsThePublishingOfForks) {
  const model::mutants m =
      model::weaken_each_order("fork_stack.hpp", {with_views(job_that_forks), with_views(group_that_forks)});
  EXPECT_GT(m.killed, 0);
  EXPECT_THAT(m.survivors, testing::Each(HasSubstr("steal_while")));
}

// What the parts did happens before the return of the wait.
TEST(JoinsModel, NeedsTheOrdersOfAnEnd) {
  EXPECT_THAT(model::weaken_each_order("task_state.hpp", {with_views(job_that_forks)}).survivors,
              testing::Not(testing::Contains(
                  testing::AnyOf(HasSubstr("finish fetch_add: acq_rel -> acquire"), HasSubstr("is_done load")))));
}

// The other one of idle.hpp is of those who sleep there, which forks_model.cpp has.
TEST(JoinsModel, NeedsTheFences) {
  for (const char* const file : {"idle.hpp", "forks.cpp", "joins.cpp", "group_wait.cpp"}) {
    const model::mutants m = model::weaken_each_order(
        file, {with_views(job_that_forks), with_views(job_that_spawns), with_views(group_that_forks),
               with_views(group_that_spawns), with_views({awaited::job, made::fork, maker_that::helps_and_waits})});
    EXPECT_GT(m.killed, 0) << file;
    EXPECT_THAT(m.survivors, testing::Each(HasSubstr("settle fence"))) << file;
  }
}

// ---- mistakes: forks.mistakes and others

std::string failure_of(scene of, std::string_view made, int preemptions = 2) {
  return model::explore({.name = "mistake: " + std::string(made) + ", " + name_of(of), .preemptions = preemptions},
                        joins_of(of, made))
      .failure;
}

TEST(JoinsModel, NeedsEachStepOfTheWaiter) {
  for (const scene of : {job_that_forks, job_that_spawns, group_that_forks, group_that_spawns}) {
    for (const std::string_view made :
         {"waiter is not counted", "waiter does not say that it sleeps", "waiter does not look again"}) {
      EXPECT_THAT(failure_of(of, made), HasSubstr("deadlock")) << made;
    }
  }
}

TEST(JoinsModel, NeedsEachStepOfWhoHasSomethingToRun) {
  for (const scene of : {job_that_forks, job_that_spawns, group_that_forks, group_that_spawns}) {
    EXPECT_THAT(failure_of(of, "teller leaves the mark"), HasSubstr("deadlock"));
    const bool forks = of.part == made::fork;
    EXPECT_THAT(failure_of(of, forks ? "forker tells no joins" : "spawner tells no joins"), HasSubstr("deadlock"));
    if (forks) {
      EXPECT_THAT(failure_of(of, "runner says too late what it runs"), HasSubstr("deadlock"));
    }
  }
  for (const scene of : {job_that_spawns, group_that_spawns}) {
    EXPECT_THAT(failure_of(of, "teller goes no further up"), HasSubstr("deadlock"));
  }
  EXPECT_THAT(
      failure_of({awaited::job, made::fork_of_a_job, maker_that::waits}, "forker tells of its innermost task only"),
      HasSubstr("deadlock"));
}

TEST(JoinsModel, NeedsEachStepThatTellsWhatIsPart) {
  for (const scene of : {job_and_another, group_and_another}) {
    for (const std::string_view made : {"runner begins no segment", "runner does not say that it has ended",
                                        "waiter does not ask whose forks they are", "waiter asks before it looks"}) {
      EXPECT_THAT(failure_of(of, made, 3), HasSubstr("nothing else")) << made;
    }
  }
  for (const awaited what : {awaited::job, awaited::group}) {
    EXPECT_THAT(failure_of({what, made::child, maker_that::goes_on}, "waiter takes any child", 3),
                HasSubstr("nothing else"));
    EXPECT_THAT(failure_of({what, made::fork, maker_that::helps}, "runner does not say what is unrelated"),
                HasSubstr("nothing else"));
    EXPECT_THAT(
        failure_of({what, made::fork, maker_that::helps_and_waits}, "runner tells nobody of what it has hidden"),
        HasSubstr("deadlock"));
  }
}

}  // namespace joins_model
