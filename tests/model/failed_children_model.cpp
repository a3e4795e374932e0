// Children of a group that fail at once, under every schedule within a bound: the real list of those that failed, word
// of the group and state word of its stop.
//
// Each keeps its error, asks the rest to stop, and ends; one of them is first. Who waits reads all errors, and frees
// the frames.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <source_location>
#include <string>
#include <vector>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/failed_children.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/detail/group_state.hpp>
#include <weir/scheduler/detail/task_state.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "holds.hpp"

namespace failed_children_model {

using testing::HasSubstr;
using weir::stop_cause;
using weir::detail::failed_children;
using weir::detail::frame;
using weir::detail::group_state;
using weir::detail::task_state;

enum class mistake {
  none,
  error_is_kept_after_the_end,
  stop_is_requested_after_the_end,
  error_of_who_is_second_is_dropped,
  reader_does_not_wait,
};

struct child : frame {
  explicit child(const weir::detail::frame_ops& table)
      : frame(table, task_state::phase::running, 0, weir::task_name{}, std::source_location::current()) {}

  model::checked<int> error;  // by the one who fails, for who reads
  int freed = 0;
};

const weir::detail::frame_ops counted{.run = nullptr,
                                      .drop = nullptr,
                                      .on_admit = nullptr,
                                      .keep_error = nullptr,
                                      .free = [](frame& f) noexcept { ++static_cast<child&>(f).freed; },
                                      .kind = weir::detail::frame_kind::child};

class machine {
 public:
  explicit machine(mistake m, std::size_t failing) : made(m), failing_(failing) {
    for (std::size_t i = 0; i < failing; ++i) group->state.begin_one();
  }

  struct family {
    group_state state;
    failed_children failed;
    task_state stop{task_state::phase::running};
  };

  mistake made;
  std::unique_ptr<family> group = std::make_unique<family>();
  child children[3]{child(counted), child(counted), child(counted)};
  int firsts = 0;

  void fail(std::size_t index) {
    family& g = *group;
    child& c = children[index];
    c.error.set(static_cast<int>(index) + 1);
    if (made != mistake::error_is_kept_after_the_end) keep(g, c, index);
    if (made != mistake::stop_is_requested_after_the_end) stop_rest(g);
    const auto* const word = &g.state.word();
    if (g.state.end_one().threads) weir::detail::futex_wake(word, weir::detail::wake_all);
    if (made == mistake::error_is_kept_after_the_end) keep(g, c, index);
    if (made == mistake::stop_is_requested_after_the_end) stop_rest(g);
  }

  void read() {
    family& g = *group;
    const std::size_t some = g.failed.count();  // as metrics may, at any time
    model::check(some <= failing_, "no more than have failed");
    while (made != mistake::reader_does_not_wait) {
      const std::uint32_t seen = g.state.watch(group_state::watcher::outside);
      if (group_state::is_over(seen)) break;
      weir::detail::futex_wait(g.state.word(), seen, std::chrono::nanoseconds(-1));
    }
    std::vector<int> errors;
    g.failed.for_each([&](const std::exception_ptr& e) { errors.push_back(number_of(e)); });
    std::size_t all = 0;
    for (const int e : errors) all += children[static_cast<std::size_t>(e - 1)].error.get() == e ? 1u : 0u;
    model::check(g.failed.count() == failing_ && all == failing_, "each error is kept");
    model::check(firsts == 1, "one of them is the first");
    g.failed.forget();
    model::check(g.failed.count() == 0, "what was read is gone");
    group.reset();
  }

  void all_is_freed() {
    for (std::size_t i = 0; i < failing_; ++i) model::check(children[i].freed == 1, "each frame is freed, and once");
  }

 private:
  void keep(family& g, child& c, std::size_t index) {
    if (made == mistake::error_of_who_is_second_is_dropped && g.failed.count() != 0) return;
    g.failed.keep(c, std::make_exception_ptr(static_cast<int>(index) + 1));
  }

  void stop_rest(family& g) {
    if (g.stop.request_stop(stop_cause::requested) != task_state::stopped::was_stopped_or_over) ++firsts;
  }

  static int number_of(const std::exception_ptr& e) {
    try {
      std::rethrow_exception(e);
    } catch (const int n) {
      return n;
    }
  }

  std::size_t failing_;
};

std::function<void(model::scenario&)> failing(std::size_t count, mistake made = mistake::none) {
  return [=](model::scenario& s) {
    auto m = std::make_shared<machine>(made, count);
    s.label("group", m->group->state);
    s.label("stop", m->group->stop);
    for (std::size_t i = 0; i < count; ++i) s.thread("child " + std::to_string(i), [m, i] { m->fail(i); });
    s.thread("reader", [m] { m->read(); });
    s.finally([m] { m->all_is_freed(); });
  };
}

TEST(FailedChildrenModel, KeepsEachErrorForWhoWaits) {
  for (const auto& [options, count] : {std::pair{model::options{.name = "2 fail", .preemptions = 4}, std::size_t{2}},
                                       std::pair{model::options{.name = "3 fail", .preemptions = 2}, std::size_t{3}},
                                       std::pair{model::with_views("2 fail, views"), std::size_t{2}}}) {
    model::expect_holds(options, failing(count));
  }
}

TEST(FailedChildrenModel, NeedsTheErrorAndTheStopBeforeTheEnd) {
  const auto is_used_after_its_end =
      testing::AnyOf(HasSubstr("after its end"), HasSubstr("an object ends"), HasSubstr("each error"));
  EXPECT_THAT(model::explore(model::with_views("mistake: keeps its error after the end"),
                             failing(2, mistake::error_is_kept_after_the_end))
                  .failure,
              is_used_after_its_end);
  EXPECT_THAT(model::explore(model::with_views("mistake: stops the rest after the end"),
                             failing(2, mistake::stop_is_requested_after_the_end))
                  .failure,
              testing::AnyOf(is_used_after_its_end, HasSubstr("the first")));
}

TEST(FailedChildrenModel, NeedsTheWaitAndEachError) {
  EXPECT_THAT(
      model::explore(model::with_views("mistake: reads at once"), failing(2, mistake::reader_does_not_wait)).failure,
      testing::AnyOf(HasSubstr("each error"), HasSubstr("an object ends")));
  EXPECT_THAT(model::explore(model::with_views("mistake: the second error is dropped"),
                             failing(2, mistake::error_of_who_is_second_is_dropped))
                  .failure,
              HasSubstr("each error"));
}

}  // namespace failed_children_model
