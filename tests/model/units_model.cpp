// The real gate with givers that keep units for children, under every schedule within a bound: never more tasks and
// children than the limit, nobody told tasks_full unless all units were held at one instant of the call, no unit lost
// by who waits for it or for the gate to be empty (that is a deadlock here). What the protocol of admission/README.md,
// section "Units of children", puts in order is put out of order, and the explorer must notice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "explorer.hpp"
#include "mutants.hpp"
#include "units_door.hpp"

namespace units_model {

void work(door& d, std::size_t by, int times) {
  for (int i = 0; i < times; ++i) {
    if (d.add_child(by)) d.end_child(by);
  }
}

void visit(door& d) {
  if (d.try_to_enter()) d.leave(givers);
}

void wait(door& d) {
  d.wait_and_enter();
  d.leave(1);
}

void close_and_wait(door& d) {
  d.close();
  model::check(d.at.wait_until_empty(weir::time_point::max()), "nothing is left");
  model::check(d.inside == 0 && d.at.tasks_in_use() == 0, "empty, and stays so");
  model::check(d.at.try_admit({}, {}).why == refusal_reason::closed, "and closed");
}

// ---- newcomers

// A block of two is all there is, and one of it is in use at most: nobody may be told tasks_full.
model::experiment one_worker(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("one worker", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    s.thread("worker", [&d] { work(d, 0, 2); });
    s.thread("newcomer", [&d] { visit(d); });
  });
}

// One is in use, and one is spare.
model::experiment one_spare(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("one spare", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    model::check(d.add_child(0), "an empty door has a unit");
    s.thread("worker", [&d] { d.end_child(0); });
    s.thread("newcomer", [&d] { visit(d); });
  });
}

// Both are spare, and two come.
model::experiment two_newcomers(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("two newcomers", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    d.fill(0);
    for (const char* name : {"newcomer", "another"}) {
      s.thread(name, [&d] {
        if (d.try_to_enter()) d.leave(1);
      });
    }
  });
}

// The same, and a worker.
model::experiment two_newcomers_and_a_worker(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("two newcomers and a worker", 3, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    d.fill(0);
    s.thread("worker", [&d] { work(d, 0, 1); });
    for (const char* name : {"newcomer", "another"}) s.thread(name, [&d] { visit(d); });
  });
}

// Both go to another stock, one at a time, while a newcomer looks at one stock after the other.
model::experiment moving(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("moving", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    d.fill(1);
    s.thread("workers", [&d] {
      for (int i = 0; i < 2; ++i) {
        if (d.add_child(1)) d.end_child(0);
      }
    });
    s.thread("newcomer", [&d] { visit(d); });
  });
}

// All is spare with one, and another one comes.
model::experiment another_stock(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("another stock", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    d.fill(1);
    s.thread("worker", [&d] { work(d, 0, 1); });
    s.thread("newcomer", [&d] { visit(d); });
  });
}

// Each with a block, of three.
model::experiment two_workers(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("two workers", 3, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    s.thread("worker 0", [&d] { work(d, 0, 1); });
    s.thread("worker 1", [&d] { work(d, 1, 1); });
    s.thread("newcomer", [&d] { visit(d); });
  });
}

// One is inside at a time, besides one that stays: each finds what the last one has left.
model::experiment one_at_a_time(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("one at a time", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    d.keep_one();
    s.thread("worker 0", [&d] { work(d, 0, 1); });
    s.thread("worker 1", [&d] { work(d, 1, 1); });
    s.thread("newcomer", [&d] { visit(d); });
  });
}

// The same, where one gives back to the word what it took from its stock, and takes there.
model::experiment hand_over(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("hand over", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    d.fill(0);
    d.keep_one();
    s.thread("worker", [&d] { work(d, 0, 1); });
    s.thread("outside", [&d] { work(d, givers, 1); });
    s.thread("newcomer", [&d] { visit(d); });
  });
}

// What is spare has come from outside and not in a block.
model::experiment from_outside(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("from outside", 3, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    d.keep_one();
    s.thread("worker", [&d] {
      if (d.add_child(givers)) d.end_child(0);
      visit(d);
    });
    s.thread("another", [&d] { visit(d); });
  });
}

// One is inside at a time, where what is taken as a block was given back as a return, and may have been summed up by
// another one.
model::experiment after_a_return(form kind, mistake made, int preemptions, memory_model memory = {}) {
  const auto setup = [](model::scenario& s, door& d) {
    d.keep_one();
    model::check(d.try_to_enter(), "a door with one inside admits");
    s.thread("holder", [&d] { d.leave(1); });
    s.thread("worker", [&d] { work(d, 0, 1); });
    s.thread("newcomer", [&d] { visit(d); });
  };
  return experiment("after a return", 2, kind, made, preemptions, memory, setup, 1);
}

// ---- who waits

// All is spare, or comes back as a child's end.
model::experiment waiting(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("waiting", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    d.keep_one();
    s.thread("worker", [&d] { work(d, 0, 1); });
    s.thread("waiter", [&d] { wait(d); });
  });
}

model::experiment two_that_wait(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("two that wait", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    d.fill(0);
    s.thread("worker", [&d] { work(d, 0, 1); });
    for (const char* name : {"waiter", "another"}) {
      s.thread(name, [&d] { wait(d); });
    }
  });
}

// A newcomer has in hand what the head lacks.
model::experiment waiter_and_newcomer(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("a waiter and a newcomer", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    d.fill(0);
    s.thread("newcomer", [&d] { visit(d); });
    s.thread("waiter", [&d] { wait(d); });
  });
}

// ---- the end

// A child ends, after one of its own, while the door is closed and somebody waits for it to be empty.
model::experiment closing(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("closing", 3, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    model::check(d.add_child(0), "an empty door has a unit");
    s.thread("worker", [&d] {
      work(d, 0, 1);
      d.end_child(0);
    });
    s.thread("closer", [&d] { close_and_wait(d); });
  });
}

// A newcomer has in hand what the closer recalls.
model::experiment closing_and_newcomer(form kind, mistake made, int preemptions, memory_model memory = {}) {
  return experiment("closing and a newcomer", 2, kind, made, preemptions, memory, [](model::scenario& s, door& d) {
    model::check(d.add_child(0), "an empty door has a unit");
    s.thread("worker", [&d] { d.end_child(0); });
    s.thread("newcomer", [&d] { visit(d); });
    s.thread("closer", [&d] { close_and_wait(d); });
  });
}

// ---- the tests

model::result run(const model::experiment& e) { return model::explore(e.how, e.setup); }

void expect_good(const std::vector<model::experiment>& all) {
  for (const auto& e : all) {
    const model::result r = run(e);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

constexpr form forms[] = {form::returns, form::weights};

using scenario = model::experiment (*)(form, mistake, int, memory_model);

TEST(UnitsModel, ARefusalForWantOfTasksIsTrue) {
  for (const form kind : forms) {
    expect_good({one_worker(kind, mistake::none, 5), one_spare(kind, mistake::none, 5),
                 two_newcomers(kind, mistake::none, 4), two_newcomers_and_a_worker(kind, mistake::none, 4),
                 moving(kind, mistake::none, 5), another_stock(kind, mistake::none, 4),
                 two_workers(kind, mistake::none, 3), one_at_a_time(kind, mistake::none, 3),
                 hand_over(kind, mistake::none, 3), from_outside(kind, mistake::none, 4),
                 after_a_return(kind, mistake::none, 3)});
  }
}

TEST(UnitsModel, WhoWaitsGetsASpareUnit) {
  for (const form kind : forms) {
    expect_good({waiting(kind, mistake::none, 4), two_that_wait(kind, mistake::none, 3),
                 waiter_and_newcomer(kind, mistake::none, 4)});
  }
}

TEST(UnitsModel, NoUnitIsSpareAfterTheClose) {
  for (const form kind : forms) {
    expect_good({closing(kind, mistake::none, 4), closing_and_newcomer(kind, mistake::none, 3)});
  }
}

// ---- memory orders

std::vector<model::experiment> with_views(const std::vector<scenario>& wanted) {
  std::vector<model::experiment> all;
  for (const form kind : forms) {
    for (const scenario in : wanted) all.push_back(in(kind, mistake::none, 2, memory_model::views));
  }
  return all;
}

TEST(UnitsModel, HoldsWithViews) {
  expect_good(
      with_views({one_worker, one_spare, two_newcomers, moving, another_stock, two_workers, one_at_a_time, hand_over,
                  from_outside, after_a_return, waiting, waiter_and_newcomer, closing, closing_and_newcomer}));
}

TEST(UnitsModel, EachOrderIsNeeded) {
  const model::mutants m = model::weaken_each_order(
      "child_stock.hpp", with_views({one_worker, two_newcomers, moving, another_stock, hand_over, from_outside, waiting,
                                     waiter_and_newcomer, closing}));
  EXPECT_EQ(m.killed, 8);
  // It keeps a giver that reads it from settling before the newcomer has looked at the word, which a cycle would be:
  // the explorer runs what a load reads before the load.
  EXPECT_THAT(m.survivors, testing::ElementsAre("ask_no_more fetch_sub: release -> relaxed"));
}

// Of the words, what units for children have added; returns_model.cpp is about the rest.
std::vector<model::experiment> about_the_word(form kind) {
  std::vector<model::experiment> all;
  for (const auto in : {one_worker, from_outside, hand_over, after_a_return, closing}) {
    all.push_back(in(kind, mistake::none, 2, memory_model::views));
  }
  return all;
}

TEST(UnitsModel, EachOrderOfABlockIsNeeded) {
  const model::mutants beside = model::weaken_each_order("task_word.hpp", about_the_word(form::returns));
  EXPECT_THAT(beside.survivors, testing::Each(testing::Not(testing::HasSubstr("try_take_block"))));
  const model::mutants alone = model::weaken_each_order("capacity_word.hpp", about_the_word(form::weights));
  EXPECT_EQ(alone.killed, 6);
  // see returns_model.cpp and limits_model.cpp
  EXPECT_THAT(alone.survivors, testing::Each(testing::AnyOf(testing::StartsWith("close fetch_or: acq_rel"),
                                                            testing::StartsWith("load load"))));
}

// ---- mistakes

/// A mistake, and where it shows.
struct wrong {
  mistake made;
  scenario in;
  int preemptions = 2;
};

class UnitsModelFindsTheMistake : public testing::TestWithParam<wrong> {};

TEST_P(UnitsModelFindsTheMistake, WithBothKindsOfWord) {
  for (const form kind : forms) {
    const auto [made, in, preemptions] = GetParam();
    EXPECT_FALSE(run(in(kind, made, preemptions, {})).passed());
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, UnitsModelFindsTheMistake,
    testing::Values(
        wrong{mistake::refill_without_a_mark, one_worker}, wrong{mistake::refill_that_settles_first, one_worker},
        wrong{mistake::refill_without_a_look, another_stock, 3}, wrong{mistake::put_without_a_look, waiting},
        wrong{mistake::put_without_a_look, moving, 4}, wrong{mistake::put_after_the_look, waiting},
        wrong{mistake::put_that_takes_all, one_spare}, wrong{mistake::recall_without_a_mark, two_newcomers},
        wrong{mistake::recall_before_asking, one_worker, 3}, wrong{mistake::ask_until_the_recall, one_worker, 3},
        wrong{mistake::join_with_an_early_recall, waiting}, wrong{mistake::join_without_a_second_take, two_that_wait},
        wrong{mistake::close_without_a_recall, closing}, wrong{mistake::close_without_asking, closing}));

}  // namespace units_model
