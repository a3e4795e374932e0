// One that waits at a door without a thread, under every schedule within a bound: the real wait, the real timer thread
// and the real gate. Who begins the wait, who gives back and the timer meet; it goes on once, with one outcome, after
// which nobody touches it, and the door can end as soon as all that wait there have gone on.
#include <weir/admission/detail/async_wait.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "explorer.hpp"
#include "holds.hpp"
#include "mistakes.hpp"
#include "mutants.hpp"
#include "taken_apart.hpp"

namespace weir::detail {

struct async_steps {
  /// Whether the timer may touch it still. Read without the lock, which only one fibre at a time can do.
  static bool is_known_to_timer(const async_wait& w, door_timer& by) {
    const timed& as_timed = w;
    return by.started().running_ == &as_timed || as_timed.place_ != not_in_heap;
  }
};

}  // namespace weir::detail

namespace async_model {

using namespace std::chrono_literals;
using model::counted;
using model::door;
using testing::HasSubstr;
using weir::refusal_reason;
using weir::detail::async_door;
using weir::detail::async_steps;
using weir::detail::async_wait;
using weir::detail::door_timer;

/// Goes on once: keeps what it got for a moment, and is gone.
class sleeper final : public async_wait {
 public:
  sleeper(const async_door& where, const weir::acquire_options& asked, counted& over)
      : async_wait(where, asked), over_(&over) {}

  void resume() noexcept override {
    model::check(!has_gone_on_, "it goes on once");
    has_gone_on_ = true;
    weir::result<weir::permit> got = finish();
    model::check(!async_steps::is_known_to_timer(*this, *door().timer), "its timer has let it go");
    if (!got) {
      const refusal_reason why = got.error().reason;
      model::check(why == refusal_reason::timed_out || why == refusal_reason::closed, "it is refused for a reason");
    }
    counted& over = *over_;
    got = weir::refusal{};
    delete this;
    over.add();
  }

 private:
  counted* over_;
  bool has_gone_on_ = false;
};

void wait_at(door& d, const weir::acquire_options& asked, counted& over) {
  const async_door here{&d.at, &d.timer};
  if (!here.take_place(asked)) return over.add();
  auto* const one = new sleeper(here, asked, over);
  if (!one->waits()) one->resume();
}

struct setting {
  weir::limits limits{.max_tasks = 1};
  bool has_patience = true;
  bool is_given_back = true;  // by another thread, what is held
  bool is_closed = false;     // by another thread
  int sleepers = 1;
  int timeouts = 0;  // how often time passes though somebody could run
  std::string_view made = {};
};

std::function<void(model::scenario&)> waits_without_a_thread(const setting& chosen) {
  return [=](model::scenario& s) {
    model::mistake = chosen.made;
    auto* const d = new door(chosen.limits);
    auto* const over = new counted;
    auto* const others = new counted;
    s.label("door", d->at);
    model::check(d->at.try_admit({}, weir::steady_clock_source().now()).granted, "an empty door admits");
    s.room_for_a_thread("timer");
    std::uint32_t count = 0;
    if (chosen.is_given_back) {
      ++count;
      s.thread("holder", [=] {
        d->at.release(1);
        others->add();
      });
    }
    if (chosen.is_closed) {
      ++count;
      s.thread("closer", [=] {
        d->at.close();
        others->add();
      });
    }
    s.thread("waiter", [=] {
      for (int i = 0; i < chosen.sleepers; ++i) {
        weir::acquire_options asked;
        if (chosen.has_patience) asked.until = weir::deadline(weir::steady_clock_source().now() + 1s);
        wait_at(*d, asked, *over);
      }
      over->await(static_cast<std::uint32_t>(chosen.sleepers));
      others->await(count);
      if (!chosen.is_given_back) d->at.release(1);
      delete d;  // ends the timer thread, too
    });
    s.finally([=] {
      model::mistake = {};
      delete over;
      delete others;
    });
  };
}

model::experiment with(std::string name, const setting& chosen, int preemptions, bool views = false) {
  model::options how{.name = "async, " + std::move(name), .preemptions = preemptions};
  if (views) how = model::with_views(how.name + ", views", preemptions);
  how.timeouts = chosen.timeouts;
  return {how, waits_without_a_thread(chosen)};
}

const setting granted_or_late{.timeouts = 1};
const setting late_alone{.is_given_back = false};
const setting granted{.has_patience = false};
const setting closed_or_granted{.has_patience = false, .is_closed = true};
const setting two_in_a_row{.has_patience = false, .sleepers = 2};
const setting token_due{.limits = {.rate = weir::per_second(1), .burst = 1}, .has_patience = false};

TEST(AsyncModel, GoesOnOnceWhateverComesFirst) {
  model::expect_holds(with("granted or late", granted_or_late, 2));
  model::expect_holds(with("late", late_alone, 3));
  model::expect_holds(with("granted", granted, 3));
  model::expect_holds(with("closed or granted", closed_or_granted, 2));
  model::expect_holds(with("two in a row", two_in_a_row, 2));
}

TEST(AsyncModel, GetsItsTokenWhenItIsDue) { model::expect_holds(with("a token", token_due, 2)); }

std::vector<model::experiment> experiments() {
  return {with("granted or late", granted_or_late, 1, true), with("late", late_alone, 2, true),
          with("granted", granted, 2, true), with("closed or granted", closed_or_granted, 1, true)};
}

TEST(AsyncModel, GoesOnOnceWithViews) {
  for (const auto& e : experiments()) model::expect_holds(e);
}

// ---- mistakes: async_wait.mistakes, timer_thread.mistakes

std::string failure_of(setting chosen, std::string_view made, int preemptions = 2) {
  chosen.made = made;
  const auto e = with("mistake: " + std::string(made), chosen, preemptions, true);
  return model::explore(e.how, e.setup).failure;
}

TEST(AsyncModel, NeedsEachStepOfTheWait) {
  EXPECT_THAT(failure_of(granted, "the outcome is told by a store"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(granted, "who begins looks before it is armed"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(granted_or_late, "it goes on while its timer is set"), HasSubstr("let it go"));
}

TEST(AsyncModel, NeedsEachStepOfTheTimer) {
  EXPECT_THAT(failure_of(granted_or_late, "a removal does not wait"), HasSubstr("let it go"));
  EXPECT_THAT(failure_of(late_alone, "an earlier time wakes nobody"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(late_alone, "an earlier time does not change the word"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(late_alone, "the thread looks at the word too late"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(granted, "the end wakes nobody"), HasSubstr("deadlock"));
  EXPECT_THAT(failure_of(granted_or_late, "the end of what is awaited wakes nobody"), HasSubstr("deadlock"));
}

// The two additions to the state; all else is published by locks.
TEST(AsyncModel, NeedsTheOrdersOfTheState) {
  const model::mutants m = model::weaken_each_order("async_wait.cpp", experiments());
  EXPECT_GT(m.total, 0);
  EXPECT_THAT(m.survivors, testing::IsEmpty());
}

}  // namespace async_model
