// What the models of the gate's line share: a door, what is known about it from outside, and the steps that can be left
// out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <weir/admission/detail/gate.hpp>

#include "explorer.hpp"
#include "gate_steps.hpp"
#include "person.hpp"

namespace semaphore_model {

using model::no_time;
using model::person;
using weir::refusal_reason;
using weir::detail::gate;
using weir::detail::gate_steps;

enum class mistake {
  none,
  no_look_after_joining,
  look_before_announcing,
  no_look_after_leaving,
  no_look_after_releasing,
  no_look_after_an_attempt,
  barging,
};

/// A door, and what is known about it from outside.
struct door {
  door(const weir::limits& configured, mistake which, const weir::clock_source& clock = no_time)
      : at(configured, clock), made(which), most(configured.max_weight), max_bypass(configured.max_bypass) {}

  gate at;
  mistake made;
  std::int64_t most;
  std::int64_t max_bypass;
  std::uint32_t kept = 0;   // held until all have finished
  std::int64_t inside = 0;  // weight; raised after a grant and lowered before a release, and so never above the truth
  std::vector<person*> people;

  void arrive(person& p) {
    for (person* other : people) {
      const bool is_passed = other->request().priority < p.request().priority;
      if (other->joined && gate_steps::is_in_line(*other) && !is_passed) p.ahead.push_back(other);
    }
    people.push_back(&p);
  }

  void is_inside(const person& p) {
    inside += p.weight();
    model::check(inside <= most, "never more inside than the limit");
    for (person* q : p.ahead) {
      if (gate_steps::is_in_line(*q)) ++q->overtaken;
      model::check(q->overtaken <= max_bypass, "nobody overtakes who stood in line before, more often than may be");
    }
  }

  bool try_to_enter(person& p) {
    arrive(p);
    const bool granted =
        made == mistake::barging ? gate_steps::barge(at, p.weight()) : at.try_admit(p.request(), {}).granted;
    if (granted) is_inside(p);
    return granted;
  }

  void join(person& p) {
    arrive(p);
    if (made == mistake::no_look_after_joining) {
      gate_steps::join_without_a_look(at, p);
    } else if (made == mistake::look_before_announcing) {
      gate_steps::join_with_an_early_look(at, p);
    } else {
      at.join(p, gate::place::uncounted);
    }
    p.joined = true;
  }

  /// In line, without an attempt before. True if granted in the end.
  bool enter(person& p) {
    join(p);
    p.sleep_until_told();
    if (p.granted) is_inside(p);
    return p.granted;
  }

  void withdraw(person& p) {
    if (made == mistake::no_look_after_leaving) {
      gate_steps::withdraw_without_a_look(at, p);
    } else {
      (void)at.withdraw(p, refusal_reason::cancelled);
    }
  }

  void leave(std::uint32_t weight) {
    inside -= weight;
    if (made == mistake::no_look_after_releasing) {
      gate_steps::release_without_a_look(at, weight);
    } else {
      at.release(weight);
    }
  }

  void hold(std::uint32_t weight) {
    model::check(at.try_admit({.weight = weight}, {}).granted, "an empty door admits");
    inside += weight;
  }

  void expect_empty() {
    if (kept != 0) leave(kept);
    model::check(at.weight_in_use() == 0 && at.waiting() == 0 && inside == 0, "all was given back");
    for (const person* p : people) model::check(!gate_steps::is_in_line(*p), "nobody is left in line");
  }
};

inline constexpr weir::limits three{.max_tasks = weir::unlimited, .max_weight = 3};

/// The door is destroyed by `finally` only: after a failure its destructor would find it in the midst of everything.
template <typename Setup>
auto with_door(const weir::limits& configured, mistake made, Setup setup) {
  return [=](model::scenario& s) {
    door* const d = new door(configured, made);
    s.label("door", d->at);
    setup(s, *d);
    s.finally([d] {
      d->expect_empty();
      delete d;
    });
  };
}

using model::memory_model;

inline model::options bounds(const char* name, int preemptions, memory_model memory) {
  const bool views = memory == memory_model::views;
  return {.name = std::string(name) + (views ? ", views" : ""),
          .preemptions = preemptions,
          .missed_stores = views ? 0 : 1,
          .memory = memory,
          .old_reads = 2};
}

}  // namespace semaphore_model
