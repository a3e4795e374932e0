// The real caches of the threads between the threads and the real heaps, with small capacities: frames go from thread
// to thread, by a mailbox and by the heaps, and caches fill, drain and end.
//
// A frame belongs to one at a time: what it holds is plain data, so that with views a hand-back that orders nothing is
// a data race. In the end nothing is out, and as many empty slabs are kept as may be, for both sizes together.
//
// The source is part of this file: its heaps are variables of its own, which are made anew for each schedule.
#include "frame_memory.cpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <utility>
#include <vector>
#include <weir/queues/sync.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "holds.hpp"
#include "mutants.hpp"

namespace weir::detail {

static_assert(batch == 2 && kept_slabs == 1 && size_count == 2, "small capacities: the edits fit");

// For this model, which says when a schedule begins and a thread ends.
void make_heaps_anew() {
  is_cache_over = true;  // of who begins and ends the schedules
  std::construct_at(&reserve, kept_slabs);
  std::construct_at(&all_heaps);
}
void end_cache_of_this_thread() { const end_of_thread here; }

}  // namespace weir::detail

namespace frame_caches_model {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using weir::detail::atomic;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::memory_order_release;

/// A block of memory as the model knows it, from its first use to the end of the schedule.
struct block {
  model::checked<int> owner{};
};
constexpr int nobody = -1;
constexpr std::array<std::size_t, 2> sizes{16 * 1024, 24 * 1024};
constexpr int in_the_mailbox = -2;

/// What a thread does: `m`akes a frame, `e`nds the one that it made or took first, puts that into the `M`ailbox, or
/// ends it if that is full, `t`akes all that is there, and ends its cache, `x`. In the end it ends all that it has, and
/// its cache if it has not yet.
struct script {
  std::string_view steps;
  std::size_t size = 0;  // of its frames
};

struct setting {
  std::vector<script> threads;
  std::string_view made = {};
  bool may_lack_memory = false;
  std::int64_t most_slabs = 0;  // at once; 0: any number
};

class frames {
 public:
  explicit frames(const setting& s) : chosen_(s) {
    model::mistake = s.made;
    model::arena::reset(s.may_lack_memory);
    weir::detail::make_heaps_anew();
  }

  void run(int self) {
    const script& s = chosen_.threads[static_cast<std::size_t>(self)];
    std::vector<void*> mine;
    for (const char step : s.steps) {
      if (step == 'm') make(self, s.size, mine);
      if (step == 'e' && !mine.empty()) end(self, s.size, take_first(mine));
      if (step == 'M' && !mine.empty()) pass_on(self, s.size, take_first(mine));
      if (step == 't') take_all(self, mine);
      if (step == 'x') weir::detail::end_cache_of_this_thread();
    }
    while (!mine.empty()) end(self, s.size, take_first(mine));
    if (s.steps.find('x') == std::string_view::npos) weir::detail::end_cache_of_this_thread();
  }

  void all_is_over() {
    model::arena::fails_no_more();
    model::check(chosen_.most_slabs == 0 || most_mapped_ <= chosen_.most_slabs,
                 "a slab with a free block is used first");
    std::vector<void*> left;
    take_all(0, left);
    for (void* f : left) end(0, chosen_.threads[0].size, f);
    model::check(weir::detail::frame_memory_in_use().blocks_out == 0, "all came back");
    const auto use = weir::detail::frame_memory_in_use();
    model::check(model::arena::mapped() == use.slabs + use.kept, "what is not used is unmapped");
    model::check(model::arena::mapped() <= weir::detail::kept_slabs, "no more empty slabs are kept than may be");
    // One slab of each size, one of them a kept one; and both go: then as many are kept as may be.
    std::array<void*, 2> blocks{};
    for (std::size_t i = 0; i < 2; ++i) blocks[i] = weir::detail::take_frame_memory(sizes[i]);
    model::check(model::arena::mapped() == 2, "what is kept is used");
    for (std::size_t i = 0; i < 2; ++i) weir::detail::give_frame_memory(blocks[i], sizes[i]);
    model::check(model::arena::mapped() == weir::detail::kept_slabs, "as many empty slabs are kept as may be");
  }

 private:
  void make(int self, std::size_t size, std::vector<void*>& mine) {
    try {
      void* const block = weir::detail::take_frame_memory(sizes[size]);
      model::check(model::arena::has(block), "a frame lies in a slab that is there");
      give_to(block, nobody, self);
      mine.push_back(block);
      most_mapped_ = std::max<std::int64_t>(most_mapped_, model::arena::mapped());
    } catch (const std::bad_alloc&) {
      model::check(chosen_.may_lack_memory, "there is memory");
    }
  }

  static void* take_first(std::vector<void*>& mine) {
    void* const f = mine.front();
    mine.erase(mine.begin());
    return f;
  }

  void end(int self, std::size_t size, void* f) {
    give_to(f, self, nobody);
    weir::detail::give_frame_memory(f, sizes[size]);
  }

  void pass_on(int self, std::size_t size, void* f) {
    give_to(f, self, in_the_mailbox);
    for (atomic<void*>& place : mailbox_) {
      void* none = nullptr;
      if (place.compare_exchange_strong(none, f, memory_order_release, memory_order_relaxed)) return;
    }
    give_to(f, in_the_mailbox, self);
    end(self, size, f);
  }

  void take_all(int self, std::vector<void*>& mine) {
    for (atomic<void*>& place : mailbox_) {
      void* const f = place.exchange(nullptr, memory_order_acquire);
      if (f == nullptr) continue;
      give_to(f, in_the_mailbox, self);
      mine.push_back(f);
    }
  }

  void give_to(void* f, int from, int to) {
    const auto [at, is_new] = blocks_.try_emplace({f, model::arena::mappings(f)});
    if (is_new) at->second.owner.set(nobody);
    model::check(at->second.owner.get() == from, "a frame belongs to one at a time");
    at->second.owner.set(to);
  }

  const setting chosen_;
  std::int64_t most_mapped_ = 0;
  std::array<atomic<void*>, 3> mailbox_{};
  std::map<std::pair<void*, int>, block> blocks_;  // by their place, and which mapping of that
};

std::function<void(model::scenario&)> frames_of(const setting& chosen) {
  return [chosen](model::scenario& s) {
    auto w = std::make_shared<frames>(chosen);
    for (std::size_t i = 0; i < chosen.threads.size(); ++i) {
      s.thread("thread " + std::to_string(i), [w, i] { w->run(static_cast<int>(i)); });
    }
    s.finally([w] { w->all_is_over(); });
  };
}

void expect_held(const model::options& options, const setting& chosen) {
  model::expect_holds(options, frames_of(chosen));
}

// Five frames fill a cache of four, so that its first two go back; and what one thread gives back the other one takes.
const setting passed_on{.threads = {{"mmMMmMmm"}, {"tmmmmeeeeetm"}}};
// A slab of three blocks that were all out, and then one is not.
const setting with_a_block_again{.threads = {{"xmmmemeee"}}, .most_slabs = 1};
// Nobody has a cache any more, so that each frame goes to its heap and maybe leaves an empty slab.
const setting without_caches{.threads = {{"xmeme", 0}, {"xmeme", 1}}};

TEST(FrameCachesModel, AFrameBelongsToOneAtATime) {
  expect_held({.name = "frames passed on", .preemptions = 4}, passed_on);
  expect_held({.name = "frames passed on, 3 threads", .preemptions = 2},
              {.threads = {{"mmmMMM"}, {"tmmmeeeee"}, {"tmeetm"}}});
}

TEST(FrameCachesModel, AsManyEmptySlabsAreKeptAsMayBeForAllSizesTogether) {
  expect_held({.name = "frames without caches", .preemptions = 6}, without_caches);
  expect_held({.name = "frames of two sizes", .preemptions = 4}, {.threads = {{"mmmmexm", 0}, {"mmmexmm", 1}}});
}

TEST(FrameCachesModel, LosesNothingWhereMemoryIsLacking) {
  for (const setting& of : {passed_on, without_caches}) {
    setting lacking = of;
    lacking.may_lack_memory = true;
    expect_held({.name = "frames, no memory", .preemptions = 2}, lacking);
  }
}

model::experiment with_views(const std::string& name, int preemptions, const setting& chosen) {
  return {model::with_views("frames, views, " + name, preemptions), frames_of(chosen)};
}

const auto passed_on_with_views = with_views("passed on", 3, passed_on);

TEST(FrameCachesModel, HandsFramesOnWithViews) {
  for (const auto& e : {passed_on_with_views, with_views("without caches", 3, without_caches)}) {
    model::expect_holds(e);
  }
}

TEST(FrameCachesModel, NeedsTheOrdersOfTheLock) {
  const model::mutants m = model::weaken_each_order("word_lock.hpp", {passed_on_with_views});
  EXPECT_EQ(m.killed, 2);
  EXPECT_THAT(m.survivors, IsEmpty());
}

// ---- mistakes: frame_memory.mistakes, slab_heap.mistakes, slab_reserve.mistakes. With views what is freed stays for a
// schedule, so that a cache that is used after its end does no more harm than to be found.

std::string failure_of(setting chosen, std::string_view made) {
  chosen.made = made;
  const auto e = with_views("mistake: " + std::string(made), 2, chosen);
  return model::explore(e.how, e.setup).failure;
}

TEST(FrameCachesModel, NeedsTheLockOnBothSides) {
  for (const std::string_view made : {"a take has no lock", "a give has no lock"}) {
    EXPECT_THAT(failure_of(passed_on, made), Not(IsEmpty())) << made;
  }
}

TEST(FrameCachesModel, NeedsEachStepOfACache) {
  for (const std::string_view made : {"a refill counts one too many", "a drain keeps what it gives",
                                      "a drain counts on", "the end gives a batch at most"}) {
    EXPECT_THAT(failure_of(passed_on, made), Not(IsEmpty())) << made;
  }
  for (const std::string_view made :
       {"the end does not say that the cache is over", "a frame that ends after its thread is lost"}) {
    EXPECT_THAT(failure_of({.threads = {{"mexm"}}}, made), HasSubstr("all came back")) << made;
  }
  EXPECT_THAT(failure_of({.threads = {{"mexm"}, {"mmm"}}}, "the end leaves its cache"), HasSubstr("data race"));
}

TEST(FrameCachesModel, NeedsEachStepOfTheReserve) {
  for (const std::string_view made : {"one more is kept than may be", "what is kept is not counted",
                                      "what is taken stays kept", "what is taken stays counted", "no slab is kept"}) {
    EXPECT_THAT(failure_of(without_caches, made), Not(IsEmpty())) << made;
  }
  for (const std::string_view made : {"a keep has no lock", "a take of what is kept has no lock"}) {
    EXPECT_THAT(failure_of(without_caches, made), HasSubstr("data race")) << made;
  }
}

TEST(FrameCachesModel, NeedsEachStepOfTheListOfSlabs) {
  EXPECT_THAT(failure_of(without_caches, "a slab that goes stays in the list"), Not(IsEmpty()));
  expect_held({.name = "a block again", .preemptions = 0}, with_a_block_again);
  EXPECT_THAT(failure_of(with_a_block_again, "a slab with a free block again is not found"), HasSubstr("used first"));
}

}  // namespace frame_caches_model
