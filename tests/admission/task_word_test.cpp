// A test of an internal: what the word and the returns of its givers tell, step by step; tests/model/ has the threads.
#include <weir/admission/detail/task_word.hpp>

#include <cstdint>
#include <gtest/gtest.h>
#include <random>

#include "support/seed.hpp"

namespace weir::detail {
namespace {

using outcome = task_word::outcome;
using place = task_word::place;
using hold = task_word::hold;

constexpr demand one_task{.tasks = 1, .weight = 0};

outcome take(task_word& word, place from = place::newcomer, hold kind = hold::final) {
  task_word::view seen{};
  return word.try_take(from, kind, seen);
}

std::int64_t held(const task_word& word, std::int64_t limit) { return limit - word.tasks_free(); }

TEST(TaskWord, TakesUntilTheTasksAreUsedUp) {
  task_word word(2, 1);
  EXPECT_EQ(take(word), outcome::taken);
  EXPECT_EQ(take(word), outcome::taken);
  EXPECT_EQ(take(word), outcome::tasks_full);
  EXPECT_EQ(held(word, 2), 2);
}

TEST(TaskWord, FindsRoomWhoeverGaveItBack) {
  task_word word(1, 2);
  ASSERT_EQ(take(word), outcome::taken);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(take(word), outcome::tasks_full);
    if (i % 3 == 2) {
      (void)word.give_back(one_task, hold::final);
    } else {
      (void)word.give_back_as(static_cast<std::size_t>(i % 3));
    }
    EXPECT_EQ(held(word, 1), 0);
    EXPECT_EQ(take(word), outcome::taken);
    EXPECT_EQ(held(word, 1), 1);
  }
}

TEST(TaskWord, ARefusalForWantOfRoomKnowsThatNothingIsFree) {
  task_word word(3, 1);
  task_word::view seen{};
  for (int i = 0; i < 3; ++i) ASSERT_EQ(take(word), outcome::taken);
  ASSERT_EQ(word.try_take(place::newcomer, hold::final, seen), outcome::tasks_full);
  EXPECT_EQ(seen.tasks_free, 0);
  (void)word.give_back_as(0);
  ASSERT_EQ(word.try_take(place::newcomer, hold::final, seen), outcome::taken);
  ASSERT_EQ(word.try_take(place::newcomer, hold::final, seen), outcome::tasks_full);
  EXPECT_EQ(seen.tasks_free, 0);
}

TEST(TaskWord, AnAttemptThatMayGiveItsRoomBackIsContended) {
  task_word word(1, 1);
  ASSERT_EQ(take(word, place::newcomer, hold::attempt), outcome::taken);
  EXPECT_EQ(take(word), outcome::contended);
  EXPECT_EQ(take(word, place::head), outcome::tasks_full);
  (void)word.give_back(one_task, hold::attempt);
  EXPECT_EQ(word.load().attempts, 0U);
  ASSERT_EQ(take(word, place::newcomer, hold::attempt), outcome::taken);
  word.settle();
  EXPECT_EQ(take(word), outcome::tasks_full);
}

TEST(TaskWord, The16thAttemptIsContended) {
  task_word word(100, 1);
  for (int i = 0; i < 15; ++i) ASSERT_EQ(take(word, place::newcomer, hold::attempt), outcome::taken);
  EXPECT_EQ(take(word, place::newcomer, hold::attempt), outcome::contended);
  EXPECT_EQ(take(word), outcome::taken);
  EXPECT_EQ(held(word, 100), 16);
}

TEST(TaskWord, ABlockIsWhatThereIsOfItAndAnAttempt) {
  task_word word(5, 1);
  EXPECT_EQ(word.try_take_block(3), 3U);
  EXPECT_EQ(word.load().attempts, 1U);
  EXPECT_EQ(word.try_take_block(3), 2U);
  EXPECT_EQ(word.try_take_block(3), 0U);
  EXPECT_EQ(take(word), outcome::contended);
  (void)word.give_back({.tasks = 2, .weight = 0}, hold::attempt);
  word.settle();
  EXPECT_EQ(word.load().attempts, 0U);
  EXPECT_EQ(held(word, 5), 3);
  (void)word.give_back_as(0);
  EXPECT_EQ(word.try_take_block(4), 3U) << "returns are looked for where the block is larger than what is known of";
  EXPECT_EQ(held(word, 5), 5);
}

TEST(TaskWord, ABlockAndAChildPassACloseAndThoseWhoWait) {
  task_word word(5, 1);
  word.set_waiters(true);
  EXPECT_EQ(word.try_take_block(2), 2U);
  word.close();
  EXPECT_EQ(word.try_take_block(2), 2U);
  EXPECT_EQ(take(word, place::child), outcome::taken);
  EXPECT_EQ(take(word, place::child), outcome::tasks_full) << "not contended: it does not try again";
}

TEST(TaskWord, ThereAre15Marks) {
  task_word word(100, 1);
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(word.try_mark());
  EXPECT_FALSE(word.try_mark());
  EXPECT_EQ(word.try_take_block(2), 0U);
  EXPECT_EQ(take(word, place::child), outcome::taken);
  for (int i = 0; i < 15; ++i) word.settle();
  EXPECT_EQ(held(word, 100), 1);
}

TEST(TaskWord, WhoGivesBackHearsOfThoseWhoWait) {
  task_word word(3, 1);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(take(word), outcome::taken);
  EXPECT_FALSE(word.give_back_as(0).waiters);
  word.set_waiters(true);
  EXPECT_TRUE(word.give_back_as(0).waiters);
  EXPECT_EQ(take(word), outcome::waiters_ahead);
  EXPECT_EQ(take(word, place::head), outcome::taken);
  EXPECT_TRUE(word.give_back(one_task, hold::final).waiters);
  word.set_waiters(false);
  EXPECT_FALSE(word.give_back_as(0).waiters);
  EXPECT_EQ(take(word), outcome::taken);
}

TEST(TaskWord, WhoGivesBackHearsOfTheClose) {
  task_word word(2, 1);
  for (int i = 0; i < 2; ++i) ASSERT_EQ(take(word), outcome::taken);
  word.set_waiters(true);
  word.close();
  word.set_waiters(false);
  const watchers first = word.give_back_as(0);
  EXPECT_TRUE(first.closed);
  EXPECT_FALSE(first.waiters);
  EXPECT_TRUE(word.give_back(one_task, hold::final).closed);
  EXPECT_EQ(held(word, 2), 0);
  EXPECT_EQ(take(word), outcome::closed);
  EXPECT_EQ(take(word, place::head), outcome::closed);
}

TEST(TaskWord, CountsWhateverComesAndGoes) {
  constexpr std::int64_t most = 5;
  constexpr std::size_t givers = 3;
  std::mt19937_64 random(testing::seed());
  task_word word(most, givers);
  std::int64_t inside = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (random() % 2 == 0) {
      EXPECT_EQ(take(word), inside < most ? outcome::taken : outcome::tasks_full);
      if (inside < most) ++inside;
    } else if (inside > 0) {
      const std::size_t by = random() % (givers + 1);
      (void)(by == givers ? word.give_back(one_task, hold::final) : word.give_back_as(by));
      --inside;
    }
    ASSERT_EQ(held(word, most), inside);
  }
}

TEST(TaskWord, ALimitMovesBelowAndAboveTheFirstOne) {
  task_word word(3, 2);
  ASSERT_EQ(take(word), outcome::taken);
  ASSERT_EQ(take(word), outcome::taken);
  word.move_limit(1 - 3);
  EXPECT_EQ(word.tasks_free(), -1);
  EXPECT_EQ(held(word, 1), 2);
  task_word::view seen{};
  EXPECT_EQ(word.try_take(place::newcomer, hold::final, seen), outcome::tasks_full);
  EXPECT_EQ(seen.tasks_free, -1);
  EXPECT_EQ(word.try_take_block(4), 0U);
  EXPECT_EQ(word.load().tasks_free, 0);
  (void)word.give_back_as(0);
  EXPECT_EQ(take(word), outcome::tasks_full);
  (void)word.give_back_as(1);
  EXPECT_EQ(take(word), outcome::taken);
  EXPECT_EQ(take(word), outcome::tasks_full);
  word.move_limit((std::int64_t{1} << 24) - 2);  // to the largest
  EXPECT_EQ(word.tasks_free(), (std::int64_t{1} << 24) - 2);
  EXPECT_EQ(word.try_take_block(1'000), 1'000U);
}

}  // namespace
}  // namespace weir::detail
