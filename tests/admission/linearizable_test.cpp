// The checker of histories can say no: histories by hand, and recorded ones of semaphores that are broken.
#include "support/linearizable.hpp"

#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <weir/queues/mutex.hpp>

#include "support/recorded_histories.hpp"
#include "support/seed.hpp"

namespace weir::testing {
namespace {

constexpr std::int64_t room_for = 3;

// Takes `change`, or gives back what is below 0.
struct semaphore_call {
  std::int64_t change;
  bool granted = true;
};

std::string to_string(const semaphore_call& call) {
  return "takes " + std::to_string(call.change) + (call.granted ? "" : ", refused");
}

struct plain_semaphore {
  std::int64_t used = 0;

  bool apply(const semaphore_call& call) {
    if (call.granted != (used + call.change <= room_for)) return false;
    used += call.granted ? call.change : 0;
    return true;
  }
  friend auto operator<=>(const plain_semaphore&, const plain_semaphore&) = default;
};

bool explains(const history<semaphore_call>& of) { return is_linearizable(of, plain_semaphore{}); }

TEST(Linearizable, AnEmptyHistoryIs) {
  EXPECT_TRUE(explains({}));
  EXPECT_TRUE(explains({{}, {}}));
}

TEST(Linearizable, CallsThatDoNotOverlapKeepTheirOrder) {
  EXPECT_TRUE(explains({{{{3}, 0, 1}, {{-3}, 4, 5}}, {{{1, false}, 2, 3}, {{1}, 6, 7}}}));
  EXPECT_FALSE(explains({{{{3}, 0, 1}, {{-3}, 2, 3}}, {{{1, false}, 4, 5}}})) << "refused after all was given back";
  EXPECT_FALSE(explains({{{{3}, 0, 1}}, {{{1}, 2, 3}}})) << "granted where nothing was left";
}

TEST(Linearizable, CallsThatOverlapMayHaveEitherOrder) {
  EXPECT_TRUE(explains({{{{3}, 0, 1}, {{-3}, 2, 5}}, {{{1, false}, 3, 4}}}));
  EXPECT_TRUE(explains({{{{3}, 0, 1}, {{-3}, 2, 5}}, {{{1}, 3, 4}}}));
  EXPECT_FALSE(explains({{{{2}, 0, 9}}, {{{2}, 1, 8}}})) << "both cannot be granted in any order";
  EXPECT_FALSE(explains({{{{2, false}, 0, 9}}, {{{2, false}, 1, 8}}})) << "nor both be refused";
}

// The second refusal needs the release to come late, the grant before it needs it to come early.
TEST(Linearizable, AnOrderThatSuitsEachCallAloneMaySuitNotAll) {
  const history<semaphore_call> of = {{{{3}, 0, 1}, {{-3}, 2, 9}}, {{{1}, 3, 4}}, {{{2, false}, 5, 6}}};
  EXPECT_FALSE(explains(of));
  history<semaphore_call> possible = of;
  possible[2][0] = {{3, false}, 5, 6};
  EXPECT_TRUE(explains(possible));
}

TEST(Linearizable, LooksBackFromDeadEnds) {
  // Whoever of the first three comes first decides whether the last one can be granted; 0 and 2 must not.
  EXPECT_TRUE(explains({{{{3, false}, 0, 10}}, {{{1}, 1, 11}}, {{{3, false}, 2, 12}}, {{{2}, 13, 14}}}));
  EXPECT_FALSE(explains({{{{3, false}, 0, 10}}, {{{1}, 1, 11}}, {{{3, false}, 2, 12}}, {{{3}, 13, 14}}}));
}

// ---- recorded: each of these is one step short of a semaphore

// Reads, decides, and writes later.
class over_granting {
 public:
  bool take(std::int64_t weight) {
    const std::int64_t now = used_.load(detail::memory_order_acquire);
    if (now + weight > room_for) return false;
    detail::thread_yield();
    used_.fetch_add(weight, detail::memory_order_acq_rel);
    return true;
  }
  void give_back(std::int64_t weight) { used_.fetch_sub(weight, detail::memory_order_acq_rel); }

 private:
  detail::atomic<std::int64_t> used_{0};
};

// Takes a lost exchange for a full semaphore.
class refusing_spuriously {
 public:
  bool take(std::int64_t weight) {
    std::int64_t now = used_.load(detail::memory_order_acquire);
    detail::thread_yield();
    return now + weight <= room_for &&
           used_.compare_exchange_strong(now, now + weight, detail::memory_order_acq_rel, detail::memory_order_relaxed);
  }
  void give_back(std::int64_t weight) { used_.fetch_sub(weight, detail::memory_order_acq_rel); }

 private:
  detail::atomic<std::int64_t> used_{0};
};

// Adds first and takes back what was too much: another one finds no room meanwhile.
class refusing_for_a_guest {
 public:
  bool take(std::int64_t weight) {
    if (used_.fetch_add(weight, detail::memory_order_acq_rel) + weight <= room_for) return true;
    detail::thread_yield();
    used_.fetch_sub(weight, detail::memory_order_acq_rel);
    return false;
  }
  void give_back(std::int64_t weight) { used_.fetch_sub(weight, detail::memory_order_acq_rel); }

 private:
  detail::atomic<std::int64_t> used_{0};
};

class correct {
 public:
  bool take(std::int64_t weight) {
    const detail::lock_guard held(mutex_);
    if (used_ + weight > room_for) return false;
    used_ += weight;
    return true;
  }
  void give_back(std::int64_t weight) {
    const detail::lock_guard held(mutex_);
    used_ -= weight;
  }

 private:
  detail::mutex mutex_;
  std::int64_t used_ WEIR_GUARDED_BY(mutex_) = 0;
};

template <typename Semaphore>
class room_of {
 public:
  explicit room_of(std::mt19937_64&) {}

  void turn(std::size_t, diary_of_calls<semaphore_call>& mine, std::mt19937_64& random) {
    std::vector<std::int64_t> held;
    for (int i = 0; i < 6; ++i) {
      if (!held.empty() && random() % 2 == 0) {
        mine.write([&] {
          semaphore_.give_back(held.back());
          return semaphore_call{-held.back()};
        });
        held.pop_back();
        continue;
      }
      const auto weight = static_cast<std::int64_t>(1 + random() % 3);
      bool granted = false;
      mine.write([&] { return semaphore_call{weight, granted = semaphore_.take(weight)}; });
      if (granted) held.push_back(weight);
    }
  }
  [[nodiscard]] bool explains(const history<semaphore_call>& of) const {
    return is_linearizable(of, plain_semaphore{});
  }

 private:
  Semaphore semaphore_;
};

template <typename Semaphore>
history<semaphore_call> first_inexplicable(int rounds) {
  return record_histories<room_of<Semaphore>, semaphore_call>({.rounds = rounds, .threads = 3, .seed = seed()})
      .inexplicable;
}

TEST(Linearizable, ASemaphoreIs) {
  const auto broken = first_inexplicable<correct>(5'000);
  EXPECT_TRUE(broken.empty()) << testing::to_string(broken);
}

TEST(Linearizable, ASemaphoreThatGrantsTooMuchIsNot) {
  EXPECT_FALSE(first_inexplicable<over_granting>(50'000).empty());
}

TEST(Linearizable, ASemaphoreThatTakesALostRaceForARefusalIsNot) {
  EXPECT_FALSE(first_inexplicable<refusing_spuriously>(50'000).empty());
}

TEST(Linearizable, ASemaphoreThatRefusesForOneThatIsRefusedItselfIsNot) {
  EXPECT_FALSE(first_inexplicable<refusing_for_a_guest>(50'000).empty());
}

}  // namespace
}  // namespace weir::testing
