// Forks and loops.
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>

#include "measure.hpp"

namespace {

using namespace weir::cost;
using weir::fork_join;

template <typename F>
void repeat(std::uint64_t times, F&& f) {
  for (std::uint64_t i = 0; i < times; ++i) f();
}

void fork_nothing() {
  fork_join([] {}, [] {});
}

long fibonacci(int n) {
  if (n < 2) return n;
  const auto [a, b] = fork_join([n] { return fibonacci(n - 1); }, [n] { return fibonacci(n - 2); });
  return a + b;
}

// What `f` costs in a task that has forked before.
template <typename F>
counts cost_after_a_fork(F&& f) {
  counts c;
  resting_pool pool(1);
  run_in_a_task(*pool, [&] {
    fork_nothing();
    c = cost_of(f);
  });
  return c;
}

TEST(ForkCost, OfTheFirstForkOfATask) {
  expect(first_fork, cost_in_a_task(fork_nothing) - cost_after_a_fork(fork_nothing));
}

TEST(ForkCost, OfALoneFork) {
  expect(lone_fork, cost_after_a_fork([] { repeat(lone_fork.times, fork_nothing); }));
}

TEST(ForkCost, OfANestedFork) {
  counts c;
  (void)cost_in_a_task(
      [&] { fork_join([&] { c = cost_of([] { repeat(nested_fork.times, fork_nothing); }); }, [] {}); });
  expect(nested_fork, c);
}

TEST(ForkCost, OfFib) {
  expect(fib, cost_after_a_fork([] { (void)fibonacci(20); }));
}

TEST(ForkCost, OfALoop) {
  expect(short_loop, cost_after_a_fork([] { weir::parallel_for(0, 65'536, [](int) {}); }));
  expect(long_loop, cost_after_a_fork([] { weir::parallel_for(0, 1'048'576, [](int) {}); }));
}

TEST(ForkCost, OfAReduction) {
  const auto one = [](int) { return 1; };
  expect(reduction, cost_after_a_fork([&] { (void)weir::parallel_reduce(0, 65'536, 0, one, std::plus<>()); }));
}

TEST(ForkCost, OfABulk) {
  resting_pool pool(1);
  counts c;
  run_in_a_task(*pool, [&] {
    const auto bulk = [&] { (void)pool->bulk(65'536, [](std::int64_t, int) {}); };
    bulk();  // the worker has frames in its cache from here on
    c = cost_of(bulk);
  });
  expect(bulk_in_task, c);
}

TEST(ForkCost, OfAStolenFork) {
  resting_pool pool(2);
  counts c;
  run_in_a_task(*pool, [&] {
    const auto fork_to_the_thief = [] {
      const std::uint64_t waits = so_far().futex_waits;
      event begun;
      fork_join([&] { begun.await("a thief"); },
                [&] {
                  begun.set();
                  await_waits(waits + 1);  // the owner's
                });
      await_waits(waits + 2);  // the thief's
    };
    fork_to_the_thief();
    c = cost_of([&] { repeat(stolen_fork.times, fork_to_the_thief); });
  });
  expect(stolen_fork, c);
}

}  // namespace
