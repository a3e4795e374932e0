#include <weir/queues/timer_heap.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "support/seed.hpp"

namespace {

struct timed_thing {
  int due = 0;
  std::uint32_t place = weir::detail::not_in_heap;
};

struct by_due {
  static bool is_before(const timed_thing& a, const timed_thing& b) { return a.due < b.due; }
  static std::uint32_t& place(timed_thing& one) { return one.place; }
};

using heap = weir::detail::timer_heap<timed_thing, by_due>;

TEST(TimerHeap, IsEmptyAtFirst) { EXPECT_EQ(heap().first(), nullptr); }

TEST(TimerHeap, ReturnsRoomThatIsNotUsed) {
  heap h;
  for (int i = 0; i < 100'000; ++i) {
    h.promise_room();
    h.return_room();
  }
  EXPECT_EQ(h.first(), nullptr);
}

// Against a set of (time, thing), at random.
TEST(TimerHeap, KnowsWhatIsDueFirstWhateverComesAndGoes) {
  std::mt19937_64 random(weir::testing::seed());
  for (int round = 0; round < 200; ++round) {
    heap h;
    std::vector<timed_thing> things(1 + random() % 100);
    std::set<std::pair<int, const timed_thing*>> inside;
    for (int step = 0; step < 1'000; ++step) {
      timed_thing& one = things[random() % things.size()];
      ASSERT_EQ(h.contains(one), inside.contains({one.due, &one}));
      if (h.contains(one)) {
        inside.erase({one.due, &one});
        h.take_out(one);
      } else {
        one.due = static_cast<int>(random() % 50);
        h.promise_room();
        h.insert(one);
        inside.insert({one.due, &one});
      }
      ASSERT_EQ(h.first() == nullptr, inside.empty());
      if (!inside.empty()) {
        ASSERT_EQ(h.first()->due, inside.begin()->first);
      }
    }
  }
}

}  // namespace
