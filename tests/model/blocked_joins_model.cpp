// Waits that would close a circle over groups, under every schedule within a bound: the real search of what a stack
// holds up, and the real registry of those that sleep.
//
// In each scenario the waits make one circle, so that exactly one of them must be refused, whatever the order in which
// they begin; and where a child waits for what waits for its group, it is the child. If none is, it is a deadlock.
//
// The sources are part of this file: what a thread has on its stack is a variable of theirs, which is set here before
// each use.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/detail/group.hpp>
#include <weir/scheduler/task_group.hpp>

#include "blocked_joins.cpp"
#include "explorer.hpp"
#include "held_up.cpp"
#include "holds.hpp"
#include "run_context.cpp"

// What those sources need of the rest of the pool.
namespace weir {

const char* cancelled::what() const noexcept { return ""; }
stop_cause stop_token::cause() const noexcept { return stop_cause::none; }

namespace detail {

constinit thread_local forker* current_forker = nullptr;
constinit atomic<std::uint32_t> forks_so_far{0};
group::group(core& in, const group_options& options, const std::source_location& from)
    : pool(&in), name(options.name), where(from), stops_on_error(true), turns(running_limit::no_limit) {}
group::~group() = default;

}  // namespace detail
}  // namespace weir

namespace blocked_joins_model {

using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::awaited;
using weir::detail::blocked_join;
using weir::detail::frame;
using weir::detail::group;
using weir::detail::group_state;
using weir::detail::held_up;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_release;
using weir::detail::run_context;

enum class mistake {
  none,
  children_do_not_hold_up_their_maker,
  waits_for_groups_are_not_entered,
  joins_are_not_entered
};

weir::detail::frame_ops ops_of(weir::detail::frame_kind kind) {
  return {.run = nullptr, .drop = nullptr, .on_admit = nullptr, .keep_error = nullptr, .free = nullptr, .kind = kind};
}
const weir::detail::frame_ops job_ops = ops_of(weir::detail::frame_kind::posted);
const weir::detail::frame_ops child_ops = ops_of(weir::detail::frame_kind::child);

constexpr std::chrono::nanoseconds for_ever(-1);

/// A job or the child of a group, on the stack of some thread.
class task {
 public:
  explicit task(const task* below = nullptr)
      : frame_(job_ops, weir::detail::task_state::phase::running, 0, weir::task_name{},
               std::source_location::current()) {
    run(below);
  }
  task(group& of, const task* below = nullptr) : frame_(child_ops, of, std::source_location::current()), of_(&of) {
    of.state.begin_one();
    run(below);
  }

  /// The calling thread has this on its stack: before each use of it, and nothing may come in between.
  void is_here() const { weir::detail::this_place.innermost = context_.get(); }

  [[nodiscard]] run_context* context() const { return context_.get(); }
  [[nodiscard]] const frame& awaited_frame() const { return frame_; }
  [[nodiscard]] const atomic<std::uint32_t>& is_over() const { return is_over_; }

  void end() {
    if (of_ == nullptr) {
      is_over_.store(1, memory_order_release);
      weir::detail::futex_wake(&is_over_, weir::detail::wake_all);
    } else if (of_->state.end_one().threads) {
      weir::detail::futex_wake(&of_->state.word(), weir::detail::wake_all);
    }
  }

 private:
  void run(const task* below) {
    static const int pool = 0;  // nobody looks into it
    weir::detail::this_place.innermost = below != nullptr ? below->context_.get() : nullptr;
    auto& in = *const_cast<weir::detail::core*>(reinterpret_cast<const weir::detail::core*>(&pool));
    context_ = std::make_unique<run_context>(frame_, in, nullptr, nullptr, 0);
    context_->stack = below != nullptr ? below->context_->stack : this;
    weir::detail::this_place.innermost = nullptr;
  }

  frame frame_;
  group* of_ = nullptr;
  std::unique_ptr<run_context> context_;
  atomic<std::uint32_t> is_over_{0};
};

class machine {
 public:
  explicit machine(mistake m) : made(m) {}

  mistake made;
  int refused = 0;          // waits
  int refused_to_wait = 0;  // for a group

  std::unique_ptr<group> group_of(const task& maker) {
    static const int pool = 0;
    auto& in = *const_cast<weir::detail::core*>(reinterpret_cast<const weir::detail::core*>(&pool));
    auto made_here = std::make_unique<group>(in, weir::group_options{}, std::source_location::current());
    if (made != mistake::children_do_not_hold_up_their_maker) made_here->made_in = maker.context();
    return made_here;
  }

  // As core::join and core::sleep_until_done.
  void join(const task& by, const task& what) {
    if (what.is_over().load(memory_order_acquire) != 0) return;
    by.is_here();
    if (held_up::by_this_thread().contains(awaited(what.awaited_frame()))) return refuse();
    const blocked_join asleep(awaited(what.awaited_frame()), until(made == mistake::joins_are_not_entered));
    if (asleep.is_circular()) return refuse();
    while (what.is_over().load(memory_order_acquire) == 0) weir::detail::futex_wait(what.is_over(), 0, for_ever);
  }

  // As core::wait_for and core::sleep_until_changed, where no child is queued.
  void wait(const task& by, group& g) {
    while (!g.state.is_over()) {
      by.is_here();
      if (held_up::by_this_thread().contains(awaited(g))) return refuse_wait();
      const blocked_join asleep(awaited(g), until(made == mistake::waits_for_groups_are_not_entered));
      if (asleep.is_circular()) return refuse_wait();
      const std::uint32_t seen = g.state.watch(group_state::watcher::inside);
      if (!group_state::is_over(seen)) weir::detail::futex_wait(g.state.word(), seen, for_ever);
    }
  }

 private:
  static weir::deadline until(bool is_limited) {
    return is_limited ? weir::deadline(weir::time_point(std::chrono::hours(1))) : weir::deadline{};
  }
  void refuse() { ++refused; }
  void refuse_wait() {
    ++refused;
    ++refused_to_wait;
  }
};

// A job makes a group and waits for it; a child, on another thread, waits for the job.
struct child_and_maker : machine {
  explicit child_and_maker(mistake m) : machine(m) {}
  task job;
  std::unique_ptr<group> all = group_of(job);
  task child{*all};

  void start(model::scenario& s, const std::shared_ptr<child_and_maker>& self) {
    s.thread("maker", [self] {
      self->wait(self->job, *self->all);
      self->job.end();
    });
    s.thread("child", [self] {
      self->join(self->child, self->job);
      self->child.end();
    });
  }
};

// Two of these; each child waits for the job of the other one.
struct crosswise : machine {
  explicit crosswise(mistake m) : machine(m) {}
  task jobs[2];
  std::unique_ptr<group> all[2] = {group_of(jobs[0]), group_of(jobs[1])};
  task children[2] = {task(*all[0]), task(*all[1])};

  void start(model::scenario& s, const std::shared_ptr<crosswise>& self) {
    for (std::size_t i = 0; i < 2; ++i) {
      s.thread("maker " + std::to_string(i), [self, i] {
        self->wait(self->jobs[i], *self->all[i]);
        self->jobs[i].end();
      });
      s.thread("child " + std::to_string(i), [self, i] {
        self->join(self->children[i], self->jobs[1 - i]);
        self->children[i].end();
      });
    }
  }
};

// An unrelated job has been run on top of a first one, and waits for a second one; that waits for its group, and the
// child for the first job.
struct on_top : machine {
  explicit on_top(mistake m) : machine(m) {}
  task below;
  task above{&below};
  task job;
  std::unique_ptr<group> all = group_of(job);
  task child{*all};

  void start(model::scenario& s, const std::shared_ptr<on_top>& self) {
    s.thread("two jobs", [self] {
      self->join(self->above, self->job);
      self->above.end();
      self->below.end();
    });
    s.thread("maker", [self] {
      self->wait(self->job, *self->all);
      self->job.end();
    });
    s.thread("child", [self] {
      self->join(self->child, self->below);
      self->child.end();
    });
  }
};

// A job that has not made the group waits for it, and a child waits for that job.
struct wait_of_another : machine {
  explicit wait_of_another(mistake m) : machine(m) {}
  task maker;
  std::unique_ptr<group> all = group_of(maker);
  task child{*all};
  task other;

  void start(model::scenario& s, const std::shared_ptr<wait_of_another>& self) {
    s.thread("other", [self] {
      self->wait(self->other, *self->all);
      self->other.end();
    });
    s.thread("child", [self] {
      self->join(self->child, self->other);
      self->child.end();
    });
  }
};

template <typename Setting>
std::function<void(model::scenario&)> circle(bool child_is_refused, mistake made = mistake::none) {
  return [=](model::scenario& s) {
    auto m = std::make_shared<Setting>(made);
    m->start(s, m);
    s.finally([m, child_is_refused] {
      model::check(m->refused == 1, "one wait is refused");
      model::check(!child_is_refused || m->refused_to_wait == 0, "it is not the one for the group");
    });
  };
}

template <typename Setting>
void expect_one_refusal(const model::options& options, bool child_is_refused) {
  model::expect_holds(options, circle<Setting>(child_is_refused));
}

TEST(BlockedJoinsModel, AChildThatWaitsForItsMakerIsRefused) {
  expect_one_refusal<child_and_maker>({.name = "child waits for its maker", .preemptions = 99}, true);
}

TEST(BlockedJoinsModel, OneChildOfTwoThatWaitCrosswiseIsRefused) {
  expect_one_refusal<crosswise>({.name = "children wait crosswise", .preemptions = 2}, true);
}

TEST(BlockedJoinsModel, OneWaitOfACircleOverAHelpedTaskIsRefused) {
  expect_one_refusal<on_top>({.name = "circle over a helped task", .preemptions = 4}, true);
}

TEST(BlockedJoinsModel, OneOfAChildAndWhoWaitsForItsGroupIsRefused) {
  expect_one_refusal<wait_of_another>({.name = "another task waits for the group", .preemptions = 99}, false);
}

template <typename Setting>
std::string failure_of(const std::string& name, mistake made) {
  return model::explore({.name = "mistake: " + name, .preemptions = 3}, circle<Setting>(true, made)).failure;
}

TEST(BlockedJoinsModel, NeedsTheEdgesAndTheEntries) {
  const char* const no_edge = "children do not hold up their maker";
  EXPECT_THAT(failure_of<child_and_maker>(no_edge, mistake::children_do_not_hold_up_their_maker),
              HasSubstr("not the one for the group"));
  EXPECT_THAT(failure_of<wait_of_another>("waits are not entered", mistake::waits_for_groups_are_not_entered),
              HasSubstr("deadlock"));
  EXPECT_THAT(failure_of<crosswise>("joins are not entered", mistake::joins_are_not_entered), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of<on_top>("joins are not entered", mistake::joins_are_not_entered), HasSubstr("deadlock"));
}

}  // namespace blocked_joins_model
