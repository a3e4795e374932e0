// A number that many threads count at once, each mostly on a cache line that the others leave alone.
//
// Progress: wait-free.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// Any thread may add, and read; nothing is concluded from it.
class striped_counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    stripes_[stripe_of_this_thread()].count.fetch_add(n, memory_order_relaxed);  // (1)
  }
  void subtract(std::uint64_t n = 1) noexcept { add(-n); }
  /// The sum; of what is counted meanwhile, some.
  [[nodiscard]] std::uint64_t read() const noexcept {
    std::uint64_t sum = 0;
    for (const stripe& s : stripes_) sum += s.count.load(memory_order_relaxed);  // (1)
    return sum;
  }

 private:
  static constexpr std::size_t stripe_count = 8;

  // Threads take the stripes in turn, in the order of their first count.
  static std::size_t stripe_of_this_thread() noexcept {
    static constinit atomic<std::size_t> next{0};
    thread_local constinit std::size_t mine = stripe_count;
    if (mine == stripe_count) mine = next.fetch_add(1, memory_order_relaxed) % stripe_count;
    return mine;
  }

  // (1) relaxed: a number alone. A sum of stripes may be below 0 on the way, and is right modulo 2^64 at rest.
  struct alignas(cache_line) stripe {
    atomic<std::uint64_t> count{0};
  };
  std::array<stripe, stripe_count> stripes_;
};

}  // namespace weir::detail
