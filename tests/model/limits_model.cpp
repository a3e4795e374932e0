// The real gate whose limits are changed while it is used, under every schedule within a bound: what is lowered below
// what is held lets nobody in until it fits, also not by what was spare for children; nobody is lost; and a closed gate
// is found empty by the last limit.
#include <weir/admission/detail/gate.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "explorer.hpp"
#include "mutants.hpp"
#include "person.hpp"

namespace limits_model {

using model::memory_model;
using model::no_time;
using model::person;
using weir::limits;
using weir::detail::gate;

enum class form { returns, weights };

limits limits_of(form kind, std::int64_t tasks) {
  return {.max_tasks = tasks, .max_weight = kind == form::weights ? std::int64_t{9} : weir::unlimited};
}

struct door {
  door(form of, std::int64_t tasks)
      : at(limits_of(of, tasks), no_time, nullptr, 2, {.block = 2, .tasks_per_giver = 2}), kind(of) {}

  gate at;
  form kind;
  int inside = 0;            // raised after a grant and lowered before a return, and so never above the truth
  std::int64_t lowered = 0;  // set_limits with this has returned

  void limit(std::int64_t tasks) { at.set_limits(limits_of(kind, tasks)); }
  void lower(std::int64_t to) {
    limit(to);
    lowered = to;
  }

  /// What began after the limit was lowered has found room below it.
  void came_in(std::int64_t lowered_before) {
    ++inside;
    model::check(lowered_before == 0 || inside <= lowered_before, "nobody is let in above the limit");
  }
  void leave(std::size_t giver) {
    --inside;
    at.release(1, giver);
  }
  bool try_child(std::size_t giver) {
    const std::int64_t before = lowered;
    if (!at.try_add_child(giver)) return false;
    came_in(before);
    return true;
  }
  void end_child(std::size_t giver) {
    --inside;
    at.end_child(giver);
  }
  void wait_and_enter() {
    person p;
    at.join(p, gate::place::uncounted);
    p.sleep_until_told();
    model::check(p.granted, "who waits is let in");
    came_in(lowered);
  }
};

template <typename Setup>
auto with_door(form kind, std::int64_t tasks, int held, Setup setup) {
  return [=](model::scenario& s) {
    door* const d = new door(kind, tasks);
    for (int i = 0; i < held; ++i) {
      model::check(d->at.try_admit({}, {}).granted, "an empty door admits");
      ++d->inside;
    }
    setup(s, *d);
    s.finally([d] {
      while (d->inside != 0) d->leave(0);
      model::check(d->at.tasks_in_use() == 0, "all was given back");
      model::check(d->at.try_admit({}, {}).granted == !d->at.is_closed(), "and there is room, if it is open");
      if (!d->at.is_closed()) d->at.release(1);
      delete d;
    });
  };
}

model::options bounds(const char* name, form kind, int preemptions, memory_model memory) {
  const bool views = memory == memory_model::views;
  return {.name = std::string("limits, ") + name + (kind == form::returns ? ", returns" : ", weights") +
                  (views ? ", views" : ""),
          .preemptions = preemptions,
          .missed_stores = views ? 0 : 1,
          .memory = memory,
          .old_reads = 2};
}

// Two are inside, of whom one may stay: both leave while it is lowered, one waits to come in, and one for it to fit.
model::experiment lowered_below_what_is_held(form kind, int preemptions, memory_model memory = {}) {
  return {bounds("lowered", kind, preemptions, memory), with_door(kind, 2, 2, [](model::scenario& s, door& d) {
            s.thread("giver 0", [&d] { d.leave(0); });
            s.thread("waiter", [&d] {
              d.wait_and_enter();
              d.leave(1);
            });
            s.thread("lowers", [&d] {
              d.lower(1);
              d.leave(1);
              model::check(d.at.wait_until_within(weir::time_point::max()), "it fits in the end");
            });
          })};
}

// A giver has spare units, or is about to, when there are to be fewer than it has children.
model::experiment spare_when_it_is_lowered(form kind, int preemptions, memory_model memory = {}) {
  return {bounds("spare", kind, preemptions, memory), with_door(kind, 4, 0, [](model::scenario& s, door& d) {
            s.thread("giver 0", [&d] {
              const bool first = d.try_child(0);
              const bool second = d.try_child(0);
              if (first) d.end_child(0);
              if (second) d.end_child(0);
            });
            s.thread("giver 1", [&d] {
              if (d.try_child(1)) d.end_child(1);
            });
            s.thread("lowers", [&d] {
              d.lower(1);
              model::check(d.at.wait_until_within(weir::time_point::max()), "it fits in the end");
            });
          })};
}

// One is let in by a limit that is raised while it begins to wait.
model::experiment raised_for_who_waits(form kind, int preemptions, memory_model memory = {}) {
  return {bounds("raised", kind, preemptions, memory), with_door(kind, 1, 1, [](model::scenario& s, door& d) {
            s.thread("waiter", [&d] {
              d.wait_and_enter();
              d.leave(1);
            });
            s.thread("raises", [&d] {
              d.limit(2);
              d.limit(3);
            });
          })};
}

// Who finds it closed knows how many are inside, whatever the limit was.
model::experiment closed_after_a_change(form kind, int preemptions, memory_model memory = {}) {
  return {bounds("closed", kind, preemptions, memory), with_door(kind, 2, 1, [](model::scenario& s, door& d) {
            s.thread("closes", [&d] {
              d.limit(3);
              d.at.close();
            });
            s.thread("looks", [&d] {
              if (d.at.is_closed()) model::check(d.at.tasks_in_use() == 1, "one is inside");
            });
          })};
}

model::result run(const model::experiment& e) { return model::explore(e.how, e.setup); }

void expect_to_hold(int preemptions, memory_model memory) {
  for (const form kind : {form::returns, form::weights}) {
    for (const auto& e :
         {lowered_below_what_is_held(kind, preemptions, memory),
          spare_when_it_is_lowered(kind, memory == memory_model::views ? 1 : preemptions, memory),
          raised_for_who_waits(kind, preemptions, memory), closed_after_a_change(kind, preemptions, memory)}) {
      const model::result r = run(e);
      EXPECT_TRUE(r.passed() && r.complete) << r.report;
    }
  }
}

TEST(LimitsModel, NobodyIsLetInAboveThemOrLost) { expect_to_hold(2, {}); }
TEST(LimitsModel, HoldWithViews) { expect_to_hold(2, memory_model::views); }

TEST(LimitsModel, TheCloseTellsTheLastOfThem) {
  for (const form kind : {form::returns, form::weights}) {
    const char* const word = kind == form::returns ? "task_word.hpp" : "capacity_word.hpp";
    const model::mutants m = model::weaken_each_order(word, {closed_after_a_change(kind, 2, memory_model::views)});
    EXPECT_THAT(m.survivors, testing::Not(testing::Contains("close fetch_or: acq_rel -> acquire")));
    EXPECT_THAT(m.survivors, testing::Not(testing::Contains("load load: acquire -> relaxed")));
  }
}

}  // namespace limits_model
