// The gate with children against a plain account: random tasks, children, waits, ends and closes, on one thread, each
// checked after each step.
#include <weir/admission/detail/gate.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "admission/gate_fixture.hpp"
#include "support/property.hpp"

namespace weir {
namespace {

using testing::diary;
using testing::recorded_waiter;

// Many more starts than ends, or the other way round, so that stocks get full and empty.
struct step {
  enum class kind : std::uint8_t { attempt, wait, leave, start, end, cancel, close } what;
  std::size_t who;  // among the givers and none of them; or in the line
  int times;
};

void showValue(const step& s, std::ostream& out) {
  constexpr const char* names[] = {"attempt", "wait", "leave", "start", "end", "cancel", "close"};
  out << names[static_cast<std::size_t>(s.what)] << ' ' << s.who << " x " << s.times;
}

class children_and_tasks {
 public:
  children_and_tasks(const limits& configured, std::size_t givers, detail::child_stock::rule stocks)
      : at_(configured, clock_, nullptr, givers, stocks),
        most_(configured.max_tasks),
        givers_(givers),
        in_stocks_(givers != 0 ? static_cast<std::int64_t>(2 * stocks.block * givers) : 0) {}
  ~children_and_tasks() {
    at_.close();
    for (; tasks_ > 0; --tasks_) at_.release(1);
    for (; children_ > 0; --children_) at_.end_child();
  }
  children_and_tasks(const children_and_tasks&) = delete;
  children_and_tasks& operator=(const children_and_tasks&) = delete;

  void apply(const step& s) {
    const int times = s.what == step::kind::close ? 1 : s.times;
    for (int i = 0; i < times; ++i) {
      do_once(s);
      check();
    }
  }

 private:
  [[nodiscard]] std::int64_t live() const { return tasks_ + children_; }

  void do_once(const step& s) {
    const std::size_t by = s.who % (givers_ + 1);
    switch (s.what) {
      case step::kind::attempt:
        return attempt();
      case step::kind::wait:
        return wait();
      case step::kind::leave:
        if (tasks_ == 0) return;
        --tasks_;
        return by == givers_ ? at_.release(1) : at_.release(1, by);
      case step::kind::start:
        return start(by);
      case step::kind::end:
        if (children_ == 0) return;
        --children_;
        return by == givers_ ? at_.end_child() : at_.end_child(by);
      case step::kind::cancel:
        if (line_.empty()) return;
        RC_ASSERT(at_.withdraw(*line_[s.who % line_.size()], refusal_reason::cancelled));
        return;
      case step::kind::close:
        is_closed_ = true;
        return at_.close();
    }
  }

  void attempt() {
    const detail::gate::verdict v = at_.try_admit({}, clock_.now());
    RC_ASSERT(v.granted == (!is_closed_ && line_.empty() && live() < most_));
    if (v.granted) {
      ++tasks_;
    } else {
      RC_ASSERT(v.why == (is_closed_ ? refusal_reason::closed : refusal_reason::tasks_full));
    }
  }

  void wait() {
    if (is_closed_ || line_.size() == 4) return;
    line_.push_back(std::make_unique<recorded_waiter>(std::to_string(line_.size()), detail::door_request{}, book_));
    RC_ASSERT(wait_at(at_, *line_.back()));
  }

  // Never past a head that lacks a task, which each head here does. Never refused but for what other stocks have.
  void start(std::size_t by) {
    const bool started = by == givers_ ? at_.try_add_child() : at_.try_add_child(by);
    if (started) {
      RC_ASSERT(line_.empty());
      RC_ASSERT(++children_ + tasks_ <= most_);
    } else {
      RC_ASSERT(!line_.empty() || live() + in_stocks_ >= most_);
      RC_ASSERT(!is_closed_ || live() == most_);  // then nothing is in a stock
    }
  }

  // Who is in line was let in from the head on, and as soon as there was a unit.
  void check() {
    while (!line_.empty() && line_.front()->is_granted()) {
      ++tasks_;
      line_.pop_front();
    }
    line_.erase(std::remove_if(line_.begin(), line_.end(), [](const auto& w) { return w->is_decided(); }), line_.end());
    RC_ASSERT(std::none_of(line_.begin(), line_.end(), [](const auto& w) { return w->is_granted(); }));
    RC_ASSERT(line_.empty() || live() == most_);
    RC_ASSERT(line_.empty() || !is_closed_);
    RC_ASSERT(at_.tasks_in_use() == live());
    RC_ASSERT(at_.waiting() == static_cast<std::int64_t>(line_.size()));
    if (is_closed_) RC_ASSERT(at_.wait_until_empty(clock_.now()) == (live() == 0));
  }

  manual_clock clock_;
  detail::gate at_;
  const std::int64_t most_;
  const std::size_t givers_;
  const std::int64_t in_stocks_;
  diary book_;
  std::deque<std::unique_ptr<recorded_waiter>> line_;
  std::int64_t tasks_ = 0;
  std::int64_t children_ = 0;
  bool is_closed_ = false;
};

rc::Gen<step> any_step() {
  using kind = step::kind;
  return rc::gen::construct<step>(rc::gen::weightedElement<kind>({{6, kind::attempt},
                                                                  {4, kind::wait},
                                                                  {6, kind::leave},
                                                                  {12, kind::start},
                                                                  {12, kind::end},
                                                                  {2, kind::cancel},
                                                                  {1, kind::close}}),
                                  rc::gen::inRange<std::size_t>(0, 12),
                                  rc::gen::weightedOneOf<int>({{3, rc::gen::just(1)}, {1, rc::gen::inRange(1, 40)}}));
}

void check_steps(bool weighs, std::int64_t most, std::size_t givers, detail::child_stock::rule stocks) {
  children_and_tasks all(
      {.max_tasks = most, .max_weight = weighs ? std::int64_t{1'000'000} : unlimited, .max_waiters = 4}, givers,
      stocks);
  for (const step& s : *rc::gen::container<std::vector<step>>(any_step())) all.apply(s);
}

RC_GTEST_PROP(GateChildrenProperty, SmallStocksLoseNothingAndKeepNobodyOut, ()) {
  const auto givers = *rc::gen::inRange<std::size_t>(0, 4);
  check_steps(*rc::gen::arbitrary<bool>(), *rc::gen::inRange<std::int64_t>(1, 20), givers,
              {.block = *rc::gen::inRange(1U, 5U), .tasks_per_giver = 1});
}

RC_GTEST_PROP(GateChildrenProperty, StocksAsShippedLoseNothingAndKeepNobodyOut, ()) {
  const auto givers = *rc::gen::inRange<std::size_t>(1, 3);
  check_steps(*rc::gen::arbitrary<bool>(), *rc::gen::inRange<std::int64_t>(60, 140), givers, {});
}

}  // namespace
}  // namespace weir
