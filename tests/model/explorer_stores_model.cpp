// The explorer's delayed stores: litmus tests with the outcomes that they have on x86, and those of weaker
// read-modify-writes.
#include <chrono>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>

#include "explorer.hpp"

namespace explorer_stores_model {

using testing::HasSubstr;
using testing::UnorderedElementsAre;
using weir::detail::atomic;
using weir::detail::full_fence;
using weir::detail::memory_order_acq_rel;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::detail::memory_order_seq_cst;

using outcome = std::pair<int, int>;
using outcomes = std::set<outcome>;

struct words {
  atomic<int> x{0}, y{0};
  int first = -1, second = -1;  // what was read
};

/// Two threads, each of which writes one word and then reads the other.
template <typename Write>
outcomes of_store_buffering(const std::string& name, int missed, Write write, model::weakening weakened = {}) {
  outcomes seen;
  const auto r =
      model::explore({.name = name, .preemptions = 9, .missed_stores = missed, .weakened = std::move(weakened)},
                     [&seen, write](model::scenario& s) {
                       auto w = std::make_shared<words>();
                       s.thread("first", [w, write] {
                         write(w->x);
                         w->first = w->y.load(memory_order_seq_cst);
                       });
                       s.thread("second", [w, write] {
                         write(w->y);
                         w->second = w->x.load(memory_order_seq_cst);
                       });
                       s.finally([w, &seen] { seen.emplace(w->first, w->second); });
                     });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
  return seen;
}

const auto in_order = UnorderedElementsAre(outcome{0, 1}, outcome{1, 0}, outcome{1, 1});
const auto out_of_order = UnorderedElementsAre(outcome{0, 0}, outcome{0, 1}, outcome{1, 0}, outcome{1, 1});

void store_and_fence(atomic<int>& word) {
  word.store(1, memory_order_relaxed);
  full_fence();
}

TEST(DelayedStores, ArePassedByLaterLoads) {
  const auto release = [](atomic<int>& word) { word.store(1, memory_order_release); };
  EXPECT_THAT(of_store_buffering("store buffering, not delayed", 0, release), in_order);
  EXPECT_THAT(of_store_buffering("store buffering", 1, release), out_of_order);
  EXPECT_THAT(of_store_buffering("store buffering, two looks", 2, release), out_of_order);
}

TEST(DelayedStores, DoNotPassABarrier) {
  EXPECT_THAT(of_store_buffering("fence", 2, store_and_fence), in_order);
  EXPECT_THAT(of_store_buffering("seq_cst store", 2, [](auto& word) { word.store(1, memory_order_seq_cst); }),
              in_order);
  EXPECT_THAT(of_store_buffering("exchange", 2, [](auto& word) { word.exchange(1, memory_order_seq_cst); }), in_order);
}

TEST(DelayedStores, WaitUntilTheBarrierIsReached) {
  outcomes seen;
  const auto r = model::explore({.name = "late fence", .preemptions = 9, .missed_stores = 1}, [&](model::scenario& s) {
    auto w = std::make_shared<words>();
    s.thread("first", [w] {
      w->x.store(1, memory_order_relaxed);
      w->first = w->y.load(memory_order_relaxed);
      full_fence();
    });
    s.thread("second", [w] {
      w->y.store(1, memory_order_relaxed);
      w->second = w->x.load(memory_order_relaxed);
      full_fence();
    });
    s.finally([w, &seen] { seen.emplace(w->first, w->second); });
  });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_THAT(seen, out_of_order);
}

TEST(DelayedStores, IncludeThoseOfWeakReadModifyWrites) {
  const auto add = [](atomic<int>& word) { word.fetch_add(1, memory_order_acq_rel); };
  EXPECT_THAT(of_store_buffering("acq_rel addition", 1, add), out_of_order);
  EXPECT_THAT(of_store_buffering("acq_rel addition and fence", 2,
                                 [](auto& word) {
                                   word.fetch_add(1, memory_order_acq_rel);
                                   full_fence();
                                 }),
              in_order);
}

TEST(DelayedStores, PassABarrierThatIsWeakened) {
  EXPECT_THAT(of_store_buffering("weakened fence", 1, store_and_fence, {"store_and_fence", "fence"}), out_of_order);
  EXPECT_THAT(of_store_buffering("another one weakened", 1, store_and_fence, {"fence_and_store", "fence"}), in_order);
}

TEST(DelayedStores, AreSeenByTheirOwnThread) {
  const auto r = model::explore({.name = "own stores", .preemptions = 9, .missed_stores = 4}, [](model::scenario& s) {
    auto w = std::make_shared<words>();
    s.thread("writer", [w] {
      w->x.store(1, memory_order_relaxed);
      model::check(w->x.load(memory_order_relaxed) == 1, "by a load");
      w->x.store(2, memory_order_relaxed);
      model::check(w->x.fetch_add(1, memory_order_relaxed) == 2, "by an addition");
      model::check(w->x.load(memory_order_relaxed) == 3, "after it");
    });
    s.thread("reader", [w] {
      w->first = w->x.load(memory_order_relaxed);
      w->second = w->x.load(memory_order_relaxed);
      model::check(w->first <= w->second, "a reader does not go back");
    });
    s.finally([w] { model::check(w->x.peek() == 3, "all are visible in the end"); });
  });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(DelayedStores, AreMissedOneByOne) {
  outcomes seen;
  const auto r = model::explore({.name = "two stores", .preemptions = 9, .missed_stores = 1}, [&](model::scenario& s) {
    auto w = std::make_shared<words>();
    s.thread("writer", [w] {
      w->x.store(1, memory_order_relaxed);
      w->x.store(2, memory_order_relaxed);
      w->first = w->y.load(memory_order_relaxed);
    });
    s.thread("reader", [w] {
      w->y.store(1, memory_order_seq_cst);
      w->second = w->x.load(memory_order_relaxed);
    });
    s.finally([w, &seen] {
      if (w->first == 0) seen.emplace(w->first, w->second);
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_THAT(seen, UnorderedElementsAre(outcome{0, 0}, outcome{0, 1}, outcome{0, 2}));
}

TEST(DelayedStores, BecomeVisibleInTheirOrder) {
  const auto r = model::explore({.name = "messages", .preemptions = 9, .missed_stores = 4}, [](model::scenario& s) {
    auto w = std::make_shared<words>();
    s.thread("writer", [w] {
      w->x.store(1, memory_order_relaxed);
      w->y.store(1, memory_order_relaxed);
    });
    s.thread("reader", [w] {
      if (w->y.load(memory_order_relaxed) == 1)
        model::check(w->x.load(memory_order_relaxed) == 1, "the older one, too");
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(DelayedStores, BecomeVisibleToAllAtOnce) {
  struct four : words {
    int third = -1, fourth = -1;
  };
  const auto r = model::explore({.name = "two readers", .preemptions = 9, .missed_stores = 4}, [](model::scenario& s) {
    auto w = std::make_shared<four>();
    s.thread("writes x", [w] { w->x.store(1, memory_order_relaxed); });
    s.thread("writes y", [w] { w->y.store(1, memory_order_relaxed); });
    s.thread("reads x first", [w] {
      w->first = w->x.load(memory_order_relaxed);
      w->second = w->y.load(memory_order_relaxed);
    });
    s.thread("reads y first", [w] {
      w->third = w->y.load(memory_order_relaxed);
      w->fourth = w->x.load(memory_order_relaxed);
    });
    s.finally([w] {
      const bool disagree = w->first == 1 && w->second == 0 && w->third == 1 && w->fourth == 0;
      model::check(!disagree, "one order for all");
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(DelayedStores, LeaveReadModifyWritesAtomic) {
  std::set<int> seen;
  const auto r = model::explore({.name = "additions", .preemptions = 9, .missed_stores = 3}, [&](model::scenario& s) {
    auto w = std::make_shared<words>();
    for (const char* name : {"first", "second"}) {
      s.thread(name, [w] {
        w->x.fetch_add(1, memory_order_relaxed);
        int expected = w->x.load(memory_order_relaxed);
        while (!w->x.compare_exchange_weak(expected, expected + 1, memory_order_relaxed)) {
        }
      });
    }
    s.thread("reader", [w] { w->first = w->x.load(memory_order_relaxed); });
    s.finally([w, &seen] {
      model::check(w->x.peek() == 4, "each was counted");
      seen.insert(w->first);
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_THAT(seen, UnorderedElementsAre(0, 1, 2, 3, 4));
}

TEST(DelayedStores, ComeBeforeOrAfterTheReadModifyWriteOfAnother) {
  outcomes seen;
  const auto r =
      model::explore({.name = "store and addition", .preemptions = 9, .missed_stores = 3}, [&seen](model::scenario& s) {
        auto w = std::make_shared<words>();
        s.thread("store", [w] {
          w->x.store(5, memory_order_relaxed);
          w->first = w->y.load(memory_order_relaxed);
        });
        s.thread("addition", [w] {
          w->y.store(1, memory_order_relaxed);
          w->x.fetch_add(1, memory_order_relaxed);
        });
        s.thread("reader", [w] {
          const int x = w->x.load(memory_order_relaxed);
          const int y = w->y.load(memory_order_relaxed);
          const bool added = x == 1 || x == 6;
          model::check(!added || y == 1, "what came before the addition is visible with it");
        });
        s.finally([w, &seen] { seen.emplace(w->first, w->x.peek()); });
      });
  EXPECT_TRUE(r.passed()) << r.report;
  // Both orders of the two, and each with both answers to whether y is written: it is, or it waits.
  EXPECT_THAT(seen, UnorderedElementsAre(outcome{0, 5}, outcome{0, 6}, outcome{1, 5}, outcome{1, 6}));
}

TEST(DelayedStores, DoNotKeepASpinnerForEver) {
  const auto r = model::explore({.name = "spinner", .preemptions = 3, .max_steps = 60, .missed_stores = 3},
                                [](model::scenario& s) {
                                  auto w = std::make_shared<words>();
                                  s.thread("spinner", [w] {
                                    while (w->x.load(memory_order_acquire) == 0) weir::detail::cpu_pause();
                                  });
                                  s.thread("setter", [w] { w->x.store(1, memory_order_release); });
                                });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

TEST(DelayedStores, AreVisibleToTheNextOwnerOfALock) {
  struct guarded : words {
    weir::detail::mutex lock;
  };
  const auto r = model::explore({.name = "lock", .preemptions = 9, .missed_stores = 3}, [](model::scenario& s) {
    auto w = std::make_shared<guarded>();
    for (const char* name : {"first", "second"}) {
      s.thread(name, [w] {
        const weir::detail::lock_guard hold(w->lock);
        w->x.store(w->x.load(memory_order_relaxed) + 1, memory_order_relaxed);
      });
    }
    s.finally([w] { model::check(w->x.peek() == 2, "both were counted"); });
  });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(DelayedStores, AreVisibleToWhoIsWoken) {
  struct flags {
    atomic<std::uint32_t> word{0};
    atomic<int> value{0};
  };
  const auto r = model::explore({.name = "wake", .preemptions = 9, .missed_stores = 3}, [](model::scenario& s) {
    auto f = std::make_shared<flags>();
    s.thread("sleeper", [f] {
      while (f->word.load(memory_order_acquire) == 0) {
        weir::detail::futex_wait(f->word, 0, std::chrono::nanoseconds(-1));
      }
      model::check(f->value.load(memory_order_relaxed) == 1, "what came before");
    });
    s.thread("waker", [f] {
      f->value.store(1, memory_order_relaxed);
      f->word.store(1, memory_order_release);
      weir::detail::futex_wake(&f->word, 1);
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(DelayedStores, AreVisibleBeforeTheirThreadSleeps) {
  struct flags {
    atomic<std::uint32_t> word{0};
    atomic<int> asleep{0};
  };
  const auto r = model::explore({.name = "sleep", .preemptions = 9, .missed_stores = 3}, [](model::scenario& s) {
    auto f = std::make_shared<flags>();
    s.thread("sleeper", [f] {
      f->asleep.store(1, memory_order_relaxed);
      weir::detail::futex_wait(f->word, 0, std::chrono::nanoseconds(-1));
    });
    s.thread("waker", [f] {
      f->word.store(1, memory_order_seq_cst);
      if (f->asleep.load(memory_order_relaxed) == 1) weir::detail::futex_wake(&f->word, 1);
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(DelayedStores, AreSeenOrMissedByTheKernel) {
  std::set<bool> slept;
  const auto r = model::explore({.name = "kernel", .preemptions = 0, .missed_stores = 1}, [&slept](model::scenario& s) {
    auto word = std::make_shared<atomic<std::uint32_t>>(0);
    s.thread("setter", [word] { word->store(1, memory_order_relaxed); });
    s.thread("sleeper", [word, &slept] {
      const auto before = weir::detail::steady_now();
      weir::detail::futex_wait(*word, 0, std::chrono::seconds(1));
      slept.insert(weir::detail::steady_now() != before);
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_THAT(slept, UnorderedElementsAre(false, true));
}

TEST(DelayedStores, EndWithTheirObject) {
  const auto r = model::explore({.name = "end of an object", .missed_stores = 1}, [](model::scenario& s) {
    s.thread("only", [] {
      std::optional<atomic<int>> word(0);
      word->store(1, memory_order_relaxed);
      word.emplace(5);  // at the same address
      full_fence();
      model::check(word->load(memory_order_relaxed) == 5, "the new one is as it was made");
    });
  });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(DelayedStores, AreShownWhereTheyBecomeVisible) {
  const auto r = model::explore({.name = "trace", .missed_stores = 1}, [](model::scenario& s) {
    auto w = std::make_shared<words>();
    s.label("x", w->x);
    s.thread("writer", [w] { w->x.store(1, memory_order_release); });
    s.thread("reader", [w] { model::check(w->x.load(memory_order_acquire) == 0, "not there yet"); });
  });
  EXPECT_THAT(r.failure, HasSubstr("not there yet"));
  EXPECT_THAT(r.report, HasSubstr("writer: visible of x at"));
}

}  // namespace explorer_stores_model
