// Release sequences: the deque of Chase and Lev with stores and fences, in which the owner's stores to `bottom` differ
// in their orders. Only the push is release: C++20 ends the release sequence at the next store of the same thread, and
// a thief takes an item that was never published to it. Neither x86 nor ThreadSanitizer shows that. Not the deque that
// ships, which lowers `bottom` by an exchange.
#include <cstddef>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <weir/queues/sync.hpp>

#include "checked.hpp"
#include "explorer.hpp"

namespace chase_lev_model {

using model::memory_order;
using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::full_fence;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;
using weir::detail::memory_order_seq_cst;

struct orders {
  memory_order push = memory_order_release;
  memory_order lower = memory_order_release;    // in pop, before the fence
  memory_order restore = memory_order_release;  // in pop, after it
};

/// Of four items at most, so that its ring is never used again.
struct chase_lev {
  explicit chase_lev(const orders& o) : chosen(o) {}

  orders chosen;
  atomic<int> top{0};
  atomic<int> bottom{0};
  atomic<int> slots[4] = {};
  model::checked<int> payloads[4];
  int taken[4] = {};

  void push(int item) {
    payloads[item].set(item);
    const int b = bottom.load(memory_order_relaxed);
    slots[b].store(item, memory_order_relaxed);
    bottom.store(b + 1, chosen.push);
  }

  void pop() {
    const int b = bottom.load(memory_order_relaxed) - 1;
    bottom.store(b, chosen.lower);
    full_fence();
    int t = top.load(memory_order_relaxed);
    if (t > b) {
      bottom.store(b + 1, chosen.restore);
      return;
    }
    const int item = slots[b].load(memory_order_relaxed);
    if (t < b) return keep(item);
    const bool is_mine = top.compare_exchange_strong(t, t + 1, memory_order_seq_cst, memory_order_relaxed);
    bottom.store(b + 1, chosen.restore);
    if (is_mine) keep(item);
  }

  void steal() {
    int t = top.load(memory_order_acquire);
    full_fence();
    if (t >= bottom.load(memory_order_acquire)) return;
    const int item = slots[t].load(memory_order_relaxed);
    if (top.compare_exchange_strong(t, t + 1, memory_order_seq_cst, memory_order_relaxed)) keep(item);
  }

  void keep(int item) {
    model::check(payloads[item].get() == item, "as it was put in");
    model::check(++taken[item] == 1, "taken once");
  }
};

model::result explore(const std::string& name, const orders& chosen, model::weakening weakened = {}) {
  return model::explore({.name = "Chase-Lev, " + name,
                         .preemptions = 2,
                         .memory = model::memory_model::views,
                         .old_reads = 2,
                         .weakened = std::move(weakened)},
                        [&chosen](model::scenario& s) {
                          auto d = std::make_shared<chase_lev>(chosen);
                          s.label("top", d->top);
                          s.label("bottom", d->bottom);
                          s.label("slots", d->slots);
                          s.thread("owner", [d] {
                            d->push(0);
                            d->push(1);
                            d->pop();
                            d->push(2);
                            d->pop();
                            d->pop();
                          });
                          for (const char* thief : {"first thief", "second thief"})
                            s.thread(thief, [d] { d->steal(); });
                        });
}

TEST(ReleaseSequences, CarryAnItemIfEachStoreIsRelease) {
  const model::result r = explore("all release", {});
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
}

TEST(ReleaseSequences, EndAtTheRelaxedStoreThatLowersBottom) {
  const model::result r = explore("push only", {.lower = memory_order_relaxed, .restore = memory_order_relaxed});
  EXPECT_THAT(r.failure, HasSubstr("data race"));
  EXPECT_THAT(explore("lowering relaxed", {.lower = memory_order_relaxed}).failure, HasSubstr("data race"));
}

TEST(ReleaseSequences, NeedThePushToBeRelease) {
  EXPECT_THAT(explore("push relaxed", {.push = memory_order_relaxed}).failure, HasSubstr("data race"));
}

TEST(ReleaseSequences, AreNotContinuedAfterAFenceButBegunAnew) {
  // The fence of pop stands before the store that restores bottom, and releases what the owner did.
  const model::result r = explore("restoring relaxed", {.restore = memory_order_relaxed});
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(ReleaseSequences, NeedBothFences) {
  for (const char* function : {"pop", "steal"}) {
    const auto r = explore(std::string("no order by the fence of ") + function, {},
                           {function, "fence", weir::detail::memory_order_acq_rel});
    EXPECT_THAT(r.failure, HasSubstr("taken once")) << function;
  }
}

}  // namespace chase_lev_model
