// Stop callbacks, under every schedule within a bound: the real registry, with its list of tasks and of their
// callbacks, in a real pool whose tasks register callbacks, take them back and end, while they are asked to stop by
// their owners, by somebody else at the same time, or with the whole pool by its real shutdown.
//
// A callback is called once if it is there when a stop is over, or when it comes after one; never twice, and never
// after its destructor has returned, also where it destroys itself, or throws. What it has done happens before that
// return, and nobody touches a callback or a task after its end: with views, either is a data race.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/stop_token.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "holds.hpp"
#include "mutants.hpp"
#include "quiet_pool.hpp"

namespace stop_registry_model {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using weir::stop_cause;
using weir::detail::atomic;
using weir::detail::memory_order_acq_rel;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::detail::run_context;

/// What the callbacks of a task do.
enum class callback_that : std::uint8_t { returns, throws, destroys_itself };

/// A task: how many callbacks it registers, and how many of them one after the other.
struct task_setting {
  int callbacks = 1;
  int times = 1;
  callback_that does = callback_that::returns;
};

struct setting {
  std::vector<task_setting> tasks = {{}};
  std::vector<std::size_t> stopped = {0};  // tasks; one thread each
  bool shuts_down = false;                 // one more thread
  std::string_view made = {};
};

constexpr int never = -1;  // asked to stop by itself

/// One callback, from its registration to its end.
class callback {
 public:
  callback(run_context& of, callback_that does) : does_(does) { callback_.emplace(of.token(), action{this}); }
  callback(const callback&) = delete;
  callback& operator=(const callback&) = delete;

  void end();
  [[nodiscard]] bool was_called() const { return calls_ != 0; }

 private:
  struct action {
    callback* of;
    void operator()() const { of->call(); }
  };

  void call() {
    model::check(!is_over_, "a callback is never called after its end");
    model::check(++calls_ == 1, "a callback is called once");
    done_.set(1);
    if (does_ == callback_that::destroys_itself && !is_being_destroyed_.exchange(true, memory_order_relaxed)) {
      is_over_ = true;
      callback_.reset();
      is_gone_.store(1, memory_order_release);
      weir::detail::futex_wake(&is_gone_, weir::detail::wake_all);
    }
    if (does_ == callback_that::throws) throw std::runtime_error("a callback");
  }

  const callback_that does_;
  int calls_ = 0;  // plain, and of no order: the explorer runs one thread at a time
  bool is_over_ = false;
  model::checked<int> done_{0};
  // Of one that destroys itself: its task does not as well, and waits for that.
  atomic<bool> is_being_destroyed_{false};
  atomic<std::uint32_t> is_gone_{0};
  std::optional<weir::stop_callback<action>> callback_;
};

class machine {
 public:
  explicit machine(const setting& s) : chosen(s), pool_(1, s.made), tasks_(s.tasks.size()) {
    for (const std::size_t i : s.stopped) (void)stops_left_[i].fetch_add(1, memory_order_relaxed);
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      if (stops_left_[i].peek() == 0) stops_left_[i].store(never, memory_order_relaxed);
    }
    for (auto& t : tasks_) {
      t = std::make_unique<model::running_task>(pool_.in());
      if (s.shuts_down) model::check(pool_.in().enter_at_once({}), "it passes the door");
    }
  }

  const setting chosen;

  void run(std::size_t self) {
    const task_setting& s = chosen.tasks[self];
    tasks_[self]->run(nullptr, [&](run_context& here) {
      for (int i = 0; i < s.times; ++i) {
        try {
          register_some(here, self, s);
        } catch (const std::runtime_error&) {
          model::check(s.does == callback_that::throws, "what a callback throws at once leaves by its constructor");
        }
      }
    });
    if (chosen.shuts_down) pool_.in().door().release(1);
  }

  void stop(std::size_t which) {
    pool_.in().request_stop(tasks_[which]->frame(), stop_cause::requested);
    (void)stops_left_[which].fetch_sub(1, memory_order_acq_rel);
  }

  void shut_down() { (void)pool_.in().shutdown(weir::deadline(weir::time_point::min())); }

  /// Whether all stops of that task are over, so that one of them has called its callbacks.
  [[nodiscard]] bool is_stopped(std::size_t which) const { return stops_left_[which].load(memory_order_acquire) == 0; }

  [[nodiscard]] weir::detail::core& in() { return pool_.in(); }

 private:
  void register_some(run_context& here, std::size_t self, const task_setting& s) {
    std::vector<std::unique_ptr<callback>> all;
    for (int c = 0; c < s.callbacks; ++c) {
      const bool knows_of_a_stop = here.token().stop_requested();
      all.push_back(std::make_unique<callback>(here, s.does));
      model::check(!knows_of_a_stop || all.back()->was_called(), "what comes after a stop is called at once");
    }
    const bool must_be_called = is_stopped(self);
    for (auto& c : all) {
      c->end();
      model::check(!must_be_called || c->was_called(), "what is there when a stop is over has been called");
    }
  }

  model::quiet_pool pool_;
  std::vector<std::unique_ptr<model::running_task>> tasks_;
  std::array<atomic<int>, 2> stops_left_{};
};

void callback::end() {
  if (does_ != callback_that::destroys_itself || !is_being_destroyed_.exchange(true, memory_order_relaxed)) {
    callback_.reset();
  } else {
    while (is_gone_.load(memory_order_acquire) == 0) {
      weir::detail::futex_wait(is_gone_, 0, std::chrono::nanoseconds(-1));
    }
  }
  is_over_ = true;
  (void)done_.get();
  done_.set(2);
}

std::function<void(model::scenario&)> stops_of(const setting& chosen) {
  return [chosen](model::scenario& s) {
    auto m = std::make_shared<machine>(chosen);
    s.label("registry", m->in().stops());
    for (std::size_t i = 0; i < chosen.tasks.size(); ++i) {
      s.thread("task " + std::to_string(i), [m, i] { m->run(i); });
    }
    for (const std::size_t i : chosen.stopped) s.thread("who stops " + std::to_string(i), [m, i] { m->stop(i); });
    if (chosen.shuts_down) s.thread("who shuts down", [m] { m->shut_down(); });
  };
}

void expect_held(const model::options& options, const setting& chosen) {
  model::expect_holds(options, stops_of(chosen));
}

const setting one{};
const setting several{.tasks = {{.callbacks = 2, .times = 2}}, .stopped = {0, 0}};
const setting destroyed{.tasks = {{.callbacks = 2, .does = callback_that::destroys_itself}}};
const setting thrown{.tasks = {{.callbacks = 2, .does = callback_that::throws}}};
const setting two_tasks{.tasks = {{}, {}}, .stopped = {0, 1}};
const setting all_stopped{.tasks = {{}, {}}, .stopped = {}, .shuts_down = true};

TEST(StopRegistryModel, CallsWhatIsThereOnce) {
  expect_held({.name = "stop callbacks, one", .preemptions = 5, .spurious_wakes = 1}, one);
  expect_held({.name = "stop callbacks, several, two stops", .preemptions = 2, .spurious_wakes = 1}, several);
  expect_held({.name = "stop callbacks that destroy themselves", .preemptions = 4}, destroyed);
  expect_held({.name = "stop callbacks that throw", .preemptions = 3}, thrown);
}

TEST(StopRegistryModel, CallsThoseOfSeveralTasks) {
  expect_held({.name = "stop callbacks, two tasks", .preemptions = 2, .spurious_wakes = 1}, two_tasks);
  expect_held({.name = "stop callbacks, shutdown", .preemptions = 2, .spurious_wakes = 1}, all_stopped);
}

// ---- with views

model::experiment with_views(const std::string& name, int preemptions, const setting& chosen) {
  return {model::with_views("stop callbacks, views, " + name, preemptions), stops_of(chosen)};
}

std::vector<model::experiment> experiments() {
  return {
      with_views("one", 4, one),       with_views("several", 1, several),     with_views("destroyed", 2, destroyed),
      with_views("thrown", 2, thrown), with_views("two tasks", 1, two_tasks), with_views("shutdown", 2, all_stopped)};
}

TEST(StopRegistryModel, TouchesNothingAfterItsEndWithViews) {
  for (const auto& e : experiments()) {
    model::expect_holds(e);
  }
}

TEST(StopRegistryModel, NeedsTheOrders) {
  const model::mutants m = model::weaken_each_order("stop_registry.cpp", experiments());
  EXPECT_EQ(m.killed, 2);
  EXPECT_THAT(m.survivors, IsEmpty());
}

// They publish what the owner of a task has done; the callbacks are published by the lock.
TEST(StopRegistryModel, NeedsNoOrderOfTheWords) {
  EXPECT_EQ(model::weaken_each_order("task_state.hpp", {with_views("one", 3, one)}).killed, 0);
}

// ---- mistakes: stop_registry.mistakes. With views what is freed stays for a schedule, and who uses it is found out.

std::string failure_of(setting chosen, std::string_view made) {
  chosen.made = made;
  const auto e = with_views("mistake: " + std::string(made), 2, chosen);
  return model::explore(e.how, e.setup).failure;
}

TEST(StopRegistryModel, NeedsEachStepOfARegistration) {
  for (const std::string_view made : {"a callback is not announced", "a registration does not ask for a stop"}) {
    EXPECT_THAT(failure_of(one, made), HasSubstr("called")) << made;
  }
  EXPECT_THAT(failure_of(all_stopped, "a registration does not ask for the pool's stop"), HasSubstr("called at once"));
}

TEST(StopRegistryModel, NeedsEachStepOfADestructor) {
  EXPECT_THAT(failure_of(one, "a destructor does not wait for the call"), HasSubstr("data race"));
  EXPECT_THAT(failure_of(one, "a destructor leaves its callback in the list"), HasSubstr("data race"));
  EXPECT_THAT(failure_of(destroyed, "a destructor in its own call waits"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(destroyed, "a destructor in its own call says nothing"), HasSubstr("data race"));
}

TEST(StopRegistryModel, NeedsEachStepOfACall) {
  EXPECT_THAT(failure_of(one, "a call leaves the callback registered"), HasSubstr("data race"));
  EXPECT_THAT(failure_of(destroyed, "a call does not say on which thread"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(one, "a call that is over wakes nobody"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(two_tasks, "who calls does not hold the next one"), Not(IsEmpty()));
  EXPECT_THAT(failure_of(one, "who leaves wakes no end"), HasSubstr("deadlock"));
}

TEST(StopRegistryModel, NeedsEachStepOfTheEndOfARun) {
  EXPECT_THAT(failure_of(one, "an end does not wait for who calls"), HasSubstr("data race"));
  EXPECT_THAT(failure_of(one, "an end does not say that it waits"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(one, "an end leaves its context in the list"), HasSubstr("data race"));
}

}  // namespace stop_registry_model
