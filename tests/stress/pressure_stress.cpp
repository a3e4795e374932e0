// Who is told of pressure, while threads take and give back around the mark, wait and leave, and limits move: calls
// alternate and never overlap, and whenever all is still the last one has told what an account of its own says.
#include <weir/admission/detail/gate.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <iostream>
#include <random>
#include <vector>

#include <weir/admission/detail/thread_waiter.hpp>

#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir::pressure_stress {
namespace {

using detail::gate;
using detail::memory_order_relaxed;
using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr std::size_t threads = 4;

/// Of what a door may be full; with credits or stocks out of its word, or none.
enum class form { weights, weights_with_credits, tasks_with_children };
constexpr form forms[] = {form::weights, form::weights_with_credits, form::tasks_with_children};

constexpr std::int64_t limit_of(form kind) {
  return kind == form::weights ? 20 : kind == form::weights_with_credits ? 4'000 : 300;
}

limits limits_of(form kind) {
  const std::int64_t most = limit_of(kind);
  if (kind == form::tasks_with_children) return {.max_tasks = most, .max_waiters = 3};
  return {.max_tasks = unlimited, .max_weight = most, .max_waiters = 3};
}

struct door {
  explicit door(form of)
      : kind(of),
        at(limits_of(of), steady_clock_source(), nullptr, of == form::tasks_with_children ? threads : 0, {}, {},
           [this](const pressure& p) {
             EXPECT_EQ(callers.fetch_add(1, memory_order_relaxed), 0) << "one call at a time";
             EXPECT_NE(p.is_high, is_high);
             is_high = p.is_high;  // as written: ThreadSanitizer sees whether calls come one after the other
             ++calls;
             callers.fetch_sub(1, memory_order_relaxed);
           }) {}

  form kind;
  gate at;
  detail::atomic<int> callers{0};  // of the handler; relaxed: of two at once one sees the other
  bool is_high = false;
  std::int64_t calls = 0;
};

/// What one thread holds, from round to round.
struct holder {
  std::size_t number;
  std::mt19937_64 random;
  std::vector<std::uint32_t> permits{};
  std::int64_t children = 0;
};

void take(door& d, holder& own) {
  if (d.kind == form::tasks_with_children && own.random() % 4 != 0) {
    if (d.at.try_add_child(own.number)) ++own.children;
    return;
  }
  const auto heaviest = static_cast<std::uint64_t>(limit_of(d.kind) / 10);
  const auto weight = static_cast<std::uint32_t>(d.kind == form::tasks_with_children ? 1 : 1 + own.random() % heaviest);
  const detail::door_request asked{.weight = weight};
  const bool waits = own.random() % 8 == 0;
  const bool granted =
      waits ? detail::acquire(d.at, {.weight = weight, .may_wait = true, .patience = within(microseconds(20))}, {})
                  .has_value()
            : d.at.try_admit(asked, {}).granted;
  if (granted) own.permits.push_back(weight);
}

void give_back(door& d, holder& own) {
  const bool is_child = own.children != 0 && (own.permits.empty() || own.random() % 2 == 0);
  if (is_child) {
    --own.children;
    d.at.end_child(own.number);
  } else if (!own.permits.empty()) {
    const std::uint32_t weight = own.permits.back();
    own.permits.pop_back();
    d.kind == form::tasks_with_children ? d.at.release(weight, own.number) : d.at.release(weight);
  }
}

void go_on(door& d, holder& own, unsigned chance_to_take) {
  for (int step = 0; step < 300; ++step) own.random() % 100 < chance_to_take ? take(d, own) : give_back(d, own);
}

/// By the account of the holders.
std::int64_t held(const door& d, const std::vector<holder>& by) {
  std::int64_t sum = 0;
  for (const holder& h : by) {
    for (const std::uint32_t weight : h.permits) sum += d.kind == form::tasks_with_children ? 1 : weight;
    sum += h.children;
  }
  return sum;
}

class PressureStress : public ::testing::TestWithParam<form> {};

TEST_P(PressureStress, WhatWasToldLastIsTrueWheneverAllIsStill) {
  std::mt19937_64 random(testing::seed());
  door d(GetParam());
  std::vector<holder> holders;
  for (std::size_t i = 0; i < threads; ++i) holders.push_back({.number = i, .random = std::mt19937_64(random())});
  const auto end = steady_clock::now() + testing::stress_time();
  std::int64_t rounds = 0, at_high = 0;
  for (; steady_clock::now() < end; ++rounds) {
    limits now = limits_of(d.kind);
    const bool moves = random() % 4 == 0;
    const unsigned chance = random() % 3 == 0 ? 60 : random() % 2 == 0 ? 52 : 40;
    std::vector<std::future<void>> all;
    for (holder& own : holders) all.push_back(testing::in_background([&] { go_on(d, own, chance); }));
    if (moves) {
      for (const double warn_at : {0.9, 0.3, 0.8}) {
        now.warn_at = warn_at;
        d.at.set_limits(now);
      }
    }
    for (auto& thread : all) testing::get(thread);
    const std::int64_t is_held = held(d, holders);
    const std::int64_t mark = (limit_of(d.kind) * 4 + 4) / 5;
    EXPECT_TRUE(d.is_high || is_held < mark) << is_held << " of " << mark;
    EXPECT_TRUE(!d.is_high || is_held > mark - mark / 8) << is_held << " of " << mark;
    at_high += d.is_high ? 1 : 0;
  }
  while (held(d, holders) != 0) {
    for (holder& own : holders) give_back(d, own);
  }
  EXPECT_FALSE(d.is_high);
  EXPECT_GT(d.calls, 0);
  std::cout << rounds << " rounds, " << at_high << " of them ended high, " << d.calls << " calls\n";
  d.at.close();  // what is spare for children goes back
}

INSTANTIATE_TEST_SUITE_P(Of, PressureStress, ::testing::ValuesIn(forms));

}  // namespace
}  // namespace weir::pressure_stress
