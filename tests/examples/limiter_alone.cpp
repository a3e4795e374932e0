// A limiter before something that is no pool: a disk that bears 8 units of reading at once and 1,000 requests a second.
#include <weir/admission/limiter.hpp>

#include <chrono>
#include <iostream>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

int main() {
  // At 80 % of a limit, and again when that is over, it says so, if anybody wants to know.
  weir::limiter disk({.max_tasks = weir::unlimited, .max_weight = 8, .rate = weir::per_second(1'000), .burst = 50},
                     weir::steady_clock_source(), [](const weir::pressure& now) {
                       std::cout << (now.is_high ? "nearly full: " : "relieved: ") << now.weight << " of "
                                 << now.max_weight << '\n';
                     });

  // Threads wait in line, strictly in order, for a second at most. The permit gives the weight back when it ends.
  std::vector<std::jthread> readers;
  for (int weight = 1; weight <= 8; ++weight) {
    readers.emplace_back([&disk, weight] {
      if (const auto held = disk.acquire(weight, weir::within(1s)); !held) std::cout << to_string(held.error()) << '\n';
    });
  }
  readers.clear();

  const auto first = disk.try_acquire(5);
  const auto second = disk.try_acquire(5);
  std::cout << (first ? "first: admitted\n" : "first: refused\n");
  std::cout << "second: " << to_string(second.error()) << '\n';
  return first && !second ? 0 : 1;
}
