// A group whose children a thief moves to its own queue, and a group by whose word two threads sleep at once: the real
// word and queues, in the steps of scheduler/groups.md. A wake-up that is lost is a deadlock.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <source_location>
#include <string>

#include <weir/queues/keyed_queue.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/group_state.hpp>
#include <weir/scheduler/detail/task_state.hpp>

#include "explorer.hpp"
#include "holds.hpp"

namespace group_sleepers_model {

using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::full_fence;
using weir::detail::group_state;
using weir::detail::memory_order_relaxed;
using watcher = group_state::watcher;

constexpr std::chrono::nanoseconds for_ever(-1);

struct family {
  group_state state;
};

struct child {
  family* of = nullptr;
  child* next = nullptr;
  int ran = 0;
};

using queue = weir::detail::keyed_queue<child, family, &child::of, &child::next>;

void tell_watcher(group_state& state) {
  if (state.take_inside_watcher()) weir::detail::futex_wake(&state.word(), weir::detail::wake_all);
}

void tell_of_the_end(group_state& state) {
  const auto* const word = &state.word();
  if (state.end_one().threads) weir::detail::futex_wake(word, weir::detail::wake_all);
}

model::options bounds(const std::string& name, model::memory_model memory, int preemptions) {
  return {.name = name, .preemptions = preemptions, .memory = memory, .old_reads = 1};
}

// ---- children that are moved

enum class mistake { none, watcher_is_not_told, watcher_is_told_first, no_fence };

// Three are queued with worker 0, which waits. Worker 1 takes two, runs one, and is busy from then on.
struct moved {
  family group;
  std::array<queue, 2> queues;
  std::array<child, 3> children;

  void run(child& c) {
    model::check(++c.ran == 1, "a child runs once");
    tell_of_the_end(group.state);
  }

  void wait() {
    while (!group.state.is_over()) {
      child* c = nullptr;
      for (queue& q : queues) {
        queue::cursor from;
        if (c == nullptr) c = q.take_of(group, from);
      }
      if (c != nullptr) {
        run(*c);
        continue;
      }
      const std::uint32_t seen = group.state.watch(watcher::inside);
      full_fence();
      if (group_state::is_over(seen) || queues[0].holds(group) || queues[1].holds(group)) continue;
      weir::detail::futex_wait(group.state.word(), seen, for_ever);
    }
  }

  void steal(mistake made) {
    std::array<child*, 2> taken{};
    const int n = queues[0].try_take_oldest(taken.data(), 2);
    if (n == 0) return;
    if (n == 2) {
      if (made == mistake::watcher_is_told_first) tell_watcher(group.state);
      queues[1].push_all(&taken[1], 1);
      if (made != mistake::no_fence) full_fence();
      if (made == mistake::none || made == mistake::no_fence) tell_watcher(group.state);
    }
    run(*taken[0]);
  }
};

model::result explore_move(mistake made, model::memory_model memory = {}) {
  return model::explore(bounds("group, children are moved", memory, 3), [made](model::scenario& s) {
    auto m = std::make_shared<moved>();
    s.label("group", m->group);
    for (child& c : m->children) {
      c.of = &m->group;
      m->group.state.begin_one();
      m->queues[0].push(&c);
    }
    s.thread("worker 0", [m] { m->wait(); });
    s.thread("worker 1", [m, made] { m->steal(made); });
    s.finally([m] {
      for (const child& c : m->children) model::check(c.ran == 1, "each child has run");
    });
  });
}

TEST(GroupSleepersModel, AMovedChildIsFoundByWhoWaits) {
  for (const auto memory : {model::memory_model{}, model::memory_model::views}) {
    const model::result r = explore_move(mistake::none, memory);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

TEST(GroupSleepersModel, AMoveTellsWhoWaitsBehindItsPushAndFence) {
  EXPECT_THAT(explore_move(mistake::watcher_is_not_told).failure, HasSubstr("deadlock"));
  EXPECT_THAT(explore_move(mistake::watcher_is_told_first).failure, HasSubstr("deadlock"));
  EXPECT_THAT(explore_move(mistake::no_fence, model::memory_model::views).failure, HasSubstr("deadlock"));
}

// ---- two who sleep by one word

// One child ends, which one thread waits for. Then another thread brings in a second child, and sleeps until that gives
// up its turn.
struct two_sleepers {
  group_state state;
  atomic<bool> is_turn_free{false};
  atomic<bool> has_second{false};

  void wait(bool clears_all) {
    for (;;) {
      const std::uint32_t seen = state.watch(watcher::outside);
      if (group_state::is_over(seen)) break;
      weir::detail::futex_wait(state.word(), seen, for_ever);
    }
    if (clears_all) {
      constexpr std::uint32_t unended = (1u << 25) - 1;
      (void)const_cast<atomic<std::uint32_t>&>(state.word()).fetch_and(unended, memory_order_relaxed);
    } else {
      state.unwatch();
    }
  }

  void spawn_and_await_a_turn() {
    state.begin_one();
    has_second.store(true, weir::detail::memory_order_release);
    for (;;) {
      const std::uint32_t seen = state.watch(watcher::inside);
      full_fence();
      if (is_turn_free.load(memory_order_relaxed)) break;
      weir::detail::futex_wait(state.word(), seen, for_ever);
    }
  }

  void run() {
    tell_of_the_end(state);
    while (!has_second.load(weir::detail::memory_order_acquire)) weir::detail::thread_yield();
    is_turn_free.store(true, memory_order_relaxed);
    full_fence();
    tell_watcher(state);
    tell_of_the_end(state);
  }
};

model::result explore_sleepers(bool clears_all, model::memory_model memory = {}) {
  return model::explore(bounds("group, two sleepers", memory, 3), [clears_all](model::scenario& s) {
    auto m = std::make_shared<two_sleepers>();
    s.label("word", m->state);
    m->state.begin_one();
    s.thread("waiter", [m, clears_all] { m->wait(clears_all); });
    s.thread("spawner", [m] { m->spawn_and_await_a_turn(); });
    s.thread("worker", [m] { m->run(); });
  });
}

TEST(GroupSleepersModel, AWaitThatIsOverLeavesTheMarkOfWhoSleeps) {
  for (const auto memory : {model::memory_model{}, model::memory_model::views}) {
    const model::result r = explore_sleepers(false, memory);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

TEST(GroupSleepersModel, ClearingAllMarksLosesASleeper) {
  EXPECT_THAT(explore_sleepers(true).failure, HasSubstr("deadlock"));
}

// ---- one who is told, while another one says that it sleeps

struct group_word {
  group_word() noexcept { state.begin_one(); }
  std::uint32_t watch() noexcept { return state.watch(watcher::inside); }
  void end() noexcept { tell_of_the_end(state); }
  static bool is_over(std::uint32_t seen) noexcept { return group_state::is_over(seen); }
  group_state state;
};

struct job_word {
  std::uint32_t watch() noexcept { return state.watch_inside(); }
  void end() noexcept {
    const auto* const word = &state.word();
    if (state.finish(weir::task_outcome::completed).threads) weir::detail::futex_wake(word, weir::detail::wake_all);
  }
  static bool is_over(std::uint32_t seen) noexcept { return weir::detail::task_state::is_done(seen); }
  weir::detail::task_state state{weir::detail::task_state::phase::running};
};

// What one of the sleepers could run, the other one does not look for. The maker goes on when it is run.
template <typename Word>
struct two_inside {
  Word word;
  atomic<bool> is_made{false};
  atomic<std::uint32_t> is_run{0};

  void wait(bool runs) {
    for (;;) {
      if (runs && is_made.exchange(false, weir::detail::memory_order_acq_rel)) {
        is_run.store(1, weir::detail::memory_order_release);
        weir::detail::futex_wake(&is_run, 1);
      }
      const std::uint32_t seen = word.watch();
      if (Word::is_over(seen)) return;
      full_fence();
      if (runs && is_made.load(memory_order_relaxed)) continue;
      weir::detail::futex_wait(word.state.word(), seen, for_ever);
    }
  }

  void make() {
    is_made.store(true, memory_order_relaxed);
    full_fence();
    if (word.state.take_inside_watcher()) weir::detail::futex_wake(&word.state.word(), weir::detail::wake_all);
    while (is_run.load(weir::detail::memory_order_acquire) == 0) weir::detail::futex_wait(is_run, 0, for_ever);
    word.end();
  }
};

template <typename Word>
void expect_each_to_be_told(const std::string& name) {
  for (const model::options& options :
       {bounds(name, model::memory_model{}, 3), bounds(name + ", views", model::memory_model::views, 2)}) {
    model::expect_holds(options, [](model::scenario& s) {
      auto m = std::make_shared<two_inside<Word>>();
      s.label("word", m->word);
      s.thread("who can run it", [m] { m->wait(true); });
      s.thread("who cannot", [m] { m->wait(false); });
      s.thread("maker", [m] { m->make(); });
    });
  }
}

TEST(GroupSleepersModel, WhoIsToldDoesNotSleepThoughAnotherOneSaysThatItDoes) {
  expect_each_to_be_told<group_word>("group, two inside");
  expect_each_to_be_told<job_word>("job, two inside");
}

}  // namespace group_sleepers_model
