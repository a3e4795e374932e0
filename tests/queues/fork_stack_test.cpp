// The fork stack from one thread: who gets which fork, and what a push says. With threads:
// tests/stress/fork_stack_stress.cpp.
#include <weir/queues/fork_stack.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace {

using weir::detail::pushed;

constexpr std::uint32_t capacity = 8;

struct ForkStack : testing::Test {
  weir::detail::fork_stack<int, capacity> stack;
  weir::detail::fork_stack_owner<int, capacity> owner{stack};
  weir::detail::fork_stack_thief<int, capacity> thief{stack};
  std::array<int, 16> forks{};

  void push(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) ASSERT_NE(owner.push(&forks[i]), pushed::full);
  }
};

TEST_F(ForkStack, GivesTheOwnerTheNewestBack) {
  push(5);
  for (std::uint32_t left = 5; left-- > 0;) {
    EXPECT_TRUE(owner.pop());
    EXPECT_EQ(owner.size(), left);
  }
  EXPECT_EQ(thief.steal(), nullptr);
}

// A thief that wants the first run's fork is between its look and its exchange while that run ends, and the next one
// forks at the same index.
TEST_F(ForkStack, GivesWhatWasForkedInOneSegmentToNobodyWhoAsksForAnother) {
  for (const int runs_between : {0, 1, 2}) {
    int asked = 0;
    owner.begin_segment();
    ASSERT_EQ(owner.push(&forks[0]), pushed::published);
    for (int i = 0; i < runs_between; ++i) {  // on top, while the first one's fork is public
      owner.begin_segment();
      owner.begin_segment();
    }
    const int* const taken = thief.steal_while(0, [&] {
      if (asked++ != 0) return false;  // it is over, says the second look
      EXPECT_TRUE(owner.pop());
      owner.begin_segment();
      owner.begin_segment();
      EXPECT_EQ(owner.push(&forks[1]), pushed::published);
      return true;
    });
    EXPECT_EQ(taken, nullptr) << runs_between << " runs between";
    EXPECT_TRUE(owner.pop());
    owner.begin_segment();
  }
}

TEST_F(ForkStack, GivesAThiefTheOldest) {
  push(2);
  EXPECT_EQ(thief.steal(), &forks[0]);
}

TEST_F(ForkStack, SaysWhenThereIsSomethingToStealAgain) {
  EXPECT_EQ(owner.push(&forks[0]), pushed::published);
  EXPECT_EQ(owner.push(&forks[1]), pushed::kept);
  EXPECT_EQ(thief.steal(), &forks[0]);
  EXPECT_EQ(owner.push(&forks[2]), pushed::published);
  EXPECT_EQ(owner.push(&forks[3]), pushed::kept);
}

TEST_F(ForkStack, OneIsStealableWheneverTwoArePendingAtAPush) {
  for (std::size_t i = 0; i < 7; ++i) {
    ASSERT_NE(owner.push(&forks[i]), pushed::full);
    if (i == 0) continue;
    EXPECT_EQ(thief.steal(), &forks[i - 1]) << "the oldest that is left";
  }
}

TEST_F(ForkStack, PublishesHalfOfWhatIsPrivate) {
  push(5);
  EXPECT_EQ(thief.steal(), &forks[0]);
  EXPECT_EQ(thief.steal(), nullptr) << "the four newest are private";
  EXPECT_EQ(owner.push(&forks[5]), pushed::published);
  EXPECT_EQ(thief.steal(), &forks[1]);
  EXPECT_EQ(thief.steal(), &forks[2]);
  EXPECT_EQ(thief.steal(), &forks[3]);
  EXPECT_EQ(thief.steal(), nullptr);
}

TEST_F(ForkStack, PublishesAllWhenItIsAskedTo) {
  EXPECT_FALSE(owner.publish_all());
  push(5);
  EXPECT_TRUE(owner.publish_all());
  EXPECT_FALSE(owner.publish_all());
  EXPECT_TRUE(owner.pop());
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(thief.steal(), &forks[i]);
  EXPECT_FALSE(owner.pop());
}

TEST_F(ForkStack, TellsTheOwnerThatItsNewestWasStolen) {
  push(2);
  EXPECT_EQ(thief.steal(), &forks[0]);
  EXPECT_TRUE(owner.pop());
  EXPECT_FALSE(owner.pop());
  EXPECT_FALSE(owner.pop()) << "as often as it is asked";
  owner.forget_newest();
  EXPECT_EQ(owner.size(), 0u);
  EXPECT_EQ(owner.push(&forks[2]), pushed::published);
  EXPECT_EQ(thief.steal(), &forks[2]);
}

TEST_F(ForkStack, HoldsForksAboveAStolenOne) {
  push(1);
  EXPECT_EQ(thief.steal(), &forks[0]);
  EXPECT_FALSE(owner.pop());
  // While it waits for that one, the owner runs others, which fork too.
  EXPECT_EQ(owner.push(&forks[1]), pushed::published);
  EXPECT_EQ(owner.push(&forks[2]), pushed::kept);
  EXPECT_EQ(thief.steal(), &forks[1]);
  EXPECT_TRUE(owner.pop());
  EXPECT_FALSE(owner.pop());
  owner.forget_newest();
  EXPECT_EQ(owner.size(), 1u);
  owner.forget_newest();
  EXPECT_EQ(owner.size(), 0u);
}

TEST_F(ForkStack, AFullOneRefusesAndChangesNothing) {
  push(capacity);
  EXPECT_EQ(owner.push(&forks[capacity]), pushed::full);
  EXPECT_EQ(owner.size(), capacity);
  for (std::uint32_t i = 0; i < capacity; ++i) EXPECT_TRUE(owner.pop());
  EXPECT_EQ(owner.push(&forks[0]), pushed::published);
}

}  // namespace
