// The injector under producers and consumers that rely on its count alone: each item comes out once, and whoever sees
// `pending` above zero finds something in the end.
#include <weir/queues/injector.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <weir/queues/sync.hpp>

#include "support/event.hpp"
#include "support/seed.hpp"

namespace {

using weir::detail::atomic;
using weir::detail::lane;

struct item {
  int payload = 0;
  int taken = 0;
  item* next = nullptr;
};

TEST(InjectorStress, NothingIsLostWhileSweepsGoOn) {
  constexpr int producers = 3;
  constexpr int each = 60'000;
  std::vector<item> items(producers * each);
  using injector = weir::detail::injector<item, &item::next>;
  const auto queue = std::make_unique<injector>();
  atomic<int> left{producers * each};
  const std::uint64_t seed = weir::testing::seed();
  SCOPED_TRACE(seed);

  weir::testing::tally over;
  std::vector<std::thread> threads;
  for (int p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < each; ++i) {
        item& one = items[static_cast<std::size_t>(p * each + i)];
        one.payload = p * each + i;
        const auto where = static_cast<lane>((seed + static_cast<std::uint64_t>(i)) % 3);
        if (i % 3 == 0) {
          queue->push_linked(&one, where);
        } else {
          queue->push(&one, where);
        }
      }
    });
  }
  const auto take = [&](item& i) noexcept {
    EXPECT_EQ(&items[static_cast<std::size_t>(i.payload)], &i);
    ++i.taken;
    left.fetch_sub(1, weir::detail::memory_order_relaxed);
  };
  constexpr int consumers = 2;
  for (int c = 0; c < consumers; ++c) {
    threads.emplace_back([&] {
      injector::consumer worker(*queue);
      std::uint32_t empty = 0;
      while (left.load(weir::detail::memory_order_relaxed) > 0) {
        if (item* const i = queue->try_pop(worker)) {
          take(*i);
        } else if (++empty % 64 == 0) {
          queue->remove_if([&](item& found) noexcept { return found.payload % 7 == 0 ? (take(found), true) : false; });
        }
      }
      over.add();
    });
  }
  over.await(consumers, "consumers that have taken every item");
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(queue->pending(), 0);
  for (const item& i : items) ASSERT_EQ(i.taken, 1) << "item " << i.payload;
}

}  // namespace
