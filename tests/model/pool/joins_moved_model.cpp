// A worker that waits for a job beside one that spawns there, and a third one that steals two of its children at once,
// and goes on only when the second one has been run, which lies in its own queue then. Real workers of a real pool, and
// what they do as in joins_model.cpp; a child that nobody finds is a deadlock.
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <source_location>
#include <string_view>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/group.hpp>
#include <weir/scheduler/detail/typed_frame.hpp>
#include <weir/scheduler/task_group.hpp>

#include "explorer.hpp"
#include "holds.hpp"
#include "quiet_pool.hpp"

namespace joins_moved_model {

using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::child_passage;
using weir::detail::run_context;
using weir::detail::tracked_frame;

constexpr int waiter = 0, spawner = 1, thief = 2;

class flag {
 public:
  void set() noexcept {
    word_.store(1, weir::detail::memory_order_release);
    weir::detail::futex_wake(&word_, weir::detail::wake_all);
  }
  void await() const noexcept {
    while (!is_set()) weir::detail::futex_wait(word_, 0, std::chrono::nanoseconds(-1));
  }
  [[nodiscard]] bool is_set() const noexcept { return word_.load(weir::detail::memory_order_acquire) != 0; }

 private:
  atomic<std::uint32_t> word_{0};
};

class three_workers {
 public:
  explicit three_workers(std::string_view made) : pool_(3, made) {
    job_.pool = &in();
    ::new (static_cast<void*>(&job_.callable.value)) work([this] { body(); });
    add_owner(job_);
  }

  void wait() {
    mine_.run(&pool_.worker(waiter), [this](run_context&) {
      has_begun_.await();
      model::check(pool_.worker(waiter).join(job_, {}) == weir::detail::join_end::done, "it ends");
    });
  }
  void run() { in().start(job_, &pool_.worker(spawner), 0); }
  void steal() {
    has_spawned_.await();
    while (!pool_.worker(thief).run_another() && !is_run_.is_set()) weir::detail::thread_yield();
  }

  [[nodiscard]] weir::detail::core& in() { return pool_.in(); }
  [[nodiscard]] bool is_run() const { return is_run_.is_set(); }

 private:
  using work = std::function<void()>;

  void body() {
    has_begun_.set();
    weir::detail::group all(in(), {}, std::source_location::current());
    spawn(all, [this] { is_run_.await(); });
    spawn(all, [this] { is_run_.set(); });
    spawn(all, [] {});  // so that half of them are two
    has_spawned_.set();
    is_run_.await();
    model::check(pool_.worker(spawner).wait_for(all) == weir::detail::join_end::done, "it ends");
  }
  void spawn(weir::detail::group& in_group, work child) {
    auto* const by = &pool_.worker(spawner);
    model::check(in().count_child(by), "there is room");
    child_passage(in_group, by, child_passage::kind::queued).launch(std::move(child), std::source_location::current());
  }

  model::quiet_pool pool_;
  model::running_task mine_{in()};
  weir::detail::job_frame<void, work> job_{
      weir::detail::task_state::phase::queued, 0, {}, std::source_location::current()};
  flag has_begun_, has_spawned_, is_run_;
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
