// The explorer's seam: operations on values, locks, futexes, timeouts and pauses mean what they mean on the machine.
#include <chrono>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <weir/queues/backoff.hpp>
#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>

#include "explorer.hpp"

namespace explorer_seam_model {

using weir::detail::atomic;
using weir::detail::memory_order_acq_rel;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::detail::memory_order_seq_cst;
using namespace std::chrono_literals;

TEST(ModelSeam, ComputesAsTheMachineDoes) {
  atomic<int> number{std::numeric_limits<int>::max()};
  EXPECT_EQ(number.fetch_add(1, memory_order_relaxed), std::numeric_limits<int>::max());
  EXPECT_EQ(number.fetch_sub(1, memory_order_relaxed), std::numeric_limits<int>::min());
  EXPECT_EQ(number.exchange(0b0110, memory_order_acq_rel), std::numeric_limits<int>::max());
  EXPECT_EQ(number.fetch_or(0b0001, memory_order_relaxed), 0b0110);
  EXPECT_EQ(number.fetch_and(0b0011, memory_order_relaxed), 0b0111);
  EXPECT_EQ(number.fetch_xor(0b0001, memory_order_relaxed), 0b0011);
  EXPECT_EQ(number.load(memory_order_acquire), 0b0010);

  int expected = 5;
  EXPECT_FALSE(number.compare_exchange_strong(expected, 7, memory_order_acq_rel, memory_order_acquire));
  EXPECT_EQ(expected, 0b0010);
  EXPECT_TRUE(number.compare_exchange_strong(expected, 7, memory_order_seq_cst));
  EXPECT_TRUE(number.compare_exchange_weak(expected = 7, 8, memory_order_acq_rel, memory_order_acquire));
  EXPECT_EQ(number.peek(), 8);

  atomic<std::uint8_t> small{0};
  EXPECT_EQ(small.fetch_sub(1, memory_order_relaxed), 0);
  EXPECT_EQ(small.peek(), 255);

  int array[3] = {};
  atomic<int*> pointer{array};
  EXPECT_EQ(pointer.fetch_add(2, memory_order_relaxed), array);
  EXPECT_EQ(pointer.fetch_sub(1, memory_order_relaxed), array + 2);
  EXPECT_EQ(pointer.peek(), array + 1);

  enum class colour : std::uint8_t { red, green };
  atomic<colour> light{colour::red};
  light.store(colour::green, memory_order_release);
  EXPECT_EQ(light.exchange(colour::red, memory_order_relaxed), colour::green);

  atomic<bool> zero;
  EXPECT_FALSE(zero.exchange(true, memory_order_relaxed));
  EXPECT_TRUE(zero.peek());
}

TEST(ModelSeam, FindsADeadlockOfTwoLocks) {
  struct locks {
    weir::detail::mutex a, b;
  };
  const auto setup = [](bool opposite) {
    return [opposite](model::scenario& s) {
      auto two = std::make_shared<locks>();
      s.thread("forward", [two] {
        const weir::detail::lock_guard a(two->a);
        const weir::detail::lock_guard b(two->b);
      });
      s.thread("backward", [two, opposite] {
        const weir::detail::lock_guard first(opposite ? two->b : two->a);
        const weir::detail::lock_guard second(opposite ? two->a : two->b);
      });
    };
  };
  const model::result bad = model::explore({.name = "locks in opposite order", .preemptions = 1}, setup(true));
  EXPECT_NE(bad.failure.find("deadlock"), std::string::npos) << bad.failure;
  EXPECT_NE(bad.failure.find("backward in lock"), std::string::npos) << bad.failure;
  EXPECT_TRUE(model::explore({.name = "locks in one order", .preemptions = 9}, setup(false)).passed());
}

TEST(ModelSeam, LocksExclude) {
  struct guarded {
    weir::detail::mutex lock;
    atomic<int> inside{0};
  };
  const model::result r = model::explore({.name = "mutual exclusion", .preemptions = 9}, [](model::scenario& s) {
    auto state = std::make_shared<guarded>();
    for (const char* name : {"first", "second"}) {
      s.thread(name, [state] {
        const weir::detail::lock_guard hold(state->lock);
        model::check(state->inside.fetch_add(1, memory_order_relaxed) == 0, "alone");
        state->inside.fetch_sub(1, memory_order_relaxed);
      });
    }
  });
  EXPECT_TRUE(r.passed()) << r.report;
}

struct flag {
  atomic<std::uint32_t> word{0};
};

/// A sleeper on a word that is set once, with a wake before or after.
auto hand_over(bool wake_after) {
  return [wake_after](model::scenario& s) {
    auto state = std::make_shared<flag>();
    s.thread("sleeper", [state] {
      while (state->word.load(memory_order_acquire) == 0) weir::detail::futex_wait(state->word, 0, -1ns);
    });
    s.thread("waker", [state, wake_after] {
      if (!wake_after) weir::detail::futex_wake(&state->word, weir::detail::wake_all);
      state->word.store(1, memory_order_release);
      if (wake_after) weir::detail::futex_wake(&state->word, weir::detail::wake_all);
    });
  };
}

TEST(ModelSeam, FindsAWakeThatComesTooEarly) {
  const model::result bad = model::explore({.name = "wake before the store"}, hand_over(false));
  EXPECT_NE(bad.failure.find("sleeper in futex_wait"), std::string::npos) << bad.failure;
  const model::result good =
      model::explore({.name = "wake after the store", .preemptions = 9, .spurious_wakes = 2}, hand_over(true));
  EXPECT_TRUE(good.passed()) << good.report;
}

/// A sleeper that does not look again after it woke.
void no_recheck(model::scenario& s) {
  auto state = std::make_shared<flag>();
  s.thread("sleeper", [state] {
    weir::detail::futex_wait(state->word, 0, -1ns);
    model::check(state->word.load(memory_order_acquire) == 1, "awake only when the word is set");
  });
  s.thread("waker", [state] {
    state->word.store(1, memory_order_release);
    weir::detail::futex_wake(&state->word, 1);
  });
}

TEST(ModelSeam, FindsAWaitWithoutARecheckBySpuriousWakes) {
  EXPECT_TRUE(model::explore({.name = "no spurious wake", .preemptions = 9}, no_recheck).passed());
  EXPECT_FALSE(model::explore({.name = "one spurious wake", .spurious_wakes = 1}, no_recheck).passed());
}

TEST(ModelSeam, FindsASleepWithoutTheExpectedValueAsADeadlock) {
  // The sleeper looks, and then sleeps on whatever the word holds by then.
  const model::result r =
      model::explore({.name = "futex without a re-check", .preemptions = 1}, [](model::scenario& s) {
        auto state = std::make_shared<flag>();
        s.thread("sleeper", [state] {
          if (state->word.load(memory_order_acquire) != 0) return;
          weir::detail::futex_wait(state->word, state->word.load(memory_order_acquire), -1ns);
        });
        s.thread("waker", [state] {
          state->word.store(1, memory_order_release);
          weir::detail::futex_wake(&state->word, 1);
        });
      });
  EXPECT_NE(r.failure.find("deadlock"), std::string::npos) << r.failure;
}

TEST(ModelSeam, WakesAnySleeperWhenOneIsWoken) {
  struct sleepers : flag {
    int asleep = 0, awake = 0, slept_first = -1, woke_first = -1;  // plain: touched between operations
  };
  std::set<std::pair<int, int>> seen;
  const model::result r = model::explore({.name = "one wake at a time", .preemptions = 0}, [&seen](model::scenario& s) {
    auto state = std::make_shared<sleepers>();
    for (int t = 0; t < 2; ++t) {
      s.thread("sleeper " + std::to_string(t), [state, t] {
        if (state->asleep++ == 0) state->slept_first = t;
        weir::detail::futex_wait(state->word, 0, -1ns);
        if (state->awake++ == 0) state->woke_first = t;
      });
    }
    s.thread("waker", [state] {
      while (state->asleep < 2) weir::detail::thread_yield();
      weir::detail::futex_wake(&state->word, 1);
      while (state->awake < 1) weir::detail::thread_yield();
      weir::detail::futex_wake(&state->word, 1);
    });
    s.finally([state, &seen] { seen.emplace(state->slept_first, state->woke_first); });
  });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_EQ(seen.size(), 4u) << "the kernel may wake either, whoever slept first";
}

TEST(ModelSeam, TimesOutWhenNobodyElseCanRun) {
  const model::result r = model::explore({.name = "timeout"}, [](model::scenario& s) {
    auto state = std::make_shared<flag>();
    s.thread("later", [state] {
      weir::detail::futex_wait(state->word, 0, 3s);
      model::check(weir::detail::steady_now().time_since_epoch() == 4s, "slept three seconds");
      state->word.store(2, memory_order_relaxed);
    });
    s.thread("sooner", [state] {
      weir::detail::futex_wait(state->word, 0, 2s);
      model::check(state->word.load(memory_order_relaxed) == 0, "the earlier timeout comes first");
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(ModelSeam, TimesOutEarlyOnlyWhenAllowed) {
  const auto setup = [](model::scenario& s) {
    auto state = std::make_shared<flag>();
    s.thread("sleeper", [state] {
      weir::detail::futex_wait(state->word, 0, 1s);
      model::check(state->word.load(memory_order_acquire) == 1, "woken, not timed out");
    });
    s.thread("waker", [state] {
      state->word.store(1, memory_order_release);
      weir::detail::futex_wake(&state->word, 1);
    });
  };
  EXPECT_TRUE(model::explore({.name = "no timeout", .preemptions = 9}, setup).passed());
  EXPECT_FALSE(model::explore({.name = "one timeout", .timeouts = 1}, setup).passed());
}

TEST(ModelSeam, MovesTheClockOnRequest) {
  const model::result r = model::explore({.name = "clock"}, [](model::scenario& s) {
    auto state = std::make_shared<flag>();
    s.thread("sleeper", [state] { weir::detail::futex_wait(state->word, 0, 1s); });
    s.thread("driver", [] {
      const auto before = weir::detail::steady_now();
      model::advance_clock(1s);
      model::check(weir::detail::steady_now() - before >= 1s, "time went on");
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(ModelSeam, LetsASpinLoopEnd) {
  const model::result r = model::explore({.name = "spin with a pause", .preemptions = 9, .max_steps = 60}, [](auto& s) {
    auto state = std::make_shared<flag>();
    for (const char* name : {"spinner", "another"}) {
      s.thread(name, [state] {
        while (state->word.load(memory_order_acquire) == 0) weir::detail::cpu_pause();
      });
    }
    s.thread("setter", [state] { state->word.store(1, memory_order_release); });
  });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

TEST(ModelSeam, ReportsALivelock) {
  const model::result r = model::explore({.name = "livelock", .max_steps = 50}, [](model::scenario& s) {
    auto state = std::make_shared<flag>();
    s.thread("spinner", [state] {
      while (state->word.load(memory_order_acquire) == 0) weir::detail::thread_yield();
    });
  });
  EXPECT_NE(r.failure.find("step limit of 50"), std::string::npos) << r.failure;
}

TEST(ModelSeam, FailsWeakCompareExchangesWhenAllowed) {
  const auto setup = [](model::scenario& s) {
    auto word = std::make_shared<atomic<int>>(1);
    s.thread("only", [word] {
      int expected = 1;
      model::check(word->compare_exchange_weak(expected, 2, memory_order_seq_cst), "succeeds at once");
    });
  };
  EXPECT_TRUE(model::explore({.name = "weak"}, setup).passed());
  EXPECT_FALSE(model::explore({.name = "weak, with a failure", .weak_failures = 1}, setup).passed());
}

TEST(Backoff, DoublesItsPausesUpToABound) {
  const auto operations = [](int pauses, bool reset) {
    const model::result r = model::explore({.name = "backoff"}, [=](model::scenario& s) {
      s.thread("only", [=] {
        weir::detail::backoff waiting;
        for (int i = 0; i < pauses; ++i) waiting.pause();
        if (reset) waiting.reset();
        waiting.pause();
      });
    });
    return r.longest;
  };
  EXPECT_EQ(operations(0, false), 1);
  EXPECT_EQ(operations(3, false), 1 + 2 + 4 + 8);
  EXPECT_EQ(operations(7, false), 127 + 1) << "then it yields, once a call";
  EXPECT_EQ(operations(20, false), 127 + 14);
  EXPECT_EQ(operations(20, true), 127 + 13 + 1);
  EXPECT_EQ(operations(3, true), 1 + 2 + 4 + 1);
}

}  // namespace explorer_seam_model
