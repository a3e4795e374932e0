// Who waits and is cancelled, or runs out of time, while the release comes that grants it: one outcome for each, no
// weight lost or made, and whoever is behind one that leaves is let in without any other release. First the engine, its
// waiters decided by two threads at the same moment; then threads that sleep in acquire with a std::stop_token.
#include <weir/admission/detail/gate.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <iostream>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>

#include <weir/admission/weighted_semaphore.hpp>

#include "support/eventually.hpp"
#include "support/recorded_histories.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using detail::gate;
using std::chrono::microseconds;
using std::chrono::steady_clock;
using testing::meeting_point;

constexpr std::uint32_t whole_door = 3;  // of the doors here

// Counts what it is told. By one call of one thread, if the gate is right; relaxed, since the threads meet afterwards.
class counting_waiter final : public detail::waiter {
 public:
  using waiter::waiter;
  [[nodiscard]] int granted() const { return granted_.load(detail::memory_order_relaxed); }
  [[nodiscard]] int refused() const { return refused_.load(detail::memory_order_relaxed); }
  [[nodiscard]] int told() const { return granted() + refused(); }
  [[nodiscard]] std::int64_t holds() const { return granted() * std::int64_t{request().weight}; }

 private:
  void on_granted(time_point) noexcept override { granted_.fetch_add(1, detail::memory_order_relaxed); }
  void on_refused(const refusal&) noexcept override { refused_.fetch_add(1, detail::memory_order_relaxed); }

  detail::atomic<int> granted_{0};
  detail::atomic<int> refused_{0};
};

void pause_at_random(std::mt19937_64& random) {
  for (std::uint64_t spins = random() % 128; spins > 0; --spins) detail::cpu_pause();
}

void stand_in_line(gate& at, counting_waiter& w) {
  ASSERT_TRUE(at.reserve(w.request()));
  at.join(w, gate::place::reserved);
}

// Where a thread of two is in the list of rounds, for the other to come along: they begin each one together, unless one
// of them does not run just now.
class side_by_side {
 public:
  void begin(std::size_t who, std::uint32_t round) {
    at_[who].store(round, detail::memory_order_release);
    for (int spins = 0; spins < 200 && at_[1 - who].load(detail::memory_order_acquire) < round; ++spins) {
      detail::cpu_pause();
    }
  }

 private:
  std::array<detail::atomic<std::uint32_t>, 2> at_{};
};

// Two threads that do `first` and `second` at the same moment, after `prepare` and before `check`, both on the first
// thread; many doors at a time, since the threads meet seldom on a busy machine. Until the time is over or something is
// wrong. Returns the rounds.
template <typename Round, std::size_t Doors>
std::int64_t clash(std::array<Round, Doors>& doors) {
  meeting_point meeting(2);
  side_by_side pace;
  std::uint32_t round = 1;  // this and `last` are written between two meetings by the first thread
  bool last = false;
  std::mt19937_64 random(testing::seed());
  const auto along = [&](std::size_t who, std::mt19937_64& own, auto act) {
    std::uint32_t number = round;
    for (Round& door : doors) {
      pace.begin(who, number++);
      pause_at_random(own);
      act(door);
    }
  };
  auto other = testing::in_background([&, own = std::mt19937_64(random())]() mutable {
    testing::stay_on_a_cpu(1);
    for (;;) {
      meeting.meet();
      if (last) return;
      along(1, own, [](Round& door) { door.second(); });
      meeting.meet();
    }
  });
  auto one = testing::in_background([&, own = std::mt19937_64(random())]() mutable {
    testing::stay_on_a_cpu(0);
    const auto end = steady_clock::now() + weir::testing::stress_time();
    std::int64_t rounds = 0;
    while (!last) {
      for (Round& door : doors) door.prepare(own);
      meeting.meet();
      along(0, own, [](Round& door) { door.first(); });
      meeting.meet();
      for (Round& door : doors) door.check();
      rounds += static_cast<std::int64_t>(Doors);
      round += static_cast<std::uint32_t>(Doors);
      last = ::testing::Test::HasFailure() || steady_clock::now() >= end;
    }
    meeting.meet();
    return rounds;
  });
  const std::int64_t rounds = testing::get(one, "a round of the engine");
  testing::get(other, "the other thread of the engine's rounds");
  return rounds;
}

constexpr std::size_t doors_at_once = 64;

// The whole of the door is released while the head of the line withdraws; two more are behind it.
struct release_against_withdrawal {
  void prepare(std::mt19937_64& random) {
    const auto weight = [&] { return static_cast<std::uint32_t>(1 + random() % whole_door); };
    for (auto& w : line) w.emplace(detail::door_request{.weight = weight()});
    ASSERT_TRUE(at.try_admit({.weight = whole_door}, steady_clock::now()).granted);
    for (auto& w : line) stand_in_line(at, *w);
    why = random() % 2 == 0 ? refusal_reason::cancelled : refusal_reason::timed_out;
  }
  void first() { at.release(whole_door); }
  void second() { withdrawn = at.withdraw(*line[0], why); }

  void check() {
    ASSERT_EQ(line[0]->told(), 1);
    ASSERT_EQ(line[0]->refused() == 1, withdrawn);
    (withdrawn ? left : granted) += 1;
    // Those who are let in are the first ones that fit together, and nobody after one that does not.
    std::int64_t room = whole_door - line[0]->holds();
    bool open = true;
    for (std::size_t i = 1; i < line.size(); ++i) {
      open = open && line[i]->request().weight <= room;
      ASSERT_EQ(line[i]->told(), open ? 1 : 0) << "place " << i;
      room -= line[i]->holds();
    }
    ASSERT_EQ(at.weight_in_use(), whole_door - room);
    for (auto& w : line) {
      if (w->told() == 0) {
        ASSERT_TRUE(at.withdraw(*w, refusal_reason::cancelled));
      }
    }
    for (auto& w : line) {
      if (w->granted() == 1) at.release(w->request().weight);
      ASSERT_EQ(w->told(), 1) << "told again";
    }
    ASSERT_EQ(at.weight_in_use(), 0);
    ASSERT_EQ(at.waiting(), 0);
  }

  gate at{{.max_tasks = unlimited, .max_weight = whole_door, .max_waiters = 8}, steady_clock_source()};
  std::array<std::optional<counting_waiter>, 3> line;
  refusal_reason why{};
  bool withdrawn = false;
  std::int64_t granted = 0;
  std::int64_t left = 0;
};

TEST(CancelAgainstGrantStress, AWithdrawalAndTheReleaseThatGrantsHaveOneOutcome) {
  std::array<release_against_withdrawal, doors_at_once> doors;
  const std::int64_t rounds = clash(doors);
  std::int64_t granted = 0;
  std::int64_t left = 0;
  for (const auto& door : doors) {
    granted += door.granted;
    left += door.left;
  }
  std::cout << rounds << " rounds, granted " << granted << ", left " << left << '\n';
  EXPECT_EQ(granted + left, rounds);
}

// There is room for a light one; the head is too heavy for it, and leaves while the light one joins. Nothing is
// released.
struct leaving_against_joining {
  void prepare(std::mt19937_64&) {
    head.emplace(detail::door_request{.weight = whole_door});
    light.emplace(detail::door_request{.weight = whole_door - 1});
    ASSERT_TRUE(at.try_admit({.weight = 1}, steady_clock::now()).granted);
    stand_in_line(at, *head);
  }
  void first() { stand_in_line(at, *light); }
  void second() { EXPECT_TRUE(at.withdraw(*head, refusal_reason::timed_out)); }
  void check() {
    ASSERT_EQ(head->refused(), 1);
    ASSERT_EQ(light->granted(), 1) << "nobody looked at it when the head had left";
    ASSERT_EQ(at.weight_in_use(), whole_door);
    at.release(whole_door - 1);
    at.release(1);
    ASSERT_EQ(at.waiting(), 0);
  }

  gate at{{.max_tasks = unlimited, .max_weight = whole_door, .max_waiters = 8}, steady_clock_source()};
  std::optional<counting_waiter> head;
  std::optional<counting_waiter> light;
};

TEST(CancelAgainstGrantStress, WhoJoinsBehindAHeadThatLeavesIsLetInWithoutARelease) {
  std::array<leaving_against_joining, doors_at_once> doors;
  std::cout << clash(doors) << " rounds\n";
}

// ---- threads

// What the four threads of a round share; written by the first one, between two meetings.
struct threads_at_a_door {
  weighted_semaphore door{whole_door};
  permit held;
  std::stop_source stop;
  bool all_is_released = false;  // else as much as lets in the light one alone
  bool stops = false;
  deadline patience;
  bool last = false;
  meeting_point meeting{4};

  void prepare(std::mt19937_64& random) {
    held = *door.try_acquire(whole_door);
    stop = std::stop_source();
    all_is_released = random() % 2 == 0;
    stops = random() % 2 == 0;
    patience = stops || all_is_released ? deadline() : within(microseconds(random() % 60));
  }
  // The release: of all, or of so much that only the light one fits.
  void release() { all_is_released ? held.release() : held.shrink_to(1); }
};

// Runs `act` once in each round.
template <typename Act>
std::future<void> in_each_round(threads_at_a_door& at, std::uint64_t seed, Act act) {
  return testing::in_background([&at, seed, act]() mutable {
    std::mt19937_64 own(seed);
    for (;;) {
      at.meeting.meet();
      if (at.last) return;
      act(own);
      at.meeting.meet();
    }
  });
}

TEST(CancelAgainstGrantStress, AThreadThatLeavesTheHeadLetsTheLightOneBehindItIn) {
  std::mt19937_64 random(testing::seed());
  threads_at_a_door at;
  std::int64_t granted = 0;
  std::int64_t left = 0;
  auto heavy = in_each_round(at, random(), [&](std::mt19937_64&) {
    const result<permit> got = at.door.acquire(whole_door, at.patience, at.stop.get_token());
    ++(got ? granted : left);
    EXPECT_TRUE(got || got.error().reason == (at.stops ? refusal_reason::cancelled : refusal_reason::timed_out));
    EXPECT_TRUE(!got || at.all_is_released) << "there was no room for it";
  });
  auto light = in_each_round(at, random(), [&](std::mt19937_64& own) {
    pause_at_random(own);
    EXPECT_TRUE(at.door.acquire(1)) << "it has no end and nobody cancels it";
  });
  auto canceller = in_each_round(at, random(), [&](std::mt19937_64& own) {
    if (own() % 2 == 0) std::this_thread::yield();
    pause_at_random(own);
    if (at.stops) at.stop.request_stop();
  });
  auto rounds = testing::in_background([&, own = std::mt19937_64(random())]() mutable {
    const auto end = steady_clock::now() + weir::testing::stress_time();
    std::int64_t count = 0;
    for (; !at.last; ++count) {
      at.prepare(own);
      at.meeting.meet();
      if (own() % 2 == 0) std::this_thread::yield();
      pause_at_random(own);
      at.release();
      at.meeting.meet();
      at.held.release();
      EXPECT_EQ(at.door.in_use(), 0) << "round " << count;
      EXPECT_EQ(at.door.waiting(), 0) << "round " << count;
      at.last = ::testing::Test::HasFailure() || steady_clock::now() >= end;
    }
    at.meeting.meet();
    return count;
  });
  const std::int64_t count = testing::get(rounds, "a round: somebody was never let in");
  for (auto* thread : {&heavy, &light, &canceller}) testing::get(*thread);
  std::cout << count << " rounds, granted " << granted << ", left " << left << '\n';
  EXPECT_EQ(granted + left, count);
}

}  // namespace
}  // namespace weir
