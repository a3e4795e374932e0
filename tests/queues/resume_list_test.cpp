#include <weir/queues/resume_list.hpp>

#include <gtest/gtest.h>

#include <array>

namespace {

struct node {
  node* next = nullptr;
};

using list = weir::detail::resume_list<node, &node::next>;

TEST(ResumeList, GivesBackInTheOrderOfEntry) {
  list l;
  std::array<node, 3> nodes;
  for (node& n : nodes) l.push(&n);
  for (node& n : nodes) EXPECT_EQ(l.try_pop(), &n);
  EXPECT_EQ(l.try_pop(), nullptr);
}

TEST(ResumeList, ANodeCanEnterAgainAsSoonAsItIsOut) {
  list l;
  node a;
  node b;
  for (int round = 0; round < 3; ++round) {
    l.push(&a);
    l.push(&b);
    EXPECT_EQ(l.try_pop(), &a);
    l.push(&a);
    EXPECT_EQ(l.try_pop(), &b);
    EXPECT_EQ(l.try_pop(), &a);
    EXPECT_EQ(l.try_pop(), nullptr);
  }
}

}  // namespace
