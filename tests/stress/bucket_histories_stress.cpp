// Linearizability of a token bucket: short histories of threads that take, give back, charge and change the rate, each
// explained by a plain bucket that does one call after the other. A refusal tells the exact wait, and so the exact
// state that decided it.
#include <weir/admission/token_bucket.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "admission/bucket_calls.hpp"
#include "support/recorded_histories.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace weir {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::bucket_call;
using testing::noting_clock;

using bucket_diary = testing::diary_of_calls<bucket_call>;

std::int64_t drawn(std::mt19937_64& random, std::int64_t least, std::int64_t most) {
  return std::uniform_int_distribution<std::int64_t>(least, most)(random);
}

struct pace_asked {
  rate refill = unlimited;
  std::int64_t burst = 1;
};

// What was granted and not given back.
struct tokens_taken {
  std::int64_t tokens;
  time_point at;
};

bucket_call told(bucket_call asked, const result<void>& got) {
  asked.granted = got.has_value();
  if (!got) {
    asked.why = got.error().reason;
    asked.retry_after = got.error().retry_after;
  }
  return asked;
}

// One bucket of a round and what each thread took of it. All times are those that the bucket's clock told in the call,
// or that were passed.
class bucket_at_work {
 public:
  bucket_at_work(const pace_asked& first, const pace_asked& then, const clock_source& inner)
      : then_(then),
        clock_(inner),
        bucket_(first.refill, first.burst, clock_),
        initial_{testing::plain_bucket::of(first.refill, first.burst, noting_clock::of_this_thread().last)},
        taken_(4) {}

  [[nodiscard]] bool explains(const testing::history<bucket_call>& of) const {
    return testing::is_linearizable(of, testing::bucket_model{initial_});
  }

 protected:
  void take(std::size_t thread, bucket_diary& mine, std::int64_t tokens) {
    mine.write([&] {
      const result<void> got = bucket_.try_take(tokens);
      return keep(thread, told({.tokens = tokens, .now = noting_clock::of_this_thread().first}, got));
    });
  }
  void take_at(std::size_t thread, bucket_diary& mine, std::int64_t tokens, time_point now) {
    mine.write([&] { return keep(thread, told({.tokens = tokens, .now = now}, bucket_.try_take(tokens, now))); });
  }
  // By the clock, or by `latest` where times ahead of it were passed.
  void refund(std::size_t thread, bucket_diary& mine, time_point latest) {
    if (taken_[thread].empty()) return;
    const tokens_taken one = taken_[thread].back();
    taken_[thread].pop_back();
    mine.write([&] {
      const result<void> got = bucket_.refund(one.tokens, one.at);
      const time_point later = std::max(latest, noting_clock::of_this_thread().last);
      return told({.what = bucket_call::step::refund, .tokens = one.tokens, .now = one.at, .later = later}, got);
    });
  }
  void charge(bucket_diary& mine, std::int64_t tokens) {
    mine.write([&] {
      const std::int64_t charged = *bucket_.charge(tokens);
      const time_point now = noting_clock::of_this_thread().last;
      return bucket_call{.what = bucket_call::step::charge, .tokens = tokens, .now = now, .charged = charged};
    });
  }
  // Once in a round: who sleeps through two changes may lose a token.
  void change(bucket_diary& mine, time_point latest) {
    mine.write([&] {
      bucket_.set_rate(then_.refill, then_.burst);
      const time_point now = std::max(latest, noting_clock::of_this_thread().last);
      return bucket_call{
          .what = bucket_call::step::set_rate, .tokens = then_.burst, .now = now, .refill = then_.refill};
    });
  }
  [[nodiscard]] token_bucket& bucket() { return bucket_; }
  [[nodiscard]] testing::plain_bucket& initial() { return initial_; }

 private:
  bucket_call keep(std::size_t thread, bucket_call call) {
    if (call.granted) taken_[thread].push_back({call.tokens, call.now});
    return call;
  }

  pace_asked then_;
  noting_clock clock_;
  token_bucket bucket_;
  testing::plain_bucket initial_;
  std::vector<std::vector<tokens_taken>> taken_;
};

constexpr int bucket_turns = 7;

// By the steady clock alone, at rates at which something comes back between two calls.
class steady_room : public bucket_at_work {
 public:
  explicit steady_room(std::mt19937_64& random)
      : bucket_at_work(pace(random), pace(random), steady_clock_source()), changes_(random() % 2 == 0) {}

  void turn(std::size_t thread, bucket_diary& mine, std::mt19937_64& random) {
    for (int i = 0; i < bucket_turns; ++i) {
      const std::int64_t what = drawn(random, 0, 99);
      if (thread == 0 && i == bucket_turns / 2 && changes_) {
        change(mine, time_point::min());
      } else if (what < 70) {
        take(thread, mine, drawn(random, 1, 3));
      } else if (what < 95) {
        refund(thread, mine, time_point::min());
      } else {
        charge(mine, drawn(random, 1, 4));
      }
    }
  }

 private:
  static pace_asked pace(std::mt19937_64& random) {
    return {.refill = per_second(drawn(random, 100'000, 20'000'000)), .burst = drawn(random, 1, 6)};
  }

  bool changes_;
};

// By times of the callers and by a clock that they move. One token was taken at a time ahead of all of them, so that
// what is given back is counted to a second after that.
constexpr time_point room_opens{std::chrono::hours(1)};
constexpr time_point last_of_callers = room_opens + seconds(30);
constexpr time_point noted_of_callers = last_of_callers + std::chrono::milliseconds(1);

class callers_room : public bucket_at_work {
 public:
  explicit callers_room(std::mt19937_64& random) : callers_room(random, std::make_unique<manual_clock>(room_opens)) {}

  void turn(std::size_t thread, bucket_diary& mine, std::mt19937_64& random) {
    for (int i = 0; i < bucket_turns; ++i) {
      const std::int64_t what = drawn(random, 0, 99);
      if (what % 4 == 0) manual_->advance(nanoseconds(drawn(random, 0, 1'000'000'000)));
      if (thread == 0 && i == bucket_turns / 2 && changes_) {
        change(mine, noted_of_callers);
      } else if (what < 45) {
        take_at(thread, mine, drawn(random, 1, 3), room_opens + nanoseconds(drawn(random, 0, 30'000'000'000)));
      } else if (what < 65) {
        take(thread, mine, drawn(random, 1, 3));
      } else if (what < 90) {
        refund(thread, mine, noted_of_callers);
      } else {
        charge(mine, drawn(random, 1, 4));
      }
    }
  }

 private:
  callers_room(std::mt19937_64& random, std::unique_ptr<manual_clock> clock)
      : bucket_at_work({per(1, seconds(10)), drawn(random, 5, 9)}, {per(1, seconds(drawn(random, 3, 20))), 7}, *clock),
        manual_(std::move(clock)),
        changes_(random() % 2 == 0) {
    EXPECT_TRUE(bucket().try_take(1, last_of_callers));
    initial().take(1, last_of_callers);
  }

  std::unique_ptr<manual_clock> manual_;
  bool changes_;
};

template <typename Room>
void expect_every_history_explained(int rounds) {
  const std::uint64_t seed = testing::seed();
  for (const int threads : {3, 4}) {
    const auto of = testing::record_histories<Room, bucket_call>(
        {.rounds = testing::scaled(rounds), .threads = threads, .seed = seed});
    EXPECT_TRUE(of.inexplicable.empty()) << testing::to_string(of.inexplicable);
  }
}

TEST(BucketHistoriesStress, ABucketByTheSteadyClockIsLinearizable) {
  expect_every_history_explained<steady_room>(10'000);
}

TEST(BucketHistoriesStress, ABucketByTheTimesOfItsCallersIsLinearizable) {
  expect_every_history_explained<callers_room>(10'000);
}

}  // namespace
}  // namespace weir
