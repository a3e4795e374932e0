// A worker that waits for a job beside one that spawns there, and a third one that steals two of its children at once,
// and goes on only when the second one has been run, which lies in its own queue then. Real workers of a real pool, and
// what they do as in joins_model.cpp; a child that nobody finds is a deadlock.
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <weir/scheduler/detail/group.hpp>

#include "explorer.hpp"
#include "holds.hpp"
#include "made_tasks.hpp"
#include "quiet_pool.hpp"

namespace joins_moved_model {

using testing::HasSubstr;
using weir::detail::run_context;

constexpr int waiter = 0, spawner = 1, thief = 2;

class three_workers {
 public:
  explicit three_workers(std::string_view made) : pool_(3, made) {}

  void wait() {
    mine_.run(&pool_.worker(waiter), [this](run_context&) {
      has_begun_.await();
      model::check(pool_.worker(waiter).join(job_.frame(), {}) == weir::detail::join_end::done, "it ends");
    });
  }
  void run() { in().start(job_.frame(), &pool_.worker(spawner), 0); }
  void steal() {
    has_spawned_.await();
    while (!pool_.worker(thief).run_another() && !is_run_.is_set()) weir::detail::thread_yield();
  }

  [[nodiscard]] weir::detail::core& in() { return pool_.in(); }
  [[nodiscard]] bool is_run() const { return is_run_.is_set(); }

 private:
  void body() {
    has_begun_.set();
    weir::detail::group all(in(), {}, std::source_location::current());
    weir::detail::worker& by = pool_.worker(spawner);
    model::spawn(all, by, [this] { is_run_.await(); });
    model::spawn(all, by, [this] { is_run_.set(); });
    model::spawn(all, by, [] {});  // so that half of them are two
    has_spawned_.set();
    is_run_.await();
    model::check(by.wait_for(all) == weir::detail::join_end::done, "it ends");
  }
  model::quiet_pool pool_;
  model::running_task mine_{in()};
  model::lone_job job_{in(), [this] { body(); }};
  model::flag has_begun_, has_spawned_, is_run_;
};

std::function<void(model::scenario&)> steals_of_two(std::string_view made = {}) {
  return [made](model::scenario& s) {
    auto w = std::make_shared<three_workers>(made);
    s.label("idle", w->in().idle());
    for (const auto& each : w->in().workers()) s.label("worker " + std::to_string(each->index()), *each);
    s.thread("waiter", [w] { w->wait(); });
    s.thread("spawner", [w] { w->run(); });
    s.thread("thief", [w] { w->steal(); });
    s.finally([w] { model::check(w->is_run(), "both children are run"); });
  };
}

TEST(JoinsMovedModel, AChildThatAThiefHasTakenAlongIsFound) {
  model::expect_holds({.name = "children taken along", .preemptions = 1, .spurious_wakes = 1}, steals_of_two());
}

// What is taken along lies in the thief's queue before that says what it runs.
TEST(JoinsMovedModel, NeedsALookAtEachQueue) {
  EXPECT_THAT(model::explore({.name = "mistake: waiter looks for children only beside runs of it", .preemptions = 1},
                             steals_of_two("waiter looks for children only beside runs of it"))
                  .failure,
              HasSubstr("deadlock"));
}

}  // namespace joins_moved_model
