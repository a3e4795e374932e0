// The real gate with credits, under every schedule within a bound: what is out of the word is found by who needs it, a
// refusal was true, nobody passes those who wait, a close or a lowered limit, by what was in a purse, and who takes all
// comes after all that others did. Each order of the source is weakened in turn, and each step of admission/credits.md
// left out.
#include <weir/admission/detail/gate.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "credits_door.hpp"

namespace credits_model {

// Two come and go on their CPUs, and one wants all.
experiment all_of_it(mistake made, int preemptions, memory_model memory = {}) {
  return with_door("all of it", made, preemptions, memory, [](model::scenario& s, door& d) {
    s.thread("cpu 0", [&d] { on_cpu(0), d.visit(2); });
    s.thread("cpu 1", [&d] {
      on_cpu(1);
      d.visit(2);
      d.visit(4);
    });
    s.thread("all", [&d] { on_cpu(0), d.visit(limit); });
  });
}

// What the word lacks is in the purse of another CPU, or on its way there or back.
experiment elsewhere(mistake made, int preemptions, memory_model memory = {}) {
  return with_door("elsewhere", made, preemptions, memory, [](model::scenario& s, door& d) {
    d.may_be_inside(2);
    model::check(d.at.try_admit({.weight = 2}, {}).granted, "there is room");
    d.inside += 2;
    s.thread("cpu 0", [&d] { on_cpu(0), d.visit(6); });
    s.thread("cpu 1", [&d] {
      on_cpu(1);
      d.leave(2);
      d.visit(2);
    });
  });
}

// All but what is in purse 1 is held until the end: who uses that is alone, and finds what the last one has left.
void keep_all_but_purse_1(door& d) {
  on_cpu(0);
  for (int i = 0; i < 2; ++i) model::check(d.try_to_enter(3), "there is room");
  model::check(credit_steps::in_purses(d.at) == 2, "all in purse 1");
  d.kept = 6;
}

experiment from_hand_to_hand(mistake made, int preemptions, memory_model memory = {}) {
  return with_door("from hand to hand", made, preemptions, memory, [](model::scenario& s, door& d) {
    keep_all_but_purse_1(d);
    for (const char* name : {"one", "other"}) {
      s.thread(name, [&d] { on_cpu(1), d.visit(2); });
    }
  });
}

// The same, but one on another CPU finds it by the word.
experiment by_the_word(mistake made, int preemptions, memory_model memory = {}) {
  return with_door("by the word", made, preemptions, memory, [](model::scenario& s, door& d) {
    keep_all_but_purse_1(d);
    s.thread("cpu 1", [&d] { on_cpu(1), d.visit(2); });
    s.thread("cpu 0", [&d] { on_cpu(0), d.visit(2); });
  });
}

// The same, but one who wants more than there is has swept it there, under the lock, and left it.
experiment left_in_the_word(mistake made, int preemptions, memory_model memory = {}) {
  return with_door("left in the word", made, preemptions, memory, [](model::scenario& s, door& d) {
    keep_all_but_purse_1(d);
    s.thread("cpu 1", [&d] { on_cpu(1), d.visit(2); });
    s.thread("too much", [&d] { on_cpu(0), d.visit(3); });
    s.thread("cpu 0", [&d] { on_cpu(0), d.visit(2); });
  });
}

// One gives back, goes to another CPU, and takes what is there: it never has more than one of the two.
experiment moving(mistake made, int preemptions, memory_model memory = {}) {
  return with_door("moving", made, preemptions, memory, [](model::scenario& s, door& d) {
    keep_all_but_purse_1(d);
    d.leave(3);  // to purse 0
    d.kept = 3;
    s.thread("mover", [&d] {
      on_cpu(0);
      const bool in = d.try_to_enter(3);
      if (in) d.leave(3);
      on_cpu(1);
      d.visit(2);
    });
    s.thread("newcomer", [&d] { on_cpu(0), d.visit(3); });
  });
}

// The purses are opened while one looks at the word.
experiment opened(mistake made, int preemptions, memory_model memory = {}) {
  const auto setup = [](model::scenario& s, door& d) {
    s.thread("cpu 0", [&d] { on_cpu(0), d.visit(6); });
    s.thread("cpu 1", [&d] { on_cpu(1), d.visit(2); });
  };
  return with_door("opened", made, preemptions, memory, setup, purses::closed);
}

// One puts what it held into a purse that another one has opened, and who hears of that finds it.
experiment opened_by_another(mistake made, int preemptions, memory_model memory = {}) {
  const auto setup = [](model::scenario& s, door& d) {
    on_cpu(1);
    model::check(d.try_to_enter(5), "there is room");  // and too little left to open the purses
    d.leave(2);
    s.thread("opens", [&d] { on_cpu(0), d.visit(1); });
    s.thread("puts", [&d] {
      on_cpu(1);
      d.leave(3);
      d.tell();
    });
    s.thread("hears", [&d] {
      const bool has_heard = d.told.load(weir::detail::memory_order_acquire) == door::yes;
      const bool granted = d.at.try_admit({.weight = 6}, {}).granted;
      model::check(granted || !has_heard, "what was given back is found");
      if (granted) d.at.release(6);
    });
  };
  return with_door("opened by another", made, preemptions, memory, setup, purses::closed);
}

// One waits for all, and who has heard of that may not pass. One holds two, and leaves.
experiment who_waits(mistake made, int preemptions, memory_model memory = {}) {
  return with_door("who waits", made, preemptions, memory, [](model::scenario& s, door& d) {
    on_cpu(0);
    model::check(d.at.try_admit({.weight = 2}, {}).granted, "there is room");
    d.inside += 2;
    s.thread("waiter", [&d] { d.wait_for(limit); });
    s.thread("holder", [&d] {
      on_cpu(0);
      if (!d.at.try_admit({.weight = 4}, {}).granted) {  // more than its purse has
        d.tell();                                        // somebody waits, or has all until the end
      } else {
        d.at.release(4);
      }
      d.leave(2);
    });
    s.thread("passer", [&d] { on_cpu(1), d.come_unless_told(2); });
  });
}

experiment closed(mistake made, int preemptions, memory_model memory = {}) {
  return with_door("closed", made, preemptions, memory, [](model::scenario& s, door& d) {
    s.thread("closes", [&d] { d.close(); });
    s.thread("hears", [&d] {
      on_cpu(0);
      const gate::verdict v = d.at.try_admit({.weight = limit}, {});
      if (v.granted) d.at.release(limit);
      if (!v.granted && v.why == weir::refusal_reason::closed) d.tell();
    });
    s.thread("passer", [&d] { on_cpu(1), d.come_unless_told(2); });
  });
}

// Lowered to what fits one visitor.
experiment lowered(mistake made, int preemptions, memory_model memory = {}) {
  return with_door("lowered", made, preemptions, memory, [](model::scenario& s, door& d) {
    s.thread("lowers", [&d] {
      d.at.set_limits({.max_tasks = weir::unlimited, .max_weight = 2});
      model::check(d.at.wait_until_within(weir::time_point::max()), "it fits in the end");
      d.most = 2;
      d.tell();
    });
    for (const std::size_t cpu : {0, 1}) {
      s.thread(cpu == 0 ? "cpu 0" : "cpu 1", [&d, cpu] {
        on_cpu(cpu);
        if (d.at.try_admit({.weight = 2}, {}).granted) {
          d.inside += 2;
          model::check(d.told.load(weir::detail::memory_order_acquire) == 0 || d.inside <= d.most,
                       "never more than the lowered limit");
          d.leave(2);
        }
      });
    }
  });
}

std::vector<experiment> all(int preemptions, memory_model memory) {
  std::vector<experiment> these;
  for (const auto make : {all_of_it, elsewhere, opened, opened_by_another, who_waits, closed, lowered,
                          from_hand_to_hand, by_the_word, left_in_the_word, moving}) {
    const bool is_large = make == all_of_it && memory == memory_model::views;
    these.push_back(make(mistake::none, is_large ? 1 : preemptions, memory));
  }
  return these;
}

void expect_to_hold(int preemptions, memory_model memory) {
  for (const experiment& e : all(preemptions, memory)) {
    const model::result r = model::explore(e.how, e.setup);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

TEST(CreditsModel, AreFoundByWhoNeedsThemAndPassNobody) { expect_to_hold(2, {}); }
TEST(CreditsModel, HoldWithViews) { expect_to_hold(2, memory_model::views); }

TEST(CreditsModel, EachOrderIsNeeded) {
  std::vector<experiment> these;
  for (const auto make : {from_hand_to_hand, by_the_word, left_in_the_word, moving, opened_by_another, closed}) {
    these.push_back(make(mistake::none, make == left_in_the_word ? 1 : 2, memory_model::views));
  }
  // Needed by who takes what came by the word (fill, surplus), which a quarter of so little cannot show; and the
  // release of a take, which no schedule shows, since stores are made in its order: see admission/credits.md.
  const model::mutants purses = model::weaken_each_order("credits.hpp", these);
  EXPECT_THAT(purses.survivors, testing::UnorderedElementsAre("fill fetch_add: release -> relaxed",
                                                              "take compare_exchange: acq_rel -> acquire",
                                                              "take_surplus compare_exchange: acquire -> relaxed"));
  const model::mutants word = model::weaken_each_order("capacity_word.hpp", these);
  EXPECT_THAT(word.survivors, testing::Each(testing::Not(testing::HasSubstr("take_back_spare"))));
}

// ---- mistakes

struct wrong {
  mistake made;
  experiment (*in)(mistake, int, memory_model);
};

class CreditMistakes : public testing::TestWithParam<wrong> {};

TEST_P(CreditMistakes, AreNoticed) {
  const experiment e = GetParam().in(GetParam().made, 2, {});
  const model::result r = model::explore(e.how, e.setup);
  EXPECT_FALSE(r.passed()) << r.report;
}

INSTANTIATE_TEST_SUITE_P(Each, CreditMistakes,
                         testing::Values(wrong{mistake::refuse_by_the_word, all_of_it},
                                         wrong{mistake::refuse_by_an_old_bit, opened},
                                         wrong{mistake::top_up_without_the_lock, elsewhere},
                                         wrong{mistake::late_sweep, who_waits}, wrong{mistake::no_sweep, who_waits},
                                         wrong{mistake::late_sweep_at_the_close, closed},
                                         wrong{mistake::sweep_that_leaves_purses_open, all_of_it}));

}  // namespace credits_model
