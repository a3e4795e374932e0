// The real heap of frames between two threads: a frame goes from the one that made it to the one that ends it, and back
// to either by the heap, and belongs to one at a time. Beside it a heap of another size, which has the same reserve: a
// slab that one has emptied is the other's next one.
//
// What a frame holds is plain data, so that with views a hand-back that orders nothing is a data race.
#include <array>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <string>
#include <weir/queues/sync.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "slab_heap.hpp"

namespace frame_memory_model {

using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;

struct frame {
  model::checked<int> payload;
};

enum class mistake { none, given_back_twice, touched_after_it_is_given_back };

struct handover {
  explicit handover(mistake m) : made(m) {}

  mistake made;
  weir::detail::slab_reserve reserve{1};
  weir::detail::slab_heap heap{1024, reserve};
  weir::detail::slab_heap other_heap{512, reserve};
  // What the first block holds, of whatever size it is: each that is made would be a new variable for the views.
  const frame* first = nullptr;
  model::checked<int> of_first;
  atomic<frame*> on_its_way{nullptr};
  atomic<bool> is_over{false};

  frame* make(int value, weir::detail::slab_heap& from) {
    void* block = nullptr;
    model::check(from.take(&block, 1) == 1, "there is memory");
    auto* const f = ::new (block) frame;
    f->payload.set(value);
    return f;
  }
  void end(frame* f, weir::detail::slab_heap& from) {
    f->payload.set(0);
    f->~frame();
    void* const block = f;
    from.give(&block, 1);
    if (made == mistake::given_back_twice) from.give(&block, 1);
    if (made != mistake::touched_after_it_is_given_back) return;
    weir::detail::cpu_pause();
    f->payload.set(-1);
  }

  // Each has the first block of its slab, which may be the same memory.
  void make_and_end(int value, weir::detail::slab_heap& in) {
    frame* const f = make(value, in);
    if (first == nullptr) first = f;
    if (f == first) of_first.set(value);
    model::check(f->payload.get() == value, "as it was made");
    if (f == first) model::check(of_first.get() == value, "memory belongs to one at a time");
    end(f, in);
  }

  void maker() {
    make_and_end(50, heap);
    for (int i = 1; i <= 2; ++i) {
      frame* const f = make(i, heap);
      frame* none = nullptr;
      // What the other side has not fetched yet is ended here.
      if (!on_its_way.compare_exchange_strong(none, f, memory_order_release, memory_order_relaxed)) end(f, heap);
    }
    is_over.store(true, memory_order_release);
  }

  void ender() {
    make_and_end(200, other_heap);  // may lie where the maker's first one did
    for (;;) {
      const bool is_last = is_over.load(memory_order_acquire);
      if (frame* const f = on_its_way.exchange(nullptr, memory_order_acquire)) {
        model::check(f->payload.get() > 0, "as it was made");
        frame* const own = make(100, heap);  // not the one that is on its way
        model::check(f != own, "a frame belongs to one at a time");
        end(f, heap);
        model::check(own->payload.get() == 100, "as it was made");
        end(own, heap);
      } else if (is_last) {
        return;
      } else {
        weir::detail::thread_yield();
      }
    }
  }
};

model::result explore(const model::options& options, mistake made) {
  return model::explore(options, [made](model::scenario& s) {
    auto h = std::make_shared<handover>(made);
    s.label("on its way", h->on_its_way);
    s.thread("maker", [h] { h->maker(); });
    s.thread("ender", [h] { h->ender(); });
    s.finally([h] {
      model::check(h->heap.blocks_out() + h->other_heap.blocks_out() == 0, "all came back");
      model::check(h->heap.slabs() + h->other_heap.slabs() == 0 && h->reserve.count() == 1, "and all but one slab");
    });
  });
}

constexpr auto views = model::memory_model::views;

TEST(FrameMemoryModel, AFrameBelongsToOneAtATime) {
  for (const model::options& options :
       {model::options{.name = "frames", .preemptions = 3},
        model::options{.name = "frames, views", .preemptions = 2, .memory = views, .old_reads = 1}}) {
    const model::result r = explore(options, mistake::none);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

TEST(FrameMemoryModel, FindsAFrameThatIsGivenBackTwice) {
  const model::result r = explore({.name = "mistake: given back twice", .preemptions = 2}, mistake::given_back_twice);
  EXPECT_FALSE(r.passed());
}

TEST(FrameMemoryModel, FindsAFrameThatIsTouchedAfterItIsGivenBack) {
  const model::result r =
      explore({.name = "mistake: touched after it is given back", .preemptions = 2, .memory = views, .old_reads = 1},
              mistake::touched_after_it_is_given_back);
  EXPECT_THAT(r.failure, HasSubstr("data race"));
}

}  // namespace frame_memory_model
