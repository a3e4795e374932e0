// The explorer's eye for plain data: which uses of it race, and which do not.
#include "checked.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>

#include "explorer.hpp"

namespace checked_model {

using model::checked;
using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;

constexpr std::chrono::nanoseconds no_limit(-1);

struct shared {
  checked<int> data;
  atomic<std::uint32_t> word{0};
  weir::detail::mutex lock;
};
using thread_body = std::function<void(shared&)>;

/// The failure of two threads, empty if there is none.
std::string of(const std::string& name, thread_body first, thread_body second, int old_reads = 2) {
  return model::explore({.name = "plain data, " + name,
                         .preemptions = 9,
                         .memory = model::memory_model::views,
                         .old_reads = old_reads},
                        [&](model::scenario& s) {
                          auto both = std::make_shared<shared>();
                          s.thread("first", [=] { first(*both); });
                          s.thread("second", [=] { second(*both); });
                        })
      .failure;
}

const thread_body writes = [](shared& s) { s.data.set(1); };
const thread_body reads = [](shared& s) { static_cast<void>(s.data.get()); };

TEST(CheckedData, MayBeReadByAll) { EXPECT_EQ(of("two reads", reads, reads), ""); }

TEST(CheckedData, IsNotWrittenBesideAnotherUse) {
  EXPECT_THAT(of("two writes", writes, writes), HasSubstr("data race"));
  const std::string beside = of("a write and a read", writes, reads);
  EXPECT_THAT(beside, HasSubstr("data race: a "));
  EXPECT_THAT(beside, HasSubstr(" by first and a "));
  EXPECT_THAT(beside, HasSubstr("checked_model.cpp:"));
}

TEST(CheckedData, IsHandedOverByReleaseAndAcquire) {
  const auto hand_over = [](const std::string& name, auto release, auto acquire, int old_reads = 2) {
    return of(
        name,
        [=](shared& s) {
          s.data.set(1);
          s.word.store(1, release);
        },
        [=](shared& s) {
          if (s.word.load(acquire) == 1) s.data.set(2);
        },
        old_reads);
  };
  EXPECT_EQ(hand_over("released and acquired", memory_order_release, memory_order_acquire), "");
  EXPECT_THAT(hand_over("relaxed store", memory_order_relaxed, memory_order_acquire), HasSubstr("data race"));
  EXPECT_THAT(hand_over("relaxed load", memory_order_release, memory_order_relaxed), HasSubstr("data race"));
  EXPECT_THAT(hand_over("relaxed load, no old reads", memory_order_release, memory_order_relaxed, 0),
              HasSubstr("data race"));
}

TEST(CheckedData, IsNotHandedOverByAReleaseBeforeItsUse) {
  EXPECT_THAT(of(
                  "released too early",
                  [](shared& s) {
                    s.word.store(1, memory_order_release);
                    s.data.set(1);
                  },
                  [](shared& s) {
                    if (s.word.load(memory_order_acquire) == 1) static_cast<void>(s.data.get());
                  }),
              HasSubstr("data race"));
}

TEST(CheckedData, IsNotHandedOverByTheOrderOfFencesAlone) {
  // Whoever is second reads the other's word; but the fences have no store and load between them that would hand over.
  const auto r = model::explore({.name = "plain data, fences", .preemptions = 9, .memory = model::memory_model::views},
                                [](auto& s) {
                                  auto both = std::make_shared<shared>();
                                  s.thread("first", [=] {
                                    both->data.set(1);
                                    weir::detail::full_fence();
                                  });
                                  s.thread("second", [=] {
                                    weir::detail::full_fence();
                                    static_cast<void>(both->data.get());
                                  });
                                });
  EXPECT_THAT(r.failure, HasSubstr("data race"));
}

TEST(CheckedData, IsGuardedByALock) {
  const auto locked = [](shared& s) {
    const weir::detail::lock_guard hold(s.lock);
    s.data.set(s.data.get() + 1);
  };
  EXPECT_EQ(of("lock", locked, locked), "");
  EXPECT_THAT(of("lock on one side", locked, writes), HasSubstr("data race"));
}

TEST(CheckedData, IsNotHandedOverByAWakeAlone) {
  const auto wake = [](auto release) -> thread_body {
    return [release](shared& s) {
      s.data.set(1);
      s.word.store(1, release);
      weir::detail::futex_wake(&s.word, weir::detail::wake_all);
    };
  };
  const auto sleep = [](auto acquire) -> thread_body {
    return [acquire](shared& s) {
      weir::detail::futex_wait(s.word, 0, no_limit);
      // Nothing else ends the wait, and the kernel has seen the store.
      model::check(s.word.load(acquire) == 1, "the store that was woken for");
      static_cast<void>(s.data.get());
    };
  };
  EXPECT_EQ(of("wake", wake(memory_order_release), sleep(memory_order_acquire)), "");
  EXPECT_THAT(of("wake, relaxed load", wake(memory_order_release), sleep(memory_order_relaxed)),
              HasSubstr("data race"));
  EXPECT_THAT(of("wake, relaxed store", wake(memory_order_relaxed), sleep(memory_order_acquire)),
              HasSubstr("data race"));
}

TEST(CheckedData, IsPlainDataWithoutViews) {
  const auto r = model::explore({.name = "plain data, no views", .preemptions = 9}, [](model::scenario& s) {
    auto both = std::make_shared<shared>();
    s.thread("first", [=] { writes(*both); });
    s.thread("second", [=] { writes(*both); });
  });
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_EQ(r.schedules, 2);
}

// ---- the life of atomic objects is plain data, too

/// One makes an object and hands over a pointer to it.
std::string of_a_new_object(const std::string& name, auto release, auto acquire) {
  struct maker {
    std::optional<atomic<int>> made;
    atomic<atomic<int>*> pointer{nullptr};
  };
  return model::explore({.name = "new object, " + name, .preemptions = 9, .memory = model::memory_model::views},
                        [&](model::scenario& s) {
                          auto m = std::make_shared<maker>();
                          s.thread("maker", [=] { m->pointer.store(&m->made.emplace(5), release); });
                          s.thread("user", [=] {
                            const atomic<int>* const p = m->pointer.load(acquire);
                            if (p != nullptr) model::check(p->load(memory_order_relaxed) == 5, "as it was made");
                          });
                        })
      .failure;
}

TEST(CheckedData, IncludesTheMakingOfAnAtomicObject) {
  EXPECT_EQ(of_a_new_object("published", memory_order_release, memory_order_acquire), "");
  EXPECT_THAT(of_a_new_object("relaxed store", memory_order_relaxed, memory_order_acquire), HasSubstr("its making"));
  EXPECT_THAT(of_a_new_object("relaxed load", memory_order_release, memory_order_relaxed), HasSubstr("its making"));
}

/// The last of two users destroys the object, as it is counted down with `order`.
std::string of_an_end(const std::string& name, auto order) {
  struct counted {
    std::optional<atomic<int>> object{std::in_place, 0};
    atomic<int> users{2};
  };
  return model::explore({.name = "end of an object, " + name, .preemptions = 9, .memory = model::memory_model::views},
                        [&](model::scenario& s) {
                          auto c = std::make_shared<counted>();
                          for (const char* user : {"first", "second"}) {
                            s.thread(user, [=] {
                              c->object->fetch_add(1, memory_order_relaxed);
                              if (c->users.fetch_sub(1, order) == 1) c->object.reset();
                            });
                          }
                        })
      .failure;
}

TEST(CheckedData, IncludesTheEndOfAnAtomicObject) {
  EXPECT_EQ(of_an_end("acq_rel", weir::detail::memory_order_acq_rel), "");
  EXPECT_THAT(of_an_end("release", memory_order_release), HasSubstr("an object ends"));
  EXPECT_THAT(of_an_end("acquire", memory_order_acquire), HasSubstr("an object ends"));
}

}  // namespace checked_model
