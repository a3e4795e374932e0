// The explorer's threads: each has its own thread_local variables, and the source may start some itself.
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <utility>
#include <weir/queues/sync.hpp>

#include "checked.hpp"
#include "explorer.hpp"

namespace explorer_threads_model {

using testing::HasSubstr;
using weir::detail::atomic;
using weir::detail::memory_order_relaxed;
using weir::detail::raw_thread;

thread_local constinit int first_value_and_more = 7;
thread_local constinit int times = 0;

TEST(ModelThreads, HaveTheirOwnThreadLocalVariables) {
  times = 100;
  const model::result r = model::explore({.name = "thread_local", .preemptions = 4}, [](model::scenario& s) {
    auto point = std::make_shared<atomic<int>>(0);
    for (const char* name : {"one", "another"}) {
      s.thread(name, [point] {
        model::check(times == 0 && first_value_and_more == 7, "as at the beginning of a thread, in each schedule");
        for (int i = 1; i <= 3; ++i) {
          ++times;
          ++first_value_and_more;
          (void)point->load(memory_order_relaxed);
          model::check(times == i && first_value_and_more == 7 + i, "nobody else has changed them");
        }
      });
    }
  });
  EXPECT_TRUE(r.passed() && r.complete) << r.report;
  EXPECT_EQ(std::exchange(times, 0), 100);
}

// A thread that it starts, waits for or lets go.
model::result start_one(bool has_room, bool waits, model::memory_model memory = model::memory_model::sequential) {
  return model::explore({.name = "a thread that starts one", .preemptions = 3, .memory = memory},
                        [=](model::scenario& s) {
                          struct state {
                            model::checked<int> value{1};
                            weir::detail::thread_id id = 0;
                            std::optional<raw_thread> started;
                          };
                          auto all = std::make_shared<state>();
                          if (has_room) s.room_for_a_thread("the one");
                          s.thread("who starts it", [=] {
                            all->value.set(2);
                            all->started.emplace([all] {
                              all->value.set(all->value.get() + 1);
                              all->id = weir::detail::this_thread_id();
                            });
                            model::check(all->started->joinable() == has_room, "it runs if there is room");
                            if (!all->started->joinable()) return;
                            if (!waits) return all->started->detach();
                            all->started->join();
                            model::check(all->value.get() == 3, "it is over");
                            model::check(all->id != weir::detail::this_thread_id() && all->id != 0, "it is another");
                          });
                        });
}

TEST(ModelThreads, MayBeStartedByTheSource) {
  for (const auto memory : {model::memory_model::sequential, model::memory_model::views}) {
    EXPECT_TRUE(start_one(true, true, memory).complete);
    EXPECT_TRUE(start_one(true, false, memory).complete);
    EXPECT_TRUE(start_one(false, false, memory).complete);
  }
}

TEST(ModelThreads, AreWaitedForInVainIfTheyDoNotEnd) {
  const model::result r = model::explore({.name = "a thread that waits for its starter"}, [](model::scenario& s) {
    auto word = std::make_shared<atomic<std::uint32_t>>(0);
    s.room_for_a_thread("sleeper");
    s.thread("starter", [word] {
      raw_thread sleeper([word] { weir::detail::futex_wait(*word, 0, std::chrono::nanoseconds(-1)); });
      sleeper.join();
    });
  });
  EXPECT_THAT(r.failure, testing::AllOf(HasSubstr("deadlock"), HasSubstr("join")));
}

}  // namespace explorer_threads_model
