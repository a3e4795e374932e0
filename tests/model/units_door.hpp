// A door with givers that keep units for children, as the model of units uses it: the real gate, an account of its own
// of who is inside, and the mistakes of unit_steps.hpp in the place of its steps.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <weir/admission/detail/gate.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "mutants.hpp"
#include "person.hpp"
#include "unit_steps.hpp"

namespace units_model {

using model::memory_model;
using model::no_time;
using model::person;
using weir::refusal_reason;
using weir::detail::capacity;
using weir::detail::gate;
using weir::detail::unit_steps;

enum class mistake {
  none,
  refill_without_a_mark,
  refill_that_settles_first,
  refill_without_a_look,
  put_without_a_look,
  put_after_the_look,
  put_that_takes_all,
  recall_without_a_mark,
  recall_before_asking,
  ask_until_the_recall,
  join_with_an_early_recall,
  join_without_a_second_take,
  close_without_a_recall,
  close_without_asking,
};

/// With returns beside the word, or, where weights are counted, the word alone.
enum class form { returns, weights };

constexpr std::size_t givers = 2;

struct door {
  door(int most_tasks, form kind, mistake which, std::uint32_t block)
      : at({.max_tasks = most_tasks, .max_weight = kind == form::weights ? std::int64_t{9} : weir::unlimited}, no_time,
           nullptr, givers, {.block = block, .tasks_per_giver = 1}),
        made(which),
        most(most_tasks) {}

  gate at;
  mistake made;
  int most;
  int most_ever = 0;         // what `maybe` has been
  bool has_views = false;    // so that who comes may see what was before
  bool has_line = false;     // of who waits
  int kept = 0;              // in use until the threads have finished
  int inside = 0;            // raised after a grant and lowered before the end, and so never above the truth
  int maybe = 0;             // raised before a try and lowered after the end, and so never below it
  model::checked<int> left;  // where one is inside at a time besides those: what each does, and the next one finds
  std::vector<int*> tries;   // of newcomers: the most that others have held since each began

  void is_inside() {
    model::check(++inside <= most, "never more than the limit");
    use();
  }
  void use() {
    if (kept != 0 && kept == most - 1) left.set(left.get() + 1);
  }
  void may_be_inside() {
    most_ever = std::max(most_ever, ++maybe);
    for (int* others : tries) *others = std::max(*others, maybe - 1);
  }

  capacity::outcome attempt() {
    if (made == mistake::recall_without_a_mark) return unit_steps::admit(at, unit_steps::recall_without_a_mark);
    if (made == mistake::recall_before_asking) return unit_steps::admit(at, unit_steps::recall_before_asking);
    if (made == mistake::ask_until_the_recall) return unit_steps::admit(at, unit_steps::ask_until_the_recall);
    const gate::verdict v = at.try_admit({}, {});
    if (v.granted) return capacity::outcome::taken;
    if (v.why == refusal_reason::contended) return capacity::outcome::contended;
    if (v.why == refusal_reason::closed) return capacity::outcome::closed;
    if (has_line) return capacity::outcome::waiters_ahead;  // or not; then it is what the head lacked
    model::check(v.why == refusal_reason::tasks_full && v.in_use == most, "refused for want of a task, and no more");
    return capacity::outcome::tasks_full;
  }

  /// Without waiting.
  bool try_to_enter() {
    int others = has_views ? most_ever : maybe;
    tries.push_back(&others);
    may_be_inside();
    const capacity::outcome found = attempt();
    tries.erase(std::find(tries.begin(), tries.end(), &others));
    if (found == capacity::outcome::taken) {
      is_inside();
      return true;
    }
    --maybe;
    model::check(found != capacity::outcome::tasks_full || others >= most, "told tasks_full when all were held");
    return false;
  }

  void leave(std::size_t by) {
    --inside;
    use();
    by == givers ? at.release(1) : at.release(1, by);
    --maybe;
  }

  bool add_child(std::size_t by) {
    may_be_inside();
    const bool added = made == mistake::refill_without_a_mark       ? unit_steps::refill_without_a_mark(at, by)
                       : made == mistake::refill_that_settles_first ? unit_steps::refill_that_settles_first(at, by)
                       : made == mistake::refill_without_a_look     ? unit_steps::refill_without_a_look(at, by)
                       : by == givers                               ? at.try_add_child()
                                                                    : at.try_add_child(by);
    added ? is_inside() : (void)--maybe;
    return added;
  }

  void end_child(std::size_t by) {
    --inside;
    use();
    if (by == givers) {
      at.end_child();
    } else if (made == mistake::put_without_a_look) {
      unit_steps::put_without_a_look(at, by);
    } else if (made == mistake::put_after_the_look) {
      unit_steps::put_after_the_look(at, by);
    } else if (made == mistake::put_that_takes_all) {
      unit_steps::put_that_takes_all(at, by);
    } else {
      at.end_child(by);
    }
    --maybe;
  }

  void wait_and_enter() {
    may_be_inside();
    has_line = true;
    person p;
    if (made == mistake::join_with_an_early_recall) {
      unit_steps::join_with_an_early_recall(at, p);
    } else if (made == mistake::join_without_a_second_take) {
      unit_steps::join_without_a_second_take(at, p);
    } else {
      at.join(p, gate::place::uncounted);
    }
    p.sleep_until_told();
    model::check(p.granted, "who waits is let in");
    is_inside();
  }

  /// Is inside until the threads have finished.
  void keep_one() {
    model::check(try_to_enter(), "an empty door admits");
    ++kept;
  }

  void close() {
    if (made == mistake::close_without_a_recall) {
      unit_steps::close_without_a_recall(at);
    } else if (made == mistake::close_without_asking) {
      unit_steps::close_without_asking(at);
    } else {
      at.close();
    }
  }

  /// Puts units into stocks, before the threads: one that is put there and the rest of its block.
  void fill(std::size_t giver) {
    model::check(add_child(giver), "an empty door has a unit");
    end_child(giver);
  }
};

model::options bounds(std::string name, form kind, int preemptions, memory_model memory) {
  const bool views = memory == memory_model::views;
  return {.name = "units, " + name + (kind == form::weights ? ", weights" : ", returns") + (views ? ", views" : ""),
          .preemptions = preemptions,
          .memory = memory,
          .old_reads = 2};
}

/// Each scenario ends with nobody inside. The door is destroyed by `finally` only, as in returns_model.cpp.
template <typename Setup>
model::experiment experiment(const char* name, int most, form kind, mistake made, int preemptions, memory_model memory,
                             Setup setup, std::uint32_t block = 2) {
  return {bounds(name, kind, preemptions, memory), [=](model::scenario& s) {
            door* const d = new door(most, kind, made, block);
            d->has_views = memory == memory_model::views;
            s.label("door", d->at);
            setup(s, *d);
            s.finally([d] {
              for (; d->kept != 0; --d->kept) d->leave(0);
              model::check(d->at.tasks_in_use() == 0 && d->inside == 0 && d->maybe == 0, "all was given back");
              delete d;
            });
          }};
}

}  // namespace units_model
