// Linearizability of the doors: short histories of threads that call one door as fast as they can, each explained by a
// plain sequential door. A refusal that was never true, a grant too many, a release that is seen late: each is a
// history without an explanation.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <weir/admission/weighted_semaphore.hpp>

#include "admission/door_calls.hpp"
#include "support/recorded_histories.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using std::chrono::nanoseconds;
using testing::diary_of_calls;
using testing::door_call;
using testing::noting_clock;

using door_diary = diary_of_calls<door_call>;
using door_history = testing::history<door_call>;

constexpr int door_turns = 7;

std::int64_t drawn_between(std::mt19937_64& random, std::int64_t least, std::int64_t most) {
  return std::uniform_int_distribution<std::int64_t>(least, most)(random);
}

// What one thread holds; given back after its round, when nobody records any more.
using held_permits = std::vector<permit>;

door_call attempted(door_call asked, result<permit> got, held_permits& held) {
  asked.granted = got.has_value();
  if (got) {
    held.push_back(*std::move(got));
  } else {
    asked.why = got.error().reason;
  }
  return asked;
}

door_call gave_back(permit held) {
  const std::int64_t weight = held.weight();
  held.release();
  return {.what = door_call::step::give_back, .weight = weight};
}

permit take_one(held_permits& held, std::mt19937_64& random) {
  const auto which = held.begin() + drawn_between(random, 0, static_cast<std::int64_t>(held.size()) - 1);
  permit one = std::move(*which);
  held.erase(which);
  return one;
}

// Of a change of limits, which is in force step by step.
std::vector<door_call> changed(std::int64_t tasks, std::int64_t weight) {
  std::vector<door_call> steps;
  for (const auto step : {door_call::step::begin_change, door_call::step::move_limits, door_call::step::tell_limit,
                          door_call::step::end_change}) {
    steps.push_back({.what = step, .tasks = tasks, .weight = weight});
  }
  return steps;
}

bool door_explains(const door_history& of, const limits& configured, time_point full_at) {
  door_history counted = of;
  testing::count_guests(counted);
  return testing::is_linearizable(counted, testing::plain_door(configured, full_at));
}

// ---- without a rate: a semaphore, and a limiter of counts and weights

// Of capacities of a few `unit`s.
template <std::int64_t unit>
class semaphore_at_work {
 public:
  explicit semaphore_at_work(std::mt19937_64& random)
      : first_({.max_tasks = unlimited, .max_weight = unit * drawn_between(random, 1, 6)}),
        door_(first_.max_weight, drawn_between(random, 0, 2), clock_) {}

  // Where a unit is large, half of them weigh next to nothing, and can be had from the purse of a CPU.
  static std::int64_t weight(std::mt19937_64& random) {
    return drawn_between(random, 1, 3) * (drawn_between(random, 0, 1) == 0 ? 1 : unit);
  }

  [[nodiscard]] const limits& first() const { return first_; }
  result<permit> attempt(std::int64_t weight) { return door_.try_acquire(weight); }
  result<permit> attempt_or_leave(std::int64_t weight) { return door_.acquire(weight, deadline(time_point{})); }
  std::vector<door_call> change(std::mt19937_64& random) {
    const std::int64_t to = unit * drawn_between(random, 1, 6);
    door_.set_capacity(to);
    return changed(unlimited, to);
  }
  void close() { door_.close(); }

 private:
  noting_clock clock_{steady_clock_source()};
  limits first_;
  weighted_semaphore door_;
};

class limiter_at_work {
 public:
  explicit limiter_at_work(std::mt19937_64& random)
      : first_({.max_tasks = drawn_between(random, 1, 4), .max_weight = drawn_between(random, 1, 6), .max_waiters = 2}),
        door_(first_, clock_) {}

  static std::int64_t weight(std::mt19937_64& random) { return drawn_between(random, 1, 3); }

  [[nodiscard]] const limits& first() const { return first_; }
  result<permit> attempt(std::int64_t weight) { return door_.try_acquire(weight); }
  result<permit> attempt_or_leave(std::int64_t weight) { return door_.acquire(weight, deadline(time_point{})); }
  std::vector<door_call> change(std::mt19937_64& random) {
    limits to = first_;
    to.max_tasks = drawn_between(random, 1, 4);
    to.max_weight = drawn_between(random, 1, 6);
    door_.set_limits(to);
    return changed(to.max_tasks, to.max_weight);
  }
  void close() { door_.close(); }

 private:
  noting_clock clock_{steady_clock_source()};
  limits first_;
  limiter door_;
};

template <typename Door>
class unrated_room {
 public:
  explicit unrated_room(std::mt19937_64& random) : door_(random), held_(4) {}

  void turn(std::size_t thread, door_diary& mine, std::mt19937_64& random) {
    held_permits& held = held_[thread];
    for (int i = 0; i < door_turns; ++i) {
      const std::int64_t what = drawn_between(random, 0, 99);
      const door_call asked{.weight = Door::weight(random)};
      if (what < 35 && !held.empty()) {
        permit one = take_one(held, random);
        mine.write([&] { return gave_back(std::move(one)); });
      } else if (what < 80) {
        mine.write([&] { return attempted(asked, door_.attempt(asked.weight), held); });
      } else if (what < 90) {
        door_call leaves = asked;
        leaves.what = door_call::step::attempt_or_leave;
        mine.write([&] { return attempted(leaves, door_.attempt_or_leave(asked.weight), held); });
      } else if (what < 98) {
        mine.write([&] { return door_.change(random); });
      } else {
        mine.write([&] {
          door_.close();
          return door_call{.what = door_call::step::close};
        });
      }
    }
  }

  [[nodiscard]] bool explains(const door_history& of) const { return door_explains(of, door_.first(), {}); }

 private:
  Door door_;
  std::vector<held_permits> held_;
};

// ---- with a rate: all or nothing, and `contended`

// Times are readings of the limiter's clock, which moves in this room, or older ones. Tokens are given back only where
// all times are the clock's: else a refund is counted to a millisecond after the latest of them.
class rated_room {
 public:
  explicit rated_room(std::mt19937_64& random)
      : own_times_(random() % 2 == 0),
        is_steady_(random() % 2 == 0),
        clock_(is_steady_ ? steady_clock_source() : manual_),
        configured_(
            {.max_tasks = drawn_between(random, 1, 3),
             .max_weight = drawn_between(random, 2, 5),
             .rate = is_steady_ ? per_second(drawn_between(random, 100'000, 3'000'000)) : per(3, nanoseconds(1'000)),
             .burst = drawn_between(random, 1, 5),
             .max_waiters = 2,
             .allow_slow_waiters = true}),
        door_(configured_, clock_),
        made_at_(noting_clock::of_this_thread().last),
        held_(4) {}

  void turn(std::size_t thread, door_diary& mine, std::mt19937_64& random) {
    held_permits& held = held_[thread];
    for (int i = 0; i < door_turns; ++i) {
      const std::int64_t what = drawn_between(random, 0, 99);
      if (!is_steady_ && what % 5 == 0) manual_.advance(nanoseconds(drawn_between(random, 0, 700)));
      door_call asked{.weight = drawn_between(random, 1, 3)};
      if (what < 20 && !held.empty()) {
        permit one = take_one(held, random);
        mine.write([&] { return gave_back(std::move(one)); });
      } else if (what < 40 && !held.empty() && own_times_) {
        permit one = take_one(held, random);
        mine.write([&] { return gave_back_unused(std::move(one)); });
      } else if (what < 60 && !own_times_) {
        asked.now = clock_.now() - nanoseconds(drawn_between(random, 0, 900));
        mine.write([&] { return attempted(asked, door_.try_acquire(asked.weight, asked.now), held); });
      } else if (what < 90) {
        mine.write([&] {
          result<permit> got = door_.try_acquire(asked.weight);
          asked.now = noting_clock::of_this_thread().first;
          return attempted(asked, std::move(got), held);
        });
      } else if (what < 98) {
        asked.what = door_call::step::attempt_or_leave;
        mine.write([&] {
          result<permit> got = door_.acquire(asked.weight, deadline(time_point{}));
          asked.now = noting_clock::of_this_thread().first;
          return attempted(asked, std::move(got), held);
        });
      } else {
        mine.write([&] {
          door_.close();
          return door_call{.what = door_call::step::close};
        });
      }
    }
  }

  [[nodiscard]] bool explains(const door_history& of) const { return door_explains(of, configured_, made_at_); }

 private:
  // First the token, and then the room.
  static std::vector<door_call> gave_back_unused(permit held) {
    std::vector<door_call> steps(2);
    steps[0] = {.what = door_call::step::give_token_back, .now = held.admitted_at()};
    steps[1] = {.what = door_call::step::give_back, .weight = held.weight()};
    held.release_unused();
    steps[0].later = noting_clock::of_this_thread().last;
    return steps;
  }

  bool own_times_;
  bool is_steady_;
  manual_clock manual_;
  noting_clock clock_;
  limits configured_;
  limiter door_;
  time_point made_at_;  // as the door read it: its bucket was full then
  std::vector<held_permits> held_;
};

template <typename Room>
void expect_explained(int rounds) {
  const std::uint64_t seed = testing::seed();
  for (const int threads : {3, 4}) {
    const auto told = testing::record_histories<Room, door_call>(
        {.rounds = testing::scaled(rounds), .threads = threads, .seed = seed});
    EXPECT_TRUE(told.inexplicable.empty()) << testing::to_string(told.inexplicable);
  }
}

TEST(DoorHistoriesStress, AWeightedSemaphoreIsLinearizable) {
  expect_explained<unrated_room<semaphore_at_work<1>>>(10'000);
}

// Far from its capacity, and at it: room is in the purses of the CPUs, and swept out of them.
TEST(DoorHistoriesStress, ASemaphoreWithCreditsIsLinearizable) {
  expect_explained<unrated_room<semaphore_at_work<100'000>>>(10'000);
}

TEST(DoorHistoriesStress, ALimiterOfCountsAndWeightsIsLinearizable) {
  expect_explained<unrated_room<limiter_at_work>>(10'000);
}

TEST(DoorHistoriesStress, ALimiterOfAllThreeIsLinearizableButForContended) { expect_explained<rated_room>(10'000); }

}  // namespace
}  // namespace weir
