// The twin of a gate that one thread leads through everything at random, by a clock that leaps and goes back.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include <weir/admission/detail/gate.hpp>

#include "simulate/twin.hpp"
#include "support/seed.hpp"

namespace weir::testing {
namespace {

using namespace std::chrono_literals;
using detail::gate;

// Each reading is another time.
class leaping_clock final : public clock_source {
 public:
  explicit leaping_clock(std::uint64_t seed) : random_(seed) {}
  [[nodiscard]] time_point now() const noexcept override {
    const std::uint64_t kind = random_() % 200;
    now_ += kind < 20 ? duration(random_() % 3'000'000) : duration(random_() % 20'000);
    if (kind == 20) now_ -= duration(random_() % 3'000'000'000);
    return now_;
  }
  void wait_until(const detail::atomic<std::uint32_t>& /*word*/, std::uint32_t /*expected*/,
                  time_point /*until*/) const noexcept override {}

 private:
  mutable std::mt19937_64 random_;
  mutable time_point now_{100h};
};

class led_waiter final : public detail::waiter {
 public:
  using waiter::waiter;
  bool is_granted = false;
  bool is_over = false;

 private:
  void on_granted(time_point /*stamp*/) noexcept override { is_granted = is_over = true; }
  void on_refused(const refusal& /*why*/) noexcept override { is_over = true; }
};

class led_gate {
 public:
  led_gate(const limits& configured, std::uint64_t seed)
      : random_(seed), clock_(seed + 1), gate_(configured, clock_, nullptr, draw(3)) {}
  ~led_gate() {
    gate_.close();
    collect();
    while (!held_.empty()) give_back();
    while (children_ > 0) end_child();
  }
  led_gate(const led_gate&) = delete;
  led_gate& operator=(const led_gate&) = delete;

  void lead(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      collect();
    }
  }
  [[nodiscard]] flight_log log() const { return gate_.flight(); }

 private:
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  bool once_in(std::uint64_t many) { return draw(many) == 0; }

  time_point moment() { return clock_.now() + duration(static_cast<std::int64_t>(draw(20'000'000)) - 2'000'000); }

  detail::door_request any_request() {
    detail::door_request asked{.weight = static_cast<std::uint32_t>(1 + draw(6))};
    asked.priority = static_cast<std::uint8_t>(draw(3));
    asked.may_wait = once_in(2);
    if (once_in(4)) asked.deadline = deadline(moment());
    if (once_in(4)) asked.patience = deadline(moment());
    return asked;
  }

  void step() {
    switch (draw(12)) {
      case 0:
      case 1:
      case 2:
        return attempt();
      case 3:
      case 4:
        return wait();
      case 5:
        if (!line_.empty()) (void)gate_.withdraw(*line_[draw(line_.size())], refusal_reason::cancelled);
        return;
      case 6:
        return gate_.pump();
      case 7:
        if (once_in(10)) change();
        return;
      case 8:
        return child();
      default:
        if (!held_.empty()) give_back();
    }
  }

  void attempt() {
    const detail::door_request asked = any_request();
    const bool own = !once_in(6);
    const gate::verdict v = gate_.try_admit(asked, own ? clock_.now() : moment(),
                                            own ? detail::time_of::own_clock : detail::time_of::caller);
    if (v.granted) held_.push_back({asked.weight, v.stamp});
  }

  void wait() {
    const detail::door_request asked = any_request();
    const auto promised = gate_.reserve(asked);
    if (!promised) return;
    if (*promised == gate::slot::reserved && once_in(5)) return gate_.cancel_reservation(asked.weight);
    line_.push_back(std::make_unique<led_waiter>(asked));
    gate_.join(*line_.back(), *promised == gate::slot::reserved ? gate::place::reserved : gate::place::uncounted);
  }

  void give_back() {
    std::swap(held_[draw(held_.size())], held_.back());
    const auto [weight, stamp] = held_.back();
    if (once_in(5)) gate_.give_token_back(stamp);
    if (weight > 1 && once_in(4)) {
      gate_.release_part(1);
      held_.back().first = weight - 1;
      return;
    }
    held_.pop_back();
    gate_.release(weight, 0);
  }

  void child() {
    if (children_ > 0 && once_in(2)) return end_child();
    if (gate_.try_add_child(0)) ++children_;
  }
  void end_child() {
    once_in(2) ? gate_.end_child(1) : gate_.end_child();
    --children_;
  }

  void change() {
    limits next = gate_.configured();
    if (next.max_tasks != unlimited) next.max_tasks = 2 + static_cast<std::int64_t>(draw(8));
    if (next.max_weight != unlimited) next.max_weight = 6 + static_cast<std::int64_t>(draw(20));
    if (once_in(3)) {
      next.rate = once_in(4) ? rate(unlimited) : per(1 + static_cast<std::int64_t>(draw(900)), 7ms);
      next.burst = next.rate.is_unlimited() ? 0 : 200 + static_cast<std::int64_t>(draw(200));
    }
    next.max_waiters = static_cast<std::int64_t>(draw(5));
    next.overflow = static_cast<weir::overflow>(draw(4));
    if (next.max_waiting_weight != unlimited) next.max_waiting_weight = 1 + static_cast<std::int64_t>(draw(40));
    next.priority_ageing = static_cast<std::int64_t>(draw(4));
    next.max_bypass = static_cast<std::int64_t>(draw(3));
    next.strict_window = once_in(2);
    gate_.set_limits(next);
  }

  void collect() {
    std::erase_if(line_, [this](const auto& w) {
      if (w->is_granted) held_.push_back({w->request().weight, {}});
      return w->is_over;
    });
  }

  std::mt19937_64 random_;
  leaping_clock clock_;
  gate gate_;
  std::vector<std::unique_ptr<led_waiter>> line_;
  std::vector<std::pair<std::uint32_t, time_point>> held_;
  int children_ = 0;
};

TEST(TwinProperty, WhateverOneThreadDoesIsDecidedAgain) {
  std::mt19937_64 random(seed());
  std::uint64_t readings = 0;
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t kind = random();
    const bool has_rate = kind % 4 != 0;
    const limits configured{.max_tasks = kind % 5 == 0 ? std::int64_t{unlimited} : 8,
                            .max_weight = kind % 3 == 0 ? std::int64_t{unlimited} : 20,
                            .rate = has_rate ? per(300, 7ms) : rate(unlimited),
                            .burst = has_rate ? 40 : 0,
                            .max_waiters = 4,
                            .max_waiting_weight = kind / 240 % 2 == 0 ? std::int64_t{unlimited} : 20,
                            .overflow = static_cast<overflow>(kind / 60 % 4),
                            .priority_ageing = 2,
                            .max_bypass = static_cast<std::int64_t>(kind / 480 % 3),
                            .strict_window = kind % 2 == 0,
                            .allow_slow_waiters = true,
                            .flight_entries = round % 2 == 0 ? 20'000 : 1'024};
    led_gate led(configured, random());
    led.lead(2'000);
    const flight_log log = led.log();
    const tools::twin_result result = tools::run_twin(log);
    ASSERT_FALSE(result.first_difference) << "round " << round << ", ticket " << result.first_difference->ticket << ' '
                                          << to_string(result.first_difference->recorded.op);
    ASSERT_EQ(result.passed + result.compared, log.entries.size());
    for (const flight_entry& e : log.entries) readings += e.op == flight_op::reading ? 1 : 0;
  }
  EXPECT_GT(readings, 10U);
}

}  // namespace
}  // namespace weir::testing
