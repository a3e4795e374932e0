// The real gate with givers, who count what they give back beside its word, under every schedule within a bound: never
// more inside than the limit, nobody refused while there is room, no return lost by who waits for room or for the gate
// to be empty (that is a deadlock here). What the protocol of admission/README.md, section "Returns", puts in order is
// put out of order, and the explorer must notice.
#include <weir/admission/detail/gate.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <weir/admission/detail/thread_waiter.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "gate_steps.hpp"
#include "mutants.hpp"
#include "person.hpp"

namespace returns_model {

using model::memory_model;
using model::no_time;
using model::person;
using weir::refusal_reason;
using weir::detail::gate;
using weir::detail::gate_steps;

enum class mistake { none, silent_return, return_after_the_look, look_before_announcing, old_sum };

constexpr std::size_t givers = 2;
constexpr std::size_t nobody = givers;        // who gives back is none of them
constexpr std::size_t promised = givers + 1;  // who leaves had been promised a place, and is not inside

struct door {
  door(int most_tasks, mistake which, const weir::limits& configured, const weir::clock_source& clock = no_time)
      : at(configured, clock, nullptr, givers), made(which), most(most_tasks) {}

  gate at;
  mistake made;
  int most;
  int inside = 0;            // raised after a grant and lowered before a return, and so never above the truth
  model::checked<int> left;  // where one is inside at a time: what each does, and the next one finds

  void is_inside() {
    model::check(++inside <= most, "never more inside than the limit");
    if (most == 1) left.set(left.get() + 1);
  }

  /// Without waiting, after a look that says nothing if it fails, or without one. A refusal, where nobody waits, was at
  /// an instant at which all were inside.
  enum class look { none, first };
  bool try_to_enter(look how = look::none) {
    if (made == mistake::old_sum) {
      const bool granted = gate_steps::admit_by_an_old_sum(at);
      if (granted) is_inside();
      return granted;
    }
    if (how == look::first && at.try_admit_at_once(1)) {
      is_inside();
      return true;
    }
    const gate::verdict v = at.try_admit({}, {});
    if (v.granted) {
      is_inside();
    } else {
      model::check(v.why == refusal_reason::tasks_full && v.in_use == most, "refused for want of room, and no more");
    }
    return v.granted;
  }

  void wait_and_enter() {
    person p;
    if (made == mistake::look_before_announcing) {
      gate_steps::join_with_an_early_look(at, p);
    } else {
      at.join(p, gate::place::uncounted);
    }
    p.sleep_until_told();
    model::check(p.granted, "who waits is let in");
    is_inside();
  }

  void leave(std::size_t by) {
    --inside;
    if (most == 1) left.set(left.get() + 1);
    if (by == nobody) {
      at.release(1);
    } else if (made == mistake::silent_return) {
      gate_steps::return_silently(at, by);
    } else if (made == mistake::return_after_the_look) {
      gate_steps::return_after_the_look(at, by);
    } else {
      at.release(1, by);
    }
  }
};

/// Each scenario ends with nobody inside. The door is destroyed by `finally` only: after a failure its destructor would
/// find it in the midst of everything.
template <typename Setup>
auto with_door(int most, int held, mistake made, Setup setup) {
  return [=](model::scenario& s) {
    door* const d = new door(most, made, {.max_tasks = most});
    s.label("door", d->at);
    for (int i = 0; i < held; ++i) model::check(d->try_to_enter(), "an empty door admits");
    setup(s, *d);
    s.finally([d] {
      model::check(d->at.tasks_in_use() == 0 && d->inside == 0, "all was given back");
      delete d;
    });
  };
}

model::options bounds(const char* name, int preemptions, memory_model memory) {
  const bool views = memory == memory_model::views;
  return {.name = std::string("returns, ") + name + (views ? ", views" : ""),
          .preemptions = preemptions,
          .weak_failures = views ? 0 : 1,
          .missed_stores = views ? 0 : 1,
          .memory = memory,
          .old_reads = 2};
}

// ---- who does not wait

// One is inside, and gives its place back; two come, and with them their returns.
model::experiment one_at_a_time(std::size_t first, int preemptions, memory_model memory = {},
                                door::look how = door::look::none) {
  return {bounds("one at a time", preemptions, memory),
          with_door(1, 1, mistake::none, [=](model::scenario& s, door& d) {
            s.thread("holder", [&d, first] { d.leave(first); });
            for (const std::size_t by : {std::size_t{1}, nobody}) {
              s.thread(by == nobody ? "outside" : "giver 1", [&d, by, how] {
                if (d.try_to_enter(how)) d.leave(by);
              });
            }
          })};
}

// Two, of which each gives back as a giver of its own, and two more.
model::experiment two_at_a_time(int preemptions, memory_model memory = {}) {
  return {bounds("two at a time", preemptions, memory), with_door(2, 2, mistake::none, [](model::scenario& s, door& d) {
            s.thread("giver 0", [&d] { d.leave(0); });
            s.thread("giver 1", [&d] {
              d.leave(1);
              if (d.try_to_enter()) d.leave(1);
            });
            s.thread("outside", [&d] {
              if (d.try_to_enter(door::look::first)) d.leave(nobody);
            });
          })};
}

// One comes and goes, twice, and so there is always room for another.
model::experiment room_for_another(mistake made, int preemptions, memory_model memory = {},
                                   door::look how = door::look::none) {
  return {bounds("room for another", preemptions, memory), with_door(2, 0, made, [how](model::scenario& s, door& d) {
            s.thread("giver 0", [&d, how] {
              for (int i = 0; i < 2; ++i) {
                const bool granted = how == door::look::first && d.at.try_admit_at_once(1);
                model::check(granted || d.at.try_admit({}, {}).granted, "there is room for two");
                d.at.release(1, 0);
              }
            });
            s.thread("another", [&d] {
              model::check(d.try_to_enter(), "nobody is refused while there is room");
              d.leave(nobody);
            });
          })};
}

model::result run(const model::experiment& e) { return model::explore(e.how, e.setup); }

TEST(ReturnsModel, NobodyIsAdmittedBeforeTheReturnThatMakesRoom) {
  for (const auto& e :
       {one_at_a_time(0, 4), one_at_a_time(nobody, 4), one_at_a_time(0, 4, {}, door::look::first), two_at_a_time(4)}) {
    const model::result r = run(e);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

TEST(ReturnsModel, NobodyIsRefusedWhileThereIsRoom) {
  const model::result r = run(room_for_another(mistake::none, 6));
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST(ReturnsModel, ASumOfBeforeTheWordRefusesWhileThereIsRoom) {
  EXPECT_FALSE(run(room_for_another(mistake::old_sum, 2)).passed());
}

// ---- who waits

// One is inside, and leaves as `first`; two wait, and leave as others.
model::experiment two_that_wait(mistake made, std::size_t first, int preemptions, memory_model memory = {}) {
  return {bounds("two that wait", preemptions, memory), with_door(1, 1, made, [=](model::scenario& s, door& d) {
            s.thread("holder", [&d, first] { d.leave(first); });
            for (const std::size_t by : {std::size_t{1}, nobody}) {
              s.thread(by == nobody ? "outside" : "giver 1", [&d, by] {
                d.wait_and_enter();
                d.leave(by);
              });
            }
          })};
}

model::experiment one_that_waits(int preemptions, memory_model memory) {
  return {bounds("one that waits", preemptions, memory),
          with_door(1, 1, mistake::none, [](model::scenario& s, door& d) {
            s.thread("giver 0", [&d] { d.leave(0); });
            s.thread("waiter", [&d] {
              d.wait_and_enter();
              d.leave(1);
            });
          })};
}

// One waits while the holder leaves, and another one comes.
model::experiment one_that_comes_later(int preemptions, door::look how) {
  return {bounds("one that comes later", preemptions, {}),
          with_door(1, 1, mistake::none, [how](model::scenario& s, door& d) {
            auto p = std::make_shared<person>();
            s.thread("holder", [&d] { d.leave(0); });
            s.thread("waiter", [&d, p] {
              d.at.join(*p, gate::place::uncounted);
              p->joined = true;
              p->sleep_until_told();
              d.is_inside();
              d.leave(1);
            });
            s.thread("later", [&d, p, how] {
              const bool is_behind = p->joined;
              const bool granted =
                  how == door::look::first ? d.at.try_admit_at_once(1) : d.at.try_admit({}, {}).granted;
              if (!granted) return;
              d.is_inside();
              model::check(!is_behind || p->granted, "who comes later passes nobody");
              d.leave(nobody);
            });
          })};
}

TEST(ReturnsModel, WhoComesLaterPassesNobody) {
  for (const door::look how : {door::look::none, door::look::first}) {
    const model::result r = run(one_that_comes_later(3, how));
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

TEST(ReturnsModel, AReturnReachesWhoWaits) {
  for (const std::size_t first : {std::size_t{0}, nobody}) {
    const model::result r = run(two_that_wait(mistake::none, first, 3));
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

TEST(ReturnsModel, AReturnWithoutALookLosesAGrant) {
  EXPECT_FALSE(run(two_that_wait(mistake::silent_return, 0, 2)).passed());
}

TEST(ReturnsModel, ALookBeforeTheReturnLosesAGrant) {
  EXPECT_FALSE(run(two_that_wait(mistake::return_after_the_look, 0, 2)).passed());
}

TEST(ReturnsModel, LookingForReturnsBeforeAttentionIsDrawnLosesAGrant) {
  EXPECT_FALSE(run(two_that_wait(mistake::look_before_announcing, 0, 2)).passed());
}

// Both attempts hold room while they look for the one token there is; who comes meanwhile finds none, and waits.
TEST(ReturnsModel, RoomThatAnAttemptGivesBackReachesWhoWaits) {
  const model::result r = model::explore({.name = "returns, attempts", .preemptions = 3}, [](model::scenario& s) {
    constexpr weir::limits rated{.max_tasks = 2, .rate = weir::per_second(1), .burst = 1};
    auto* const d = new door(2, mistake::none, rated, weir::steady_clock_source());
    s.label("door", d->at);
    for (std::size_t by = 0; by < givers; ++by) {
      s.thread(by == 0 ? "giver 0" : "giver 1", [=] {
        if (d->at.try_admit({}, d->at.clock().now()).granted) d->at.release(1, by);
      });
    }
    s.thread("waiter", [=] {
      model::check(weir::detail::acquire(d->at, {}).has_value(), "who waits is admitted in the end");
      d->at.release(1);
    });
    s.finally([d] {
      model::check(d->at.tasks_in_use() == 0, "all was given back");
      delete d;
    });
  });
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

// ---- the end

// Those inside leave, one as each of `by`, while the door is closed and somebody waits for it to be empty.
model::experiment closing(mistake made, std::vector<std::size_t> by, int preemptions, memory_model memory = {}) {
  const int held = static_cast<int>(by.size() - static_cast<std::size_t>(std::count(by.begin(), by.end(), promised)));
  return {bounds("closing", preemptions, memory), with_door(held, held, made, [=](model::scenario& s, door& d) {
            for (const std::size_t b : by) {
              if (b == promised) {
                model::check(d.at.reserve({}).has_value(), "there is a place");
                s.thread("promised", [&d] { d.at.cancel_reservation(1); });
                continue;
              }
              s.thread(b == nobody ? "outside" : "giver " + std::to_string(b), [&d, b] { d.leave(b); });
            }
            s.thread("closer", [&d] {
              d.at.close();
              model::check(d.at.wait_until_empty(weir::time_point::max()), "nothing is left");
              model::check(d.inside == 0 && d.at.tasks_in_use() == 0 && d.at.waiting() == 0, "empty, and stays so");
              model::check(d.at.try_admit({}, {}).why == refusal_reason::closed, "and closed");
            });
          })};
}

TEST(ReturnsModel, TheLastReturnWakesWhoWaitsForTheEnd) {
  for (const auto& by : {std::vector<std::size_t>{0}, {0, 1}, {0, nobody}, {nobody, nobody}, {0, promised}}) {
    const model::result r = run(closing(mistake::none, by, 3));
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

TEST(ReturnsModel, ASilentLastReturnIsNoticed) { EXPECT_FALSE(run(closing(mistake::silent_return, {0}, 2)).passed()); }

TEST(ReturnsModel, ALookBeforeTheLastReturnIsNoticed) {
  EXPECT_FALSE(run(closing(mistake::return_after_the_look, {0}, 2)).passed());
}

// ---- memory orders

std::vector<model::experiment> with_views() {
  constexpr auto views = memory_model::views;
  return {one_at_a_time(0, 2, views),
          one_at_a_time(nobody, 2, views),
          two_at_a_time(2, views),
          room_for_another(mistake::none, 2, views),
          one_at_a_time(0, 2, views, door::look::first),
          room_for_another(mistake::none, 2, views, door::look::first),
          one_that_waits(2, views),
          closing(mistake::none, {0}, 2, views),
          closing(mistake::none, {0, 1}, 2, views),
          closing(mistake::none, {0, nobody}, 2, views)};
}

TEST(ReturnsModel, HoldsWithViews) {
  for (const auto& e : with_views()) {
    const model::result r = run(e);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

TEST(ReturnsModel, EachOrderIsNeeded) {
  const model::mutants m = model::weaken_each_order("task_word.hpp", with_views());
  EXPECT_EQ(m.killed, 14);
  // It acquires so that the closer looks at the returns after those of whom the word did not show the close. The
  // explorer runs sequentially consistent operations in their one order anyway, where C++ lets them have another one.
  // What it releases is limits_model.cpp's.
  EXPECT_THAT(m.survivors, testing::Each(testing::StartsWith("close fetch_or: acq_rel")));
}

}  // namespace returns_model
