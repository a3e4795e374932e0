// A test of an internal: what a stock of units does by itself, step by step; tests/model/ has the threads.
#include <weir/admission/detail/child_stock.hpp>

#include <gtest/gtest.h>

namespace weir::detail {
namespace {

TEST(ChildStock, GivesOutWhatWasAddedAndNoMore) {
  child_stock stock(2, 4);
  EXPECT_FALSE(stock.take(0));
  EXPECT_FALSE(stock.add(0, 2));
  EXPECT_TRUE(stock.take(0));
  EXPECT_FALSE(stock.take(1)) << "it is another one's";
  EXPECT_TRUE(stock.take(0));
  EXPECT_FALSE(stock.take(0));
}

TEST(ChildStock, KeepsTwoBlocksAtMost) {
  child_stock stock(1, 4);
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(stock.put(0));
  EXPECT_FALSE(stock.put(0));
  EXPECT_EQ(stock.units(), 8);
  EXPECT_TRUE(stock.take(0));
  EXPECT_TRUE(stock.put(0));
}

TEST(ChildStock, KeepsNothingWithoutABlock) {
  child_stock stock(1, 0);
  EXPECT_FALSE(stock.has_kept_units());
  EXPECT_FALSE(stock.put(0));
  EXPECT_TRUE(stock.is_empty());
}

TEST(ChildStock, TellsWhoAddsThatSomebodyAsks) {
  child_stock stock(1, 4);
  EXPECT_TRUE(stock.put(0));
  stock.ask();
  stock.ask();
  EXPECT_TRUE(stock.looks_asked());
  EXPECT_FALSE(stock.put(0)) << "one is to go to the word";
  EXPECT_EQ(stock.units(), 1) << "and only one";
  EXPECT_TRUE(stock.add(0, 2));
  EXPECT_EQ(stock.take_all(0), 3U);
  stock.ask_no_more();
  EXPECT_TRUE(stock.add(0, 1)) << "the other one still asks";
  stock.ask_no_more();
  EXPECT_TRUE(stock.put(0));
}

TEST(ChildStock, RecallTakesAllOfAll) {
  child_stock stock(3, 4);
  EXPECT_TRUE(stock.is_empty());
  EXPECT_FALSE(stock.add(0, 3));
  EXPECT_FALSE(stock.add(2, 2));
  EXPECT_FALSE(stock.is_empty());
  EXPECT_EQ(stock.recall(), 5U);
  EXPECT_TRUE(stock.is_empty());
  EXPECT_EQ(stock.recall(), 0U);
  EXPECT_FALSE(stock.take(0));
}

}  // namespace
}  // namespace weir::detail
