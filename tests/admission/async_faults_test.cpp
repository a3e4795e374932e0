// Waits without a thread, where something goes wrong or ends early: the timer beside the end of a limiter, owners that
// end in what goes on, callables that cannot be moved, forks, waits that are awaited twice.
#include <weir/admission/limiter.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <coroutine>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "support/eager.hpp"
#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/sanitizers.hpp"
#include "support/watched_clock.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;
using testing::event;

// Sets itself again while it is being done, as a limiter's does whose pump finds another token to come for.
class done_again final : public detail::timed {
 public:
  explicit done_again(detail::timer_thread& by) : by_(&by) {}

  event begun, may_end;
  bool has_ended = false;

 private:
  void on_time() noexcept override {
    by_->set(*this, time_point::max());
    begun.set();
    may_end.await("the end of what is being done");
    has_ended = true;
  }

  detail::timer_thread* by_;
};

TEST(AsyncFaults, WhatIsBeingDoneAndHasSetItselfAgainIsAwaitedWhenItIsRemoved) {
  const testing::watched_clock clock;
  const detail::timer_thread::use thread = detail::timer_thread::of(clock);
  thread->promise_room();
  done_again one(*thread);
  thread->set(one, clock.now());
  one.begun.await("what is to be done");
  auto removal = testing::in_background([&] { thread->remove(one); });
  EXPECT_EQ(removal.wait_for(milliseconds(20)), std::future_status::timeout);
  one.may_end.set();
  testing::get(removal);
  EXPECT_TRUE(one.has_ended);
}

TEST(AsyncFaults, ALimiterMayEndInWhatItsReleaseLetsIn) {
  for (const bool tells_pressure : {false, true}) {
    auto door = std::make_unique<limiter>(limits{.max_tasks = 1}, steady_clock_source(),
                                          tells_pressure ? pressure_handler([](const pressure&) {}) : nullptr);
    auto held = std::make_unique<permit>(door->try_acquire().value());
    bool is_over = false;
    ASSERT_TRUE(door->enqueue({}, [&](result<permit> got) {
      got->release();
      door.reset();
      is_over = true;
    }));
    held->release();
    EXPECT_TRUE(is_over);
    EXPECT_EQ(door, nullptr);
  }
}

// Throws when it is moved.
struct cannot_be_moved {
  cannot_be_moved() = default;
  cannot_be_moved(cannot_be_moved&&) { throw std::runtime_error("it cannot be moved"); }
  void operator()(const result<permit>&) const { ADD_FAILURE() << "it is called all the same"; }
};

TEST(AsyncFaults, ATokenComesBackFromACallableThatCannotBeMoved) {
  const manual_clock clock;
  limiter door({.max_tasks = 10, .rate = per_minute(1), .burst = 2}, clock);
  bool is_called = false;
  ASSERT_TRUE(door.enqueue({}, [&](const result<permit>&) {  // the first token; what comes in here is put behind
    EXPECT_THROW((void)door.enqueue({}, cannot_be_moved()), std::runtime_error);
    is_called = true;
  }));
  EXPECT_TRUE(is_called);
  EXPECT_TRUE(door.try_acquire()) << "the second token is there";
  EXPECT_EQ(door.tasks_in_use(), 0);
}

struct not_const {
  void operator()(const result<permit>&) {}
};
template <typename F>
concept can_be_enqueued = requires(limiter& door, F f) {
  door.enqueue({}, std::forward<F>(f));
};
static_assert(can_be_enqueued<not_const> && can_be_enqueued<not_const&>);
static_assert(!can_be_enqueued<const not_const&>, "it is called as it is given, if it is admitted at once");

#if !WEIR_WITH_TSAN && !WEIR_WITH_ASAN  // with them a forked child has no other threads
TEST(AsyncFaults, AForkedChildHasATimerForLimitersOfItsOwn) {
  limiter parents({.max_tasks = 1});
  permit held = parents.try_acquire().value();
  ASSERT_TRUE(parents.enqueue({}, [](const result<permit>&) {}));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    limiter own({.max_tasks = 1});
    const permit all = own.try_acquire().value();
    event told;
    (void)own.enqueue({.until = within(milliseconds(1))}, [&](const result<permit>&) { told.set(); });
    told.await("the end of its time, in the child");
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  held.release();
}
#endif

testing::eager wait_by_braces(limiter& door, std::stop_token stop, std::optional<refusal_reason>& why) {
  const auto got = co_await door.async_acquire({.weight = 1, .priority = priority::high}, std::move(stop));
  if (!got) why = got.error().reason;
}

TEST(AsyncFaults, ATokenBesideTheBracesIsSafeWithEachCompiler) {
  limiter door({.max_tasks = 1});
  const permit held = door.try_acquire().value();
  std::optional<refusal_reason> why;
  std::stop_source stop;
  wait_by_braces(door, stop.get_token(), why);
  EXPECT_EQ(why, std::nullopt);
  stop.request_stop();
  EXPECT_EQ(why, refusal_reason::cancelled);
}

testing::eager await_twice(limiter& door) {
  auto wait = door.async_acquire();
  const result<permit> first = co_await wait;
  const result<permit> second = co_await wait;
}

TEST(AsyncFaultsDeathTest, AWaitIsAwaitedOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        limiter door({.max_tasks = 1});
        permit held = door.try_acquire().value();
        await_twice(door);
        held.release();  // the first wait is over, and the second one finds no room
      },
      "awaited twice");
}

}  // namespace
}  // namespace weir
