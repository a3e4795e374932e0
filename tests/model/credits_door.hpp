// What the models of credits are about: a gate with two purses, what is known about it from outside, and the mistakes
// that can be made.
#pragma once

#include <weir/admission/detail/gate.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "checked.hpp"
#include "credit_steps.hpp"
#include "explorer.hpp"
#include "mutants.hpp"
#include "person.hpp"

namespace credits_model {

using model::experiment;
using model::memory_model;
using model::no_time;
using model::person;
using weir::detail::credit_steps;
using weir::detail::gate;
using outcome = weir::detail::capacity::outcome;

enum class mistake {
  none,
  refuse_by_the_word,
  refuse_by_an_old_bit,
  top_up_without_the_lock,
  late_sweep,
  no_sweep,
  late_sweep_at_the_close,
  sweep_that_leaves_purses_open,
};

constexpr std::int64_t limit = 8;  // four who weigh two each; a quarter of it is one of them

/// A newcomer's try: its weight, and the most that others may have held since it began.
struct attempted {
  std::int64_t weight;
  std::int64_t others;
};

/// A door with two purses, and what is known about it from outside.
struct door {
  explicit door(mistake which)
      : at({.max_tasks = weir::unlimited, .max_weight = limit}, no_time, nullptr, 0, {},
           {.purses = 2, .limit_per_purse = 1, .share = 1}),
        made(which) {}

  gate at;
  mistake made;
  std::int64_t most = limit;
  std::int64_t inside = 0;     // raised after a grant and lowered before a release: never above the truth
  std::int64_t maybe = 0;      // raised before a try and lowered after a release: never below it
  std::int64_t most_ever = 0;  // what `maybe` has been
  bool has_views = false;      // so that who comes may see what was before
  std::vector<attempted*> tries;
  weir::detail::atomic<int> told{0};  // somebody knows that nobody may come in any more
  std::int64_t kept = 0;              // held until the threads have finished
  model::checked<int> left;           // written by who has all, read by others
  static constexpr int yes = 1;

  void may_be_inside(std::int64_t weight) {
    maybe += weight;
    most_ever = std::max(most_ever, maybe);
    for (attempted* t : tries) t->others = std::max(t->others, maybe - t->weight);
  }
  void is_inside(std::int64_t weight) {
    inside += weight;
    model::check(inside <= most, "never more than the limit");
    weight + kept == limit ? left.set(1) : (void)left.get();
  }

  outcome attempt(std::uint32_t weight) {
    switch (made) {
      case mistake::refuse_by_the_word:
        return credit_steps::refuse_by_the_word(at, weight);
      case mistake::refuse_by_an_old_bit:
        return credit_steps::refuse_by_an_old_bit(at, weight);
      case mistake::top_up_without_the_lock:
        credit_steps::top_up_without_the_lock(at);
        break;
      case mistake::sweep_that_leaves_purses_open:
        if (weight == limit) credit_steps::sweep_without_closing(at);
        break;
      default:
        break;
    }
    return credit_steps::admit(at, weight);
  }

  /// Without waiting; nobody else ever waits, or closes.
  bool try_to_enter(std::uint32_t weight) {
    attempted one{weight, has_views ? most_ever : 0};
    tries.push_back(&one);
    may_be_inside(weight);
    const outcome found = attempt(weight);
    tries.erase(std::find(tries.begin(), tries.end(), &one));
    if (found == outcome::taken) {
      is_inside(weight);
      return true;
    }
    maybe -= weight;
    model::check(one.others + weight > limit, "told weight_full when there was no room");
    return false;
  }

  void leave(std::uint32_t weight) {
    if (weight + kept == limit) left.set(2);
    inside -= weight;
    at.release(weight);
    maybe -= weight;
  }

  void visit(std::uint32_t weight) {
    if (try_to_enter(weight)) leave(weight);
  }

  /// From now on who is told must be refused.
  void tell() { told.store(yes, weir::detail::memory_order_release); }
  /// Comes in by what is in the purse, unless told not to.
  void come_unless_told(std::uint32_t weight) {
    const bool must_not = told.load(weir::detail::memory_order_acquire) == yes;
    if (at.try_admit({.weight = weight}, {}).granted) {
      model::check(!must_not, "nobody comes in past who waits, a close, or a lowered limit");
      is_inside(weight);
      leave(weight);
    }
  }

  void wait_for(std::uint32_t weight) {
    person p(weight);
    if (made == mistake::late_sweep) {
      credit_steps::join_with_a_late_sweep(at, p);
    } else if (made == mistake::no_sweep) {
      credit_steps::join_without_a_sweep(at, p);
    } else {
      at.join(p, gate::place::uncounted);
    }
    p.sleep_until_told();
    model::check(p.granted, "who waits is let in");
    is_inside(weight);
  }

  void close() { made == mistake::late_sweep_at_the_close ? credit_steps::close_with_a_late_sweep(at) : at.close(); }
};

inline void on_cpu(std::size_t cpu) { weir::detail::cpu_of_this_thread = cpu; }

/// Whether the purses are open at first, and have one visitor's weight each.
enum class purses { closed, filled };

template <typename Setup>
experiment with_door(const char* name, mistake made, int preemptions, memory_model memory, Setup setup,
                     purses first = purses::filled) {
  const bool views = memory == memory_model::views;
  model::options how{.name = std::string("credits, ") + name + (views ? ", views" : ""),
                     .preemptions = preemptions,
                     .memory = memory,
                     .old_reads = 2};
  return {how, [=](model::scenario& s) {
            door* const d = new door(made);
            d->has_views = views;
            for (const std::size_t cpu : {0, 1}) {  // one visit on each
              if (first == purses::closed) break;
              on_cpu(cpu);
              model::check(d->at.try_admit({.weight = 2}, {}).granted, "an empty door admits");
              d->at.release(2);
            }
            model::check((credit_steps::in_purses(d->at) != 0) == (first == purses::filled), "spare or not");
            setup(s, *d);
            s.finally([d] {
              on_cpu(0);
              d->kept = 0;
              while (d->inside != 0) d->leave(1);
              model::check(d->at.weight_in_use() == 0, "all was given back");
              const auto all = static_cast<std::uint32_t>(d->at.max_weight());
              model::check(d->at.try_admit({.weight = all}, {}).granted == !d->at.is_closed(), "and is one room again");
              if (!d->at.is_closed()) d->at.release(all);
              delete d;
            });
          }};
}

}  // namespace credits_model
