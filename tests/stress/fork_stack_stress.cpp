// The fork stack under one owner that forks as a recursion does, and several thieves: every fork is run exactly once,
// with what was written into it, and is done when it has been joined.
#include <weir/queues/fork_stack.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <weir/queues/backoff.hpp>
#include <weir/queues/sync.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using weir::detail::atomic;

struct stressed_fork {
  std::uint64_t payload = 0;      // plain: the stack publishes it
  std::uint64_t result = 0;       // plain: `done` publishes it
  int runs = 0;                   // plain: who took the fork is the only one
  atomic<std::uint32_t> done{0};  // release by the thief -> acquire by the join
};

using stressed_stack = weir::detail::fork_stack<stressed_fork, 64>;

void run_fork(stressed_fork& f) {
  ++f.runs;
  f.result = f.payload + 1;
}

class forker {
 public:
  forker(stressed_stack& of, std::uint64_t seed) : owner_(of), random_(seed) {}

  void recurse(int depth) {
    stressed_fork f;
    f.payload = random_();
    const auto how = owner_.push(&f);
    if (depth > 0) {
      if (random_() % 8 != 0) recurse(depth - 1);
      if (random_() % 8 == 0) recurse(depth - 1);
    }
    if (how == weir::detail::pushed::full || owner_.pop()) {
      run_fork(f);
    } else {
      weir::detail::backoff pause;
      while (f.done.load(weir::detail::memory_order_acquire) == 0) pause.pause();
      owner_.forget_newest();
      ++stolen_;
    }
    ASSERT_EQ(f.runs, 1);
    ASSERT_EQ(f.result, f.payload + 1);
    ++joined_;
  }

  [[nodiscard]] std::uint64_t stolen() const { return stolen_; }
  [[nodiscard]] std::uint64_t joined() const { return joined_; }
  [[nodiscard]] std::uint32_t left() const { return owner_.size(); }

 private:
  weir::detail::fork_stack_owner<stressed_fork, 64> owner_;
  std::mt19937_64 random_;
  std::uint64_t stolen_ = 0;
  std::uint64_t joined_ = 0;
};

constexpr int few = 7;

void run_forks(int thieves, std::uint64_t forks, std::uint64_t seed) {
  const auto stack = std::make_unique<stressed_stack>();
  atomic<bool> over{false};
  weir::testing::tally ended;
  std::vector<std::thread> threads;
  for (int t = 0; t < thieves; ++t) {
    threads.emplace_back([&] {
      weir::detail::fork_stack_thief<stressed_fork, 64> thief(*stack);
      while (!over.load(weir::detail::memory_order_acquire)) {
        stressed_fork* const f = thief.steal();
        if (f == nullptr) {
          if (thieves > few) std::this_thread::yield();  // else the owner hardly has a turn
          continue;
        }
        run_fork(*f);
        f->done.store(1, weir::detail::memory_order_release);
      }
      ended.add();
    });
  }
  forker owner(*stack, seed);
  const auto limit = std::chrono::steady_clock::now() + weir::testing::patience;
  while (owner.joined() < forks || owner.stolen() < 100) {
    owner.recurse(90);  // deeper than the stack has room
    if (std::chrono::steady_clock::now() > limit) weir::testing::give_up("forks that were stolen");
  }
  over.store(true, weir::detail::memory_order_release);
  ended.await(static_cast<std::uint32_t>(thieves), "thieves that see the end");
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(owner.left(), 0u);
}

TEST(ForkStackStress, RunsEachForkOnce) {
  const std::uint64_t seed = weir::testing::seed();
  SCOPED_TRACE(seed);
  for (const int thieves : {1, 2, 3, few, 63}) {
    run_forks(thieves, static_cast<std::uint64_t>(weir::testing::scaled(100'000)),
              seed + static_cast<std::uint64_t>(thieves));
  }
}

}  // namespace
