// How the tests count: stretches in which nothing goes on but what is counted, in a task and outside.
#pragma once

#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <ostream>
#include <string_view>
#include <utility>

#include <weir/weir.hpp>

#include "counts.hpp"
#include "support/event.hpp"
#include "support/eventually.hpp"
#include "table.hpp"

namespace weir::cost {

/// As initialisers: what a row of table.hpp would have to say.
inline void PrintTo(const counts& c, std::ostream* out) {
  constexpr std::array<std::string_view, kinds> names = {"pool_rmws", "worker_rmws", "task_rmws",
                                                         "fences",    "futex_waits", "futex_wakes",
                                                         "locks",     "allocations", "clock_reads"};
  *out << '{';
  for (std::size_t i = 0; i < kinds; ++i) {
    if (c.*fields[i] != 0) *out << '.' << names[i] << " = " << c.*fields[i] << ", ";
  }
  *out << '}';
}

inline void expect(const row& expected, const counts& measured) {
  EXPECT_EQ(measured, expected.whole) << expected.operation << ", " << expected.times
                                      << " times; if that is meant to be: tests/cost/table.hpp";
}

using testing::event;

template <typename F>
[[nodiscard]] counts cost_of(F&& f) {
  const counts before = so_far();
  std::forward<F>(f)();
  return so_far() - before;
}

/// Returns when weir has called futex_wait so often since the program began: each such thread sleeps, and does nothing
/// that is counted before it is woken.
inline void await_waits(std::uint64_t count) {
  testing::eventually("workers that go to sleep", [&] { return so_far().futex_waits >= count; });
}

/// Tasks may be timed, and none of those here is: how often one is would be a matter of place.
inline constexpr std::int64_t hardly_ever = 1'000'000'000;

/// A pool, all of whose workers sleep; they do so as soon as they find nothing, since how often they look before is a
/// matter of time.
class resting_pool {
 public:
  explicit resting_pool(std::int64_t workers, std::int64_t time_one_in = hardly_ever)
      : before_(so_far().futex_waits),
        pool_({.workers = workers, .search_time = duration::zero(), .time_one_in = time_one_in}) {
    await_waits(before_ + static_cast<std::uint64_t>(workers));
  }
  weir::pool& operator*() noexcept { return pool_; }
  weir::pool* operator->() noexcept { return &pool_; }

 private:
  std::uint64_t before_;
  weir::pool pool_;
};

/// Calls `f` in a task, when the thread that has posted it is through with that, and returns when it has returned. That
/// thread waits for an event of the test, which costs nothing here.
template <typename F>
void run_in_a_task(weir::pool& pool, F&& f) {
  event posted, done;
  pool.post({},
            [&] {
              posted.await("the end of the post");
              f();
              done.set();
            })
      .value();
  posted.set();
  done.await("the counted task");
}

/// What `f` costs in a task of a pool with one worker.
template <typename F>
[[nodiscard]] counts cost_in_a_task(F&& f) {
  resting_pool pool(1);
  counts c;
  run_in_a_task(*pool, [&] { c = cost_of(f); });
  return c;
}

}  // namespace weir::cost
