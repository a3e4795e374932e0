// The gate against the plain model of door_model.hpp: random attempts, waits, cancels, releases, resizes, closes and
// times, each checked after each step. golang/go#37852 (a cancelled head wakes nobody) and failsafe#393 (a timed-out
// waiter keeps its permit) are the kind of mistake that this finds within a few dozen cases and shrinks to five steps.
#include <weir/admission/detail/gate.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>

#include "admission/door_model.hpp"
#include "admission/gate_fixture.hpp"
#include "support/property.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using testing::diary;
using testing::door_model;
using testing::kept_alarm;
using testing::recorded_waiter;

constexpr time_point first_moment{std::chrono::hours(1)};
constexpr milliseconds no_limit{-1};

// The real gate, and one thread that does all that threads, timers and the alarm would do.
class real_door {
 public:
  explicit real_door(const limits& configured, std::size_t givers = 0, detail::credits::rule purses = {})
      : gate_(configured, clock_, &alarm_, givers, {}, purses), givers_(givers) {}
  ~real_door() {
    gate_.close();
    for (const auto& [id, weight] : held_) give_back(id, weight);
  }
  real_door(const real_door&) = delete;
  real_door& operator=(const real_door&) = delete;

  door_model::answer attempt(int id, std::uint32_t weight) {
    const detail::gate::verdict v = gate_.try_admit({.weight = weight}, clock_.now());
    if (!v.granted) return {v.why, v.retry_after};
    held_[id] = weight;
    return {};
  }

  void wait(int id, std::uint32_t weight, std::uint8_t priority, time_point until) {
    const door_model::outcome first = attempt(id, weight).why;
    if (!first || !detail::gate::is_worth_waiting(*first)) {
      outcomes_[id] = first;
      if (!first) grants_.push_back(id);
      return;
    }
    auto w = std::make_unique<recorded_waiter>(
        std::to_string(id), detail::door_request{.weight = weight, .priority = priority, .patience = deadline(until)},
        book_);
    const result<detail::gate::slot> place = gate_.reserve(w->request());
    if (!place) {
      outcomes_[id] = place.error().reason;
    } else {
      gate_.join(*w, detail::gate::place::reserved);
      line_[id] = std::move(w);
    }
    collect();
  }

  void cancel(int id) {
    RC_ASSERT(gate_.withdraw(*line_.at(id), refusal_reason::cancelled));
    collect();
  }

  void release(int id) {
    const std::uint32_t weight = held_.at(id);
    held_.erase(id);
    give_back(id, weight);
    collect();
  }

  void resize(std::int64_t tasks, std::int64_t capacity) {
    limits next = gate_.configured();
    if (next.max_tasks != unlimited) next.max_tasks = tasks;
    if (next.max_weight != unlimited) next.max_weight = capacity;
    gate_.set_limits(next);
    collect();
  }

  void close() {
    gate_.close();
    collect();
  }

  void advance(duration by) {
    const time_point end = clock_.now() + by;
    for (int turns = 0;; ++turns) {
      RC_ASSERT(turns < 10'000);  // an alarm that rings before its token comes, for ever
      std::optional<time_point> next = alarm_.last;
      for (const auto& [id, w] : line_) {
        const time_point until = w->request().patience.at();
        if (!next || until < *next) next = until;
      }
      if (!next || *next > end) break;
      clock_.set(std::max(*next, clock_.now()));
      if (alarm_.last && *alarm_.last <= clock_.now()) {
        alarm_.last.reset();
        gate_.pump();
      }
      for (const auto& [id, w] : line_) {
        if (!w->is_decided() && w->request().patience.has_passed(clock_.now()))
          (void)gate_.withdraw(*w, refusal_reason::timed_out);
      }
      collect();
    }
    clock_.set(end);
  }

  void expect_like(const door_model& model) {
    RC_ASSERT(gate_.weight_in_use() == (gate_.configured().max_weight == unlimited ? 0 : model.held_weight()));
    RC_ASSERT(gate_.tasks_in_use() == (gate_.configured().max_tasks == unlimited ? 0 : model.held_count()));
    RC_ASSERT(gate_.waiting() == static_cast<std::int64_t>(model.line().size()));
    RC_ASSERT(gate_.waiting_weight() ==
              (gate_.configured().max_waiting_weight == unlimited ? 0 : model.waiting_weight()));
    RC_ASSERT(line_.size() == model.line().size());
    for (const auto& [id, outcome] : outcomes_) RC_ASSERT(model.outcomes().at(id) == outcome);
    RC_ASSERT(grants_ == model.grants());
    RC_ASSERT(model.all_windows_hold());
  }

  void granted_at_once(int id) { grants_.push_back(id); }

 private:
  // By the givers and by none of them, in turn.
  void give_back(int id, std::uint32_t weight) {
    const std::size_t by = static_cast<std::size_t>(id) % (givers_ + 1);
    by == givers_ ? gate_.release(weight) : gate_.release(weight, by);
  }

  // Who was told, in the order of the telling.
  void collect() {
    for (const std::string& line : book_) {
      const int id = std::stoi(line);
      const recorded_waiter& w = *line_.at(id);
      RC_ASSERT(w.times_told() == 1);
      if (w.is_granted()) {
        RC_ASSERT(w.stamp() == clock_.now());
        held_[id] = w.request().weight;
        outcomes_[id] = door_model::outcome{};
        grants_.push_back(id);
      } else {
        outcomes_[id] = w.why().reason;
      }
      line_.erase(id);
    }
    book_.clear();
  }

  manual_clock clock_{first_moment};
  kept_alarm alarm_;
  detail::gate gate_;
  const std::size_t givers_;
  diary book_;
  std::map<int, std::unique_ptr<recorded_waiter>> line_;
  std::map<int, std::uint32_t> held_;
  std::map<int, door_model::outcome> outcomes_;
  std::vector<int> grants_;
};

using command = rc::state::Command<door_model, real_door>;

std::uint32_t any_weight() { return *rc::gen::inRange<std::uint32_t>(1, 6); }

struct attempt final : command {
  std::uint32_t weight = any_weight();
  void apply(door_model& m) const override { (void)m.attempt(m.newcomers(), weight); }
  void run(const door_model& before, real_door& door) const override {
    door_model after = before;
    const door_model::answer expected = after.attempt(before.newcomers(), weight);
    const door_model::answer seen = door.attempt(before.newcomers(), weight);
    if (!seen.why) door.granted_at_once(before.newcomers());
    if (before.lets_pass() && before.head_lacks(seen.why)) {
      // Who overtook the head since it was looked at may have taken what it lacks now as well.
    } else {
      RC_ASSERT(seen.why == expected.why);
      RC_ASSERT(seen.retry_after == expected.retry_after);
    }
    door.expect_like(after);
  }
  void show(std::ostream& out) const override { out << "attempt " << weight; }
};

struct wait final : command {
  std::uint32_t weight = any_weight();
  std::uint8_t priority = *rc::gen::inRange<std::uint8_t>(0, 3);
  milliseconds patience{*rc::gen::weightedOneOf<int>({{2, rc::gen::just(-1)}, {1, rc::gen::inRange(0, 400)}})};
  [[nodiscard]] time_point until(const door_model& m) const {
    return patience == no_limit ? time_point::max() : m.now() + patience;
  }
  void apply(door_model& m) const override { m.wait(m.newcomers(), weight, priority, until(m)); }
  void run(const door_model& before, real_door& door) const override {
    door.wait(before.newcomers(), weight, priority, until(before));
    door.expect_like(nextState(before));
  }
  void show(std::ostream& out) const override {
    out << "wait " << weight << " of priority " << int{priority} << " for " << patience.count() << " ms";
  }
};

struct cancel final : command {
  unsigned pick = *rc::gen::inRange(0U, 8U);
  [[nodiscard]] std::size_t index(const door_model& m) const { return pick % m.line().size(); }
  void checkPreconditions(const door_model& m) const override { RC_PRE(!m.line().empty()); }
  void apply(door_model& m) const override { m.cancel(index(m)); }
  void run(const door_model& before, real_door& door) const override {
    door.cancel(before.line()[index(before)].id);
    door.expect_like(nextState(before));
  }
  void show(std::ostream& out) const override { out << "cancel " << pick; }
};

struct release final : command {
  unsigned pick = *rc::gen::inRange(0U, 8U);
  [[nodiscard]] std::size_t index(const door_model& m) const { return pick % m.held().size(); }
  void checkPreconditions(const door_model& m) const override { RC_PRE(!m.held().empty()); }
  void apply(door_model& m) const override { m.release(index(m)); }
  void run(const door_model& before, real_door& door) const override {
    door.release(before.held()[index(before)].id);
    door.expect_like(nextState(before));
  }
  void show(std::ostream& out) const override { out << "release " << pick; }
};

struct resize final : command {
  std::int64_t tasks = *rc::gen::inRange<std::int64_t>(1, 8);
  std::int64_t capacity = *rc::gen::inRange<std::int64_t>(1, 8);
  void apply(door_model& m) const override { m.resize(tasks, capacity); }
  void run(const door_model& before, real_door& door) const override {
    door.resize(tasks, capacity);
    door.expect_like(nextState(before));
  }
  void show(std::ostream& out) const override { out << "resize to " << tasks << " tasks, weight " << capacity; }
};

struct pass final : command {
  milliseconds by{*rc::gen::inRange(0, 250)};
  void apply(door_model& m) const override { m.advance(by); }
  void run(const door_model& before, real_door& door) const override {
    door.advance(by);
    door.expect_like(nextState(before));
  }
  void show(std::ostream& out) const override { out << by.count() << " ms pass"; }
};

struct close final : command {
  void apply(door_model& m) const override { m.close(); }
  void run(const door_model& before, real_door& door) const override {
    door.close();
    door.expect_like(nextState(before));
  }
  void show(std::ostream& out) const override { out << "close"; }
};

// Closing is rare, since little happens after it.
template <typename... Moves>
auto any_of(const door_model&) {
  using namespace rc::state::gen;
  return rc::gen::weightedOneOf<std::shared_ptr<const command>>(
      {{40, execOneOfWithArgs<attempt, wait, wait, cancel, release, release, Moves...>()()},
       {1, execOneOfWithArgs<close>()()}});
}

// The rules of the line, drawn at random.
limits with_any_line(limits configured) {
  configured.max_waiters = *rc::gen::inRange(0, 6);
  configured.max_waiting_weight = *rc::gen::weightedOneOf<std::int64_t>(
      {{2, rc::gen::just(std::int64_t{unlimited})}, {1, rc::gen::inRange<std::int64_t>(1, 15)}});
  configured.overflow = *rc::gen::element(overflow::reject_new, overflow::drop_oldest, overflow::drop_lowest);
  configured.priority_ageing = *rc::gen::element<std::int64_t>(0, 1, 2, 8, unlimited);
  configured.max_bypass = *rc::gen::element<std::int64_t>(0, 0, 1, 2, unlimited);
  return configured;
}

void check_like_model(const limits& drawn, std::size_t givers = 0, detail::credits::rule purses = {}) {
  const limits configured = with_any_line(drawn);
  const door_model model(configured, first_moment);
  real_door door(configured, givers, purses);
  rc::state::check(model, door, any_of<resize, pass>);
}

RC_GTEST_PROP(GateProperty, AWeightedSemaphoreDoesWhatThePlainModelDoes, ()) {
  check_like_model({.max_tasks = unlimited, .max_weight = *rc::gen::inRange(1, 8)});
}

RC_GTEST_PROP(GateProperty, ALimiterWithCreditsDoesWhatThePlainModelDoes, ()) {
  const bool counts_tasks = *rc::gen::arbitrary<bool>();
  check_like_model({.max_tasks = counts_tasks ? *rc::gen::inRange<std::int64_t>(4, 8) : std::int64_t{unlimited},
                    .max_weight = *rc::gen::inRange(8, 40)},
                   0, {.purses = 2, .limit_per_purse = 1, .share = 1});
}

RC_GTEST_PROP(GateProperty, ADoorWithGiversDoesWhatThePlainModelDoes, ()) {
  const bool has_rate = *rc::gen::arbitrary<bool>();
  check_like_model({.max_tasks = *rc::gen::inRange(1, 5),
                    .rate = has_rate ? per_second(*rc::gen::element(3, 10, 64, 333)) : rate(unlimited),
                    .burst = has_rate ? *rc::gen::inRange(1, 4) : 0},
                   *rc::gen::inRange<std::size_t>(1, 4));
}

RC_GTEST_PROP(GateProperty, GiversOfADoorThatWeighsGiveBackOnItsWord, ()) {
  check_like_model({.max_tasks = *rc::gen::inRange(1, 5), .max_weight = *rc::gen::inRange(6, 10)},
                   *rc::gen::inRange<std::size_t>(1, 4));
}

RC_GTEST_PROP(GateProperty, ALimiterOfAllThreeDoesWhatThePlainModelDoes, ()) {
  check_like_model({.max_tasks = *rc::gen::inRange(1, 5),
                    .max_weight = *rc::gen::inRange(1, 10),
                    .rate = per_second(*rc::gen::element(3, 10, 64, 333)),
                    .burst = *rc::gen::inRange(1, 4)});
}

RC_GTEST_PROP(GateProperty, ALimiterWithAFlightRecorderDoesWhatThePlainModelDoes, ()) {
  const bool has_rate = *rc::gen::arbitrary<bool>();
  check_like_model({.max_tasks = *rc::gen::inRange(1, 5),
                    .max_weight = *rc::gen::weightedOneOf<std::int64_t>(
                        {{1, rc::gen::just(std::int64_t{unlimited})}, {2, rc::gen::inRange<std::int64_t>(1, 10)}}),
                    .rate = has_rate ? per_second(*rc::gen::element(3, 10, 64, 333)) : rate(unlimited),
                    .burst = has_rate ? *rc::gen::inRange(1, 4) : 0,
                    .flight_entries = least_flight_entries},
                   *rc::gen::inRange<std::size_t>(0, 3));
}

}  // namespace
}  // namespace weir
