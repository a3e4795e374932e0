// The injector from one thread: order among lanes, ageing, the count, and the sweep. Threads:
// tests/stress/injector_stress.cpp.
#include <weir/queues/injector.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "support/event.hpp"
#include "support/eventually.hpp"

namespace {

using weir::detail::lane;

struct item {
  int id = 0;
  item* next = nullptr;
};

using injector = weir::detail::injector<item, &item::next>;

struct Injector : testing::Test {
  Injector() {
    for (int i = 0; i < static_cast<int>(items.size()); ++i) items[static_cast<std::size_t>(i)].id = i;
  }
  // What comes out, in order, for one new consumer.
  std::vector<int> drain() {
    std::vector<int> ids;
    injector::consumer worker(*queue);
    while (item* const i = queue->try_pop(worker)) ids.push_back(i->id);
    return ids;
  }

  std::array<item, 64> items;
  std::unique_ptr<injector> queue = std::make_unique<injector>();
};

TEST_F(Injector, CountsWhatIsIn) {
  injector::consumer worker(*queue);
  EXPECT_EQ(queue->pending(), 0);
  queue->push(&items[0], lane::normal);
  queue->push_linked(&items[1], lane::low);
  EXPECT_EQ(queue->pending(), 2);
  EXPECT_NE(queue->try_pop(worker), nullptr);
  EXPECT_EQ(queue->pending(), 1);
  EXPECT_NE(queue->try_pop(worker), nullptr);
  EXPECT_EQ(queue->pending(), 0);
  EXPECT_EQ(queue->try_pop(worker), nullptr);
}

TEST_F(Injector, KeepsTheOrderWithinALane) {
  for (int i = 0; i < 5; ++i) queue->push(&items[static_cast<std::size_t>(i)], lane::normal);
  EXPECT_EQ(drain(), (std::vector<int>{0, 1, 2, 3, 4}));
  for (int i = 0; i < 5; ++i) queue->push_linked(&items[static_cast<std::size_t>(i)], lane::normal);
  EXPECT_EQ(drain(), (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(Injector, ManyGoInTogetherInTheirOrder) {
  std::array<item*, 10> batch{};
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i] = &items[i];
  queue->push_all(batch.data(), 10, lane::high);
  EXPECT_EQ(queue->pending(), 10);
  EXPECT_TRUE(queue->has_urgent());
  EXPECT_EQ(drain(), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(queue->pending(), 0);
  EXPECT_FALSE(queue->has_urgent());
}

TEST_F(Injector, TakesTheHigherLaneFirst) {
  queue->push(&items[0], lane::low);
  queue->push(&items[1], lane::normal);
  queue->push(&items[2], lane::high);
  EXPECT_EQ(drain(), (std::vector<int>{2, 1, 0}));
}

TEST_F(Injector, ABatchIsOfOneLaneAndCountedUntilItIsWhereOthersSeeIt) {
  injector::consumer worker(*queue);
  for (int i = 0; i < 5; ++i) queue->push(&items[static_cast<std::size_t>(i)], lane::normal);
  queue->push(&items[5], lane::low);
  std::array<item*, 8> taken{};
  ASSERT_EQ(queue->begin_pop(worker, taken.data(), 3), 3);
  EXPECT_EQ(queue->pending(), 6);
  queue->end_pop(3);
  EXPECT_EQ(queue->pending(), 3);
  ASSERT_EQ(queue->begin_pop(worker, taken.data() + 3, 5), 2) << "the other lane is not for this batch";
  queue->end_pop(2);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(taken[static_cast<std::size_t>(i)]->id, i);
  ASSERT_EQ(queue->begin_pop(worker, taken.data(), 8), 1);
  queue->end_pop(1);
  EXPECT_EQ(queue->pending(), 0);
  EXPECT_EQ(queue->begin_pop(worker, taken.data(), 8), 0);
}

TEST_F(Injector, TellsWhetherSomethingIsUrgent) {
  injector::consumer worker(*queue);
  queue->push(&items[0], lane::normal);
  queue->push(&items[1], lane::low);
  EXPECT_FALSE(queue->has_urgent());
  queue->push(&items[2], lane::high);
  queue->push_linked(&items[3], lane::high);
  EXPECT_TRUE(queue->has_urgent());
  EXPECT_EQ(queue->remove_if([&](const item& i) { return &i == &items[2]; }), 1);
  EXPECT_TRUE(queue->has_urgent());
  EXPECT_EQ(queue->try_pop(worker), &items[3]);
  EXPECT_FALSE(queue->has_urgent());
}

TEST_F(Injector, NoLaneStarvesWhileTheOthersAreNeverEmpty) {
  // Of 8 looks one starts at the lowest lane and one at the normal one.
  injector::consumer worker(*queue);
  std::array<int, 3> taken{};
  std::array<std::vector<item*>, 3> spare;
  for (std::size_t i = 0; i < 60; ++i) {
    items[i].id = static_cast<int>(i % 3);
    queue->push(&items[i], static_cast<lane>(i % 3));
  }
  for (int look = 0; look < 80; ++look) {
    item* const out = queue->try_pop(worker);
    ASSERT_NE(out, nullptr);
    ++taken[static_cast<std::size_t>(out->id)];
    queue->push(out, static_cast<lane>(out->id));
  }
  EXPECT_EQ(taken, (std::array<int, 3>{10, 10, 60}));
}

TEST_F(Injector, NeitherWayIntoALaneStarvesTheOther) {
  for (const lane where : {lane::low, lane::normal, lane::high}) {
    SCOPED_TRACE(static_cast<int>(where));
    injector::consumer worker(*queue);
    for (std::size_t i = 0; i < 10; ++i) {
      items[i].id = static_cast<int>(i);
      i % 2 == 0 ? queue->push(&items[i], where) : queue->push_linked(&items[i], where);
    }
    // Busy higher lanes, so that a lane sees only the looks that are its own.
    std::array<item, 3> busy{};
    for (std::size_t l = 0; l < 3; ++l) {
      busy[l].id = -1 - static_cast<int>(l);
      if (static_cast<lane>(l) != where) queue->push(&busy[l], static_cast<lane>(l));
    }
    int by_queue = 0;
    int by_link = 0;
    for (int look = 0; look < 8 * 8; ++look) {
      item* const out = queue->try_pop(worker);
      ASSERT_NE(out, nullptr);
      if (out->id < 0) {
        queue->push(out, static_cast<lane>(-1 - out->id));
      } else {
        ++(out->id % 2 == 0 ? by_queue : by_link);
        out->id % 2 == 0 ? queue->push(out, where) : queue->push_linked(out, where);
      }
    }
    EXPECT_GE(by_queue, 3);
    EXPECT_GE(by_link, 3);
    queue = std::make_unique<injector>();
  }
}

TEST_F(Injector, ThreadsThatPushTakeTurns) {
  // Five threads with plenty each: taking a part of it must reach all of them. Without turns the queue serves the three
  // that came last.
  constexpr int threads = 5;
  constexpr int each = 1'000;
  std::vector<item> plenty(threads * each);
  {
    // All there until all have pushed: the queue gives what an ended thread had to the next one.
    std::latch all(threads);
    std::vector<std::jthread> pushing;
    for (int t = 0; t < threads; ++t) {
      pushing.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          item& one = plenty[static_cast<std::size_t>(t * each + i)];
          one.id = t;
          queue->push(&one, lane::normal);
        }
        all.arrive_and_wait();
      });
    }
  }
  injector::consumer worker(*queue);
  std::array<int, threads> taken{};
  for (int i = 0; i < 2 * each; ++i) {
    const item* const out = queue->try_pop(worker);
    ASSERT_NE(out, nullptr);
    ++taken[static_cast<std::size_t>(out->id)];
  }
  EXPECT_THAT(taken, testing::Each(testing::Gt(0)));
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

TEST_F(Injector, ASweepVisitsEachItemOnceAndKeepsTheOrderOfALane) {
  for (int i = 0; i < 12; ++i) queue->push(&items[static_cast<std::size_t>(i)], i < 3 ? lane::low : lane::normal);
  int visits = 0;
  EXPECT_EQ(queue->remove_if([&](item& i) noexcept {
    ++visits;
    return i.id == 11;
  }),
            1);
  EXPECT_EQ(visits, 12);
  EXPECT_EQ(drain(), (std::vector<int>{3, 4, 5, 6, 7, 8, 9, 0, 10, 1, 2}));
}

TEST_F(Injector, ASweepByAnotherThreadThanThePushersFindsAllThatIsDead) {
  constexpr int live = 500, all = 1'000;
  std::vector<item> many(all);
  for (int i = 0; i < all; ++i) many[static_cast<std::size_t>(i)].id = i;
  weir::testing::event pushed, swept;
  auto pusher = weir::testing::in_background([&] {
    for (item& i : many) queue->push(&i, lane::normal);
    pushed.set();
    swept.await("the sweep");  // a thread that has ended hands its part of the queue on
  });
  pushed.await("the items");
  int visits = 0;
  for (int round = 0; round < 3; ++round) {
    const auto removed = queue->remove_if([&](item& i) noexcept {
      ++visits;
      return i.id >= live;
    });
    EXPECT_EQ(removed, round == 0 ? all - live : 0);
  }
  EXPECT_EQ(visits, all + 2 * live);
  swept.set();
  weir::testing::get(pusher);
  injector::consumer worker(*queue);
  for (int i = 0; i < live; ++i) {
    const item* const out = queue->try_pop(worker);
    ASSERT_NE(out, nullptr);
    EXPECT_EQ(out->id, i);
  }
}

}  // namespace
