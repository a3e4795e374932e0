// The injector from one thread: order among lanes, ageing, the count, and the sweep. Threads: tests/stress/injector_stress.cpp.
#include <weir/queues/injector.hpp>

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

namespace {

using weir::detail::lane;

struct item {
  int id = 0;
  item* next = nullptr;
};

struct fixture : testing::Test {
  fixture() {
    for (int i = 0; i < static_cast<int>(items.size()); ++i) items[static_cast<std::size_t>(i)].id = i;
  }
  // What comes out, in order, with the looks of one worker from `look` on.
  std::vector<int> drain(std::uint32_t look = 0) {
    std::vector<int> ids;
    while (item* const i = queue->try_pop(look++)) ids.push_back(i->id);
    return ids;
  }

  std::array<item, 64> items;
  std::unique_ptr<weir::detail::injector<item, &item::next>> queue =
      std::make_unique<weir::detail::injector<item, &item::next>>();
};

using Injector = fixture;

TEST_F(Injector, CountsWhatIsIn) {
  EXPECT_EQ(queue->pending(), 0);
  queue->push(&items[0], lane::normal);
  queue->push_linked(&items[1], lane::low);
  EXPECT_EQ(queue->pending(), 2);
  EXPECT_NE(queue->try_pop(0), nullptr);
  EXPECT_EQ(queue->pending(), 1);
  EXPECT_NE(queue->try_pop(0), nullptr);
  EXPECT_EQ(queue->pending(), 0);
  EXPECT_EQ(queue->try_pop(0), nullptr);
}

TEST_F(Injector, KeepsTheOrderWithinALane) {
  for (int i = 0; i < 5; ++i) queue->push(&items[static_cast<std::size_t>(i)], lane::normal);
  EXPECT_EQ(drain(), (std::vector<int>{0, 1, 2, 3, 4}));
  for (int i = 0; i < 5; ++i) queue->push_linked(&items[static_cast<std::size_t>(i)], lane::normal);
  EXPECT_EQ(drain(), (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(Injector, TakesTheHigherLaneFirst) {
  queue->push(&items[0], lane::low);
  queue->push(&items[1], lane::normal);
  queue->push(&items[2], lane::high);
  EXPECT_EQ(drain(), (std::vector<int>{2, 1, 0}));
}

TEST_F(Injector, EveryEighthLookStartsAtTheLowestLane) {
  queue->push(&items[0], lane::low);
  for (int i = 1; i < 20; ++i) queue->push(&items[static_cast<std::size_t>(i)], lane::high);
  const std::vector<int> order = drain();
  EXPECT_EQ(order.at(7), 0) << "the low one comes with the 8th look";
}

TEST_F(Injector, NeitherWayInStarvesTheOther) {
  // Both ways into the lowest lane, with the higher lanes never empty: what a worker sees whose every 8th look is all they get.
  for (int i = 0; i < 4; ++i) queue->push(&items[static_cast<std::size_t>(i)], lane::low);
  for (int i = 4; i < 8; ++i) queue->push_linked(&items[static_cast<std::size_t>(i)], lane::low);
  bool queued_came = false;
  bool linked_came = false;
  for (std::uint32_t look = 0; look < 8 * 4; ++look) {
    queue->push(&items[8 + look % 50], lane::high);
    const item* const out = queue->try_pop(look);
    ASSERT_NE(out, nullptr);
    queued_came |= out->id < 4;
    linked_came |= out->id >= 4 && out->id < 8;
  }
  EXPECT_TRUE(queued_came);
  EXPECT_TRUE(linked_came);
}

TEST_F(Injector, ASweepTakesOutWhatIsDeadAndKeepsTheRestInItsLane) {
  for (int i = 0; i < 12; ++i) {
    const auto where = static_cast<lane>(i % 3);
    if (i % 2 == 0) {
      queue->push(&items[static_cast<std::size_t>(i)], where);
    } else {
      queue->push_linked(&items[static_cast<std::size_t>(i)], where);
    }
  }
  int dropped = 0;
  EXPECT_EQ(queue->remove_if([&](item& i) noexcept { return i.id < 6 ? (++dropped, true) : false; }), 6);
  EXPECT_EQ(dropped, 6);
  EXPECT_EQ(queue->pending(), 6);
  std::vector<int> lanes;
  for (const int id : drain()) lanes.push_back(id % 3);
  EXPECT_EQ(lanes, (std::vector<int>{2, 2, 1, 1, 0, 0}));
}

}  // namespace
