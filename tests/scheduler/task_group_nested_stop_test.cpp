// Groups in children of groups, five deep, each child on another worker than its maker: a stop somewhere asks exactly
// what is below it, and tells it why.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;
using weir::stop_cause;
using weir::testing::event;
using weir::testing::eventually;
using weir::testing::expect_conservation;
using weir::testing::tally;
using weir::testing::watched_clock;

constexpr int nest_depth = 5;

// A child that runs until it is let go.
struct held_child {
  weir::stop_token token;
  int worker = -1;
  tally callbacks;
  event may_end;
};

// A child that no worker is free for.
struct queued_child {
  tally runs;
  std::shared_ptr<int> captured = std::make_shared<int>(0);

  [[nodiscard]] bool is_queued() const { return captured.use_count() > 1; }
  [[nodiscard]] bool has_ended_unrun() const { return !is_queued() && runs.count() == 0; }
};

// A task, which is maker 0; and below it five levels. At level k maker k makes a group, with maker k + 1, another child
// that runs and one that is queued; and beside that a group with one that is queued.
class nest {
 public:
  explicit nest(int level_with_deadline = -2) : level_with_deadline_(level_with_deadline) {
    weir::submit_options options;
    if (level_with_deadline_ == -1) options.deadline = weir::within(10ms, clock);
    job.emplace(*pool.try_submit(options, [this](weir::stop_token stop) { make_level(0, stop); }));
    queued_.await(nest_depth, "the children that are queued");
  }
  ~nest() { release(); }

  struct level {
    weir::task_group* group = nullptr;
    weir::task_group* beside = nullptr;
    held_child other;
    queued_child in_group;
    queued_child in_beside;
    stop_cause told = stop_cause::none;  // by the waits
    stop_cause told_beside = stop_cause::none;
    bool has_failed = false;  // the other child, or it will when it may end
  };

  watched_clock clock;
  weir::pool pool{{.workers = 2 * nest_depth + 1, .clock = &clock, .stop_grace = std::chrono::seconds(60)}};
  std::array<level, nest_depth> levels;
  std::array<held_child, nest_depth + 1> makers;
  std::optional<weir::job<void>> job;

  [[nodiscard]] bool job_is_stopped() const { return maker(0).token.stop_requested(); }

  /// All that run end, and are waited for; what is queued runs.
  void release() {
    if (released_.is_set()) return;
    for (level& l : levels) l.other.may_end.set();
    released_.set();
    job->get();
  }

  // Of what is below the group at `from`; all for -1.
  static bool is_maker_below(int from, int k) { return k > from; }
  static bool is_group_below(int from, int k) { return k >= from; }
  static bool is_beside_below(int from, int k) { return k > from; }

  struct stop_at {
    int from;
    stop_cause cause;
  };
  /// Asks everywhere. Of the stops, those are told below which an item is, and of these the nearest.
  void expect_told(std::initializer_list<stop_at> stops) const {
    const auto expected = [&](auto&& is_below, int k) {
      stop_at nearest{-2, stop_cause::none};
      for (const stop_at& s : stops) {
        if (is_below(s.from, k) && s.from > nearest.from) nearest = s;
      }
      return nearest.cause;
    };
    for (int k = 0; k <= nest_depth; ++k) {
      EXPECT_EQ(maker(k).token.cause(), expected(is_maker_below, k)) << "maker " << k;
    }
    for (int k = 0; k < nest_depth; ++k) {
      const stop_cause of_group = expected(is_group_below, k);
      EXPECT_EQ(at(k).group->stop_requested(), of_group != stop_cause::none) << "group " << k;
      EXPECT_EQ(at(k).beside->stop_requested(), expected(is_beside_below, k) != stop_cause::none) << "beside " << k;
      if (!at(k).has_failed) {
        EXPECT_EQ(at(k).other.token.cause(), of_group) << "child " << k;
      }
    }
  }

  [[nodiscard]] bool have_all_ended_below(int from) const {
    for (int k = 0; k < nest_depth; ++k) {
      if (is_group_below(from, k) && at(k).in_group.is_queued()) return false;
      if (is_beside_below(from, k) && at(k).in_beside.is_queued()) return false;
    }
    return true;
  }

  void expect_ended_and_called_below(int from) const {
    for (int k = 0; k < nest_depth; ++k) {
      EXPECT_EQ(at(k).in_group.has_ended_unrun(), is_group_below(from, k)) << k;
      EXPECT_EQ(at(k).in_beside.has_ended_unrun(), is_beside_below(from, k)) << k;
      if (!at(k).has_failed) {
        EXPECT_EQ(at(k).other.callbacks.count(), is_group_below(from, k) ? 1u : 0u) << k;
      }
    }
    for (int k = 0; k <= nest_depth; ++k) {
      EXPECT_EQ(maker(k).callbacks.count(), is_maker_below(from, k) ? 1u : 0u) << k;
    }
  }

  /// After the release: what the waits told, and what has run.
  void expect_end(int from, stop_cause cause) const {
    for (int k = 0; k < nest_depth; ++k) {
      const bool group_stopped = is_group_below(from, k);
      const bool beside_stopped = is_beside_below(from, k);
      if (!at(k).has_failed) {
        EXPECT_EQ(at(k).told, group_stopped ? cause : stop_cause::none) << k;
      }
      EXPECT_EQ(at(k).told_beside, beside_stopped ? cause : stop_cause::none) << k;
      EXPECT_EQ(at(k).in_group.runs.count(), group_stopped ? 0u : 1u) << k;
      EXPECT_EQ(at(k).in_beside.runs.count(), beside_stopped ? 0u : 1u) << k;
    }
  }

  [[nodiscard]] level& at(int k) { return levels[static_cast<std::size_t>(k)]; }
  [[nodiscard]] const level& at(int k) const { return levels[static_cast<std::size_t>(k)]; }
  [[nodiscard]] held_child& maker(int k) { return makers[static_cast<std::size_t>(k)]; }
  [[nodiscard]] const held_child& maker(int k) const { return makers[static_cast<std::size_t>(k)]; }

 private:
  void make_level(int k, const weir::stop_token& stop) {
    held_child& self = maker(k);
    const weir::stop_callback on_stop(stop, [&self] { self.callbacks.add(); });
    self.token = stop;
    self.worker = weir::current_worker();
    if (k == nest_depth) {
      running_.add();
      released_.await("the release of all that run");
      return;
    }
    weir::task_group group(pool,
                           {.deadline = k == level_with_deadline_ ? weir::within(10ms, clock) : weir::deadline{}});
    weir::task_group beside(pool);
    at(k).group = &group;
    at(k).beside = &beside;
    group.spawn([this, k](weir::stop_token inner) { make_level(k + 1, inner); });
    group.spawn([this, k](weir::stop_token inner) { run_other(k, inner); });
    running_.add();
    running_.await(2 * nest_depth + 1, "all that run");
    group.spawn([&runs = at(k).in_group.runs, c = at(k).in_group.captured] { runs.add(); });
    beside.spawn([&runs = at(k).in_beside.runs, c = at(k).in_beside.captured] { runs.add(); });
    queued_.add();
    released_.await("the release of all that run");
    at(k).told = told_by(group);
    at(k).told_beside = told_by(beside);
  }

  void run_other(int k, const weir::stop_token& stop) {
    held_child& self = at(k).other;
    const weir::stop_callback on_stop(stop, [&self] { self.callbacks.add(); });
    self.token = stop;
    self.worker = weir::current_worker();
    running_.add();
    self.may_end.await("the end of a child");
    if (at(k).has_failed) throw std::domain_error("a child that fails");
  }

  static stop_cause told_by(weir::task_group& group) {
    try {
      group.wait();
    } catch (const weir::cancelled& e) {
      return e.cause();
    } catch (const std::domain_error&) {
    }
    return stop_cause::none;
  }

  const int level_with_deadline_;
  tally running_;
  tally queued_;
  event released_;
};

enum class way { request, deadline, failure };

class TaskGroupNestLevels : public testing::TestWithParam<std::tuple<int, way>> {};

std::string name_of_stop(const testing::TestParamInfo<std::tuple<int, way>>& stop) {
  const auto [level, how] = stop.param;
  const std::string what = level < 0 ? "task" : "group_" + std::to_string(level);
  return what + (how == way::request ? "_request" : how == way::deadline ? "_deadline" : "_failure");
}

INSTANTIATE_TEST_SUITE_P(Task, TaskGroupNestLevels,
                         testing::Combine(testing::Values(-1), testing::Values(way::request, way::deadline)),
                         name_of_stop);
INSTANTIATE_TEST_SUITE_P(Groups, TaskGroupNestLevels,
                         testing::Combine(testing::Range(0, nest_depth),
                                          testing::Values(way::request, way::deadline, way::failure)),
                         name_of_stop);

TEST_P(TaskGroupNestLevels, AStopAsksExactlyWhatIsBelow) {
  const auto [from, how] = GetParam();
  const stop_cause cause = how == way::deadline ? stop_cause::deadline : stop_cause::requested;
  nest all(how == way::deadline ? from : -2);
  std::set<int> workers;
  for (const held_child& m : all.makers) workers.insert(m.worker);
  for (const nest::level& l : all.levels) workers.insert(l.other.worker);
  ASSERT_EQ(workers.size(), 2u * nest_depth + 1) << "each child was stolen from its maker's worker";

  for (int i = 0; i < 2; ++i) all.expect_told({});
  {
    weir::task_group elsewhere(all.pool);
    elsewhere.request_stop();
    for (int i = 0; i < 2; ++i) all.expect_told({});
  }
  if (how == way::request) {
    from < 0 ? all.job->request_stop() : all.at(from).group->request_stop();
    EXPECT_TRUE(all.have_all_ended_below(from)) << "when request_stop has returned";
  } else if (how == way::deadline) {
    all.clock.await_sleepers(1);
    all.clock.advance(10ms);
  } else {
    all.at(from).has_failed = true;
    all.at(from).other.may_end.set();
  }
  eventually("the end of what is queued", [&] { return all.have_all_ended_below(from); });
  for (int i = 0; i < 2; ++i) all.expect_told({{from, cause}});
  all.expect_ended_and_called_below(from);
  all.release();
  all.expect_end(from, cause);
  expect_conservation(all.pool);
}
// The pool's own stop has no word in the chain.
TEST(TaskGroupNest, AShutdownAsksAll) {
  nest all;
  all.expect_told({});
  auto shut = weir::testing::in_background([&] { return all.pool.shutdown(weir::deadline(all.clock.now())); });
  eventually("the stop of all", [&] { return all.job_is_stopped(); });
  for (int i = 0; i < 2; ++i) all.expect_told({{-1, stop_cause::shutdown}});
  all.release();
  EXPECT_EQ(weir::testing::get(shut).live, 0);
  all.expect_end(-1, stop_cause::shutdown);
  expect_conservation(all.pool);
}

TEST(TaskGroupNest, OfTwoStopsTheInnerOneThatCameFirstIsTold) {
  nest all(1);
  all.at(3).group->request_stop();
  all.expect_told({{3, stop_cause::requested}});
  all.clock.await_sleepers(1);
  all.clock.advance(10ms);
  eventually("the end of what is queued", [&] { return all.have_all_ended_below(1); });
  for (int i = 0; i < 2; ++i) all.expect_told({{1, stop_cause::deadline}, {3, stop_cause::requested}});
  all.release();
  expect_conservation(all.pool);
}

TEST(TaskGroupNest, OfTwoStopsTheOuterOneThatCameFirstIsTold) {
  nest all(1);
  all.clock.await_sleepers(1);
  all.clock.advance(10ms);
  eventually("the end of what is queued", [&] { return all.have_all_ended_below(1); });
  all.at(3).group->request_stop();  // as a failure of a child would
  for (int i = 0; i < 2; ++i) all.expect_told({{1, stop_cause::deadline}});
  all.release();
  all.expect_end(1, stop_cause::deadline);
  expect_conservation(all.pool);
}

TEST(TaskGroupNest, OfARequestAndALaterDeadlineBelowItTheRequestIsTold) {
  nest all(3);
  all.at(1).group->request_stop();
  all.expect_told({{1, stop_cause::requested}});
  all.clock.await_sleepers(1);
  all.clock.advance(10ms);
  all.clock.await_sleepers(1);
  all.expect_told({{1, stop_cause::requested}});
  all.release();
  expect_conservation(all.pool);
}

}  // namespace
