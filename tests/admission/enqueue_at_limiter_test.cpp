// Callables that wait at a limiter: called once, in turn, or not touched.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "support/eventually.hpp"
#include "support/watched_clock.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using testing::eventually;
using testing::watched_clock;

class EnqueueAtLimiter : public ::testing::Test {
 protected:
  // Writes its name and what became of it, and keeps the permit.
  auto named(std::string name) {
    return [this, name = std::move(name)](result<permit> got) {
      log_.push_back(name + (got ? " granted" : " " + std::string(to_string(got.error().reason))));
      if (got) permits_.push_back(*std::move(got));
    };
  }

  watched_clock clock_;
  std::vector<std::string> log_;
  std::vector<permit> permits_;
};

using lines = std::vector<std::string>;

TEST_F(EnqueueAtLimiter, CallsAtOnceOrInTurn) {
  limiter door({.max_tasks = 1}, clock_);
  EXPECT_TRUE(door.enqueue({}, named("a")));
  EXPECT_EQ(log_, lines{"a granted"});
  EXPECT_TRUE(door.enqueue({}, named("b")));
  EXPECT_TRUE(door.enqueue({.priority = priority::high}, named("c")));
  EXPECT_EQ(door.waiting(), 2);
  permits_.front().release();
  EXPECT_EQ(log_, (lines{"a granted", "c granted"}));
  permits_[1].release();
  EXPECT_EQ(log_, (lines{"a granted", "c granted", "b granted"}));
  permits_[2].release();
}

TEST_F(EnqueueAtLimiter, IsNotTouchedWhereItIsRefusedOnReturn) {
  limiter door({.max_tasks = 1, .max_weight = 2, .max_waiters = 1}, clock_);
  permit held = *door.try_acquire();
  EXPECT_TRUE(door.enqueue({}, named("waits")));
  auto mine = [text = std::make_unique<int>(5)](const result<permit>&) { FAIL() << *text; };
  const auto expect_untouched = [&](const acquire_options& asked, refusal_reason why) {
    const result<void> refused = door.enqueue(asked, std::move(mine));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, why);
  };
  expect_untouched({}, refusal_reason::waiters_full);
  expect_untouched({.weight = 0}, refusal_reason::invalid);
  expect_untouched({.weight = 3}, refusal_reason::too_heavy);
  expect_untouched({.deadline = deadline(clock_.now())}, refusal_reason::expired);
  door.close();
  expect_untouched({}, refusal_reason::closed);
  EXPECT_EQ(log_, lines{"waits closed"});
}

TEST_F(EnqueueAtLimiter, IsToldWhyItWasRefusedWhileItWaited) {
  limiter door({.max_tasks = 1, .max_waiters = 3, .overflow = overflow::drop_oldest}, clock_);
  permit held = *door.try_acquire();
  std::stop_source stop;
  EXPECT_TRUE(door.enqueue({}, named("oldest")));
  EXPECT_TRUE(door.enqueue({.stop = stop.get_token()}, named("stopped")));
  EXPECT_TRUE(door.enqueue({.until = deadline(clock_.now() + milliseconds(1))}, named("impatient")));
  EXPECT_TRUE(door.enqueue({}, named("last")));
  EXPECT_EQ(log_, lines{"oldest shed"});
  stop.request_stop();
  EXPECT_EQ(log_.back(), "stopped cancelled");
  clock_.await_sleepers(1);
  clock_.advance(milliseconds(1));
  eventually("it has left", [&] { return door.waiting() == 1; });
  clock_.await_sleepers(1);
  EXPECT_EQ(log_.back(), "impatient timed_out");
  door.close();
  EXPECT_EQ(log_.back(), "last closed");
  EXPECT_EQ(log_.size(), 4U);
}

// Each call makes the next: inside one another they would end the stack.
struct repeating {
  limiter* door;
  int* turns;
  void operator()(result<permit> got) {
    if (++*turns == 300'000) return;
    got.value().release();
    EXPECT_TRUE(door->enqueue({}, repeating{door, turns}));
  }
};

TEST_F(EnqueueAtLimiter, CallsThatMakeCallsNeedTheStackOfOne) {
  limiter door({.max_tasks = 1}, clock_);
  int turns = 0;
  EXPECT_TRUE(door.enqueue({}, repeating{&door, &turns}));
  EXPECT_EQ(turns, 300'000);
}

TEST_F(EnqueueAtLimiter, DestroysTheCallableWhenItHasBeenCalled) {
  limiter door({.max_tasks = 1}, clock_);
  permit held = *door.try_acquire();
  const auto alive = std::make_shared<int>(0);
  EXPECT_TRUE(door.enqueue({}, [alive](const result<permit>&) {}));
  EXPECT_EQ(alive.use_count(), 2);
  held.release();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(door.tasks_in_use(), 0);
}

struct throws_when_moved {
  throws_when_moved() = default;
  throws_when_moved(throws_when_moved&&) { throw std::runtime_error("no"); }
  void operator()(const result<permit>&) const {}
};

TEST_F(EnqueueAtLimiter, OneThatCannotBeMovedInLosesNothing) {
  limiter door({.max_tasks = 1, .max_waiters = 1}, clock_);
  EXPECT_TRUE(door.enqueue({}, throws_when_moved())) << "called at once it is not moved";
  permit held = *door.try_acquire();
  EXPECT_THROW((void)door.enqueue({}, throws_when_moved()), std::runtime_error);
  EXPECT_EQ(door.waiting(), 0);
  EXPECT_TRUE(door.enqueue({}, named("other"))) << "the place is free";
  EXPECT_TRUE(door.enqueue({}, [&](const result<permit>&) {}).has_value() == false);
  held.release();
  EXPECT_EQ(log_, lines{"other granted"});
  permits_.clear();
  bool was_thrown = false;
  EXPECT_TRUE(door.enqueue({}, [&](result<permit> got) {
    got.value().release();
    try {
      (void)door.enqueue({}, throws_when_moved());
    } catch (const std::runtime_error&) {
      was_thrown = true;
    }
  }));
  EXPECT_TRUE(was_thrown) << "in a call it has to wait its turn";
  EXPECT_EQ(door.tasks_in_use(), 0);
}

TEST_F(EnqueueAtLimiter, AStopBeforeTheCallAdmitsNothing) {
  limiter door({.max_tasks = 1}, clock_);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(door.enqueue({.stop = stop.get_token()}, named("never")).error().reason, refusal_reason::cancelled);
  EXPECT_EQ(log_, lines{});
}

}  // namespace
}  // namespace weir
