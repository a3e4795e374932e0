// One that waits, without a thread, until what is held fits lowered limits again: beside who gives back, who raises the
// limits, who closes and its time, it goes on once, and is forgotten by none of them.
#include <weir/admission/detail/async_wait.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <tuple>

#include "explorer.hpp"
#include "taken_apart.hpp"

namespace within_model {

using namespace std::chrono_literals;
using model::counted;
using model::door;
using weir::refusal_reason;
using weir::detail::async_door;
using weir::detail::async_wait;

constexpr weir::limits two{.max_tasks = weir::unlimited, .max_weight = 2};
constexpr weir::limits one{.max_tasks = weir::unlimited, .max_weight = 1};

enum class outcome { none, fits, late, closed };

/// Goes on once.
class sleeper final : public async_wait {
 public:
  sleeper(const async_door& where, const weir::acquire_options& asked, counted& over)
      : async_wait(where, asked), over_(&over) {}

  void resume() noexcept override {
    model::check(told == outcome::none, "it goes on once");
    const weir::result<void> got = finish_without_permit();
    told = got ? outcome::fits : got.error().reason == refusal_reason::closed ? outcome::closed : outcome::late;
    over_->add();
  }

  outcome told = outcome::none;

 private:
  void stand() noexcept override { door().at->join_until_within(*this); }
  void leave(refusal_reason why) noexcept override { (void)door().at->withdraw_until_within(*this, why); }

  counted* over_;
};

struct setting {
  bool is_given_back = false;
  bool is_raised = false;
  bool is_closed = false;
  bool has_patience = false;
  bool may_be_late = false;  // though somebody could run
};

model::result explore(const std::string& name, const setting& chosen, int preemptions) {
  model::options how{.name = "until within, " + name, .preemptions = preemptions};
  how.timeouts = chosen.may_be_late ? 1 : 0;
  return model::explore(how, [=](model::scenario& s) {
    auto* const d = new door(two);
    auto* const over = new counted;
    auto* const others = new counted;
    s.label("door", d->at);
    model::check(d->at.try_admit({.weight = 2}, {}).granted, "an empty door admits");
    d->at.set_limits(one);
    s.room_for_a_thread("timer");
    std::uint32_t count = 0;
    const auto beside = [&](bool is_there, const char* who, auto act) {
      if (!is_there) return;
      ++count;
      s.thread(who, [=] {
        act();
        others->add();
      });
    };
    beside(chosen.is_given_back, "holder", [d] { d->at.release_part(1); });
    beside(chosen.is_raised, "limits", [d] { d->at.set_limits(two); });
    beside(chosen.is_closed, "closer", [d] { d->at.close(); });
    s.thread("waiter", [=] {
      weir::acquire_options asked;
      if (chosen.has_patience) asked.until = weir::deadline(weir::steady_clock_source().now() + 1s);
      const async_door here{&d->at, &d->timer};
      here.have_timer();
      sleeper waits(here, asked, *over);
      if (!waits.waits()) waits.resume();
      over->await(1);
      const bool may_fit = chosen.is_given_back || chosen.is_raised;
      model::check(waits.told != outcome::fits || may_fit, "it fits only if something was done for that");
      model::check(waits.told != outcome::late || chosen.has_patience, "it is late only if it has a time");
      model::check(waits.told != outcome::closed || chosen.is_closed, "it is closed only if somebody closes");
      others->await(count);
      d->at.release(chosen.is_given_back ? 1 : 2);
      delete d;  // ends the timer thread, too
    });
    s.finally([=] {
      delete over;
      delete others;
    });
  });
}

TEST(WithinModel, GoesOnOnceWhateverComesFirst) {
  for (const auto& [name, chosen, preemptions] :
       {std::tuple{"given back", setting{.is_given_back = true}, 3},
        std::tuple{"raised", setting{.is_raised = true}, 3},
        std::tuple{"closed or given back", setting{.is_given_back = true, .is_closed = true}, 2},
        std::tuple{"late", setting{.has_patience = true}, 3},
        std::tuple{"late or given back", setting{.is_given_back = true, .has_patience = true, .may_be_late = true},
                   2}}) {
    const model::result r = explore(name, chosen, preemptions);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

}  // namespace within_model
