// The clock thread of a pool, under every schedule within a bound: the real source, started by who needs it first,
// between tasks whose deadlines are to be told in time, whatever the order in which they come, tasks that end before
// theirs, a waiter at the door of a rate, and the end of the pool.
//
// Time passes only while everybody sleeps, and then until the first one is due: so what is told later than it must be
// was slept past, and what is told to nobody is a deadlock. A frame is freed once, by the last of its owners, the timer
// included; with views, who uses it afterwards is found out.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/submission.hpp>
#include <weir/scheduler/stop_token.hpp>
#include <weir/scheduler/this_task.hpp>

#include "explorer.hpp"
#include "holds.hpp"
#include "mutants.hpp"
#include "quiet_pool.hpp"

namespace clock_thread_model {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using weir::detail::atomic;
using weir::detail::memory_order_acq_rel;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_release;

/// The explorer's time.
class explored_clock final : public weir::clock_source {
 public:
  [[nodiscard]] weir::time_point now() const noexcept override {
    model::check(!is_over, "nobody asks for the time when all is over");
    return model::now();
  }
  void wait_until(const atomic<std::uint32_t>& word, std::uint32_t expected,
                  weir::time_point until) const noexcept override {
    const bool is_never = until == weir::time_point::max();
    weir::detail::futex_wait(word, expected,
                             is_never ? weir::duration(-1) : std::max(until - now(), weir::duration(0)));
  }

  bool is_over = false;
};

/// A task, with a deadline so long after the beginning.
struct task_setting {
  weir::duration deadline = 1s;
  bool waits = true;     // for its stop; else it ends at once
  bool forgets = false;  // its timer stays when it ends
};

struct setting {
  std::vector<task_setting> tasks = {{}};
  bool one_waits_for_a_token = false;
  std::string_view made = {};
};

/// The frame of a task, which says when it is freed.
struct timed_frame : weir::detail::tracked_frame {
  explicit timed_frame(int& frees)
      : tracked_frame(table, weir::detail::task_state::phase::running, 0, {}, std::source_location::current()),
        freed(frees) {}
  int& freed;

  static const weir::detail::frame_ops table;
};
const weir::detail::frame_ops timed_frame::table{.run = nullptr,
                                                 .drop = nullptr,
                                                 .on_admit = nullptr,
                                                 .keep_error = nullptr,
                                                 .free =
                                                     [](weir::detail::frame& f) noexcept {
                                                       auto& self = static_cast<timed_frame&>(f);
                                                       model::check(++self.freed == 1, "a frame is freed once");
                                                       delete &self;
                                                     },
                                                 .kind = weir::detail::frame_kind::tracked};

class machine {
 public:
  explicit machine(const setting& s)
      : chosen(s),
        pool_(1, s.made, clock_,
              s.one_waits_for_a_token ? weir::limits{.rate = weir::per_second(1), .burst = 1} : weir::limits{}),
        left_(static_cast<std::uint32_t>(s.tasks.size()) + (s.one_waits_for_a_token ? 1 : 0)),
        frees_(s.tasks.size()) {}

  const setting chosen;

  void run(std::size_t self) {
    const task_setting& s = chosen.tasks[self];
    // As core::enter and core::admit.
    auto& f = *new timed_frame(frees_[self]);
    f.deadline = weir::deadline(beginning_ + s.deadline);
    weir::detail::attach(pool_.in(), f);
    timers().ensure_started();
    timers().promise_room();
    timers().insert(f);
    const weir::time_point known = std::max(f.deadline.at(), model::now());
    model::run_task(pool_.in(), f, nullptr, [&](weir::detail::run_context& here) {
      atomic<std::uint32_t> is_told{0};
      const weir::stop_callback on_stop(weir::this_task::stop(), [&] {
        model::check(here.token().cause() == weir::stop_cause::deadline, "the deadline is the cause");
        model::check(f.deadline.has_passed(model::now()), "a deadline is not told early");
        model::check(model::now() <= known, "a deadline is told in time");
        is_told.store(1, memory_order_release);
        weir::detail::futex_wake(&is_told, weir::detail::wake_all);
      });
      while (s.waits && is_told.load(memory_order_acquire) == 0) weir::detail::futex_wait(is_told, 0, 0ns - 1ns);
    });
    // As core::finish and core::start.
    if (!s.forgets) timers().cancel(f);
    weir::detail::drop_owner(f);
    leave();
  }

  // The first token is there, for the second one it is a second's wait.
  void wait_at_the_door() {
    timers().ensure_started();
    model::check(pool_.in().door().try_admit({.weight = 1}, model::now()).granted, "the burst is there");
    model::person waiter;
    pool_.in().door().join(waiter, weir::detail::gate::place::uncounted);
    waiter.sleep_until_told();
    model::check(waiter.granted && model::now() == beginning_ + 1s, "the token is given when it is there");
    for (int i = 0; i < 2; ++i) pool_.in().door().release(1);
    leave();
  }

  void end() {
    for (std::uint32_t n; (n = left_.load(memory_order_acquire)) != 0;) weir::detail::futex_wait(left_, n, 0ns - 1ns);
    timers().stop();
    clock_.is_over = true;
  }

  void all_is_over() {
    for (const int times : frees_) model::check(times == 1, "each frame is freed");
  }

 private:
  weir::detail::clock_thread& timers() { return pool_.in().timers(); }
  void leave() {
    (void)left_.fetch_sub(1, memory_order_acq_rel);
    weir::detail::futex_wake(&left_, weir::detail::wake_all);
  }

  explored_clock clock_;
  model::quiet_pool pool_;
  const weir::time_point beginning_ = model::now();
  atomic<std::uint32_t> left_;  // tasks that are not over
  std::vector<int> frees_;
};

std::function<void(model::scenario&)> clock_of(const setting& chosen) {
  return [chosen](model::scenario& s) {
    auto m = std::make_shared<machine>(chosen);
    s.room_for_a_thread("clock");
    for (std::size_t i = 0; i < chosen.tasks.size(); ++i) s.thread("task " + std::to_string(i), [m, i] { m->run(i); });
    if (chosen.one_waits_for_a_token) s.thread("who waits", [m] { m->wait_at_the_door(); });
    s.thread("end", [m] { m->end(); });
    s.finally([m] { m->all_is_over(); });
  };
}

void expect_held(const model::options& options, const setting& chosen) {
  model::expect_holds(options, clock_of(chosen));
}

const setting one{};
const setting early_and_late{.tasks = {{.deadline = 9s}, {.deadline = 1s}}};
const setting over_before{.tasks = {{.deadline = 9s}, {.deadline = 1s, .waits = false}}};
const setting left_behind{.tasks = {{.deadline = 1s}, {.deadline = 2s, .waits = false, .forgets = true}}};
const setting three{.tasks = {{.deadline = 1s}, {.deadline = 2s}, {.deadline = 3s}}};
const setting at_the_door{.tasks = {{.deadline = 9s, .waits = false}}, .one_waits_for_a_token = true};

TEST(ClockThreadModel, TellsADeadlineInTime) {
  expect_held({.name = "clock, one", .preemptions = 2, .spurious_wakes = 1}, one);
  expect_held({.name = "clock, an earlier one", .preemptions = 1, .spurious_wakes = 1}, early_and_late);
  expect_held({.name = "clock, an earlier one, time passes", .preemptions = 1, .timeouts = 1}, early_and_late);
  expect_held({.name = "clock, three", .preemptions = 1}, three);
}

TEST(ClockThreadModel, LetsGoOfWhatIsOver) {
  expect_held({.name = "clock, over before", .preemptions = 2}, over_before);
  expect_held({.name = "clock, left behind", .preemptions = 1, .timeouts = 1}, left_behind);
}

TEST(ClockThreadModel, ComesBackForATokenAtTheDoor) {
  expect_held({.name = "clock, a token", .preemptions = 2}, at_the_door);
}

// ---- with views

model::experiment with_views(const std::string& name, int preemptions, const setting& chosen) {
  return {model::with_views("clock, views, " + name, preemptions), clock_of(chosen)};
}

std::vector<model::experiment> experiments() {
  return {with_views("one", 2, one), with_views("an earlier one", 1, early_and_late),
          with_views("over before", 1, over_before), with_views("left behind", 1, left_behind),
          with_views("a token", 1, at_the_door)};
}

TEST(ClockThreadModel, TellsADeadlineInTimeWithViews) {
  for (const auto& e : experiments()) {
    model::expect_holds(e);
  }
}

// The lock publishes what there is to see.
TEST(ClockThreadModel, HasNoOrderButThatOfItsLock) {
  EXPECT_EQ(model::weaken_each_order("clock_thread.cpp", {with_views("one", 2, one)}).total, 0);
}

// ---- mistakes: clock_thread.mistakes

std::string failure_of(setting chosen, std::string_view made) {
  chosen.made = made;
  const auto e = with_views("mistake: " + std::string(made), 1, chosen);
  return model::explore(e.how, e.setup).failure;
}

TEST(ClockThreadModel, NeedsEachStepOfWhoBringsAnEarlierTime) {
  for (const std::string_view made : {"an earlier time is not told", "an earlier deadline wakes nobody"}) {
    EXPECT_THAT(failure_of(one, made), HasSubstr("deadlock")) << made;
  }
  EXPECT_THAT(failure_of(over_before, "an earlier time does not change the word"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(at_the_door, "an earlier ring wakes nobody"), HasSubstr("deadlock"));
}

TEST(ClockThreadModel, NeedsEachStepOfTheThread) {
  EXPECT_THAT(failure_of(over_before, "the thread does not say until when it sleeps"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(one, "the thread looks at the word too late"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(at_the_door, "the thread sleeps past a ring"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(one, "the thread asks early"), HasSubstr("early"));
  EXPECT_THAT(failure_of(at_the_door, "a ring stays"), Not(IsEmpty()));  // it goes round for ever
}

TEST(ClockThreadModel, NeedsATimerToBeAnOwnerAsLongAsItIsIn) {
  EXPECT_THAT(failure_of(one, "a timer is no owner"), HasSubstr("data race"));
  EXPECT_THAT(failure_of(one, "a timer that has fired stays an owner"), HasSubstr("freed"));
  EXPECT_THAT(failure_of(over_before, "a timer that is taken out stays an owner"), HasSubstr("freed"));
  EXPECT_THAT(failure_of(left_behind, "what is left stays"), HasSubstr("freed"));
}

TEST(ClockThreadModel, NeedsEachStepOfTheEnd) {
  for (const std::string_view made :
       {"the end does not say so", "the end does not change the word", "the end wakes nobody"}) {
    EXPECT_THAT(failure_of(one, made), HasSubstr("deadlock")) << made;
  }
  EXPECT_THAT(failure_of(one, "the end does not wait"), HasSubstr("over"));
}

}  // namespace clock_thread_model
