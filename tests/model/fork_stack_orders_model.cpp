// The memory orders of the real fork stack: with views each fork is run once and as it was pushed, and without any one
// of its orders it is not.
#include <chrono>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <weir/queues/fork_stack.hpp>
#include <weir/queues/sync.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "mutants.hpp"

namespace fork_stack_orders_model {

using weir::detail::atomic;
using weir::detail::pushed;

struct forks_setting {
  std::string_view owner;  // push, join the newest
  int thieves = 1;
  int steals_each = 1;
};

/// Plain: written by who pushes it, and then by who runs it.
struct plain_fork {
  model::checked<int> payload;
  model::checked<int> runs;
  atomic<std::uint32_t> done{0};  // release by the thief, acquire by the owner that joins
};

constexpr std::uint32_t slots = 4;
constexpr int most_forks = 6;

struct forks_at_work {
  explicit forks_at_work(const forks_setting& s) : chosen(s), owner(stack) {}

  forks_setting chosen;
  weir::detail::fork_stack<plain_fork, slots> stack;
  weir::detail::fork_stack_owner<plain_fork, slots> owner;
  plain_fork forks[most_forks];
  int next = 0;
  std::vector<plain_fork*> open;  // pushed and not joined

  void run(plain_fork* f) {
    model::check(f->payload.get() == static_cast<int>(f - forks) + 1, "as it was pushed");
    f->runs.set(f->runs.get() + 1);
    model::check(f->runs.get() == 1, "run once");
  }

  void push() {
    plain_fork& f = forks[next++];
    f.payload.set(next);
    model::check(owner.push(&f) != pushed::full, "there is room");
    open.push_back(&f);
  }

  void join() {
    plain_fork& newest = *open.back();
    open.pop_back();
    if (owner.pop()) return run(&newest);
    while (newest.done.load(weir::detail::memory_order_acquire) == 0) {
      weir::detail::futex_wait(newest.done, 0, std::chrono::nanoseconds(-1));
    }
    model::check(newest.runs.get() == 1, "what was stolen was run before its join");
    owner.forget_newest();
  }

  void own() {
    for (const char step : chosen.owner) {
      if (step == '+') {
        push();
      } else {
        join();
      }
    }
  }

  void steal() {
    weir::detail::fork_stack_thief<plain_fork, slots> thief(stack);
    for (int i = 0; i < chosen.steals_each; ++i) {
      plain_fork* const f = thief.steal();
      if (f == nullptr) continue;
      run(f);
      f->done.store(1, weir::detail::memory_order_release);
      weir::detail::futex_wake(&f->done, 1);
    }
  }
};

model::experiment forks_with(const forks_setting& chosen, int preemptions) {
  const std::string name = std::string(chosen.owner) + " against " + std::to_string(chosen.thieves) + " x " +
                           std::to_string(chosen.steals_each);
  return {{.name = "forks, views, " + name,
           .preemptions = preemptions,
           .memory = model::memory_model::views,
           .old_reads = 2},
          [chosen](model::scenario& s) {
            auto w = std::make_shared<forks_at_work>(chosen);
            s.label("stack", w->stack);
            s.thread("owner", [w] { w->own(); });
            for (int t = 0; t < chosen.thieves; ++t) s.thread("thief " + std::to_string(t), [w] { w->steal(); });
            s.finally([w] {
              for (int i = 0; i < w->next; ++i) model::check(w->forks[i].runs.get() == 1, "nothing is lost");
            });
          }};
}

TEST(ForkStackOrders, AreEachNeeded) {
  const model::mutants m =
      model::weaken_each_order("fork_stack.hpp", {forks_with({.owner = "+++-+---", .steals_each = 2}, 3),
                                                  forks_with({.owner = "+-+-+-", .thieves = 2}, 3),
                                                  forks_with({.owner = "++-+--", .thieves = 2, .steals_each = 2}, 2)});
  EXPECT_EQ(m.killed, 2);
  // Needed by who takes only what belongs to one fork: nothing here shows it (queues/README.md, fork stack, epochs).
  EXPECT_THAT(m.survivors, testing::ElementsAre("steal_while load: acquire -> relaxed"));
}

}  // namespace fork_stack_orders_model
