// The real queue by keys under every schedule within a bound: each item is taken once, as it was pushed; who asks for a
// key gets that and misses none. Sleeps beside it are in keyed_queue_sleep_model.cpp.
//
// The rings are so small that they grow, close their holes and are full within a few pushes. Steps are left out or
// misplaced in turn: the explorer must notice.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <weir/queues/keyed_queue.hpp>
#include <weir/queues/sync.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "faulty_keyed_queue.hpp"
#include "holds.hpp"

namespace keyed_queue_model {

using model::growing;
using model::keyed_item;
using model::queue_mistake;
using model::room_for_two;
using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::detail::ring_sizes;

// At fixed places, since the slots of a queue depend on them.
std::array<model::queue_key, 128> keys;

std::size_t other_key(bool shares_the_slot) {
  model::small_queue<queue_mistake::none> probe;
  keyed_item<queue_mistake::none> one;
  one.of = &keys[0];
  probe.push(&one);
  for (std::size_t i = 1; i < keys.size(); ++i) {
    if (probe.may_hold(keys[i]) == shares_the_slot) return i;
  }
  return 0;
}

model::queue_key& key_a = keys[0];
model::queue_key& key_b = keys[other_key(false)];
model::queue_key& key_c = keys[other_key(true)];  // shares the slot of a

model::queue_key& key_of(char letter) { return letter == 'a' ? key_a : letter == 'b' ? key_b : key_c; }

// a, b, c: pushes one of that key. A, B, C: takes one of that key. n: takes the newest, o: the oldest; t: tries to take
// the oldest. p: sees what the pusher has pushed by now. s: trims.
struct setting {
  std::string_view before = "";  // the threads
  std::string_view pusher = "";
  std::vector<std::string_view> others = {};
};

template <queue_mistake M, ring_sizes Sizes>
struct work {
  explicit work(setting s) : chosen(std::move(s)) {}

  using item = keyed_item<M>;

  setting chosen;
  model::sized_queue<M, Sizes> queue;
  item items[12];
  std::size_t pushed = 0;
  int taking = 0;                      // threads in the middle of a take
  atomic<std::uint32_t> published{0};  // items

  struct person {
    std::size_t known = 0;  // items that were pushed before what it does next
    typename model::sized_queue<M, Sizes>::cursor from = {};
  };

  void push(person& self, char letter) {
    item& next = items[pushed];
    next.of = &key_of(letter);
    next.payload.set(static_cast<int>(++pushed));
    queue.push(&next);
    self.known = pushed;
    published.store(static_cast<std::uint32_t>(pushed), memory_order_release);
  }

  item* take_by(person& self, char step) {
    switch (step) {
      case 'n':
        return queue.take_newest();
      case 'o':
        return queue.take_oldest();
      case 't':
        return queue.try_take_oldest();
      default:
        return queue.take_of(key_of(static_cast<char>(step - 'A' + 'a')), self.from);
    }
  }

  bool take(person& self, char step) {
    const std::size_t known = self.known;
    ++taking;
    item* const got = take_by(self, step);
    --taking;
    const bool is_of = step >= 'A' && step <= 'C';
    const model::queue_key* const asked = is_of ? &key_of(static_cast<char>(step - 'A' + 'a')) : nullptr;
    if (got == nullptr) {
      if (step != 't') misses_none(known, asked);
      return false;
    }
    model::check(got >= items && got < items + pushed, "what is taken was pushed");
    model::check(!is_of || got->of == asked, "and has the key that was asked for");
    model::check(++got->taken == 1, "and is taken once");
    model::check(got->payload.get() == 1 + (got - items), "as it was pushed");
    got->payload.set(-1);
    return true;
  }

  // Each of the others that are taking may have one that it has not shown yet.
  void misses_none(std::size_t known, const model::queue_key* asked) {
    int missing = 0;
    for (std::size_t i = 0; i < known; ++i) {
      if (items[i].taken == 0 && (asked == nullptr || items[i].of == asked)) ++missing;
    }
    model::check(missing <= taking, "none that was pushed before is missed");
  }

  void act(person& self, std::string_view steps) {
    for (const char step : steps) {
      if (step >= 'a' && step <= 'c') {
        push(self, step);
      } else if (step == 'p') {
        self.known = published.load(memory_order_acquire);
      } else if (step == 's') {
        queue.trim();
      } else {
        take(self, step);
      }
    }
  }

  void nothing_is_lost() {
    person last{.known = pushed};
    for (const char letter : {'A', 'B', 'C'}) {
      while (take(last, letter)) {
      }
    }
    model::check(queue.take_oldest() == nullptr && queue.looks_empty(), "nothing is left");
    for (const char letter : {'a', 'b', 'c'}) model::check(!queue.may_hold(key_of(letter)), "nothing is counted");
    for (std::size_t i = 0; i < pushed; ++i) model::check(items[i].taken == 1, "nothing is lost");
  }
};

constexpr ring_sizes without_memory{.first = 2, .kept = 2, .most = 1};

template <queue_mistake M = queue_mistake::none, ring_sizes Sizes = growing>
std::function<void(model::scenario&)> queue_scenario(const setting& chosen) {
  return [chosen](model::scenario& s) {
    using work = work<M, Sizes>;
    auto w = std::make_shared<work>(chosen);
    s.label("queue", w->queue);
    typename work::person first;
    w->act(first, chosen.before);
    const std::size_t before = w->pushed;
    s.thread("pusher", [w, before] {
      typename work::person self{.known = before};
      w->act(self, w->chosen.pusher);
    });
    for (std::size_t i = 0; i < chosen.others.size(); ++i) {
      s.thread("other " + std::to_string(i), [w, i, before] {
        typename work::person self{.known = before};
        w->act(self, w->chosen.others[i]);
      });
    }
    s.finally([w] { w->nothing_is_lost(); });
  };
}

template <ring_sizes Sizes = growing>
void expect_held(const model::options& options, const setting& chosen) {
  model::expect_holds(options, queue_scenario<queue_mistake::none, Sizes>(chosen));
}

TEST(KeyedQueueModel, GivesEachItemOnce) {
  expect_held({.name = "keyed queue, thief and waiter", .preemptions = 2}, {.pusher = "abn", .others = {"to", "pAB"}});
  expect_held({.name = "keyed queue, keys of one slot", .preemptions = 2}, {.pusher = "ca", .others = {"pAC", "pCA"}});
}

TEST(KeyedQueueModel, GivesEachItemOnceWhileTheRingGrows) {
  expect_held({.name = "keyed queue, growing", .preemptions = 3},
              {.before = "a", .pusher = "bab", .others = {"t", "pAA"}});
}

TEST(KeyedQueueModel, GivesEachItemOnceWhileHolesAreClosed) {
  // Taken from the middle, the holes are passed by both ends, or closed by the push that finds the ring full.
  expect_held({.name = "keyed queue, holes", .preemptions = 3},
              {.before = "baab", .pusher = "an", .others = {"AA", "t"}});
  expect_held({.name = "keyed queue, used again", .preemptions = 2},
              {.before = "baabnn", .pusher = "aban", .others = {"AB", "oA"}});
}

TEST(KeyedQueueModel, GivesEachItemOnceWithoutMemory) {
  expect_held<without_memory>({.name = "keyed queue, no memory", .preemptions = 2},
                              {.before = "ab", .pusher = "an", .others = {"tA", "pA"}});
  expect_held<room_for_two>({.name = "keyed queue, not enough memory", .preemptions = 2},
                            {.before = "ab", .pusher = "an", .others = {"tA", "pAA"}});
}

TEST(KeyedQueueModel, GivesMemoryBackOnlyWhenItIsEmpty) {
  expect_held({.name = "keyed queue, trimmed", .preemptions = 3},
              {.before = "aba", .pusher = "nsa", .others = {"oos"}});
}

TEST(KeyedQueueModel, GivesEachItemOnceInLongRandomSchedules) {
  expect_held({.name = "keyed queue, random", .preemptions = 6, .random = 10'000},
              {.before = "ab", .pusher = "abcnabncab", .others = {"tpAotAp", "pABCpBA"}});
}

TEST(KeyedQueueModel, GivesEachItemOnceWithViews) {
  constexpr auto views = model::memory_model::views;
  expect_held({.name = "keyed queue, views", .preemptions = 1, .memory = views, .old_reads = 2},
              {.before = "a", .pusher = "ba", .others = {"t", "pAA"}});
  expect_held({.name = "keyed queue, views, holes", .preemptions = 2, .memory = views, .old_reads = 1},
              {.before = "baab", .pusher = "an", .others = {"AA", "t"}});
  expect_held({.name = "keyed queue, views, trimmed", .preemptions = 2, .memory = views, .old_reads = 1},
              {.before = "aba", .pusher = "nsa", .others = {"oo"}});
}

template <queue_mistake M, ring_sizes Sizes = growing>
std::string failure_of(const std::string& name, const setting& chosen) {
  return model::explore({.name = "mistake: " + name, .preemptions = 2}, queue_scenario<M, Sizes>(chosen)).failure;
}

TEST(KeyedQueueModel, NeedsTheCountsUnderTheLock) {
  EXPECT_THAT(failure_of<queue_mistake::push_counts_after_the_lock>("counts after the lock",
                                                                    {.before = "a", .pusher = "a", .others = {"pA"}}),
              testing::AnyOf(HasSubstr("counted"), HasSubstr("left"), HasSubstr("missed")));
}

TEST(KeyedQueueModel, NeedsTheLockOfAThief) {
  EXPECT_THAT(failure_of<queue_mistake::thief_does_not_ask_for_the_lock>(
                  "thief without the lock", {.before = "aa", .pusher = "a", .others = {"t"}}),
              testing::AnyOf(HasSubstr("counted"), HasSubstr("left"), HasSubstr("missed")));
}

TEST(KeyedQueueModel, NeedsHolesToBePassed) {
  EXPECT_THAT(failure_of<queue_mistake::take_leaves_a_hole_at_an_end>(
                  "a hole at the end", {.before = "aba", .pusher = "nn", .others = {"B"}}),
              HasSubstr("missed"));
}

TEST(KeyedQueueModel, NeedsHolesToBeClosedWithWhatIsBetweenThem) {
  EXPECT_THAT(failure_of<queue_mistake::room_is_made_at_the_end_only>(
                  "closes holes at the end only", {.before = "baab", .pusher = "a", .others = {"AA"}}),
              testing::AnyOf(HasSubstr("missed"), HasSubstr("left"), HasSubstr("taken once")));
}

TEST(KeyedQueueModel, NeedsASearchOfThoseThatAreLinked) {
  const auto failure = failure_of<queue_mistake::search_forgets_the_linked, room_for_two>(
      "linked ones not searched", {.before = "bb", .pusher = "a", .others = {"pA"}});
  EXPECT_THAT(failure, HasSubstr("missed"));
}

TEST(KeyedQueueModel, NeedsTheRestOfASearch) {
  // One that was pushed above where the last search has found something.
  EXPECT_THAT(failure_of<queue_mistake::search_goes_down_only>("searches downwards only",
                                                               {.before = "baab", .pusher = "ab", .others = {"ApAA"}}),
              HasSubstr("missed"));
}

TEST(KeyedQueueModel, NeedsTheKeysComparedWhereTheyShareASlot) {
  EXPECT_THAT(failure_of<queue_mistake::search_takes_what_shares_the_slot>(
                  "takes what shares the slot", {.before = "c", .pusher = "a", .others = {"A"}}),
              HasSubstr("asked for"));
}

TEST(KeyedQueueModel, NeedsASecondLookBeforeMemoryIsGivenBack) {
  EXPECT_THAT(failure_of<queue_mistake::trim_does_not_look_again>(
                  "trims unasked", {.before = "abaoo", .pusher = "nab", .others = {"s"}}),
              testing::AnyOf(HasSubstr("missed"), HasSubstr("left")));
}

}  // namespace keyed_queue_model
