// Everything at once: all verbs from several threads, with weights, deadlines, stops, exceptions, nested work and
// joins. Whatever happens, the bounds hold by the callables' own account, and every submission ends in exactly one way.
#include <array>
#include <deque>
#include <gtest/gtest.h>
#include <iostream>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>
#include <weir/weir.hpp>

#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/probe.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using namespace std::chrono_literals;
using weir::refusal_reason;
using weir::task_outcome;
using weir::testing::entry;
using weir::testing::probe;
using weir::testing::probed;

constexpr int submitter_count = 3;

// What the submitters know of the ends.
struct account {
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;  // posted or detached
  std::array<std::uint64_t, 5> by_outcome{};

  void add(const account& other) {
    refused += other.refused;
    unknown += other.unknown;
    for (std::size_t i = 0; i < by_outcome.size(); ++i) by_outcome[i] += other.by_outcome[i];
  }
};

class submitter {
 public:
  submitter(weir::pool& of, probe& live, std::uint64_t seed) : pool_(of), live_(live), random_(seed) {}

  account work(int count) {
    for (int i = 0; i < count; ++i) one();
    for (held& h : all_) settle(h);
    return known_;
  }

  // Only at rest: what one submission's callable has been through.
  void check_entries(std::uint64_t& starts) const {
    for (const held& h : all_) {
      const int begun = h.of->starts.load(weir::detail::memory_order_relaxed);
      const int ended = h.of->ends.load(weir::detail::memory_order_relaxed);
      ASSERT_EQ(ended, h.is_in_pool ? 1 : 0) << "a callable that came in is destroyed once";
      ASSERT_LE(begun, ended);
      ASSERT_TRUE(h.how != task_outcome::completed || begun == 1);
      ASSERT_TRUE(h.how != task_outcome::refused || begun == 0);
      starts += static_cast<std::uint64_t>(begun);
    }
  }

 private:
  struct held {
    entry* of;
    bool is_in_pool = false;
    std::optional<task_outcome> how;
    std::optional<weir::job<int>> job;
  };

  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  weir::submit_options any_options() {
    weir::submit_options options;
    options.weight = static_cast<std::int64_t>(1 + draw(5) * draw(3));
    if (draw(3) == 0) options.deadline = weir::within(std::chrono::microseconds(draw(2) == 0 ? draw(300) : 50'000));
    options.priority = static_cast<weir::priority>(draw(3));
    if (draw(4) == 0) options.trace = {1, draw(10)};
    return options;
  }

  auto any_body() {
    return [this, kind = draw(10), spins = draw(200)](weir::stop_token stop) {
      for (std::uint64_t i = 0; i < spins; ++i) weir::detail::cpu_pause();
      switch (kind) {
        case 0:
          throw std::runtime_error("a task that fails");
        case 1:
          throw weir::cancelled();
        case 2:
          stop.throw_if_stopped();
          break;
        case 3:
          for (int i = 0; i < 50 && !stop.stop_requested(); ++i) weir::detail::thread_yield();
          stop.throw_if_stopped();
          break;
        case 4:
          nested(stop);
          break;
        case 5:
          return *pool_.run({}, [] { return 1; });
        case 6: {
          int calls = 0;
          const weir::stop_callback on_stop(stop, [&] { calls = 1; });
          weir::detail::thread_yield();
          break;
        }
        default:
          break;
      }
      return 1;
    };
  }

  // New roots inside a task. They are not in the account of the submitter; the pool counts them, and the law covers
  // them.
  void nested(weir::stop_token stop) {
    auto inner = pool_.enqueue({}, [] { return 2; });
    (void)pool_.post({.weight = 2}, [] {});
    if (!inner) return;
    try {
      inner->request_stop();
      (void)inner->get();
    } catch (const weir::cancelled&) {
    } catch (const weir::refused& e) {
      if (e.why().reason == refusal_reason::would_deadlock) std::move(*inner).detach();
    }
    if (auto again = pool_.try_submit({}, [] { return 3; })) {
      if (stop.stop_requested()) return;
      (void)again->get();
    }
  }

  void one() {
    all_.emplace_back();
    held& h = all_.back();
    entries_.emplace_back();
    h.of = &entries_.back();
    const weir::submit_options options = any_options();
    const bool throws = draw(50) == 0;
    probed callable(live_, options.weight, *h.of, any_body(), throws);
    switch (draw(6)) {
      case 0:
        take(h, pool_.try_submit(options, std::move(callable)), throws);
        break;
      case 1:
        take(h, pool_.submit(options, std::move(callable)), throws);
        break;
      case 2:
        take(h, pool_.submit_until(weir::within(std::chrono::microseconds(draw(200))), options, std::move(callable)),
             throws);
        break;
      case 3:
        if (const auto posted = pool_.post(options, std::move(callable))) {
          h.is_in_pool = !throws;
          ++known_.unknown;
        } else {
          ++known_.refused;
        }
        break;
      default:
        take(h, pool_.enqueue(options, std::move(callable)), throws);
    }
  }

  void take(held& h, weir::result<weir::job<int>> got, bool throws) {
    if (!got) {
      ++known_.refused;
      return;
    }
    h.is_in_pool = !throws;
    h.job.emplace(std::move(*got));
    switch (draw(8)) {
      case 0:
        h.job->request_stop();
        break;
      case 1:
        std::move(*h.job).detach();
        h.job.reset();
        ++known_.unknown;
        return;
      case 2:
        settle(h);
        return;
      case 3:
        (void)h.job->wait_until(weir::within(std::chrono::microseconds(draw(100))));
        break;
      default:
        break;
    }
    waiting_.push_back(&h);
    if (waiting_.size() < 20) return;
    held& oldest = *waiting_.front();
    waiting_.pop_front();
    if (draw(4) == 0) oldest.job->request_stop();
    settle(oldest);
  }

  void settle(held& h) {
    if (!h.job) return;
    h.job->wait();
    h.how = h.job->outcome();
    ++known_.by_outcome[static_cast<std::size_t>(*h.how)];
    try {
      EXPECT_EQ(h.job->get(), 1);
      EXPECT_EQ(h.how, task_outcome::completed);
    } catch (const weir::cancelled&) {
      EXPECT_TRUE(h.how == task_outcome::cancelled || h.how == task_outcome::expired);
    } catch (const weir::refused&) {
      EXPECT_EQ(h.how, task_outcome::refused);
    } catch (const std::exception&) {
      EXPECT_EQ(h.how, task_outcome::failed);
    }
    h.job.reset();
  }

  weir::pool& pool_;
  probe& live_;
  std::mt19937_64 random_;
  std::deque<entry> entries_;
  std::deque<held> all_;
  std::deque<held*> waiting_;
  account known_;
};

void run_mixture(weir::pool_options options, int count) {
  std::mt19937_64 random(weir::testing::seed());
  options.on_failure = [](const weir::task_failure&) {};
  weir::pool pool(options);
  probe live;
  std::deque<submitter> submitters;
  std::vector<std::future<account>> running;
  for (int i = 0; i < submitter_count; ++i) {
    submitter& one = submitters.emplace_back(pool, live, random());
    running.push_back(weir::testing::in_background([&one, count] { return one.work(weir::testing::scaled(count)); }));
  }
  account known;
  for (auto& thread : running) known.add(weir::testing::get(thread, "a submitter"));
  weir::testing::expect_conservation(pool);
  const weir::pool_metrics m = pool.metrics();
  std::cout << m.submitted << " submitted, " << m.admitted << " admitted, " << m.completed << " completed, " << m.failed
            << " failed, " << m.cancelled << " cancelled, " << m.expired << " expired; at most " << live.most_tasks()
            << " live of weight " << live.most_weight() << '\n';
  EXPECT_TRUE(live.is_empty());
  EXPECT_LE(live.most_tasks(), options.limits.max_tasks);
  EXPECT_LE(live.most_weight(), options.limits.max_weight);
  EXPECT_GT(m.completed, 0u);
  const auto ended = [&](task_outcome how) { return known.by_outcome[static_cast<std::size_t>(how)]; };
  EXPECT_LE(ended(task_outcome::completed), m.completed);
  EXPECT_LE(ended(task_outcome::failed), m.failed);
  EXPECT_LE(ended(task_outcome::cancelled), m.cancelled);
  EXPECT_LE(ended(task_outcome::expired), m.expired);
  EXPECT_LE(known.refused + ended(task_outcome::refused), m.refused_in_all());
  std::uint64_t starts = 0;
  for (const submitter& one : submitters) one.check_entries(starts);
  EXPECT_GT(starts, 0u);
  EXPECT_TRUE(pool.shutdown().clean());
}

TEST(PoolMixtureStress, OneWorker) {
  run_mixture({.workers = 1, .limits = {.max_tasks = 16, .max_weight = 40, .max_waiters = 8}}, 8'000);
}

TEST(PoolMixtureStress, TwoWorkersThatHelp) {
  run_mixture({.workers = 2,
               .limits = {.max_tasks = 16, .max_weight = 40, .max_waiters = 8, .overflow = weir::overflow::drop_oldest},
               .help_depth = 4},
              8'000);
}

TEST(PoolMixtureStress, EightWorkers) {
  run_mixture(
      {.workers = 8,
       .limits = {.max_tasks = 12, .max_weight = 30, .max_waiters = 20, .overflow = weir::overflow::drop_lowest}},
      8'000);
}

TEST(PoolMixtureStress, SixtyFourWorkers) {
  run_mixture({.workers = 64, .limits = {.max_tasks = 80, .max_weight = 100, .max_waiters = 20}, .help_depth = 2},
              1'500);
}

TEST(PoolMixtureStress, AsManyTasksAsWorkers) {
  run_mixture({.workers = 3, .limits = {.max_tasks = 3, .max_weight = 20, .max_waiters = 10}, .help_depth = 4}, 8'000);
}

TEST(PoolMixtureStress, OneTaskAtATime) {
  run_mixture({.workers = 2, .limits = {.max_tasks = 1, .max_weight = 20, .max_waiters = 10}, .help_depth = 1}, 8'000);
}

TEST(PoolMixtureStress, CallersRunWhatDoesNotFit) {
  run_mixture({.workers = 2,
               .limits = {.max_tasks = 4, .max_weight = 20, .max_waiters = 2, .overflow = weir::overflow::caller_runs},
               .help_depth = 1},
              8'000);
}

TEST(PoolMixtureStress, ARateAtTheDoor) {
  run_mixture(
      {.workers = 2,
       .limits = {.max_tasks = 8, .max_weight = 40, .rate = weir::per_second(20'000), .burst = 10, .max_waiters = 16}},
      4'000);
}

}  // namespace
