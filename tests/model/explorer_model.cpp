// The explorer's own promises: what it finds, how many schedules there are, and that a failure can be run again.
#include "explorer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/queues/sync.hpp>

namespace explorer_model {

using weir::detail::atomic;
using weir::detail::memory_order_relaxed;

/// Two threads that add one each, by a load and a store.
void lost_update(model::scenario& s) {
  auto count = std::make_shared<atomic<int>>(0);
  s.label("count", *count);
  for (const char* name : {"first", "second"}) {
    s.thread(name, [count] {
      const int seen = count->load(memory_order_relaxed);
      count->store(seen + 1, memory_order_relaxed);
    });
  }
  s.finally([count] { model::check(count->load(memory_order_relaxed) == 2, "both were counted"); });
}

/// Threads that do `operations` loads each.
auto loads(int threads, int operations) {
  return [=](model::scenario& s) {
    auto word = std::make_shared<atomic<int>>(0);
    for (int t = 0; t < threads; ++t) {
      s.thread("reader " + std::to_string(t), [=] {
        for (int i = 0; i < operations; ++i) static_cast<void>(word->load(memory_order_relaxed));
      });
    }
  };
}

/// Sets a variable of the environment for a scope.
class environment {
 public:
  environment(const char* name, const std::string& value) : name_(name) {
    if (const char* const before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~environment() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(Explorer, FindsALostUpdateWithOnePreemption) {
  const model::result r = model::explore({.name = "lost update", .preemptions = 1}, lost_update);
  EXPECT_NE(r.failure.find("both were counted"), std::string::npos) << r.failure;
  EXPECT_NE(r.report.find("first: store relaxed of count at explorer_model.cpp"), std::string::npos) << r.report;
}

TEST(Explorer, NeedsThatPreemption) {
  const model::result r = model::explore({.name = "lost update, no preemption", .preemptions = 0}, lost_update);
  EXPECT_TRUE(r.passed()) << r.report;
  EXPECT_TRUE(r.complete);
  EXPECT_EQ(r.schedules, 2);
}

TEST(Explorer, RunsEveryScheduleOfTinyCases) {
  // Without a bound: the interleavings of n and m operations, (n + m)! / (n! m!).
  EXPECT_EQ(model::explore({.name = "2 x 1", .preemptions = 9}, loads(2, 1)).schedules, 2);
  EXPECT_EQ(model::explore({.name = "2 x 2", .preemptions = 9}, loads(2, 2)).schedules, 6);
  EXPECT_EQ(model::explore({.name = "2 x 3", .preemptions = 9}, loads(2, 3)).schedules, 20);
  EXPECT_EQ(model::explore({.name = "3 x 2", .preemptions = 9}, loads(3, 2)).schedules, 90);
  // One preemption: either thread first; the other one takes over after 1 or 2 of 3 operations, or only at the end.
  EXPECT_EQ(model::explore({.name = "2 x 3, bound 1", .preemptions = 1}, loads(2, 3)).schedules, 6);
  EXPECT_EQ(model::explore({.name = "3 x 2, bound 0", .preemptions = 0}, loads(3, 2)).schedules, 6);
}

TEST(Explorer, ReplaysAFailure) {
  const model::result first = model::explore({.name = "to replay", .preemptions = 1}, lost_update);
  ASSERT_FALSE(first.choices.empty());
  const model::result again =
      model::explore({.name = "replay", .preemptions = 1, .replay = first.choices}, lost_update);
  EXPECT_EQ(again.schedules, 1);
  EXPECT_EQ(again.failure, first.failure);
  EXPECT_EQ(again.choices, first.choices);
}

TEST(Explorer, RefusesAReplayOfSomethingElse) {
  const model::result r = model::explore({.name = "wrong replay", .replay = "7"}, lost_update);
  EXPECT_NE(r.failure.find("not deterministic"), std::string::npos) << r.failure;
}

TEST(Explorer, ReplaysWhatTheEnvironmentNames) {
  const std::string failing = model::explore({.name = "by name", .preemptions = 1}, lost_update).choices;
  const environment replay("WEIR_REPLAY", "by name:" + failing);
  EXPECT_EQ(model::explore({.name = "by name", .preemptions = 1}, lost_update).schedules, 1);
  EXPECT_EQ(model::explore({.name = "another", .preemptions = 9}, loads(2, 2)).schedules, 6);
}

TEST(Explorer, FindsALostUpdateAtRandom) {
  const model::result r = model::explore({.name = "lost update at random", .random = 10'000}, lost_update);
  EXPECT_FALSE(r.passed()) << "seed " << r.seed;
  const model::result replayed = model::explore({.name = "random replay", .replay = r.choices}, lost_update);
  EXPECT_EQ(replayed.failure, r.failure);
}

TEST(Explorer, RepeatsARandomSearchByItsSeed) {
  // 3 x 4 operations have 34,650 schedules: that two searches meet by chance is out of the question.
  std::vector<int> orders[3];
  for (int i = 0; i < 3; ++i) {
    const environment seed("WEIR_SEED", i < 2 ? "12345" : "54321");
    const model::result r = model::explore({.name = "seeded", .preemptions = 4, .random = 20}, [&, i](auto& s) {
      auto word = std::make_shared<atomic<int>>(0);
      for (int t = 0; t < 3; ++t) {
        s.thread("reader " + std::to_string(t), [=, &orders] {
          for (int n = 0; n < 4; ++n) {
            static_cast<void>(word->load(memory_order_relaxed));
            orders[i].push_back(t);
          }
        });
      }
    });
    EXPECT_EQ(r.seed, i < 2 ? 12345u : 54321u);
  }
  EXPECT_EQ(orders[0], orders[1]);
  EXPECT_NE(orders[0], orders[2]);
}

TEST(Explorer, ExploresChoicesOfTheScenario) {
  auto seen = std::make_shared<int>(0);
  const model::result r = model::explore({.name = "choose"}, [seen](model::scenario& s) {
    s.thread("only", [seen] { *seen += 1 << (8 * model::choose(3)); });
  });
  EXPECT_EQ(r.schedules, 3);
  EXPECT_EQ(*seen, 0x010101);
}

TEST(Explorer, ReportsAnExceptionThatLeavesAThread) {
  const model::result r = model::explore({.name = "exception"}, [](model::scenario& s) {
    s.thread("thrower", [] { throw std::runtime_error("no luck"); });
  });
  EXPECT_NE(r.failure.find("no luck"), std::string::npos) << r.failure;
}

TEST(Explorer, KeepsExceptionsOfThreadsApart) {
  const model::result r =
      model::explore({.name = "two exceptions in flight", .preemptions = 9}, [](model::scenario& s) {
        auto word = std::make_shared<atomic<int>>(0);
        for (int t = 0; t < 2; ++t) {
          s.thread("thrower " + std::to_string(t), [word, t] {
            try {
              throw t;
            } catch (int caught) {
              word->fetch_add(1, memory_order_relaxed);
              word->fetch_add(1, memory_order_relaxed);  // where it can be left: the first op is where it starts
              try {
                throw;  // the one that this thread is handling
              } catch (int again) {
                model::check(caught == t && again == t, "its own exception");
              }
            }
          });
        }
      });
  EXPECT_TRUE(r.passed()) << r.report;
}

TEST(Explorer, EndsAnExecutionInsideANoexceptFunction) {
  const model::result r = model::explore({.name = "noexcept"}, [](model::scenario& s) {
    s.thread("only", []() noexcept { model::check(false, "fails here"); });
  });
  EXPECT_NE(r.failure.find("fails here (explorer_model.cpp:"), std::string::npos) << r.failure;
}

}  // namespace explorer_model
