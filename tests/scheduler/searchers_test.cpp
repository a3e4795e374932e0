// How many workers search at once. An internal, by path: who of a pool searches is not to be seen from outside.
#include "../../scheduler/src/idle.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Idle, LetsNoMoreThanHalfOfTheWorkersSearch) {
  for (const int workers : {1, 2, 3, 4, 8, 64}) {
    weir::detail::idle idle(workers);
    for (int searching = 0; 2 * searching < workers; ++searching) {
      ASSERT_TRUE(idle.begin_search()) << searching << " of " << workers;
    }
    EXPECT_FALSE(idle.begin_search()) << workers;
    EXPECT_FALSE(idle.begin_search()) << workers << ": who was refused is not counted";
    idle.end_search([] { return false; });
    EXPECT_TRUE(idle.begin_search()) << workers << ": one has stopped";
    EXPECT_FALSE(idle.begin_search()) << workers;
  }
}

}  // namespace
