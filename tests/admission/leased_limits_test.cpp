// A limiter whose permits come from elsewhere in batches, by what every limiter can do: limits that are raised when a
// batch comes, lowered before it goes, and the word that nothing is held of it any more. Elsewhere is another limiter
// here; it could be another host.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <random>
#include <utility>
#include <vector>

#include "support/eager.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

constexpr std::int64_t batch = 10;

// A node with one batch that it keeps, and more while they are needed.
class leasing_node {
 public:
  explicit leasing_node(limiter& source) : source_(&source) { leases_.push_back(source.try_acquire(batch).value()); }

  result<permit> try_acquire(std::int64_t weight) {
    result<permit> got = own_.try_acquire(weight);
    if (got || got.error().reason != refusal_reason::weight_full) return got;
    result<permit> lease = source_->try_acquire(batch);
    if (!lease) return got;
    leases_.push_back(*std::move(lease));
    set_own();
    return own_.try_acquire(weight);
  }

  // Gives one batch back as soon as nothing is held of it.
  void give_back_one() {
    if (leases_.size() == 1) return;
    permit going = std::move(leases_.back());
    leases_.pop_back();
    set_own();
    (void)when_within(own_, std::move(going));
  }

  [[nodiscard]] std::int64_t in_use() const { return own_.weight_in_use(); }
  [[nodiscard]] std::int64_t leased() const { return static_cast<std::int64_t>(leases_.size()) * batch; }

 private:
  static testing::eager when_within(limiter& own, permit lease) {
    const result<void> is_within = co_await own.async_wait_until_within();
    EXPECT_TRUE(is_within);
    lease.release();
  }
  void set_own() { own_.set_limits({.max_tasks = unlimited, .max_weight = leased()}); }

  limiter* source_;
  std::vector<permit> leases_;
  limiter own_{{.max_tasks = unlimited, .max_weight = batch}};
};

TEST(LeasedLimits, NodesThatTakeBatchesHoldNoMoreThanTheirSource) {
  std::mt19937_64 random(testing::seed());
  limiter source({.max_tasks = unlimited, .max_weight = 8 * batch});
  {
    std::deque<leasing_node> nodes;
    while (nodes.size() < 3) nodes.emplace_back(source);
    std::vector<permit> held;
    int grown = 0;
    for (int step = 0; step < 20'000; ++step) {
      leasing_node& node = nodes[random() % nodes.size()];
      const std::int64_t before = node.leased();
      switch (random() % 5) {
        case 0:
        case 1:
          if (auto got = node.try_acquire(1 + static_cast<std::int64_t>(random() % batch))) {
            held.push_back(*std::move(got));
          }
          break;
        case 2:
        case 3:
          if (!held.empty()) {
            std::swap(held[random() % held.size()], held.back());
            held.pop_back();
          }
          break;
        default:
          node.give_back_one();
      }
      grown += node.leased() > before ? 1 : 0;
      std::int64_t in_use = 0;
      for (const leasing_node& one : nodes) in_use += one.in_use();
      ASSERT_LE(in_use, source.weight_in_use()) << "of each permit a part of a batch is held at the source";
      ASSERT_LE(source.weight_in_use(), 8 * batch);
    }
    EXPECT_GT(grown, 100);
    held.clear();
  }
  EXPECT_EQ(source.weight_in_use(), 0);
}

}  // namespace
}  // namespace weir
