// parallel_reduce: the result, which must not depend on the workers, and how it ends.
#include <cstdint>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <vector>
#include <weir/weir.hpp>

namespace {

using weir::parallel_reduce;

// A sum of very different numbers: any other grouping gives another result.
double sum_of(int n, const weir::parallel_options& options = {}) {
  return parallel_reduce(
      0, n, options, 0.0, [](int i) { return 1.0 / (1.0 + static_cast<double>((i * 7919LL) % 104'729)); },
      [](double a, double b) { return a + b; });
}

TEST(ParallelReduce, CombinesInOrder) {
  weir::pool pool({.workers = 2});
  const auto text = *pool.run({}, [] {
    return parallel_reduce(
        0, 1'000, {.grain = 3}, std::string(), [](int i) { return std::to_string(i % 10); },
        [](std::string a, const std::string& b) { return a + b; });
  });
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += "0123456789";
  EXPECT_EQ(text, expected);
}

TEST(ParallelReduce, GivesTheSameToTheLastBitOnAnyNumberOfWorkers) {
  for (const int n : {1, 255, 256, 257, 100'000}) {
    const double outside = sum_of(n);
    for (const int workers : {1, 2, 3, 8}) {
      weir::pool pool({.workers = workers});
      for (int round = 0; round < 10; ++round) EXPECT_EQ(*pool.run({}, [&] { return sum_of(n); }), outside) << n;
    }
  }
  EXPECT_NE(sum_of(100'000), sum_of(100'000, {.grain = 100'000})) << "the sum does depend on the grouping";
}

TEST(ParallelReduce, GivesTheIdentityForNothing) {
  EXPECT_EQ(parallel_reduce(
                3, 3, 42, [](int) { return 1; }, [](int a, int b) { return a + b; }),
            42);
  EXPECT_EQ(parallel_reduce(
                3, -3, 42, [](int) { return 1; }, [](int a, int b) { return a + b; }),
            42);
}

TEST(ParallelReduce, CarriesWhatIsThrown) {
  weir::pool pool({.workers = 2});
  const auto failing = [] {
    return parallel_reduce(
        0, 1'000, {.grain = 1}, 0, [](int i) { return i == 500 ? throw std::logic_error("500") : i; },
        [](int a, int b) { return a + b; });
  };
  EXPECT_THROW((void)pool.run({}, failing), std::logic_error);
  EXPECT_THROW((void)parallel_reduce(
                   0, 1, {.grain = -1}, 0, [](int i) { return i; }, [](int a, int b) { return a + b; }),
               std::invalid_argument);
}

}  // namespace
