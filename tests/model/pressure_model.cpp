// Who is told that the real gate is nearly full, under every schedule within a bound: whatever takers, givers and those
// in line do at the same time, calls alternate and never overlap, the state that was told last is that of the numbers
// when all is still, and what is spare is no pressure. Each order of the source is weakened in turn, and each step of
// admission/pressure.md left out.
#include <weir/admission/detail/gate.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "checked.hpp"
#include "explorer.hpp"
#include "mistakes.hpp"
#include "mutants.hpp"
#include "person.hpp"
#include "unit_steps.hpp"

namespace pressure_model {

using model::memory_model;
using model::no_time;
using model::person;
using testing::HasSubstr;
using weir::pressure;
using weir::refusal_reason;
using weir::detail::gate;

/// A door, and what its handler was told.
struct door {
  door(const weir::limits& configured, std::size_t givers, std::function<void(door&, const pressure&)> also)
      : at(configured, no_time, nullptr, givers, {.block = 2, .tasks_per_giver = 1}, {.purses = 0},
           [this, also](const pressure& p) {
             last.set(p.is_high ? 1 : 0);  // written by one after the other
             model::check(++inside_handler == 1, "one call at a time");
             model::check(p.is_high != is_high, "high and low by turns");
             is_high = p.is_high;
             ++calls;
             if (also) also(*this, p);
             --inside_handler;
           }) {}

  gate at;
  bool is_high = false;
  int calls = 0;
  int inside_handler = 0;
  model::checked<int> last;
  person first{600};
  person last_one{600};

  void enter(std::uint32_t weight = 1) { model::check(at.try_admit({.weight = weight}, {}).granted, "there is room"); }
  void wait(person& p) {
    model::check(at.reserve(p.request()).has_value(), "there is a place");
    at.join(p, gate::place::reserved);
  }
  void visit(std::uint32_t weight = 1) {
    enter(weight);
    at.release(weight);
  }
};

using setup = std::function<void(model::scenario&, door&)>;

struct scene {
  const char* name;
  weir::limits configured;
  setup set_up;
  std::function<void(door&)> at_the_end;
  std::size_t givers = 0;
  std::function<void(door&, const pressure&)> also = {};
};

model::experiment experiment_of(const scene& of, int preemptions = 1, memory_model memory = memory_model::views) {
  const bool views = memory == memory_model::views;
  return {.how = {.name = std::string(of.name) + (views ? ", views" : ""),
                  .preemptions = preemptions,
                  .missed_stores = views ? 0 : 1,
                  .memory = memory,
                  .old_reads = 2},
          .setup = [&of](model::scenario& s) {
            door* const d = new door(of.configured, of.givers, of.also);
            s.label("door", d->at);
            of.set_up(s, *d);
            s.finally([d, &of] {
              of.at_the_end(*d);
              delete d;
            });
          }};
}

model::result explore(const scene& of, int preemptions, memory_model memory = {}) {
  const model::experiment e = experiment_of(of, preemptions, memory);
  return model::explore(e.how, e.setup);
}

/// The mark is at 2 of 3, relief at 1.
constexpr weir::limits three{.max_tasks = weir::unlimited, .max_weight = 3, .warn_at = 0.6};

// ---- one reaches the mark, another one gives back below it

const scene up_and_down{.name = "up and down",
                        .configured = three,
                        .set_up =
                            [](model::scenario& s, door& d) {
                              d.enter();
                              s.thread("taker", [&d] { d.enter(); });
                              s.thread("giver", [&d] { d.at.release(1); });
                              s.thread("visitor", [&d] { d.visit(); });
                            },
                        .at_the_end =
                            [](door& d) {
                              model::check(!d.is_high, "the last that is told is that it is relieved");
                              d.enter();
                              model::check(d.is_high, "and what comes after that is told");
                              d.at.release(1);
                              d.at.release(1);
                              model::check(!d.is_high, "and its end");
                            }};

const scene down_and_up{.name = "down and up",
                        .configured = three,
                        .set_up =
                            [](model::scenario& s, door& d) {
                              d.enter(2);
                              s.thread("giver", [&d] { d.at.release(2); });
                              s.thread("taker", [&d] { (void)d.at.try_admit({.weight = 1}, {}); });
                              s.thread("other", [&d] { (void)d.at.try_admit({.weight = 1}, {}); });
                            },
                        .at_the_end =
                            [](door& d) {
                              const auto held = static_cast<std::uint32_t>(d.at.weight_in_use());
                              model::check(d.is_high == (held >= 2), "high with two of three, low with one");
                              for (std::uint32_t i = 0; i < held; ++i) d.at.release(1);
                              model::check(!d.is_high, "nothing is held");
                            }};

// ---- a line that fills and empties

const scene line{.name = "line",
                 .configured = {.max_tasks = weir::unlimited, .max_weight = 1'000, .max_waiters = 2, .warn_at = 1},
                 .set_up =
                     [](model::scenario& s, door& d) {
                       d.enter(600);
                       for (const char* const name : {"one", "other"}) {
                         auto p = std::make_shared<person>(600);
                         s.thread(name, [&d, p] {
                           model::check(d.at.reserve(p->request()).has_value(), "there is a place");
                           d.at.join(*p, gate::place::reserved);
                           (void)d.at.withdraw(*p, refusal_reason::cancelled);
                           p->sleep_until_told();
                         });
                       }
                     },
                 .at_the_end =
                     [](door& d) {
                       model::check(!d.is_high, "the line is empty");
                       d.at.release(600);
                     }};

// The last one that comes stays, while the first one goes.
const scene one_goes{.name = "one goes",
                     .configured = {.max_tasks = weir::unlimited, .max_weight = 1'000, .max_waiters = 2, .warn_at = 1},
                     .set_up =
                         [](model::scenario& s, door& d) {
                           d.enter(600);
                           d.wait(d.first);
                           s.thread("first", [&d] { (void)d.at.withdraw(d.first, refusal_reason::cancelled); });
                           s.thread("last", [&d] { d.wait(d.last_one); });
                         },
                     .at_the_end =
                         [](door& d) {
                           model::check(d.at.waiting() == 1 && !d.is_high, "one in line of two is no pressure");
                           (void)d.at.withdraw(d.last_one, refusal_reason::cancelled);
                           d.at.release(600);
                         }};

// ---- children, and what is spare for them

const scene children{.name = "children",
                     .configured = {.max_tasks = 6, .warn_at = 0.6},  // 4 of 6
                     .set_up =
                         [](model::scenario& s, door& d) {
                           d.enter();
                           for (std::size_t giver = 0; giver < 2; ++giver) {
                             s.thread(giver == 0 ? "giver 0" : "giver 1", [&d, giver] {
                               if (d.at.try_add_child(giver)) d.at.end_child(giver);
                             });
                           }
                         },
                     .at_the_end =
                         [](door& d) {
                           model::check(!d.is_high, "what is spare is not held");
                           for (int i = 0; i < 3; ++i) d.enter();
                           model::check(d.is_high, "four are");
                           for (int i = 0; i < 4; ++i) d.at.release(1, 0);
                           model::check(!d.is_high, "nothing is held");
                         },
                     .givers = 2};

const scene held_children{.name = "held children",
                          .configured = {.max_tasks = 6, .warn_at = 0.6},
                          .set_up =
                              [](model::scenario& s, door& d) {
                                for (int i = 0; i < 3; ++i) d.enter();
                                for (std::size_t giver = 0; giver < 2; ++giver) {
                                  s.thread(giver == 0 ? "giver 0" : "giver 1", [&d, giver] {
                                    model::check(d.at.try_add_child(giver), "there is a task");
                                    d.at.release(1, giver);
                                  });
                                }
                              },
                          .at_the_end =
                              [](door& d) {
                                d.enter();
                                model::check(d.is_high, "four are held");
                                for (int i = 0; i < 2; ++i) d.at.release(1, 0);
                                for (std::size_t giver = 0; giver < 2; ++giver) d.at.end_child(giver);
                                model::check(!d.is_high, "nothing is held");
                              },
                          .givers = 2};

const scene children_that_end{.name = "children that end",
                              .configured = {.max_tasks = 6, .warn_at = 0.6},
                              .set_up =
                                  [](model::scenario& s, door& d) {
                                    for (std::size_t giver = 0; giver < 2; ++giver) {
                                      model::check(d.at.try_add_child(giver), "there is a task");
                                      s.thread(giver == 0 ? "giver 0" : "giver 1", [&d, giver] {
                                        model::check(d.at.try_add_child(giver), "there is another one");
                                        for (int i = 0; i < 2; ++i) d.at.end_child(giver);
                                      });
                                    }
                                  },
                              .at_the_end =
                                  [](door& d) {
                                    model::check(!d.is_high, "all have ended");
                                    model::check(!weir::detail::unit_steps::is_asked(d.at), "nobody asks any more");
                                  },
                              .givers = 2};

// ---- limits that change, and a handler that uses the door

const scene limits_move{.name = "limits move",
                        .configured = three,
                        .set_up =
                            [](model::scenario& s, door& d) {
                              d.enter();
                              s.thread("taker", [&d] { d.enter(); });
                              s.thread("limits", [&d] {
                                weir::limits more = three;
                                more.max_weight = 5;  // the mark is at 3
                                d.at.set_limits(more);
                              });
                            },
                        .at_the_end =
                            [](door& d) {
                              d.enter();
                              model::check(d.is_high, "three are held");
                              for (int i = 0; i < 3; ++i) d.at.release(1);
                              model::check(!d.is_high, "nothing is held");
                            }};

const scene handler_that_gives_back{
    .name = "handler that gives back",
    .configured = three,
    .set_up =
        [](model::scenario& s, door& d) {
          d.enter();
          s.thread("taker", [&d] { d.enter(); });
          s.thread("visitor", [&d] { d.visit(); });
        },
    .at_the_end =
        [](door& d) {
          model::check(d.is_high == (d.at.weight_in_use() >= 2) || d.at.weight_in_use() == 1, "as the numbers say");
          for (auto n = d.at.weight_in_use(); n > 0; --n) d.at.release(1);
          model::check(!d.is_high, "nothing is held");
        },
    .givers = 0,
    .also =
        [](door& d, const pressure& p) {
          if (p.is_high && d.calls == 1) d.at.release(1);
        }};

const scene* const all[] = {&up_and_down,       &down_and_up, &line,
                            &one_goes,          &children,    &held_children,
                            &children_that_end, &limits_move, &handler_that_gives_back};

class PressureModel : public testing::TestWithParam<const scene*> {};

TEST_P(PressureModel, TellsTheStateThatTheNumbersHave) {
  const model::result r = explore(*GetParam(), 2);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

TEST_P(PressureModel, TellsItWithViews) {
  const model::result r = explore(*GetParam(), 1, memory_model::views);
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
}

std::string name_of(const testing::TestParamInfo<const scene*>& info) {
  std::string name = info.param->name;
  std::erase(name, ' ');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Of, PressureModel, testing::ValuesIn(all), name_of);

// ---- mistakes: pressure/gate_pressure.mistakes

std::string failure_of(const scene& of, std::string_view made, memory_model memory = {}) {
  model::mistake = made;
  const model::result r = explore(of, 2, memory);
  model::mistake = {};
  return r.failure;
}

TEST(PressureModel, NeedsEachStepOfWhoFollows) {
  EXPECT_THAT(failure_of(up_and_down, "there is no second look"), HasSubstr("relieved"));
  EXPECT_THAT(failure_of(children, "what is spare is not recalled"), HasSubstr("spare"));
  EXPECT_THAT(failure_of(children_that_end, "two change the state at once"), HasSubstr("asks"));
  EXPECT_THAT(failure_of(children_that_end, "nobody asks while it is high"), HasSubstr("have ended"));
  EXPECT_THAT(failure_of(down_and_up, "the state is written without meeting others", memory_model::views),
              HasSubstr("high with two"));
}

TEST(PressureModel, NeedsEachStepOfWhoTells) {
  EXPECT_THAT(failure_of(up_and_down, "two tell at once"), HasSubstr("by turns"));
  EXPECT_THAT(failure_of(up_and_down, "who tells does not go on"), HasSubstr("relieved"));
}

std::vector<model::experiment> experiments() {
  std::vector<model::experiment> out;
  for (const scene* of : all) out.push_back(experiment_of(*of));
  return out;
}

TEST(PressureModel, NeedsTheOrdersOfWhoTells) {
  const model::mutants m = model::weaken_each_order("gate_pressure.cpp", experiments());
  EXPECT_GT(m.total, 0);
  EXPECT_THAT(m.survivors, testing::IsEmpty());
}

// What else is in the word has models of its own.
TEST(PressureModel, NeedsTheAdditionOfNothing) {
  const model::mutants m = model::weaken_each_order("capacity_word.hpp", experiments());
  EXPECT_THAT(
      m.survivors,
      testing::Each(testing::Not(testing::AnyOf(HasSubstr("meet"), HasSubstr("load load"), HasSubstr("give_back")))));
}

}  // namespace pressure_model
