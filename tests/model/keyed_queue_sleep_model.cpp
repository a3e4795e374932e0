// The real queue by keys where somebody sleeps until something comes into it, under every schedule within a bound: a
// push and a sleep cannot miss each other. With delayed stores and with views each of the two fences is needed, too.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <weir/queues/keyed_queue.hpp>
#include <weir/queues/sync.hpp>

#include "explorer.hpp"
#include "faulty_keyed_queue.hpp"
#include "holds.hpp"

namespace keyed_queue_sleep_model {

using model::keyed_item;
using model::queue_mistake;
using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::memory_order_relaxed;

// At fixed places, since the slots of a queue depend on them.
std::array<model::queue_key, 2> keys;

enum class sleep_mistake {
  none,
  sleeper_has_no_fence,
  pusher_has_no_fence,
  sleeper_looks_first,
  sleeper_does_not_look,
  pusher_looks_for_sleepers_first,
};
enum class look { at_the_key, at_all };

struct pusher_and_sleeper {
  pusher_and_sleeper(look l, sleep_mistake m) : looks(l), made(m) {}

  using item = keyed_item<queue_mistake::none>;

  look looks;
  sleep_mistake made;
  model::small_queue<queue_mistake::none> queue;
  item items[3];
  atomic<std::uint32_t> asleep{0};

  void wake_if(bool sleeps) {
    if (!sleeps) return;
    asleep.store(0, memory_order_relaxed);
    weir::detail::futex_wake(&asleep, 1);
  }

  void push() {
    for (std::size_t i = 0; i < 3; ++i) {
      items[i].of = i == 1 ? &keys[1] : &keys[0];
      items[i].payload.set(1);
      const bool slept = asleep.load(memory_order_relaxed) != 0;
      queue.push(&items[i]);
      if (made == sleep_mistake::pusher_looks_for_sleepers_first) {
        wake_if(slept);
        continue;
      }
      if (made != sleep_mistake::pusher_has_no_fence) weir::detail::full_fence();
      wake_if(asleep.load(memory_order_relaxed) != 0);
    }
  }

  bool sees_one() { return looks == look::at_the_key ? queue.holds(keys[0]) : !queue.looks_empty(); }

  void sleep() {
    const bool saw_one = made == sleep_mistake::sleeper_looks_first && sees_one();
    asleep.store(1, memory_order_relaxed);
    if (made != sleep_mistake::sleeper_has_no_fence) weir::detail::full_fence();
    if (saw_one) return;
    const bool must_look = made != sleep_mistake::sleeper_does_not_look && made != sleep_mistake::sleeper_looks_first;
    if (must_look && sees_one()) return;
    while (asleep.load(memory_order_relaxed) != 0) {
      weir::detail::futex_wait(asleep, 1, std::chrono::nanoseconds(-1));
    }
  }

  void wait() {
    model::small_queue<queue_mistake::none>::cursor from;
    for (int taken = 0; taken < (looks == look::at_all ? 3 : 2);) {
      item* const got = looks == look::at_all ? queue.take_oldest() : queue.take_of(keys[0], from);
      if (got == nullptr) {
        sleep();
        continue;
      }
      model::check(++got->taken == 1 && got->payload.get() == 1, "taken once, as it was pushed");
      ++taken;
    }
  }
};

model::result explore_sleep(const model::options& options, look looks, sleep_mistake made = sleep_mistake::none) {
  return model::explore(options, [=](model::scenario& s) {
    auto w = std::make_shared<pusher_and_sleeper>(looks, made);
    s.label("queue", w->queue);
    s.label("asleep", w->asleep);
    s.thread("pusher", [w] { w->push(); });
    s.thread("sleeper", [w] { w->wait(); });
  });
}

model::options delayed(const std::string& name) { return {.name = name, .preemptions = 2, .missed_stores = 2}; }
TEST(KeyedQueueSleepModel, LeavesNoItemBesideASleeper) {
  for (const look looks : {look::at_the_key, look::at_all}) {
    const std::string name = looks == look::at_all ? "keyed queue, asleep for all" : "keyed queue, asleep for a key";
    for (const model::options& options : {model::options{.name = name, .preemptions = 2, .spurious_wakes = 1},
                                          delayed(name + ", delayed stores"), model::with_views(name + ", views")}) {
      const model::result r = explore_sleep(options, looks);
      EXPECT_TRUE(r.passed() && r.complete) << r.report;
    }
  }
}

TEST(KeyedQueueSleepModel, NeedsEachStepOfASleep) {
  const std::pair<sleep_mistake, const char*> mistakes[] = {
      {sleep_mistake::sleeper_looks_first, "sleeper looks, then announces"},
      {sleep_mistake::sleeper_does_not_look, "sleeper does not look"},
      {sleep_mistake::pusher_looks_for_sleepers_first, "pusher looks, then pushes"},
      {sleep_mistake::sleeper_has_no_fence, "sleeper has no fence"},
      {sleep_mistake::pusher_has_no_fence, "pusher has no fence"},
  };
  for (const auto& [made, name] : mistakes) {
    for (const look looks : {look::at_the_key, look::at_all}) {
      EXPECT_THAT(explore_sleep(model::with_views(std::string("mistake: ") + name), looks, made).failure,
                  HasSubstr("deadlock"))
          << name;
    }
  }
}

}  // namespace keyed_queue_sleep_model
