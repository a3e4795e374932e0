// The end of a task's frame under every schedule within a bound: the one who runs it, a canceller, a waiter and its
// job's destructor, each with a share, and the frame freed once, after all of them.
//
// The frame, its state word and its count are the real ones; how a share is given up is repeated here, since the
// scheduler's function frees the pool with it.
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/frame.hpp>

#include "explorer.hpp"

namespace task_life_model {

using testing::HasSubstr;
using weir::stop_cause;
using weir::task_outcome;
using weir::detail::memory_order_acq_rel;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_release;
using weir::detail::task_state;

enum class mistake { none, subtract_in_two_steps, look_after_subtracting, no_share };

enum class party { worker, clock, waiter, job };

struct life : weir::detail::tracked_frame {
  life(const weir::detail::frame_ops& table, mistake m, party p)
      : tracked_frame(table, task_state::phase::queued, 0, {}, std::source_location::current()), made(m), by(p) {}

  mistake made;
  party by;  // whose share is missing, for no_share
  // Plain: all fibres are one thread.
  int ended = 0;
  int freed = 0;

  /// After each use of the frame: what was freed meanwhile was used after that.
  void used() const { model::check(freed == 0, "what is used is not freed"); }

  void give_up(party who) {
    if (made == mistake::no_share && by == who) return;
    const std::uint32_t before = subtract();
    used();
    if (before == 1) ops->free(*this);
  }

  std::uint32_t subtract() {
    std::uint32_t before = 0;
    switch (made) {
      case mistake::subtract_in_two_steps:
        before = owners.load(memory_order_acquire);
        owners.store(before - 1, memory_order_release);
        return before;
      case mistake::look_after_subtracting:
        owners.fetch_sub(1, memory_order_acq_rel);
        return owners.load(memory_order_acquire) + 1;
      default:
        return owners.fetch_sub(1, memory_order_acq_rel);
    }
  }

  void finish(task_outcome how) {
    model::check(++ended == 1, "it ends once");
    const weir::detail::atomic<std::uint32_t>* const word = &state.word();
    const task_state::watchers waked = state.finish(how);
    used();
    if (waked.threads) weir::detail::futex_wake(word, weir::detail::wake_all);
  }

  void stop(stop_cause why) {
    const task_state::stopped how = state.request_stop(why);
    used();
    if (how == task_state::stopped::taken) finish(task_outcome::cancelled);
  }

  void sleep_until_done() {
    for (;;) {
      const bool is_done = state.watch(task_state::watcher::thread);
      used();
      if (is_done) return;
      const std::uint32_t seen = state.word().load(memory_order_acquire);
      used();
      if (task_state::is_done(seen)) return;
      weir::detail::futex_wait(state.word(), seen, std::chrono::nanoseconds(-1));
    }
  }

  // ---- the parties

  void run() {
    const bool is_mine = state.try_start();
    used();
    if (is_mine) finish(task_outcome::completed);
    give_up(party::worker);
  }
  void expire() {
    stop(stop_cause::deadline);
    give_up(party::clock);
  }
  void await() {
    sleep_until_done();
    give_up(party::waiter);
  }
  void destroy() {
    stop(stop_cause::requested);
    sleep_until_done();
    give_up(party::job);
  }
};

const weir::detail::frame_ops operations = {
    .run = nullptr,
    .drop = nullptr,
    .on_admit = nullptr,
    .keep_error = nullptr,
    .free =
        [](weir::detail::frame& f) noexcept {
          auto& mine = static_cast<life&>(f);
          model::check(++mine.freed == 1, "freed once");
          model::check(mine.ended == 1, "freed after its end");
        },
    .kind = weir::detail::frame_kind::tracked,
};

model::result explore(const model::options& options, mistake made, party by = party::worker) {
  return model::explore(options, [=](model::scenario& s) {
    auto f = std::make_shared<life>(operations, made, by);
    for (int others = made == mistake::no_share ? 2 : 3; others > 0; --others) weir::detail::add_owner(*f);
    s.label("frame", *f);
    s.thread("worker", [f] { f->run(); });
    s.thread("clock", [f] { f->expire(); });
    s.thread("waiter", [f] { f->await(); });
    s.thread("job", [f] { f->destroy(); });
    s.finally([f] { model::check(f->freed == 1, "freed in the end"); });
  });
}

TEST(TaskLife, IsFreedOnceAfterAllAreDone) {
  for (const model::options& o :
       {model::options{.name = "runner, canceller, waiter, destroyer", .preemptions = 3},
        model::options{.name = "the same, spurious wakes", .preemptions = 2, .spurious_wakes = 1},
        model::options{.name = "the same, delayed stores", .preemptions = 2, .missed_stores = 2},
        model::options{
            .name = "the same, views", .preemptions = 2, .memory = model::memory_model::views, .old_reads = 1}}) {
    const auto r = explore(o, mistake::none);
    EXPECT_TRUE(r.passed()) << r.report;
    EXPECT_TRUE(r.complete);
  }
}

TEST(TaskLife, ACountInTwoStepsForgetsAnOwner) {
  const auto r = explore({.name = "mistake: count in two steps"}, mistake::subtract_in_two_steps);
  EXPECT_THAT(r.failure, HasSubstr("freed in the end"));
}

TEST(TaskLife, TheLastOwnerIsKnownByItsOwnSubtraction) {
  const auto r = explore({.name = "mistake: look after subtracting"}, mistake::look_after_subtracting);
  EXPECT_THAT(r.failure, HasSubstr("freed"));
}

TEST(TaskLife, EachPartyNeedsItsShare) {
  const std::pair<party, const char*> parties[] = {
      {party::worker, "worker"}, {party::clock, "clock"}, {party::waiter, "waiter"}, {party::job, "job"}};
  for (const auto& [who, name] : parties) {
    const auto r = explore({.name = std::string("mistake: no share for the ") + name}, mistake::no_share, who);
    EXPECT_THAT(r.failure, HasSubstr("is not freed")) << name;
  }
}

}  // namespace task_life_model
