// A test of an internal: the packing of the decision word has limits that no public call comes near.
#include <weir/admission/detail/capacity_word.hpp>

#include <cstdint>
#include <gtest/gtest.h>
#include <random>

#include <weir/admission/limits.hpp>

#include "support/seed.hpp"

namespace weir::detail {
namespace {

using outcome = capacity_word::outcome;
using place = capacity_word::place;
using hold = capacity_word::hold;

constexpr auto heaviest = static_cast<std::uint32_t>(largest_max_weight);

outcome take(capacity_word& word, demand wanted, place from = place::newcomer, hold kind = hold::final) {
  return word.try_take(wanted, from, kind);
}

void expect(const capacity_word& word, std::int64_t tasks_free, std::int64_t weight_free, std::uint32_t attempts = 0) {
  const capacity_word::view seen = word.load();
  EXPECT_EQ(seen.tasks_free, tasks_free);
  EXPECT_EQ(seen.weight_free, weight_free);
  EXPECT_EQ(seen.attempts, attempts);
}

TEST(CapacityWord, TakesUntilTheTasksAreUsedUp) {
  capacity_word word(2, 100);
  EXPECT_EQ(take(word, {1, 1}), outcome::taken);
  EXPECT_EQ(take(word, {1, 1}), outcome::taken);
  EXPECT_EQ(take(word, {1, 1}), outcome::tasks_full);
  expect(word, 0, 98);
}

TEST(CapacityWord, TakesUntilTheWeightIsUsedUp) {
  capacity_word word(100, 5);
  EXPECT_EQ(take(word, {1, 3}), outcome::taken);
  EXPECT_EQ(take(word, {1, 3}), outcome::weight_full);
  EXPECT_EQ(take(word, {1, 2}), outcome::taken);
  EXPECT_EQ(take(word, {1, 1}), outcome::weight_full);
  expect(word, 98, 0);
}

TEST(CapacityWord, ARefusalTakesNeitherTheTaskNorTheWeight) {
  capacity_word word(1, 5);
  EXPECT_EQ(take(word, {1, 6}), outcome::weight_full);
  expect(word, 1, 5);
  ASSERT_EQ(take(word, {1, 1}), outcome::taken);
  EXPECT_EQ(take(word, {1, 1}), outcome::tasks_full);
  expect(word, 0, 4);
}

TEST(CapacityWord, ABlockIsWhatThereIsOfItAndAnAttempt) {
  capacity_word word(5, 7);
  EXPECT_EQ(word.try_take_block(3), 3U);
  expect(word, 2, 7, 1);
  EXPECT_EQ(word.try_take_block(3), 2U);
  EXPECT_EQ(word.try_take_block(3), 0U);
  EXPECT_EQ(take(word, {1, 1}), outcome::contended);
  (void)word.give_back({2, 0}, hold::attempt);
  word.settle();
  expect(word, 2, 7);
}

TEST(CapacityWord, ABlockAndAChildPassACloseAndThoseWhoWait) {
  capacity_word word(5, 7);
  word.set_waiters(true);
  EXPECT_EQ(word.try_take_block(2), 2U);
  EXPECT_TRUE(word.close());
  EXPECT_EQ(word.try_take_block(2), 2U);
  EXPECT_EQ(take(word, {1, 0}, place::child), outcome::taken);
  EXPECT_EQ(take(word, {1, 0}, place::child), outcome::tasks_full) << "not contended: it does not try again";
}

TEST(CapacityWord, ThereAre15Marks) {
  capacity_word word(100, 7);
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(word.try_mark());
  EXPECT_FALSE(word.try_mark());
  EXPECT_EQ(word.try_take_block(2), 0U);
  EXPECT_EQ(take(word, {1, 0}, place::child), outcome::taken);
  for (int i = 0; i < 15; ++i) word.settle();
  expect(word, 99, 7);
}

TEST(CapacityWord, TheLargestLimitsFitAndDoNotTouchEachOther) {
  capacity_word word(largest_max_tasks, largest_max_weight);
  expect(word, largest_max_tasks, largest_max_weight);
  ASSERT_EQ(take(word, {1, heaviest}), outcome::taken);
  expect(word, largest_max_tasks - 1, 0);
  EXPECT_EQ(take(word, {1, 1}), outcome::weight_full);
  const capacity_word::view after = word.give_back({1, heaviest}, hold::final);
  EXPECT_EQ(after.tasks_free, largest_max_tasks);
  EXPECT_EQ(after.weight_free, largest_max_weight);
  EXPECT_FALSE(after.waiters);
  EXPECT_FALSE(after.closed);
}

TEST(CapacityWord, WhatIsNotCountedIsAlwaysTaken) {
  capacity_word word(0, 0);
  EXPECT_EQ(take(word, {0, 0}), outcome::taken);
  expect(word, 0, 0);
}

TEST(CapacityWord, AShrinkBelowWhatIsUsedLeavesLessThanNothing) {
  capacity_word word(3, largest_max_weight);
  ASSERT_EQ(take(word, {1, heaviest}), outcome::taken);
  const capacity_word::view after = word.move_limits(0, 1 - largest_max_weight);
  EXPECT_EQ(after.weight_free, 1 - largest_max_weight);
  EXPECT_EQ(after.tasks_free, 2);
  EXPECT_EQ(take(word, {1, 1}), outcome::weight_full);
  EXPECT_EQ(word.give_back({1, heaviest}, hold::final).weight_free, 1);
  EXPECT_EQ(take(word, {1, 1}), outcome::taken);
  EXPECT_EQ(word.move_limits(0, largest_max_weight - 1).weight_free, largest_max_weight - 1);
  expect(word, 2, largest_max_weight - 1);
}

TEST(CapacityWord, AnAttemptInFlightTurnsFullnessIntoContention) {
  capacity_word word(1, 10);
  ASSERT_EQ(take(word, {1, 4}, place::newcomer, hold::attempt), outcome::taken);
  expect(word, 0, 6, 1);
  EXPECT_EQ(take(word, {1, 1}), outcome::contended);
  EXPECT_EQ(take(word, {0, 7}), outcome::contended);
  EXPECT_EQ(take(word, {0, 6}), outcome::taken) << "what fits beside the attempt is not contended";
  (void)word.give_back({0, 6}, hold::final);
  word.settle();
  expect(word, 0, 6, 0);
  EXPECT_EQ(take(word, {1, 1}), outcome::tasks_full);
}

TEST(CapacityWord, AnAttemptGivenBackLeavesNothingBehind) {
  capacity_word word(1, 10);
  ASSERT_EQ(take(word, {1, 4}, place::newcomer, hold::attempt), outcome::taken);
  (void)word.give_back({1, 4}, hold::attempt);
  expect(word, 1, 10, 0);
}

TEST(CapacityWord, CountsFifteenAttemptsAndNoMore) {
  capacity_word word(100, 100);
  for (std::uint32_t i = 1; i <= 15; ++i) {
    ASSERT_EQ(take(word, {1, 1}, place::newcomer, hold::attempt), outcome::taken);
    expect(word, 100 - i, 100 - i, i);
  }
  EXPECT_EQ(take(word, {1, 1}, place::newcomer, hold::attempt), outcome::contended);
  expect(word, 85, 85, 15);
  EXPECT_FALSE(word.load().spare) << "the sixteenth attempt would have been carried into this bit";
  EXPECT_EQ(take(word, {1, 1}), outcome::taken) << "only marked attempts are limited";
  word.settle();
  EXPECT_EQ(take(word, {1, 1}, place::newcomer, hold::attempt), outcome::taken);
}

TEST(CapacityWord, NewcomersStandBehindWhoWaitsAndTheHeadDoesNot) {
  capacity_word word(5, 5);
  word.set_waiters(true);
  EXPECT_TRUE(word.load().waiters);
  EXPECT_EQ(take(word, {1, 1}), outcome::waiters_ahead);
  EXPECT_EQ(take(word, {1, 1}, place::head), outcome::taken);
  EXPECT_TRUE(word.give_back({1, 1}, hold::final).waiters);
  word.set_waiters(false);
  EXPECT_EQ(take(word, {1, 1}), outcome::taken);
  expect(word, 4, 4);
}

TEST(CapacityWord, ClosedIsForGoodAndComesFirst) {
  capacity_word word(2, 2);
  ASSERT_EQ(take(word, {1, 1}), outcome::taken);
  word.set_waiters(true);
  EXPECT_TRUE(word.close());
  EXPECT_FALSE(word.close()) << "only one caller closed it";
  EXPECT_EQ(take(word, {1, 1}), outcome::closed);
  EXPECT_EQ(take(word, {1, 1}, place::head), outcome::closed);
  word.set_waiters(false);
  (void)word.move_limits(0, 5);
  EXPECT_TRUE(word.give_back({1, 1}, hold::final).closed) << "no other operation opens it again";
  EXPECT_EQ(take(word, {1, 1}), outcome::closed);
  expect(word, 2, 7);
}

// Against plain numbers, at limits close to the ends of the fields.
TEST(CapacityWord, AgreesWithPlainNumbersOverRandomSteps) {
  std::mt19937_64 random(testing::seed());
  const auto up_to = [&](std::int64_t most) { return std::uniform_int_distribution<std::int64_t>(0, most)(random); };
  for (int round = 0; round < 50; ++round) {
    const std::int64_t tasks = largest_max_tasks - up_to(2);
    std::int64_t limit = largest_max_weight - up_to(2);
    capacity_word word(tasks, limit);
    std::vector<demand> held;
    std::int64_t tasks_used = 0;
    std::int64_t weight_used = 0;
    for (int step = 0; step < 500; ++step) {
      const std::int64_t kind = up_to(3);
      if (kind <= 1) {
        const demand wanted{1, static_cast<std::uint32_t>(1 + up_to(kind == 0 ? 10 : largest_max_weight - 1))};
        const bool fits = tasks_used < tasks && weight_used + wanted.weight <= limit;
        ASSERT_EQ(take(word, wanted) == outcome::taken, fits);
        if (!fits) continue;
        held.push_back(wanted);
        tasks_used += 1;
        weight_used += wanted.weight;
      } else if (kind == 2 && !held.empty()) {
        (void)word.give_back(held.back(), hold::final);
        tasks_used -= 1;
        weight_used -= held.back().weight;
        held.pop_back();
      } else {
        const std::int64_t next = 1 + up_to(largest_max_weight - 1);
        (void)word.move_limits(0, next - limit);
        limit = next;
      }
      expect(word, tasks - tasks_used, limit - weight_used);
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace weir::detail
