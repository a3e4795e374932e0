// A limiter whose limits go up and down below what is held, and which is closed in the middle of that, under threads
// that try, wait, run out of time, are cancelled, and give back in parts. Nobody is let in above a limit that is in
// force, also while more is held; nobody after the close; nobody is left waiting.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/eventually.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using detail::memory_order_seq_cst;
using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr std::int64_t most_inside = 8;
constexpr std::int64_t most_weight_inside = 20;

// The limits that are in force, as the one who changes them knows it; while a change is under way, the widest. Each has
// its number, so that who reads the same before an admission and after it knows that no other was in force between.
class known_bound {
 public:
  struct bound {
    std::uint64_t number;
    std::int64_t tasks;
    std::int64_t weight;
  };

  [[nodiscard]] bound read() const {
    const std::uint64_t word = word_.load(memory_order_seq_cst);
    return {.number = word >> 16,
            .tasks = static_cast<std::int64_t>(word & 0xff),
            .weight = static_cast<std::int64_t>(word >> 8 & 0xff)};
  }
  // By one thread.
  void bind(std::int64_t tasks, std::int64_t weight) {
    const std::uint64_t number = (word_.load(memory_order_seq_cst) >> 16) + 1;
    word_.store(number << 16 | static_cast<std::uint64_t>(weight) << 8 | static_cast<std::uint64_t>(tasks),
                memory_order_seq_cst);
  }
  void widen() { bind(most_inside, most_weight_inside); }

 private:
  detail::atomic<std::uint64_t> word_{most_weight_inside << 8 | most_inside};
};

// One limiter from its beginning to its close. What is inside is counted after a grant and until a release, and so is
// never above the truth.
struct storm {
  limiter door{{.max_tasks = most_inside, .max_weight = most_weight_inside, .max_waiters = 4}};
  known_bound bound;
  detail::atomic<std::int64_t> tasks{0};
  detail::atomic<std::int64_t> weight{0};
  detail::atomic<std::int64_t> checked{0};
  detail::atomic<bool> is_closed{false};  // set when close has returned
};

using outcomes_by_name = std::map<std::string, std::int64_t>;

result<permit> come_in(limiter& door, std::int64_t weight, std::mt19937_64& random) {
  switch (random() % 4) {
    case 0:
      return door.try_acquire(weight);
    case 1:
      return door.acquire(weight, within(microseconds(random() % 100)));
    case 2: {
      std::stop_source stop;
      std::jthread canceller([stop]() mutable { stop.request_stop(); });
      return door.acquire(weight, {}, stop.get_token());
    }
    default:
      return door.acquire(weight);
  }
}

// Gives back in one piece or in parts.
void go_out(storm& in, permit held, std::mt19937_64& random) {
  const std::int64_t weight = held.weight();
  permit part;
  if (weight > 1 && random() % 2 == 0) part = held.split(1);
  if (part && weight > 2) {
    in.weight.fetch_sub(weight - 2, memory_order_seq_cst);
    held.shrink_to(1);
    in.weight.fetch_sub(2, memory_order_seq_cst);
  } else {
    in.weight.fetch_sub(weight, memory_order_seq_cst);
  }
  if (random() % 4 == 0) std::this_thread::yield();
  in.tasks.fetch_sub(1, memory_order_seq_cst);
}

outcomes_by_name visit_until_closed(storm& in, std::mt19937_64 random) {
  outcomes_by_name outcomes;
  for (;;) {
    const bool was_closed = in.is_closed.load(memory_order_seq_cst);
    const known_bound::bound before = in.bound.read();
    const auto weight = static_cast<std::int64_t>(1 + random() % 10);
    result<permit> got = come_in(in.door, weight, random);
    ++outcomes[got ? "granted" : std::string(to_string(got.error().reason))];
    if (!got) {
      const refusal_reason why = got.error().reason;
      if (why == refusal_reason::closed) return outcomes;
      // Heavier than the limit is told before anything else, and stopped before the call, too.
      EXPECT_TRUE(!was_closed || why == refusal_reason::too_heavy || why == refusal_reason::cancelled)
          << to_string(got.error());
      continue;
    }
    EXPECT_FALSE(was_closed);
    const std::int64_t tasks = in.tasks.fetch_add(1, memory_order_seq_cst) + 1;
    const std::int64_t all = in.weight.fetch_add(weight, memory_order_seq_cst) + weight;
    if (in.bound.read().number == before.number) {
      EXPECT_LE(tasks, before.tasks);
      EXPECT_LE(all, before.weight);
      in.checked.fetch_add(1, memory_order_seq_cst);
    }
    go_out(in, *std::move(got), random);
  }
}

// Changes the limits until the close: also to less than what is held, and then waits for it to fit now and then.
void change_until_closed(storm& in, std::mt19937_64 random) {
  while (!in.is_closed.load(memory_order_seq_cst)) {
    const auto tasks = static_cast<std::int64_t>(1 + random() % most_inside);
    const auto weight = static_cast<std::int64_t>(1 + random() % most_weight_inside);
    in.bound.widen();
    in.door.set_limits({.max_tasks = tasks, .max_weight = weight, .max_waiters = 4});
    if (in.door.is_closed()) return;  // then it may have changed nothing
    in.bound.bind(tasks, weight);
    if (random() % 2 == 0 && in.door.wait_until_within()) {
      EXPECT_LE(in.tasks.load(memory_order_seq_cst), tasks);
      EXPECT_LE(in.weight.load(memory_order_seq_cst), weight);
    }
    if (random() % 2 == 0) std::this_thread::yield();
  }
}

TEST(CloseStress, NobodyComesInAboveALimitOrAfterTheCloseAndNobodyIsLeft) {
  std::mt19937_64 random(testing::seed());
  const auto end = steady_clock::now() + 2 * weir::testing::stress_time();
  outcomes_by_name sum;
  std::int64_t storms = 0;
  std::int64_t checked = 0;
  for (; steady_clock::now() < end && !HasFailure(); ++storms) {
    storm in;
    std::vector<std::future<outcomes_by_name>> visitors;
    for (int i = 0; i < 4; ++i) {
      visitors.push_back(testing::in_background(
          [&in, own = std::mt19937_64(random())]() mutable { return visit_until_closed(in, own); }));
    }
    auto changer =
        testing::in_background([&in, own = std::mt19937_64(random())]() mutable { change_until_closed(in, own); });
    const auto close_at = steady_clock::now() + microseconds(random() % 4'000);
    while (steady_clock::now() < close_at) std::this_thread::yield();
    auto second = testing::in_background([&in] { in.door.close(); });
    in.door.close();
    in.is_closed.store(true, memory_order_seq_cst);
    testing::get(second, "the second close");
    for (auto& v : visitors) {
      for (const auto& [name, count] : testing::get(v, "a visitor that was left behind")) sum[name] += count;
    }
    testing::get(changer, "the changer");
    EXPECT_EQ(in.door.tasks_in_use(), 0);
    EXPECT_EQ(in.door.weight_in_use(), 0);
    EXPECT_EQ(in.door.waiting(), 0);
    EXPECT_EQ(in.tasks.load(memory_order_seq_cst), 0);
    EXPECT_EQ(in.weight.load(memory_order_seq_cst), 0);
    checked += in.checked.load(memory_order_seq_cst);
  }
  std::cout << storms << " storms, " << checked << " grants held against a bound";
  for (const auto& [name, count] : sum) std::cout << ", " << name << ' ' << count;
  std::cout << '\n';
  EXPECT_GT(checked, 0);
}

}  // namespace
}  // namespace weir
