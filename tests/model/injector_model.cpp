// The real injector, deques and place to sleep, over a queue that may look empty when it is not: no item stays beside
// workers that sleep, and each is taken once, also while a worker moves a batch from the injector into its deque.
//
// Items end only when all have been taken, so that one that is out of sight is a deadlock, and not only a delay.
#include <array>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <weir/queues/injector.hpp>
#include <weir/queues/steal_deque.hpp>
#include <weir/queues/sync.hpp>

#include "explorer.hpp"
#include "idle.hpp"

namespace injector_model {

using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::lane;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;

struct item {
  int taken = 0;
  item* next = nullptr;
};

using injector = weir::detail::injector<item, &item::next>;

enum class mistake {
  none,
  believes_the_queue,  // that it is empty when it looks so
  ends_the_pop_before_the_deque,
};

struct setting {
  int producers = 1;
  int items_each = 2;
  int workers = 2;
  int batch = 1;
  bool together = false;  // the items go in by one push_all
  mistake made = mistake::none;
};

constexpr int most_items = 4;

struct work {
  explicit work(const setting& s)
      : chosen(s), place(s.workers), left(static_cast<std::uint32_t>(s.producers * s.items_each)) {}

  setting chosen;
  injector entry;
  weir::detail::idle place;
  std::array<weir::detail::sleeper, 3> beds;
  std::array<weir::detail::steal_deque<item>, 3> deques;
  std::array<item, most_items> items;
  atomic<std::uint32_t> left;  // to be taken
  atomic<bool> stop{false};

  void produce(int producer) {
    std::array<item*, most_items> mine{};
    for (int i = 0; i < chosen.items_each; ++i) {
      mine[static_cast<std::size_t>(i)] = &items[static_cast<std::size_t>(producer * chosen.items_each + i)];
    }
    if (chosen.together) {
      entry.push_all(mine.data(), chosen.items_each, lane::normal);
      place.notify_after_rmw();
      return;
    }
    for (int i = 0; i < chosen.items_each; ++i) {
      entry.push(mine[static_cast<std::size_t>(i)], lane::normal);
      place.notify_after_rmw();
    }
  }

  void run(item& taken) {
    model::check(++taken.taken == 1, "taken once");
    if (left.fetch_sub(1, memory_order_relaxed) == 1) {
      weir::detail::futex_wake(&left, weir::detail::wake_all);
      stop.store(true, memory_order_relaxed);
      place.notify();
      return;
    }
    for (std::uint32_t now; (now = left.load(memory_order_acquire)) != 0;) {
      weir::detail::futex_wait(left, now, std::chrono::nanoseconds(-1));
    }
  }
};

// As worker.cpp goes about it, without what does not matter here.
class worker {
 public:
  worker(work& of, int index) : all_(&of), index_(static_cast<std::size_t>(index)), own_(deque()), turn_(of.entry) {}

  void live() {
    for (;;) {
      if (item* const next = find()) {
        end_search();
        all_->run(*next);
        continue;
      }
      if (!is_searching_) is_searching_ = all_->place.begin_search();
      if (item* const next = is_searching_ ? steal() : nullptr) {
        end_search();
        all_->run(*next);
      } else if (is_searching_ && !believes_the_queue() && sees_items()) {
        weir::detail::thread_yield();  // there is something that cannot be found yet
      } else if (all_->stop.load(memory_order_relaxed)) {
        return end_search();
      } else {
        all_->place.sleep(all_->beds[index_], {}, std::exchange(is_searching_, true),
                          [this] { return must_not_sleep(); });
      }
    }
  }

 private:
  weir::detail::steal_deque<item>& deque() { return all_->deques[index_]; }

  item* find() {
    if (item* const mine = own_.pop()) return mine;
    std::array<item*, most_items> taken{};
    const int count = all_->entry.begin_pop(turn_, taken.data(), all_->chosen.batch);
    if (count == 0) return nullptr;
    const bool too_early = all_->chosen.made == mistake::ends_the_pop_before_the_deque;
    if (too_early) all_->entry.end_pop(count);
    for (int i = count - 1; i > 0; --i) model::check(own_.push(taken[static_cast<std::size_t>(i)]), "there is memory");
    if (!too_early) all_->entry.end_pop(count);
    return taken[0];
  }

  item* steal() {
    for (auto& other : all_->deques) {
      if (&other == &deque()) continue;
      if (item* const stolen = weir::detail::steal_deque_thief<item>(other).steal().item) return stolen;
    }
    return nullptr;
  }

  bool sees_items() {
    if (all_->entry.pending() != 0) return true;
    for (auto& d : all_->deques) {
      if (!weir::detail::steal_deque_thief<item>(d).looks_empty()) return true;
    }
    return false;
  }
  bool sees_work() { return sees_items() || all_->stop.load(memory_order_relaxed); }

  bool believes_the_queue() const { return all_->chosen.made == mistake::believes_the_queue; }

  bool must_not_sleep() {
    if (!believes_the_queue()) return sees_work();
    item* const found = all_->entry.try_pop(turn_);
    if (found != nullptr) model::check(own_.push(found), "there is memory");
    return found != nullptr || all_->stop.load(memory_order_relaxed);
  }

  void end_search() {
    if (std::exchange(is_searching_, false)) all_->place.end_search([this] { return sees_work(); });
  }

  work* all_;
  std::size_t index_;
  weir::detail::steal_deque_owner<item> own_;
  injector::consumer turn_;
  bool is_searching_ = false;
};

model::result explore(const model::options& options, const setting& chosen) {
  return model::explore(options, [chosen](model::scenario& s) {
    auto w = std::make_shared<work>(chosen);
    s.label("idle", w->place);
    s.label("left", w->left);
    for (int p = 0; p < chosen.producers; ++p) s.thread("producer " + std::to_string(p), [=] { w->produce(p); });
    for (int i = 0; i < chosen.workers; ++i) s.thread("worker " + std::to_string(i), [=] { worker(*w, i).live(); });
    s.finally([=] {
      for (int i = 0; i < chosen.producers * chosen.items_each; ++i) {
        model::check(w->items[static_cast<std::size_t>(i)].taken == 1, "taken once");
      }
      model::check(w->entry.pending() == 0, "nothing is counted that is not there");
    });
  });
}

void expect_held(const model::options& options, const setting& chosen) {
  const model::result r = explore(options, chosen);
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete || options.random != 0);
}

TEST(InjectorModel, LeavesNoItemBesideASleeper) {
  expect_held({.name = "injector, 1 worker", .preemptions = 2}, {.items_each = 1, .workers = 1});
  expect_held({.name = "injector, 2 workers", .preemptions = 2}, {.items_each = 1});
  expect_held({.name = "injector, 2 workers, 2 items", .preemptions = 1}, {});
  expect_held({.name = "injector, 2 producers", .preemptions = 1}, {.producers = 2, .items_each = 1});
}

TEST(InjectorModel, LeavesNoItemBesideASleeperWhenSeveralAreTakenAtATime) {
  expect_held({.name = "injector, batch of 2", .preemptions = 2}, {.batch = 2, .together = true});
  expect_held({.name = "injector, batch of 3, 3 workers", .preemptions = 1},
              {.items_each = 3, .workers = 3, .batch = 3, .together = true});
}

TEST(InjectorModel, LeavesNoItemBesideASleeperInLongRandomSchedules) {
  expect_held({.name = "injector, random", .preemptions = 8, .random = 20'000},
              {.producers = 3, .items_each = 1, .workers = 3, .batch = 2});
}

std::string failure_of(const std::string& name, int preemptions, const setting& chosen) {
  return explore({.name = "mistake: " + name, .preemptions = preemptions}, chosen).failure;
}

TEST(InjectorModel, NeedsItsOwnCountSinceTheQueueMayLookEmpty) {
  EXPECT_THAT(failure_of("believes the queue", 2, {.items_each = 1, .made = mistake::believes_the_queue}),
              HasSubstr("deadlock"));
}

TEST(InjectorModel, NeedsABatchInTheDequeBeforeItIsCountedAsGone) {
  EXPECT_THAT(failure_of("ends the pop before the deque", 3,
                         {.batch = 2, .together = true, .made = mistake::ends_the_pop_before_the_deque}),
              HasSubstr("deadlock"));
}

}  // namespace injector_model
