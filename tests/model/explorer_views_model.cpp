// The explorer's views: litmus tests with the outcomes that C++20 allows them, but for those that need stores to pass
// each other or loads to read ahead (views.hpp).
#include <chrono>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>
#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>

#include "checked.hpp"
#include "explorer.hpp"

namespace explorer_views_model {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;
using weir::detail::atomic;
using weir::detail::full_fence;
using weir::detail::memory_order_acq_rel;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::detail::memory_order_seq_cst;

using outcome = std::vector<int>;
using outcomes = std::set<outcome>;

struct words {
  atomic<int> x{0}, y{0};
  int read[4] = {-1, -1, -1, -1};
};
using thread_body = std::function<void(words&)>;

/// All combinations of what the threads read, under every schedule.
outcomes of(const std::string& name, const std::vector<thread_body>& threads, int reads, int old_reads = 3,
            model::weakening weakened = {}) {
  outcomes seen;
  const auto r = model::explore({.name = name,
                                 .preemptions = 9,
                                 .memory = model::memory_model::views,
                                 .old_reads = old_reads,
                                 .weakened = std::move(weakened)},
                                [&](model::scenario& s) {
                                  auto w = std::make_shared<words>();
                                  for (std::size_t t = 0; t < threads.size(); ++t) {
                                    s.thread("thread " + std::to_string(t), [w, body = threads[t]] { body(*w); });
                                  }
                                  s.finally([w, &seen, reads] { seen.insert(outcome(w->read, w->read + reads)); });
                                });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
  return seen;
}

// ---- message passing: x is the message, y says that it is there

outcomes of_messages(const std::string& name, thread_body write, thread_body read, int old_reads = 3) {
  return of("messages, " + name, {std::move(write), std::move(read)}, 2, old_reads);
}

thread_body sends(auto order) {
  return [order](words& w) {
    w.x.store(1, memory_order_relaxed);
    w.y.store(1, order);
  };
}

thread_body receives(auto order) {
  return [order](words& w) {
    w.read[0] = w.y.load(order);
    w.read[1] = w.x.load(memory_order_relaxed);
  };
}

const auto anything = UnorderedElementsAre(outcome{0, 0}, outcome{0, 1}, outcome{1, 0}, outcome{1, 1});
const auto published = UnorderedElementsAre(outcome{0, 0}, outcome{0, 1}, outcome{1, 1});

TEST(Views, PassAMessageByReleaseAndAcquire) {
  EXPECT_THAT(of_messages("release and acquire", sends(memory_order_release), receives(memory_order_acquire)),
              published);
  EXPECT_THAT(of_messages("seq_cst", sends(memory_order_seq_cst), receives(memory_order_seq_cst)), published);
}

TEST(Views, PassNoMessageByARelaxedStoreOrLoad) {
  EXPECT_THAT(of_messages("relaxed store", sends(memory_order_relaxed), receives(memory_order_acquire)), anything);
  EXPECT_THAT(of_messages("relaxed load", sends(memory_order_release), receives(memory_order_relaxed)), anything);
}

TEST(Views, AreThoseOfASequentialMachineWithoutOldReads) {
  EXPECT_THAT(of_messages("no old reads", sends(memory_order_relaxed), receives(memory_order_relaxed), 0), published);
}

TEST(Views, PassAMessageByFences) {
  const thread_body fenced_send = [](words& w) {
    w.x.store(1, memory_order_relaxed);
    full_fence();
    w.y.store(1, memory_order_relaxed);
  };
  const thread_body fenced_receive = [](words& w) {
    w.read[0] = w.y.load(memory_order_relaxed);
    full_fence();
    w.read[1] = w.x.load(memory_order_relaxed);
  };
  EXPECT_THAT(of_messages("two fences", fenced_send, fenced_receive), published);
  EXPECT_THAT(of_messages("fence and acquire", fenced_send, receives(memory_order_acquire)), published);
  EXPECT_THAT(of_messages("release and fence", sends(memory_order_release), fenced_receive), published);
  EXPECT_THAT(of_messages("fence and relaxed", fenced_send, receives(memory_order_relaxed)), anything);
  EXPECT_THAT(of_messages("relaxed and fence", sends(memory_order_relaxed), fenced_receive), anything);
}

TEST(Views, PassAMessageOn) {
  const auto relay = [](auto order) -> thread_body {
    return [order](words& w) {
      if (w.x.load(order) == 1) w.y.store(1, memory_order_release);
    };
  };
  struct cell {
    model::checked<int> value;
  };
  for (const bool whole : {true, false}) {
    const auto r =
        model::explore({.name = whole ? "three threads" : "three threads, one link relaxed",
                        .preemptions = 9,
                        .memory = model::memory_model::views},
                       [&](model::scenario& s) {
                         auto w = std::make_shared<words>();
                         auto c = std::make_shared<cell>();
                         s.thread("first", [=] {
                           c->value.set(7);
                           w->x.store(1, memory_order_release);
                         });
                         s.thread("second", [=] { relay(whole ? memory_order_acquire : memory_order_relaxed)(*w); });
                         s.thread("third", [=] {
                           if (w->y.load(memory_order_acquire) == 1)
                             model::check(c->value.get() == 7, "what the first wrote");
                         });
                       });
    EXPECT_THAT(r.failure, testing::StartsWith(whole ? "" : "data race")) << r.report;
    EXPECT_EQ(r.passed(), whole);
  }
}

// ---- release sequences

/// The first thread sends; the second one touches y in between.
outcomes of_sequence(const std::string& name, thread_body between) {
  return of("sequence, " + name, {sends(memory_order_release), std::move(between), receives(memory_order_acquire)}, 2);
}

TEST(Views, ContinueAReleaseSequenceByAReadModifyWrite) {
  // y is 2 only by an addition after the store.
  const outcomes added = of_sequence("addition", [](words& w) { w.y.fetch_add(1, memory_order_relaxed); });
  EXPECT_THAT(added, Contains(outcome{2, 1}));
  EXPECT_THAT(added, Not(Contains(outcome{2, 0})));
  const outcomes exchanged = of_sequence("exchange", [](words& w) {
    int one = 1;
    w.y.compare_exchange_strong(one, 3, memory_order_relaxed, memory_order_relaxed);
  });
  EXPECT_THAT(exchanged, Contains(outcome{3, 1}));
  EXPECT_THAT(exchanged, Not(Contains(outcome{3, 0})));
}

TEST(Views, EndAReleaseSequenceAtAStore) {
  EXPECT_THAT(of_sequence("store of another", [](words& w) { w.y.store(2, memory_order_relaxed); }),
              Contains(outcome{2, 0}));
  const thread_body twice = [](words& w) {
    w.x.store(1, memory_order_relaxed);
    w.y.store(1, memory_order_release);
    w.y.store(2, memory_order_relaxed);
  };
  EXPECT_THAT(of_messages("a relaxed store of the same thread", twice, receives(memory_order_acquire)),
              Contains(outcome{2, 0}));
}

// ---- store buffering: each writes one word and reads the other

template <typename Write>
outcomes of_store_buffering(const std::string& name, Write write, auto read_order, model::weakening weakened = {}) {
  return of("store buffering, " + name,
            {[=](words& w) {
               write(w.x);
               w.read[0] = w.y.load(read_order);
             },
             [=](words& w) {
               write(w.y);
               w.read[1] = w.x.load(read_order);
             }},
            2, 3, std::move(weakened));
}

const auto in_order = UnorderedElementsAre(outcome{0, 1}, outcome{1, 0}, outcome{1, 1});

void store_and_fence(atomic<int>& word) {
  word.store(1, memory_order_relaxed);
  full_fence();
}

TEST(Views, LetLoadsPassStores) {
  const auto release = [](atomic<int>& word) { word.store(1, memory_order_release); };
  EXPECT_THAT(of_store_buffering("release and acquire", release, memory_order_acquire), anything);
}

TEST(Views, LetNoLoadPassAFence) {
  EXPECT_THAT(of_store_buffering("fences", store_and_fence, memory_order_relaxed), in_order);
  const auto weakened = [](model::memory_order to) {
    return of_store_buffering("weakened fences", store_and_fence, memory_order_relaxed,
                              {.function = "store_and_fence", .operation = "fence", .to = to});
  };
  EXPECT_THAT(weakened(memory_order_acq_rel), anything);
  EXPECT_THAT(weakened(memory_order_relaxed), anything);
}

TEST(Views, KeepSequentiallyConsistentOperationsInOneOrder) {
  const auto store = [](atomic<int>& word) { word.store(1, memory_order_seq_cst); };
  EXPECT_THAT(of_store_buffering("seq_cst", store, memory_order_seq_cst), in_order);
  EXPECT_THAT(of_store_buffering("seq_cst stores, acquire loads", store, memory_order_acquire), anything);
}

TEST(Views, TakeNoReadModifyWriteForAFence) {
  const auto exchange = [](atomic<int>& word) { word.exchange(1, memory_order_seq_cst); };
  EXPECT_THAT(of_store_buffering("exchange and seq_cst load", exchange, memory_order_seq_cst), in_order);
  EXPECT_THAT(of_store_buffering("exchange and acquire load", exchange, memory_order_acquire), anything);
}

/// Whether the third thread can be first in the one order, though the first is done before the second, and the second
/// before the third: it is not if each link of that chain is sequentially consistent (P0668, "Z6.U").
bool may_be_first(const std::string& name, auto middle) {
  return of("three in a row, " + name,
            {[middle](words& w) {
               w.x.store(1, memory_order_seq_cst);
               w.y.store(1, middle);
             },
             [](words& w) {
               w.read[0] = w.y.fetch_add(1, memory_order_seq_cst);
               w.read[1] = w.y.load(memory_order_relaxed);
             },
             [](words& w) {
               w.y.store(3, memory_order_seq_cst);
               w.read[2] = w.x.load(memory_order_seq_cst);
             }},
            3)
      .contains({1, 3, 0});
}

TEST(Views, DoNotTakeTheScheduleForTheOneOrder) {
  EXPECT_TRUE(may_be_first("release", memory_order_release));
  EXPECT_FALSE(may_be_first("seq_cst", memory_order_seq_cst));
}

TEST(Views, LetReadersDisagreeOnTheOrderOfTwoWriters) {
  const auto disagree = [](const std::string& name, auto order) {
    const thread_body reads_x_first = [order](words& w) {
      w.read[0] = w.x.load(order);
      w.read[1] = w.y.load(order);
    };
    const thread_body reads_y_first = [order](words& w) {
      w.read[2] = w.y.load(order);
      w.read[3] = w.x.load(order);
    };
    const auto one = [order](atomic<int>& word) {
      word.store(1, order == memory_order_acquire ? memory_order_release : order);
    };
    return of("independent reads, " + name,
              {[one](words& w) { one(w.x); }, [one](words& w) { one(w.y); }, reads_x_first, reads_y_first}, 4, 2)
        .contains({1, 0, 1, 0});
  };
  EXPECT_TRUE(disagree("acquire", memory_order_acquire));
  EXPECT_FALSE(disagree("seq_cst", memory_order_seq_cst));
}

// ---- one object

TEST(Views, LetNoThreadGoBackOnOneObject) {
  const outcomes seen = of("coherence",
                           {[](words& w) {
                              w.x.store(1, memory_order_relaxed);
                              w.x.store(2, memory_order_relaxed);
                              w.read[2] = w.x.load(memory_order_relaxed);
                            },
                            [](words& w) {
                              w.read[0] = w.x.load(memory_order_relaxed);
                              w.read[1] = w.x.load(memory_order_relaxed);
                            }},
                           3);
  EXPECT_THAT(seen, UnorderedElementsAre(outcome{0, 0, 2}, outcome{0, 1, 2}, outcome{0, 2, 2}, outcome{1, 1, 2},
                                         outcome{1, 2, 2}, outcome{2, 2, 2}));
}

TEST(Views, LeaveReadModifyWritesAtomic) {
  const thread_body add = [](words& w) {
    w.x.fetch_add(1, memory_order_relaxed);
    int expected = w.x.load(memory_order_relaxed);
    while (!w.x.compare_exchange_weak(expected, expected + 1, memory_order_relaxed, memory_order_relaxed)) {
    }
  };
  const auto r = model::explore(
      {.name = "additions", .preemptions = 9, .memory = model::memory_model::views, .old_reads = 3}, [&](auto& s) {
        auto w = std::make_shared<words>();
        for (const char* name : {"first", "second"}) s.thread(name, [=] { add(*w); });
        s.finally([w] { model::check(w->x.peek() == 4, "each was counted"); });
      });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(Views, LetAFailingExchangeReadAnOldStore) {
  const outcomes seen = of("failing exchange",
                           {[](words& w) {
                              w.x.store(1, memory_order_relaxed);
                              w.x.store(2, memory_order_relaxed);
                              w.y.store(1, memory_order_release);
                            },
                            [](words& w) {
                              w.read[0] = w.y.load(memory_order_relaxed);
                              int expected = 2;
                              w.x.compare_exchange_strong(expected, 2, memory_order_acq_rel, memory_order_relaxed);
                              w.read[1] = expected;
                            }},
                           2);
  EXPECT_THAT(seen, UnorderedElementsAre(outcome{0, 0}, outcome{0, 1}, outcome{0, 2}, outcome{1, 0}, outcome{1, 1},
                                         outcome{1, 2}));
}

TEST(Views, DoNotKeepASpinnerForEver) {
  const auto r = model::explore({.name = "spinner with views",
                                 .preemptions = 3,
                                 .max_steps = 60,
                                 .memory = model::memory_model::views,
                                 .old_reads = 3},
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

TEST(Views, AreNotMixedWithDelayedStores) {
  const model::options both{.name = "both", .missed_stores = 1, .memory = model::memory_model::views};
  EXPECT_THROW(static_cast<void>(model::explore(both, [](model::scenario&) {})), std::invalid_argument);
}

TEST(Views, ShowAnOldReadInTheTrace) {
  const auto r =
      model::explore({.name = "trace of views", .memory = model::memory_model::views, .old_reads = 1}, [](auto& s) {
        auto w = std::make_shared<words>();
        s.label("x", w->x);
        s.thread("writer", [w] { sends(memory_order_relaxed)(*w); });
        s.thread("reader", [w] {
          receives(memory_order_acquire)(*w);
          model::check(w->read[0] <= w->read[1], "the message is there");
        });
      });
  EXPECT_THAT(r.failure, HasSubstr("the message is there"));
  EXPECT_THAT(r.report, HasSubstr("reader: load relaxed of x at "));
  EXPECT_THAT(r.report, HasSubstr(": 0, is 1\n"));
}

TEST(Views, ListTheOrdersThatTheyMeet) {
  const auto r = model::explore({.name = "orders", .memory = model::memory_model::views}, [](auto& s) {
    auto w = std::make_shared<words>();
    s.thread("writer", [w] { store_and_fence(w->x); });
    s.thread("reader", [w] { w->x.load(memory_order_acquire); });
  });
  ASSERT_EQ(r.orders.size(), 2u);
  EXPECT_THAT(r.orders[0].file, HasSubstr("explorer_views_model.cpp"));
  EXPECT_THAT(r.orders[0].function, HasSubstr("store_and_fence("));
  EXPECT_EQ(r.orders[0].operation, "fence");
  EXPECT_EQ(r.orders[0].order, model::memory_order_seq_cst);
  EXPECT_EQ(r.orders[1].operation, "load");
  EXPECT_EQ(r.orders[1].order, model::memory_order_acquire);
}

}  // namespace explorer_views_model
