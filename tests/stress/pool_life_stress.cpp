// The life of pools: made and destroyed with work in flight, shut down while others submit, and jobs that outlive them.
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"
#include "support/pools.hpp"
#include "support/rounds.hpp"
#include "support/seed.hpp"

namespace {

using namespace std::chrono_literals;
using weir::testing::scaled;
using weir::testing::tally;

TEST(PoolLifeStress, PoolsAreMadeAndDestroyedWithWorkInFlight) {
  std::mt19937_64 random(weir::testing::seed());
  for (int round = 0; round < scaled(1'500); ++round) {
    tally ended;
    const auto count = static_cast<std::uint32_t>(random() % 20);
    std::vector<weir::job<void>> outlive;
    {
      weir::pool pool({.workers = weir::testing::some_workers(random),
                       .limits = {.max_tasks = 10, .max_waiters = 5},
                       .help_depth = static_cast<int>(random() % 3)});
      for (std::uint32_t i = 0; i < count; ++i) {
        weir::submit_options options;
        if (random() % 3 == 0) options.deadline = weir::within(std::chrono::microseconds(random() % 100));
        struct counts_its_end {
          tally* ended;
          explicit counts_its_end(tally& to) : ended(&to) {}
          counts_its_end(counts_its_end&& other) noexcept : ended(std::exchange(other.ended, nullptr)) {}
          ~counts_its_end() {
            if (ended != nullptr) ended->add();
          }
        };
        auto task = [end = counts_its_end(ended), &pool] { (void)pool.post({}, [] {}); };
        auto job = pool.enqueue(options, std::move(task));
        if (!job) continue;  // the callable ends here, and is counted here
        if (random() % 2 == 0) {
          std::move(*job).detach();
        } else {
          outlive.push_back(std::move(*job));
        }
      }
      if (random() % 4 == 0) (void)pool.shutdown(weir::within(std::chrono::microseconds(random() % 50)));
    }
    ASSERT_EQ(ended.count(), count) << "every callable is destroyed once, before the pool is gone";
    for (auto& job : outlive) ASSERT_TRUE(job.is_done());
  }
}

TEST(PoolLifeStress, ShutdownWhileOthersSubmit) {
  std::mt19937_64 random(weir::testing::seed());
  for (int round = 0; round < scaled(400); ++round) {
    std::optional<weir::pool> pool;
    pool.emplace(weir::pool_options{.workers = weir::testing::some_workers(random),
                                    .limits = {.max_tasks = 6, .max_waiters = 4},
                                    .stop_grace = 30s});
    tally refused;
    std::vector<std::thread> submitters;
    for (int i = 0; i < 3; ++i) {
      submitters.emplace_back([&, seed = random()] {
        std::mt19937_64 own(seed);
        std::vector<weir::job<void>> jobs;
        for (;;) {
          const auto spin = [n = own() % 300](weir::stop_token stop) {
            for (std::uint64_t k = 0; k < n && !stop.stop_requested(); ++k) weir::detail::cpu_pause();
          };
          weir::submit_options options;
          if (own() % 4 == 0) options.deadline = weir::within(std::chrono::microseconds(own() % 200));
          auto job = own() % 2 == 0 ? pool->submit(options, spin) : pool->enqueue(options, spin);
          if (job) {
            jobs.push_back(std::move(*job));
            if (jobs.size() > 10) jobs.erase(jobs.begin());
          } else if (job.error().reason == weir::refusal_reason::closed) {
            break;
          }
        }
        refused.add();
      });
    }
    const auto pause = random() % 2'000;
    for (std::uint64_t i = 0; i < pause; ++i) weir::detail::cpu_pause();
    const auto until = weir::within(std::chrono::microseconds(random() % 3 == 0 ? 0 : random() % 300));
    auto second = weir::testing::in_background([&] { return pool->shutdown(until).how; });
    const auto how = pool->shutdown(until).how;
    EXPECT_NE(how, weir::shutdown_report::status::stragglers);
    EXPECT_NE(weir::testing::get(second, "the second shutdown"), weir::shutdown_report::status::stragglers);
    refused.await(3, "submitters that are refused");
    for (auto& thread : submitters) thread.join();
    weir::testing::expect_conservation(*pool);
    pool.reset();
  }
}

TEST(PoolLifeStress, JobsAreAwaitedAndStoppedWhileThePoolIsDestroyed) {
  std::mt19937_64 random(weir::testing::seed());
  for (int round = 0; round < scaled(700); ++round) {
    std::optional<weir::pool> pool;
    pool.emplace(weir::pool_options{.workers = weir::testing::some_workers(random),
                                    .limits = {.max_tasks = 4, .max_waiters = 4}});
    std::vector<std::thread> holders;
    for (int i = 0; i < 4; ++i) {
      auto job = pool->enqueue({.deadline = weir::within(std::chrono::microseconds(random() % 400))},
                               [](weir::stop_token stop) {
                                 for (int k = 0; k < 100 && !stop.stop_requested(); ++k) weir::detail::cpu_pause();
                               });
      if (!job) continue;
      holders.emplace_back([job = std::move(*job), how = random() % 3]() mutable {
        if (how == 0) job.request_stop();
        if (how == 1) job.wait();
      });
    }
    pool.reset();
    for (auto& thread : holders) thread.join();
  }
}

}  // namespace
